"""What webhooks say, to whom, and what becomes of those that do not arrive."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tests.sandbox.conftest import House, Received, Receiver

SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "mailchimp" / "webhook-samples"
JO = "jo@maple-street.test"
EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")


def _listen(house: House, url: str, events: tuple[str, ...] = EVENTS, **sources: bool) -> dict:
    on = {"user": True, "admin": True, "api": True} | sources
    body = {"url": url, "events": dict.fromkeys(events, True), "sources": on}
    answer = house.api.post(f"/lists/{house.list.id}/webhooks", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _pairs(received: Received) -> list[tuple[str, str]]:
    return parse_qsl(received.body.decode(), keep_blank_values=True)


def _told(house: House, receiver: Receiver) -> list[dict[str, str]]:
    assert house.control.settle(10)
    return [dict(_pairs(received)) for received in receiver.posts]


def test_creating_asks_the_url_and_gives_the_secret_once(house: House, receiver: Receiver) -> None:
    """A GET by the validator, answer 200, the signing secret in this answer only."""
    made = _listen(house, receiver.url)
    assert receiver.seen[0].method == "GET"
    assert receiver.seen[0].headers["User-Agent"] == "MailChimp.com WebHook Validator"
    assert made["signing_enabled"]
    assert len(made["signing_secret"]) >= 32
    path = f"/lists/{house.list.id}/webhooks"
    assert "signing_secret" not in house.api.get(f"{path}/{made['id']}").json()
    assert "signing_secret" not in house.api.get(path).json()["webhooks"][0]


@pytest.mark.parametrize(
    ("status", "message"),
    [(403, "HTTP Code: 403"), (500, "We couldn't verify the URL is working."), (404, "HTTP Code: 404")],
)
def test_a_url_that_does_not_answer_200_is_refused(
    house: House, receiver: Receiver, status: int, message: str
) -> None:
    """The message names the code."""
    receiver.answer_get = status
    answer = house.api.post(f"/lists/{house.list.id}/webhooks", json={"url": receiver.url})
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Resource")
    assert message in answer.json()["errors"][0]["message"]


def test_one_url_makes_one_webhook_whatever_its_query(house: House, receiver: Receiver) -> None:
    """Two URLs that differ in the query string only are the same; an unreachable one is an Invalid URL."""
    _listen(house, receiver.url)
    path = f"/lists/{house.list.id}/webhooks"
    again = house.api.post(path, json={"url": receiver.url + "?other=1"})
    message = again.json()["errors"][0]["message"]
    assert message == "Sorry, you can't set up multiple WebHooks for one URL"
    nobody = house.api.post(path, json={"url": "http://127.0.0.1:9/none"})
    assert nobody.json()["errors"][0] == {"field": "url", "message": "Invalid URL"}


def test_every_delivery_is_a_signed_form(house: House, receiver: Receiver) -> None:
    """Content type, user agent, and HMAC-SHA256 of "t." and the raw body under the secret."""
    secret = _listen(house, receiver.url)["signing_secret"]
    house.control.add(house.list.id, JO)
    _told(house, receiver)
    (received,) = receiver.posts
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert received.headers["User-Agent"] == "MailChimp.com"
    stamp, signed = (part.partition("=")[2] for part in received.headers["X-Mailchimp-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + received.body, hashlib.sha256).hexdigest()
    assert signed == expected
    assert abs(time.time() - int(stamp)) < 5


def test_with_signing_off_nothing_is_signed(house: House, receiver: Receiver) -> None:
    """One setting: no secret is given out, no header is sent."""
    house.control.webhooks(signing=False)
    made = _listen(house, receiver.url)
    assert "signing_secret" not in made
    assert made["signing_enabled"] is False
    house.control.add(house.list.id, JO)
    _told(house, receiver)
    assert "X-Mailchimp-Signature" not in receiver.posts[0].headers


def _play_all(house: House) -> None:
    control, one = house.control, house.list.id
    control.subscribe(one, JO, merge_fields={"FNAME": "Zoë", "LNAME": "O'Hara"})
    address = {
        "addr1": "1 High Street",
        "city": "Leeds",
        "state": "West Yorkshire",
        "zip": "LS1 1AA",
        "country": "GB",
    }
    control.edit(one, JO, by="user", merge_fields={"ADDRESS": address})
    control.change_address(one, JO, "new@maple-street.test")
    control.unsubscribe(one, "new@maple-street.test")
    control.add(one, "bouncing@maple-street.test")
    control.clean(one, "bouncing@maple-street.test")
    control.campaign(one, "Test Campaign Subject")


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded bodies are not beside this checkout")
def test_bodies_have_the_keys_of_recorded_ones(open_house: Callable[..., House], receiver: Receiver) -> None:
    """Same keys in the same order, apart from merge fields and what is not always there."""
    house = open_house(interests=[{"title": "Updates?", "names": ["Yes"]}])
    _listen(house, receiver.url)
    _play_all(house)
    _told(house, receiver)
    ours: dict[str, list[str]] = {}
    for received in receiver.posts:
        keys = [key for key, _ in _pairs(received)]
        ours.setdefault(dict(_pairs(received))["type"], _shape(keys))
    for name, kind in {
        "subscribe.recorded": "subscribe",
        "unsubscribe.recorded-shape": "unsubscribe",
        "upemail.recorded": "upemail",
        "cleaned.documented": "cleaned",
        "campaign.documented": "campaign",
    }.items():
        sample = (SAMPLES / f"{name}.form").read_text().strip()
        theirs = _shape([key for key, _ in parse_qsl(sample, keep_blank_values=True)])
        assert ours[kind] == theirs, name
    # The documented profile has another order than any recorded body; its keys are the same.
    sample = (SAMPLES / "profile.documented.form").read_text().strip()
    assert set(_shape([key for key, _ in parse_qsl(sample, keep_blank_values=True)])) <= set(ours["profile"])


def _shape(keys: list[str]) -> list[str]:
    """Without merge fields (the audience's own) and the sign-up address (not always there)."""
    return [key for key in keys if not key.startswith("data[merges]") and key != "data[ip_signup]"]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded bodies are not beside this checkout")
def test_an_address_is_written_like_the_sample_byte_for_byte(house: House, receiver: Receiver) -> None:
    """Percent-encoding, blanks, apostrophes and letters beyond ASCII."""
    _listen(house, receiver.url)
    _play_all(house)
    _told(house, receiver)
    sample = (SAMPLES / "profile-address-set.composite.form").read_bytes()
    for part in (
        b"data%5Bmerges%5D%5BADDRESS%5D%5Bstate%5D=West+Yorkshire",
        b"FNAME%5D=Zo%C3%AB",
        b"O%27Hara",
    ):
        assert part in sample
        assert any(part in received.body for received in receiver.posts)


def test_groups_are_told_with_their_old_and_new_ids(
    open_house: Callable[..., House], receiver: Receiver
) -> None:
    """GROUPINGS as in the recorded subscribe; INTERESTS holds the names."""
    house = open_house(interests=[{"title": "Interested in updates?", "names": ["Yes", "No"]}])
    _listen(house, receiver.url)
    house.control.add(house.list.id, JO, interests={house.list.interests["Yes"]: True})
    (told,) = _told(house, receiver)
    assert told["data[merges][INTERESTS]"] == "Yes"
    assert told["data[merges][GROUPINGS][0][unique_id]"] == house.list.categories["Interested in updates?"]
    assert told["data[merges][GROUPINGS][0][groups]"] == "Yes"
    assert told["data[merges][GROUPINGS][0][id]"].isdigit()


@pytest.mark.parametrize(
    ("act", "by"), [("user", "user"), ("admin", "admin"), ("api", "api")], ids=["user", "admin", "api"]
)
def test_sources_are_honoured(house: House, receiver: Receiver, act: str, by: str) -> None:
    """An act is told to those who listen to its source, and to nobody else."""
    _listen(house, receiver.url, user=False, admin=False, api=False)
    _listen(
        house, receiver.url + "/listening", **({"user": False, "admin": False, "api": False} | {by: True})
    )
    if act == "user":
        house.control.subscribe(house.list.id, JO)
    elif act == "admin":
        house.control.add(house.list.id, JO)
    else:
        house.api.post(house.members(), json={"email_address": JO, "status": "subscribed"})
    _told(house, receiver)
    assert [received.path for received in receiver.posts] == ["/hook/secret-path/listening"]


def test_what_each_act_tells(house: House, receiver: Receiver) -> None:
    """A complaint is an unsubscribe for abuse, archiving one by deletion, a bounce is cleaned only."""
    _listen(house, receiver.url)
    control, one = house.control, house.list.id
    for n, act in enumerate(("complain", "archive", "delete", "clean")):
        control.add(one, f"p{n}@maple-street.test")
        control.act(one, act, f"p{n}@maple-street.test")
    told = [said for said in _told(house, receiver) if said["type"] != "subscribe"]
    by_type = {(said["type"], said.get("data[action]"), said["data[reason]"]) for said in told}
    assert by_type == {
        ("unsubscribe", "unsub", "abuse"),
        ("unsubscribe", "delete", "manual"),
        ("cleaned", None, "hard"),
    }
    assert any("forgotten.mailchimp.com" in said["data[email]"] for said in told)


def test_an_address_change_is_told_twice(house: House, receiver: Receiver) -> None:
    """upemail without id and merges, and profile with the new address, in either order."""
    _listen(house, receiver.url)
    house.control.add(house.list.id, JO)
    house.control.settle(5)
    before = len(receiver.posts)
    house.control.change_address(house.list.id, JO, "new@maple-street.test")
    told = {said["type"]: said for said in _told(house, receiver)[before:]}
    assert set(told) == {"upemail", "profile"}
    assert told["upemail"]["data[old_email]"] == JO
    assert told["upemail"]["data[new_id]"] == told["profile"]["data[id]"]


def test_a_write_that_changes_nothing_and_a_tag_tell_nobody(house: House, receiver: Receiver) -> None:
    """Nor does a note, nor the VIP mark."""
    house.control.add(house.list.id, JO, merge_fields={"FNAME": "Jo"})
    _listen(house, receiver.url)
    house.api.patch(house.members(f"/{JO}"), json={"merge_fields": {"FNAME": "Jo"}, "vip": True})
    house.api.post(house.hashed(JO, "/tags"), json={"tags": [{"name": "x", "status": "active"}]})
    house.api.delete(house.members("/nobody@maple-street.test"))
    assert _told(house, receiver) == []


def test_a_failed_delivery_comes_again_with_a_fresh_signature(house: House, receiver: Receiver) -> None:
    """Retried at the set intervals until it is answered 200; the body is the same."""
    house.control.webhooks(retry_intervals_seconds=[0.05, 1.1, 0.05])
    _listen(house, receiver.url)
    receiver.answer = lambda number: 200 if number == 2 else 503
    house.control.add(house.list.id, JO)
    _told(house, receiver)
    assert len(receiver.posts) == 3
    assert len({received.body for received in receiver.posts}) == 1
    assert len({received.headers["X-Mailchimp-Signature"] for received in receiver.posts}) >= 2
    (delivery,) = house.control.deliveries(house.list.id)
    assert (delivery["state"], [attempt["status"] for attempt in delivery["attempts"]]) == (
        "delivered",
        [503, 503, 200],
    )


def test_a_delivery_is_lost_when_the_intervals_are_used_up(house: House, receiver: Receiver) -> None:
    """The event is gone, as Mailchimp says; redirects are no success."""
    house.control.webhooks(retry_intervals_seconds=[0.01, 0.01])
    _listen(house, receiver.url)
    receiver.answer = lambda _: 302
    house.control.add(house.list.id, JO)
    _told(house, receiver)
    assert house.control.delivery_counts() == {"failed": 1, "waiting": 0}
    assert len(receiver.posts) == 3


def test_a_deleted_webhook_is_not_tried_again(house: House, receiver: Receiver) -> None:
    """What waits for its retry goes with it."""
    house.control.webhooks(retry_intervals_seconds=[0.3])
    made = _listen(house, receiver.url)
    receiver.answer = lambda _: 500
    house.control.add(house.list.id, JO)
    _until(lambda: len(receiver.posts) == 1)
    assert house.api.delete(f"/lists/{house.list.id}/webhooks/{made['id']}").status_code == 204
    _told(house, receiver)
    assert house.control.delivery_counts() == {"gone": 1, "waiting": 0}


def test_a_reset_leaves_nothing_on_its_way(house: House, receiver: Receiver) -> None:
    """Retries of an hour do not hold up the next test."""
    _listen(house, receiver.url)
    receiver.answer = lambda _: 500
    house.control.add(house.list.id, JO)
    _until(lambda: len(receiver.posts) == 1)
    assert house.control.settle(0.1) is False
    house.control.reset()
    assert house.control.settle(1) is True


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_410_takes_the_webhook_away_at_once(house: House, receiver: Receiver) -> None:
    """No retry, and the webhook is no longer listed."""
    _listen(house, receiver.url)
    receiver.answer = lambda _: 410
    house.control.add(house.list.id, JO)
    _told(house, receiver)
    assert len(receiver.posts) == 1
    assert house.api.get(f"/lists/{house.list.id}/webhooks").json()["total_items"] == 0


def test_a_slow_answer_is_a_failed_one(house: House, receiver: Receiver) -> None:
    """Though the receiver finished its work."""
    house.control.webhooks(timeout_seconds=0.2, retry_intervals_seconds=[])
    _listen(house, receiver.url)

    def slow(_: int) -> int:
        time.sleep(0.5)
        return 200

    receiver.answer = slow
    house.control.add(house.list.id, JO)
    _told(house, receiver)
    assert house.control.deliveries()[0]["attempts"][0]["error"] == "TimeoutError"


def test_webhooks_can_be_lost_doubled_and_overtaken(house: House, receiver: Receiver) -> None:
    """Each by its fraction."""
    _listen(house, receiver.url)
    house.control.webhooks(drop=1.0)
    house.control.add(house.list.id, "lost@maple-street.test")
    house.control.webhooks(drop=0.0, repeat=1.0)
    house.control.add(house.list.id, "twice@maple-street.test")
    house.control.webhooks(repeat=0.0, reorder=0.5, reorder_seconds=0.3)
    for n in range(20):
        house.control.add(house.list.id, f"{n:02d}@maple-street.test")
    emails = [said["data[email]"] for said in _told(house, receiver)]
    assert "lost@maple-street.test" not in emails
    assert emails.count("twice@maple-street.test") == 2
    assert emails[2:] != sorted(emails[2:])
    assert len(emails) == 22


def test_any_bytes_can_be_sent_properly_signed(house: House, receiver: Receiver) -> None:
    """So that samples are tried byte for byte."""
    _listen(house, receiver.url)
    raw = b"type=subscribe&data%5Bemail%5D=\xff%00"
    (answer,) = house.control.send_raw(house.list.id, raw)
    assert answer["status"] == 200
    assert receiver.posts[0].body == raw


def test_thousands_are_delivered_quickly(house: House, receiver: Receiver) -> None:
    """Many at a time over kept connections."""
    _listen(house, receiver.url)
    for start in range(0, 2000, 500):
        people = [
            {"email_address": f"p{start + n}@maple-street.test", "status": "subscribed"} for n in range(500)
        ]
        assert (
            house.api.post(f"/lists/{house.list.id}", json={"members": people}, timeout=30).json()[
                "total_created"
            ]
            == 500
        )
    assert house.control.settle(30)
    assert house.control.delivery_counts() == {"delivered": 2000, "waiting": 0}
    assert len({json.dumps(_pairs(received)) for received in receiver.posts}) == 2000
