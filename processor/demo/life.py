"""Life on both sides of the demo: somebody changes something every few seconds, and it is told when it
has arrived on the other side."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from processor.demo import people
from processor.demo.stage import ACCOUNT, Stage

Tell = Callable[[str], None]
ARRIVES_WITHIN_SECONDS = 20.0


def follow_first_sync(stage: Stage, connection_id: str, list_id: str, tell: Tell) -> None:
    """Tell how far the first sync is until both sides are equal, or for a minute."""
    began = time.monotonic()
    told = None
    while time.monotonic() - began < 60:
        connection = stage.get(f"/v1/connections/{connection_id}")
        members = _members(stage, list_id)
        contacts = sum(1 for _ in _contacts(stage))
        sides = f"{contacts} contacts on the platform, {len(members)} members in Mailchimp"
        line = f"{sides}: {connection['label']}"
        if line != told:
            tell(line)
            told = line
        if connection["state"] in {"in_sync", "partial"} and not connection["waiting"]:
            return
        time.sleep(1)


def live(
    stage: Stage, list_id: str, tell: Tell, *, rounds: int | None = None, pause_seconds: float = 3.0
) -> None:
    """Change something on one side or the other, again and again, and tell what became of it."""
    chance = random.Random()  # noqa: S311 - which of the made-up people it is
    done = 0
    while rounds is None or done < rounds:
        scene = (_platform_edits, _marketer_edits)[done % 2]
        scene(stage, list_id, chance, tell)
        done += 1
        time.sleep(pause_seconds)


def _platform_edits(stage: Stage, list_id: str, chance: random.Random, tell: Tell) -> None:
    n = chance.choice([i for i in people.PLATFORM if i % 17 and i % 23])
    city = chance.choice([*people.CITIES, "Malmö", "Split"])
    path = f"/v1/accounts/{ACCOUNT}/contacts/user-{n + 1}"
    email = stage.get(path)["email"]
    began = time.monotonic()
    stage.send("PUT", path, {"fields": {"city": city}})
    arrived = _until(lambda: _merge(stage, list_id, email).get("CITY") == city)
    _tell(tell, f"platform -> Mailchimp   {email} moved to {city}", arrived, began)


def _marketer_edits(stage: Stage, list_id: str, chance: random.Random, tell: Tell) -> None:
    living = [m for m in _members(stage, list_id).values() if m["status"] == "subscribed"]
    if not living:
        return
    email = chance.choice(living)["email_address"]
    last = chance.choice(people.LAST) + "-" + chance.choice(people.LAST)
    began = time.monotonic()
    act = {"act": "edit", "email": email, "by": "admin", "merge_fields": {"LNAME": last}}
    stage.play("POST", f"/lists/{list_id}/acts", act)
    arrived = _until(lambda: any(c["fields"].get("last_name") == last for c in _changed(stage, email)))
    _tell(tell, f"Mailchimp -> platform   {email} is now called {last}", arrived, began)


def _tell(tell: Tell, what: str, arrived: bool, began: float) -> None:
    if arrived:
        tell(f"{what}   arrived after {time.monotonic() - began:.1f} s")
    else:
        tell(f"{what}   has not arrived yet: is Mailchimp broken? See `bothways connections show`.")


def _until(there: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + ARRIVES_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if there():
            return True
        time.sleep(0.1)
    return False


def _members(stage: Stage, list_id: str) -> dict[str, Any]:
    found = stage.play("GET", f"/lists/{list_id}/members")["members"]
    return {member["email_address"].lower(): member for member in found}


def _merge(stage: Stage, list_id: str, email: str) -> dict[str, Any]:
    member = _members(stage, list_id).get(email.lower())
    return dict(member["merge_fields"]) if member else {}


_cursors: dict[str, str] = {}


def _changed(stage: Stage, email: str) -> list[dict[str, Any]]:
    """Return the contacts that changed since this was asked last, and have this address."""
    page = stage.get(f"/v1/accounts/{ACCOUNT}/changes", after=_cursors.get("feed", ""), limit=1000)
    _cursors["feed"] = page["cursor"]
    contacts = [change["contact"] for change in page["changes"] if change["contact"]]
    return [c for c in contacts if (c["email"] or "").lower() == email.lower()]


def _contacts(stage: Stage) -> list[str]:
    """Return the ids of all contacts that the feed has told of."""
    cursor, ids = "", set()
    while True:
        page = stage.get(f"/v1/accounts/{ACCOUNT}/changes", after=cursor, limit=1000)
        ids |= {change["id"] for change in page["changes"] if change["kind"] == "contact"}
        cursor = page["cursor"]
        if not page["more"]:
            return sorted(ids)
