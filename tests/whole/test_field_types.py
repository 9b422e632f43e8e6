"""Every type of merge field, both ways, and what becomes of a value that does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from processor import setup
from processor.domain.plan import MemberState
from processor.report import members
from processor.setup import Choices
from processor.sweep import sweep
from tests.whole.world import World, until

JO = "jo@maple-street.test"
YES = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}
HOME = {"addr1": "1 Maple St", "addr2": "", "city": "Salem", "state": "OR", "zip": "97301", "country": "US"}
TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "NUM": ("number", {}),
    "DAY": ("date", {"date_format": "DD/MM/YYYY"}),
    "BDAY": ("birthday", {}),
    "HOME": ("address", {}),
    "TEL": ("phone", {"phone_format": "US"}),
    "PLZ": ("zip", {}),
    "SITE": ("url", {}),
    "PIC": ("imageurl", {}),
    "SIZE": ("dropdown", {"choices": ["S", "M"]}),
    "HUE": ("radio", {"choices": ["red", "green"]}),
}
FITS = {
    "num": 15.5,
    "day": "2026-09-01",
    "bday": "02/29",
    "home": HOME,
    "tel": "555-555-0100",
    "plz": "97301",
    "site": "https://maple-street.test/jo",
    "pic": "https://maple-street.test/jo.png",
    "size": "M",
    "hue": "red",
}
OTHERS = {
    "NUM": 16,
    "DAY": "2026-12-31",
    "BDAY": "12/31",
    "HOME": {**HOME, "city": "Bend"},
    "TEL": "555-555-0199",
    "PLZ": "97301-0001",
    "SITE": "https://maple-street.test/ann",
    "PIC": "https://maple-street.test/ann.png",
    "SIZE": "S",
    "HUE": "green",
}


@pytest.fixture
def typed(acme: World) -> World:
    """An audience with a field of each type, all of them mapped."""
    for tag, (kind, options) in TYPES.items():
        acme.control.merge_field(acme.audience, tag, kind, options=options)
    chosen = [setup.FieldChoice(tag.lower(), tag) for tag in TYPES]
    chosen += [setup.FieldChoice("first_name", "FNAME"), setup.FieldChoice("city", "CITY")]
    setup.save(acme.kit, acme.connection_id, Choices(acme.audience, fields=chosen), "jo")
    until(acme.settled)
    return acme


def _merges(acme: World) -> dict[str, Any]:
    return {tag: acme.member(JO)["merge_fields"][tag] for tag in TYPES}


def test_each_type_goes_both_ways_and_comes_back_the_same(typed: World) -> None:
    """What the platform writes is there in Mailchimp's form; what the marketer writes is here; nothing moves
    after that."""
    typed.put("1", email=JO, consent=YES, fields=FITS)
    until(lambda: typed.member(JO) and typed.settled())
    assert _merges(typed) == {tag: FITS[tag.lower()] for tag in TYPES}
    typed.control.edit(typed.audience, JO, merge_fields=OTHERS)
    until(lambda: typed.contact(JO).fields["hue"] == "green" and typed.settled())
    here = typed.contact(JO).fields
    assert {tag: here[tag.lower()] for tag in TYPES} == OTHERS
    version = typed.contact(JO).version
    until(lambda: sweep(typed.kit, typed.connection_id, full=True))
    until(typed.settled)
    assert (typed.contact(JO).version, _merges(typed)) == (version, OTHERS)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("num", "many", "number"),
        ("day", "31.31.2026", "date"),
        ("bday", "02/30", "birthday"),
        ("home", {"addr1": "1 Maple St"}, "lacks"),
        ("tel", "call me", "phone"),
        ("plz", "SW1A 1AA", "zip"),
        ("site", "maple street", "URL"),
        ("pic", "jo.png", "URL"),
        ("size", "XXL", "S, M"),
        ("hue", "blue", "red, green"),
        ("first_name", "x" * 256, "255"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_words_and_nothing_else_waits(
    typed: World, field: str, value: Any, word: str
) -> None:
    """The field and why are named; the value stays here as it is, and the other fields go up."""
    typed.put("1", email=JO, consent=YES, fields={field: value, "city": "Leeds"})
    # The map was saved just now: a look that began before it may still have its say.
    mine = until(lambda: typed.member(JO) and typed.settled() and _failing(typed))
    assert (mine.reason, mine.field) == ("field_value", field)
    assert word in mine.words.happened
    assert typed.member(JO)["merge_fields"]["CITY"] == "Leeds"
    assert typed.contact(JO).fields[field] == value


def _failing(acme: World) -> Any:
    found = _mine(acme)
    return found if found.state is MemberState.FAILING else None


def _mine(acme: World) -> Any:
    [found] = members(acme.kit, acme.connection_id, None).members
    return found


def test_several_values_that_do_not_fit_hold_nobody_back(typed: World) -> None:
    """Mailchimp names one refused value of a new member at a time: whoever has three of them comes in all the
    same, is told of all three, and the corrected ones arrive."""
    wrong = {"tel": "call me", "plz": "SW1A 1AA", "site": "maple street"}
    typed.put("1", email=JO, consent=YES, fields={**wrong, "city": "Leeds"})
    mine = until(lambda: typed.member(JO) and typed.settled() and _failing(typed))
    assert typed.member(JO)["merge_fields"]["CITY"] == "Leeds"
    assert all(word in mine.detail for word in ("phone", "zip", "URL"))
    typed.put("1", fields={"tel": "555-555-0100", "plz": "97301"})
    until(lambda: typed.member(JO)["merge_fields"]["PLZ"] == "97301")
    mine = until(lambda: typed.settled() and _failing(typed))
    assert mine.field == "site"
    typed.put("1", fields={"site": FITS["site"]})
    until(lambda: typed.settled() and _mine(typed).state is MemberState.IN_SYNC)


def test_a_value_that_does_not_fit_any_more_gives_way_to_the_marketers(typed: World) -> None:
    """A number beyond what is exact came from Mailchimp, and is put right there: the right one comes here."""
    typed.put("1", email=JO, consent=YES, fields=FITS)
    until(lambda: typed.member(JO) and typed.settled())
    typed.control.edit(typed.audience, JO, merge_fields={"NUM": 1e300})
    until(lambda: str(typed.contact(JO).fields["num"]) == "1e+300")
    typed.control.edit(typed.audience, JO, merge_fields={"NUM": 5})
    until(lambda: typed.contact(JO).fields["num"] == 5)
    until(lambda: typed.settled() and _mine(typed).state is MemberState.IN_SYNC)
