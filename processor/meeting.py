"""Brings what was read of an audience to agreement: a page of members, whoever of them may be somebody else,
and whoever must be read once more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from processor.converge import Outcome, Sighting, Stopped, Verdict
from processor.domain.contact import Member
from processor.errors import StoreDown
from processor.look import Enough, look_again
from processor.mailchimp.client import Mailchimp

logger = logging.getLogger(__name__)

TOGETHER = 250
"""Members brought to agreement in one transaction. SQLite has one writer: whoever else has something to write
waits for the end of it, and a page of a thousand takes a second."""

Meet = Callable[[Sequence[Sighting]], list[Outcome]]
"""`converge` with everything but the sightings settled by the caller: cause, claims, guard."""


def meet_page(
    meet: Meet, mailchimp: Mailchimp, audience: str, page: Sequence[Member], enough: Enough
) -> list[Outcome]:
    """Converge a page of members, TOGETHER at a time. Returns an outcome for each, those of a second look
    behind the others; none for a member that could not be brought to agreement: that one stops itself only.
    When it is `enough`, nobody is looked at a second time.

    Safe to repeat. Raises MailchimpError, StoreDown, and what `meet`'s guard raises.
    """
    outcomes: list[Outcome] = []
    for first in range(0, len(page), TOGETHER):
        outcomes += _each(meet, [Sighting(None, member) for member in page[first : first + TOGETHER]])
    outcomes += meet_owners_first(meet, mailchimp, audience, outcomes)
    unsure = [o.sighting for o in outcomes if o.verdict is Verdict.AGAIN]
    return outcomes + meet(look_again(mailchimp, audience, unsure, enough))


def _each(meet: Meet, sightings: Sequence[Sighting]) -> list[Outcome]:
    """Converge all at once; where that fails, each alone."""
    try:
        return meet(sightings)
    except (StoreDown, Stopped):
        raise
    except Exception:
        if len(sightings) == 1:
            logger.exception("a member could not be brought to agreement")
            return []
        return [outcome for sighting in sightings for outcome in _each(meet, [sighting])]


def meet_owners_first(
    meet: Meet, mailchimp: Mailchimp, audience: str, outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Look the known members up under their contact ids, which outlive a change of address, converge them,
    and then those who were seen at their addresses. Returns the outcomes of the latter.

    Without this the next owner of an address would take over the contact of one who moved on unheard.
    Safe to repeat. Raises MailchimpError, StoreDown, and what `meet`'s guard raises.
    """
    newcomers = [o for o in outcomes if o.verdict is Verdict.OTHER and o.row is not None]
    if not newcomers:
        return []
    rows = {o.row.id: o.row for o in newcomers if o.row is not None}
    meet(
        [
            Sighting(None, mailchimp.member(audience, row.mailchimp_contact_id or ""), row.id, sure=True)
            for row in rows.values()
        ]
    )
    return meet([o.sighting for o in newcomers])
