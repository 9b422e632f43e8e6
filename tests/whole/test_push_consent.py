"""What a push never sends, whatever was said before at another address."""

from __future__ import annotations

from processor.domain.plan import MemberState
from processor.kit import utc_now
from tests.whole.test_left_behind import are, told
from tests.whole.world import SUBSCRIBED, World, until

JO = "jo@maple-street.test"
NEW = "jo@elm-street.test"


def _yes() -> dict[str, str]:
    return {
        "status": "subscribed",
        "at": utc_now().isoformat(),
        "source": "checkout",
    }


def test_who_has_not_confirmed_is_asked_at_a_new_address_and_not_subscribed(acme: World) -> None:
    """Their old yes leads to nothing at the new address; a new one lets Mailchimp ask them."""
    acme.control.add(acme.audience, JO, status="pending")
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: are(acme, MemberState.IN_SYNC, "1"))
    acme.put("1", email=NEW)
    until(lambda: are(acme, MemberState.EXCLUDED, "1"))
    assert told(acme)["1"].reason == "moved"
    assert "had not confirmed yet" in told(acme)["1"].words.happened
    assert acme.member(NEW) is None
    acme.put("1", consent=_yes())
    until(lambda: acme.member(NEW))
    assert acme.member(NEW)["status"] == "pending"


def test_who_left_is_asked_at_a_new_address_and_not_subscribed(acme: World) -> None:
    """They unsubscribed, then gave the platform a new address and a new yes."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: are(acme, MemberState.IN_SYNC, "1"))
    acme.control.unsubscribe(acme.audience, JO)
    until(lambda: acme.contact(JO).consent.status == "unsubscribed")
    until(acme.settled)
    acme.put("1", email=NEW)
    until(lambda: are(acme, MemberState.EXCLUDED, "1"))
    acme.put("1", consent=_yes())
    until(lambda: acme.member(NEW))
    assert acme.member(NEW)["status"] == "pending"
    assert acme.member(JO)["status"] == "unsubscribed"
