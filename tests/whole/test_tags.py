"""Tags as people write them: with commas and quotes, long, and in another case on the other side."""

from __future__ import annotations

from processor.sweep import sweep
from tests.whole.world import World, until

JO = "jo@maple-street.test"
YES = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}
HERE = {"a, b", 'say "hi"', "it's", "ü 🎉 שלום", "x" * 100, "<b>", "50%", "a/b\\c"}
THERE = {"c; d", "“quoted”", "y" * 100, "#1"}


def test_tags_with_commas_and_quotes_go_both_ways(acme: World) -> None:
    """What one side has, the other has, and what one takes off is off there."""
    acme.put("1", email=JO, consent=YES, tags=HERE)
    until(lambda: acme.member(JO) and acme.settled())
    acme.control.tag(acme.audience, JO, **dict.fromkeys(THERE, True))
    sweep(acme.kit, acme.connection_id)
    assert set(acme.contact(JO).tags) == set(acme.member(JO)["tags"]) == HERE | THERE
    acme.put("1", tags=HERE)
    until(lambda: acme.settled() and set(acme.member(JO)["tags"]) == HERE)


def test_a_platform_that_writes_its_own_spelling_every_night_moves_nothing(acme: World) -> None:
    """The marketer has the tag in capitals: neither side changes the other's spelling, again and again."""
    acme.control.add(acme.audience, JO, tags=["VIP"])
    until(lambda: acme.contact(JO) and acme.settled())
    jo = acme.contact(JO).id
    for _night in range(2):
        acme.put(jo, tags={"vip"})
        until(acme.settled)
        sweep(acme.kit, acme.connection_id)
        assert (set(acme.contact(JO).tags), set(acme.member(JO)["tags"])) == ({"vip"}, {"VIP"})
    acme.put(jo, tags=())
    until(lambda: acme.settled() and not acme.member(JO)["tags"])
