"""Connections over the API: how they stand in words, and choosing the audience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from processor.attempt import write_down
from processor.domain.event import EventStatus
from processor.domain.field_changes import FieldChange, FieldNews, KnownFields, as_stored
from processor.domain.mapping import AudienceField
from processor.domain.policy import Policy
from processor.mailchimp.transport import Call
from processor.store import connections, liveness, sweeps
from processor.store.sweeps import SweepRow
from sandbox.control import Control
from tests.web.house import ACME, BIRCH, Api, Clock, Place, keep, make_connection, make_key
from tests.web.test_events import settle


def stands(api: Api, connection: str) -> dict[str, Any]:
    """How the connection stands."""
    answer = api.call("GET", f"/v1/connections/{connection}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_accounts_connections_are_listed(api: Api) -> None:
    """Oldest first, without those of others; an account without any has an empty list."""
    one = make_connection(api.house, audience_id="a")
    two = make_connection(api.house, audience_id="b")
    make_connection(api.house, BIRCH)
    found = api.call("GET", f"/v1/accounts/{ACME}/connections").json()["connections"]
    assert {connection["id"] for connection in found} == {one, two}
    assert api.call("GET", "/v1/accounts/nobody/connections").json() == {"connections": []}


def test_no_secret_of_a_connection_is_shown(api: Api) -> None:
    """Neither the token, sealed or not, nor where Mailchimp's API is."""
    connection = make_connection(api.house, token="0123456789abcdef0123456789abcdef-us1")
    text = api.call("GET", f"/v1/connections/{connection}").text
    with api.house.store.read() as c:
        row = connections.get(c, connection)
    assert row is not None
    assert row.token_sealed is not None
    for secret in ("0123456789abcdef", row.token_sealed, "127.0.0.1"):
        assert secret not in text


def test_each_state_says_what_goes_on(api: Api) -> None:
    """A label and a line for each state, as the portal will show them."""
    said = {
        "setup": ("Finish setup", "The audience is chosen. Look at the preview, then start the first sync."),
        "importing": ("First sync running", "0 contacts so far. Nothing for you to do."),
        "in_sync": ("Up to date", "Nothing is waiting."),
        "paused": ("Paused", "Nothing is sent until somebody resumes. Whatever changes is kept."),
        "removed": ("Disconnected", "Nothing of ours is left in Mailchimp."),
    }
    for state, words in said.items():
        found = stands(api, make_connection(api.house, state=state, audience_id=state))
        assert (found["state"], found["label"], found["line"]) == (state, *words)


def test_what_waits_is_catching_up_and_then_not_moving(api: Api, clock: Clock) -> None:
    """Everything that does not move names its cause: here, what Mailchimp answered last."""
    connection = make_connection(api.house, state="in_sync", audience_id="a")
    keep(api.house, connection, b"n=1", b"n=2")
    clock.pass_seconds(40)
    found = stands(api, connection)
    assert (found["state"], found["waiting"]) == ("catching_up", 2)
    assert found["line"] == "2 changes waiting, the oldest for 40 s."
    due_at = clock() + timedelta(seconds=900)
    settle(api, connection, EventStatus.RETRYING, code="rate_limited", due_at=due_at)
    clock.pass_seconds(440)
    found = stands(api, connection)
    assert (found["state"], found["label"]) == ("stalled", "Not moving")
    assert found["line"] == "2 changes waiting, the oldest for 8 minutes: No worker is running."
    with api.house.store.write() as c:
        liveness.say_alive(c, "worker", clock())
    line = stands(api, connection)["line"]
    assert line.endswith("8 minutes: Mailchimp is limiting requests. We keep trying.")
    for _ in range(3):
        failed = Call("GET", "/lists/{list_id}/members", 503, 0.1, "", "mailchimp_down")
        api.kit.calls.note(connection, None, failed, clock())
    write_down(api.kit)
    assert stands(api, connection)["line"].endswith(": 3 of the last 3 calls failed.")


def test_a_connection_that_needs_its_customer_says_so(api: Api) -> None:
    """Reconnect: what happened, that nothing is lost, and who must do what."""
    connection = make_connection(api.house, state="reconnect", problem_code="reconnect", audience_id="a")
    keep(api.house, connection, b"n=1")
    found = stands(api, connection)
    assert found["label"] == "Reconnect Mailchimp"
    assert "1 change is kept and will be sent after you reconnect." in found["line"]
    assert found["problem"]["code"] == "reconnect"
    assert found["problem"]["todo"]


def test_a_connect_link_names_the_public_address_and_its_end(api: Api, clock: Clock) -> None:
    """The link leads to PUBLIC_URL whatever the caller's Host says, and says until when it works."""
    path = f"/v1/accounts/{ACME}/connect-links"
    answer = api.call("POST", path, headers={"Host": "evil.test"})
    assert answer.status_code == 201
    assert answer.json()["url"].startswith("http://127.0.0.1:8000/connect?link=")
    assert answer.json()["expires_at"] == "2026-09-01T12:15:00Z"
    assert answer.headers["cache-control"] == "no-store"


def granted(place: Place, control: Control) -> tuple[str, str, str]:
    """A connection that waits for its audience: its id, the audience's, and a key."""
    account = control.account("Maple Street")
    audience = control.audience(account.id, "News")
    connection = make_connection(
        place.house,
        token=control.token(account.id),
        mailchimp_account=account.id,
        api_base=control.url,
    )
    return connection, audience.id, make_key(place.house, ACME)


def field_of(refused: httpx.Response) -> str:
    """The first field that a problem names."""
    return str(refused.json()["errors"][0]["field"])


def test_a_program_can_set_a_connection_up(place: Place, control: Control) -> None:
    """It lists what there is, looks at the fields, chooses; nothing has begun, and again is safe."""
    connection, audience, key = granted(place, control)
    path = f"/v1/connections/{connection}"
    with httpx.Client(base_url=place.url, headers={"Authorization": f"Bearer {key}"}) as http:
        (found,) = http.get(f"{path}/audiences").json()["audiences"]
        assert (found["id"], found["name"], found["taken_by"]) == (audience, "News", None)
        drafted = http.get(f"{path}/audiences/{audience}").json()
        assert {one["target"]: one["default"] for one in drafted["fields"]}["FNAME"] == "first_name"
        for _ in range(2):
            answer = http.patch(path, json={"audience_id": audience})
            assert answer.status_code == 200
            assert (answer.json()["state"], answer.json()["audience_name"]) == ("setup", "News")
        assert control.audience_info(audience)["webhooks"] == []
        assert http.patch(path, json={"audience_id": "0000000000"}).status_code == 409
        begun = http.post(f"{path}/sync", json={"skip_preview": True})
        assert begun.status_code == 202, begun.text
        assert len(control.audience_info(audience)["webhooks"]) == 1
        other = http.patch(path, json={"audience_id": "0000000000"})
        assert (other.status_code, field_of(other)) == (422, "audience_id")


def test_settings_are_changed_one_by_one_and_shown(place: Place, control: Control) -> None:
    """What is not named stays; a statement is kept with its time and its name; what does not fit is refused
    with the choice that it is about."""
    connection, audience, key = granted(place, control)
    path = f"/v1/connections/{connection}"
    with httpx.Client(base_url=place.url, headers={"Authorization": f"Bearer {key}"}) as http:
        assert field_of(http.patch(path, json={})) == "audience_id"
        fields = [{"field": "given", "target": "FNAME", "winner": "mailchimp"}]
        sent = {"audience_id": audience, "fields": fields, "brake_share": 0.2}
        assert http.patch(path, json=sent).status_code == 200
        bare = http.patch(path, json={"without_consent": "stated"})
        assert (bare.status_code, field_of(bare)) == (422, "statement_text")
        stated = {"without_consent": "stated", "statement_text": "They all agreed.", "statement_by": "Jo"}
        settings = http.patch(path, json=stated).json()["settings"]
        assert (settings["statement"]["by"], settings["statement"]["text"]) == ("Jo", "They all agreed.")
        assert settings["brake_share"] == 0.2
        assert [(f["field"], f["target"], f["winner"]) for f in settings["fields"]] == [
            ("given", "FNAME", "mailchimp")
        ]
        twice = [{"field": "given", "target": "FNAME"}, {"field": "given", "target": "LNAME"}]
        assert http.patch(path, json={"fields": twice}).status_code == 422
        assert http.get(path).json()["settings"] == settings


def test_an_erasure_is_begun_once_and_can_be_followed(api: Api) -> None:
    """202 while something is left to do; the feed says it by the id; another account finds none of it."""
    make_connection(api.house, audience_id="a", state="reconnect", problem_code="reconnect")
    api.put("jo", email="jo@maple-street.test")
    path = f"/v1/accounts/{ACME}/contacts/jo/erase"
    begun = api.call("POST", path)
    assert begun.status_code == 202
    assert begun.json()["removed"]["contacts"] == 1
    assert api.call("POST", path).json()["id"] == begun.json()["id"]
    one = f"/v1/erasures/{begun.json()['id']}"
    assert [place["state"] for place in api.call("GET", one).json()["places"]] == ["waiting"]
    assert api.call("GET", one, key=api.birch_key).status_code == 404
    assert api.call("POST", path, key=api.birch_key).status_code == 404
    assert api.call("GET", f"/v1/accounts/{ACME}/contacts/jo").status_code == 404
    (told,) = api.call("GET", f"/v1/accounts/{ACME}/changes").json()["changes"]
    assert (told["id"], told["contact"]) == ("jo", None)
    assert "maple" not in str(told)
    assert api.call("POST", f"/v1/accounts/{ACME}/contacts/nobody/erase").status_code == 404


def test_what_mailchimp_refuses_is_told_as_theirs(place: Place, control: Control) -> None:
    """A missing audience or a dead token is 409, an outage 503 with when to try again; each in words."""
    connection, audience, key = granted(place, control)
    path = f"/v1/connections/{connection}"
    with httpx.Client(base_url=place.url, headers={"Authorization": f"Bearer {key}"}) as http:
        gone = http.patch(path, json={"audience_id": "0000000000"})
        assert (gone.status_code, gone.json()["code"]) == (409, "audience_gone")
        assert "Choose another audience." in gone.json()["detail"]
        control.fail(503)
        down = http.patch(path, json={"audience_id": audience})
        assert (down.status_code, down.json()["code"]) == (503, "mailchimp_down")
        assert int(down.headers["retry-after"]) > 0
        control.mend()
        control.revoke(control.accounts()[0]["id"])
        revoked = http.get(f"{path}/audiences")
        assert (revoked.status_code, revoked.json()["code"]) == (409, "reconnect")


def test_what_is_new_in_mailchimp_and_what_comparisons_healed_is_shown(api: Api, clock: Clock) -> None:
    """Fields that nobody has mapped or left out, what changed of the others, and the drift in a sentence."""
    connection = make_connection(api.house, audience_id="a")
    known = KnownFields(
        (AudienceField("SHOE", "Shoe size", merge_id=7), AudienceField("HAT", "Hat", merge_id=8)),
        (FieldNews(clock.moment, FieldChange.RENAMED, "city", "CITY", "TOWN"),),
    )
    with api.house.store.write() as c:
        connections.update(
            c,
            connection,
            clock.moment,
            audience_fields=as_stored(known),
            policy=Policy(left=("8",)),
            last_full_sweep_at=clock.moment,
        )
        for n in range(3):
            sweeps.add(c, SweepRow(connection, clock.moment, clock.moment, n == 0, 10, {"changed": n + 1}))
    found = stands(api, connection)
    assert found["new_fields"] == [{"target": "SHOE", "name": "Shoe size", "type": "text", "required": False}]
    [news] = found["field_changes"]
    assert news["sentence"] == (
        "The field of “city” is called TOWN in Mailchimp now; it was CITY. It is kept in step as before."
    )
    assert found["drift"].endswith("found and mended by themselves: 6 changed contacts.")
    path = f"/v1/connections/{connection}/drift"
    first = api.call("GET", f"{path}?limit=2").json()
    assert (first["counts"], [one["healed"] for one in first["sweeps"]]) == (
        {"changed": 6},
        [{"changed": 3}, {"changed": 2}],
    )
    rest = api.call("GET", f"{path}?limit=2&after={first['cursor']}").json()
    assert ([one["full"] for one in rest["sweeps"]], rest["cursor"]) == ([True], None)
    assert api.call("GET", f"{path}?after=nonsense").status_code == 422
    clock.pass_seconds(31 * 86400)
    assert api.call("GET", path).json()["counts"] == {}
