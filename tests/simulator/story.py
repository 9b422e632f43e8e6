"""Which steps there are, and how a random history is made of them."""

from __future__ import annotations

import random
from typing import Any

from tests.simulator.sim import Step
from tests.simulator.wire import FAULTS

PEOPLE = ("c1", "c2", "c3")
ANN, BOB, CID = "ann@maple-street.test", "bob@maple-street.test", "cid@maple-street.test"
SHARED = dict.fromkeys(PEOPLE, (ANN, BOB, CID, "Ann@Maple-Street.test"))
"""Contacts take each other's addresses: tangled stories."""
OWN = {
    "c1": (ANN, "ann@elm-street.test", "Ann@Maple-Street.test"),
    "c2": (BOB, "bob@elm-street.test"),
    "c3": (CID, "cid@elm-street.test"),
}
"""Everybody keeps to addresses of their own."""
Homes = dict[str, tuple[str, ...]]
NAMES = ("Ann", "Bob", "Cid", "")
CITIES = ("Rome", "Oslo", "")
TAGS = ("vip", "press")
AGO = (0.0, 0.4, 5.0, 300.0, 18_000.0, 259_200.0)
PASS = (0.3, 1.0, 4.0, 16.0, 61.0, 400.0, 1300.0, 11_000.0, 172_800.0)


def any_put(r: random.Random, homes: Homes) -> Step:
    """The platform writes something."""
    named: dict[str, Any] = {"who": r.choice(PEOPLE)}
    if r.random() < 0.45:
        named["email"] = r.choice(homes[named["who"]])
    elif r.random() < 0.04:
        named["email"] = None
    if r.random() < 0.5:
        named["fields"] = any_fields(r)
    if r.random() < 0.25:
        named["tags"] = sorted(t for t in TAGS if r.random() < 0.5)
    if r.random() < 0.5:
        named["consent"] = any_consent(r)
    return "put", named


def any_fields(r: random.Random) -> dict[str, Any]:
    """Some fields in the platform's names."""
    return {
        name: r.choice(values)
        for name, values in (("first_name", NAMES), ("city", CITIES), ("points", (None, 1, 2.5)))
        if r.random() < 0.5
    }


def any_consent(r: random.Random) -> tuple[str, float | None, bool]:
    """A consent: mostly a yes or a no with evidence."""
    status = r.choice(["subscribed"] * 6 + ["unsubscribed"] * 3 + ["none", "pending", "cleaned"])
    if r.random() < 0.8:
        return status, r.choice(AGO), True
    return status, r.choice([None, *AGO]), r.random() < 0.5


def any_act(r: random.Random, homes: Homes) -> dict[str, Any]:
    """Something that happens to a member in Mailchimp."""
    act = r.choice(
        ["subscribe"] * 3
        + ["confirm", "confirm", "unsubscribe", "unsubscribe", "unsubscribe", "complain", "clean"]
        + ["change-address", "change-address", "edit", "edit", "edit", "tag", "tag", "archive", "archive"]
        + ["resubscribe", "resubscribe", "delete", "add", "add", "bulk"]
    )
    home = homes[r.choice(PEOPLE)]
    named: dict[str, Any] = {"act": act, "email": r.choice(home)}
    if act in {"edit", "subscribe", "add", "bulk"}:
        pairs = (("FNAME", NAMES), ("CITY", CITIES), ("POINTS", ("", 1, 3)))
        named["merge_fields"] = {tag: r.choice(values) for tag, values in pairs if r.random() < 0.5}
    if act == "tag":
        named["tags"] = {r.choice(TAGS): r.random() < 0.6}
    if act == "change-address":
        named["new_email"] = r.choice(home)
    if act == "unsubscribe":
        named["by"] = r.choice(["user", "admin"])
    if act == "bulk":
        named["status"] = r.choice(
            ["subscribed"] * 3 + ["unsubscribed", "transactional", "archived", "cleaned"]
        )
    if act == "add":
        named["status"] = r.choice(["subscribed"] * 3 + ["unsubscribed", "transactional", "pending"])
    return named


VERBS = ("process", "push", "collect", "sweep", "tick")


def any_verb(r: random.Random) -> Step:
    """One of our verbs."""
    name = r.choice(["process"] * 4 + ["push"] * 5 + ["sweep", "tick", "collect", "collect"])
    return (name, {"full": r.random() < 0.3}) if name == "sweep" else (name, {})


def any_step(r: random.Random, level: int, homes: Homes = OWN) -> Step:
    """The next step. `level` 0: nothing goes wrong; 1: the post does; 2: calls, access, the process too;
    3: and things happen between our calls."""
    chance = r.random()
    if chance < 0.24:
        return any_put(r, homes)
    if chance < 0.28:
        if homes is SHARED and r.random() < 0.5:
            return "swap", {"who": "c1", "other": "c2"}
        return "drop_contact", {"who": r.choice(PEOPLE)}
    if chance < 0.50:
        return "there", any_act(r, homes)
    if chance < 0.60:
        return "pass", {"seconds": r.choice(PASS)}
    if chance < 0.72 or level == 0:
        hows = ["all"] if level == 0 else ["all", "all", "reverse", "one", "one", "again", "lose"]
        return "deliver", {"how": r.choice(hows), "which": r.randrange(4)}
    if chance < 0.90 or level == 1:
        return any_verb(r)
    if level > 2 and chance < 0.94:
        return "meanwhile", {"calls": r.randrange(6), **any_act(r, homes)}
    return any_trouble(r)


def any_trouble(r: random.Random) -> Step:
    """Something goes wrong."""
    kind = r.choice(["fault"] * 4 + ["crash"] * 4 + ["revoke", "grant", "grant", "pause", "resume", "resume"])
    if kind == "fault":
        named = {"kind": r.choice(FAULTS), "skip": r.randrange(5), "count": r.choice([1, 1, 2, 5])}
        return kind, named
    return (kind, {"after": r.randrange(25)}) if kind == "crash" else (kind, {})


AT_ONE_PLACE = frozenset(
    {
        *("there", "meanwhile", "field", "meanwhile_field", "deliver", "process", "push", "collect", "sweep"),
        *("pause", "resume", "leave_out", "take_back"),
    }
)
"""Steps that are about one audience."""


def any_wide_step(r: random.Random, level: int, homes: Homes = OWN) -> Step:
    """The next step where there are two audiences, whose marketer changes merge fields too, and whom contacts
    are left out of."""
    chance = r.random()
    if chance < 0.05:
        name, named = "field", {"act": r.choice(FIELD_ACTS), "name": r.choice(("city", "points"))}
        if level > 2 and r.random() < 0.3:
            name, named = "meanwhile_field", {"calls": r.randrange(6), **named}
    elif chance < 0.08:
        name, named = "leave_out", {"email": r.choice(homes[r.choice(PEOPLE)])}
    elif chance < 0.11:
        name, named = "take_back", {}
    else:
        name, named = any_step(r, level, homes)
    return (name, {**named, "where": r.randrange(2)}) if name in AT_ONE_PLACE else (name, named)


FIELD_ACTS = ("rename", "rename", "delete", "add")


def history(
    seed: int, steps: int, *, tangled: bool = False, wide: bool = False
) -> tuple[dict[str, Any], list[list[Step]]]:
    """The history with this number: how it begins, and its steps in rounds; after each round all is quiet.
    `tangled`: contacts take each other's addresses; `wide`: with all that the steps at two audiences are."""
    r = random.Random(seed)
    level = seed % 4
    begin = {
        "skew_seconds": r.choice([0.0, 0.0, 2.7, -3.4, 9.0]),
        "double_opt_in": r.random() < 0.2,
        "winner": r.choice(["newest", "platform", "mailchimp"]),
        "seed": seed,
    }
    if wide:
        begin["audiences"] = r.choice([1, 2, 2])
    step = any_wide_step if wide else any_step
    rounds: list[list[Step]] = []
    left = steps
    while left > 0:
        length = min(left, r.choice([3, 6, 10, 20, 40]))
        rounds.append([step(r, level, SHARED if tangled else OWN) for _ in range(length)])
        left -= length
    return begin, rounds
