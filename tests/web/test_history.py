"""What became of a contact, over the API: its timeline, how it was, its consents, and everybody at once."""

from __future__ import annotations

from typing import Any

from tests.web.house import ACME, SUBSCRIBED, Api, Clock

JO = "jo@maple-street.test"
ONE = f"/v1/accounts/{ACME}/contacts/jo"


def read(api: Api, path: str, **params: Any) -> dict[str, Any]:
    """What an address answers."""
    answer = api.call("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_timeline_tells_before_and_after_and_who(api: Api, clock: Clock) -> None:
    """Newest first, a page at a time, with the key that wrote."""
    api.put(email=JO, fields={"city": "Leeds"})
    clock.pass_seconds(60)
    api.put(fields={"city": "Turku"})
    newest = read(api, f"{ONE}/history", limit=1)
    line = newest["history"][0]
    assert line["what"] == {"fields.city": {"before": "Leeds", "after": "Turku"}}
    assert (line["origin"], line["why"]["cause"], line["version"]) == ("platform", "api", 2)
    assert line["why"]["by"].startswith("key:")
    older = read(api, f"{ONE}/history", after=newest["cursor"])
    assert [one["version"] for one in older["history"]] == [1]
    assert older["cursor"] is None


def test_no_line_is_missed_where_two_clocks_disagree(api: Api, clock: Clock) -> None:
    """Two web processes wrote; the clock of the second one is behind. Page by page each line comes once."""
    for n in range(6):
        clock.pass_seconds(60 if n % 2 else -90)
        api.put(email=JO, fields={"n": n})
    seen: list[int] = []
    page = read(api, f"{ONE}/history", limit=2)
    seen += [one["version"] for one in page["history"]]
    while page["cursor"]:
        page = read(api, f"{ONE}/history", limit=2, after=page["cursor"])
        seen += [one["version"] for one in page["history"]]
    assert seen == [6, 5, 4, 3, 2, 1]


def test_a_contact_is_shown_as_it_was_at_any_time(api: Api, clock: Clock) -> None:
    """Between two changes, before the first, and after it was deleted."""
    api.put(email=JO, fields={"city": "Leeds"})
    clock.pass_seconds(60)
    api.put(fields={"city": "Turku"})
    clock.pass_seconds(60)
    api.call("DELETE", ONE)
    assert read(api, ONE, as_of="2026-09-01T12:00:30Z")["fields"] == {"city": "Leeds"}
    assert read(api, ONE, as_of="2026-09-01T12:01:00Z")["fields"] == {"city": "Turku"}
    for moment in ("2026-09-01T11:59:00Z", "2026-09-01T12:03:00Z"):
        assert api.call("GET", ONE, params={"as_of": moment}).status_code == 404


def test_the_ledger_of_a_contact_names_who_when_and_why(api: Api) -> None:
    """A yes and a no, each with its evidence, newest first."""
    api.put(email=JO, consent=SUBSCRIBED)
    api.put(consent={"status": "unsubscribed", "at": "2026-03-01T09:00:00Z", "source": "by phone"})
    no, yes = read(api, f"{ONE}/consent")["consents"]
    assert (yes["before"], yes["after"], yes["source"]) == ("none", "subscribed", "checkout")
    assert (no["before"], no["after"], no["source"]) == ("subscribed", "unsubscribed", "by phone")
    assert (no["who"], no["side"], no["address"]) == ("platform", "here", JO)
    assert no["at"] == "2026-03-01T09:00:00Z"
    assert no["by"].startswith("key:")


def test_the_whole_ledger_is_a_table_for_spreadsheets(api: Api) -> None:
    """By contact, oldest line first; nothing in it is taken for a formula."""
    api.put("b", email="b@maple-street.test", consent={**SUBSCRIBED, "source": "=1+1"})
    api.put("a", email="a@maple-street.test", consent=SUBSCRIBED)
    answer = api.call("GET", f"/v1/accounts/{ACME}/consents.csv")
    lines = answer.text.removeprefix("\ufeff").splitlines()
    assert [line.split(",")[0] for line in lines] == ['"Contact id"', '"a"', '"b"']
    assert '"\'=1+1"' in lines[2]
    assert api.call("GET", "/v1/accounts/nobody/consents.csv").status_code == 404


def test_everybody_is_read_a_page_at_a_time(api: Api) -> None:
    """With the place in the feed to go on from, so that nothing is missed between the two."""
    for name in ("a", "b", "c"):
        api.put(name, email=f"{name}@maple-street.test")
    first = read(api, f"/v1/accounts/{ACME}/contacts", limit=2)
    api.put("a", fields={"city": "Leeds"})
    second = read(api, f"/v1/accounts/{ACME}/contacts", after=first["cursor"])
    assert [one["id"] for one in (*first["contacts"], *second["contacts"])] == ["a", "b", "c"]
    assert second["cursor"] is None
    missed = read(api, f"/v1/accounts/{ACME}/changes", after=first["changes"])["changes"]
    assert [one["id"] for one in missed] == ["a"]


def test_another_accounts_history_is_not_found(api: Api) -> None:
    """A tenant's key opens nothing of another tenant."""
    api.put(email=JO)
    for path in (f"{ONE}/history", f"{ONE}/consent", f"/v1/accounts/{ACME}/consents.csv"):
        assert api.call("GET", path, key=api.birch_key).status_code == 404
    assert api.call("GET", f"/v1/accounts/{ACME}/contacts/nobody/history").status_code == 404
