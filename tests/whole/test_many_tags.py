"""Members with more tags than Mailchimp shows in one answer."""

from __future__ import annotations

import time

from processor.sweep import sweep
from tests.whole.world import World, until

JO, ANN = "jo@maple-street.test", "ann@maple-street.test"
YES = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}
MANY = {f"tag {n:02}" for n in range(70)}
TAGS = "GET /lists/{list_id}/members/{subscriber_hash}/tags"


def test_a_tag_beyond_the_fifty_shown_is_removed_on_both_sides(acme: World) -> None:
    """Seventy tags go up, all of them come back by a sweep; one that the marketer takes off goes here, one
    that the platform takes off goes there."""
    acme.put("1", email=JO, consent=YES, tags=MANY)
    acme.put("2", email=ANN, consent=YES)
    until(lambda: acme.member(JO) and acme.member(ANN) and acme.settled())
    assert set(acme.member(JO)["tags"]) == MANY
    acme.control.tag(acme.audience, JO, **{"tag 69": False, "theirs": True})
    sweep(acme.kit, acme.connection_id)
    assert set(acme.contact(JO).tags) == MANY - {"tag 69"} | {"theirs"}
    acme.put("1", tags=MANY - {"tag 69", "tag 68"} | {"theirs"})
    until(lambda: acme.settled() and "tag 68" not in acme.member(JO)["tags"])
    assert (
        set(acme.member(JO)["tags"]) == set(acme.contact(JO).tags) == MANY - {"tag 69", "tag 68"} | {"theirs"}
    )


def test_only_who_changed_is_asked_for_again(acme: World) -> None:
    """A second sweep over the same member needs no call of its own; a member of few tags never does."""
    acme.control.add(acme.audience, JO, tags=sorted(MANY))
    acme.control.add(acme.audience, ANN, tags=["few"])
    assert acme.control.settle()
    time.sleep(2.1)  # who has changed just now is asked for again, since Mailchimp's times are seconds
    sweep(acme.kit, acme.connection_id, full=True)
    until(lambda: acme.settled() and acme.contact(JO) and set(acme.contact(JO).tags) == MANY)
    acme.control.forget_requests()
    sweep(acme.kit, acme.connection_id, full=True)
    assert acme.control.calls().get(TAGS, 0) == 0
    acme.control.tag(acme.audience, JO, **{"tag 00": False})
    sweep(acme.kit, acme.connection_id, full=True)
    assert acme.control.calls().get(TAGS, 0) == 1
    assert set(acme.contact(JO).tags) == MANY - {"tag 00"}
