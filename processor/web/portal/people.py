"""The contacts behind the numbers: who is failing or left out, why, trying them again, and leaving them out
by choice."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from processor import leave_out, report, retry_members
from processor.domain.plan import Exclusion, MemberState
from processor.errors import Invalid
from processor.web.portal.asked import Asked
from processor.web.portal.contact import VISITOR, address_of
from processor.web.portal.show import go
from processor.web.portal.within import shown_of

TITLES: Mapping[MemberState, str] = {
    MemberState.FAILING: "Contacts that need a look",
    MemberState.EXCLUDED: "Contacts that are left out",
    MemberState.WAITING: "Contacts whose changes wait",
    MemberState.IN_SYNC: "Contacts in sync",
}
CHOSEN = "Contacts that you left out"
PAGE = 50


def people(asked: Asked) -> Response:
    """List the contacts of one state, a page at a time."""
    state = _state(asked.query.get("state", MemberState.FAILING))
    after = asked.query.get("after") or None
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    is_chosen = state is MemberState.EXCLUDED and asked.query.get("by") == "choice"
    page = report.members(
        asked.kit,
        asked.connection_id,
        asked.account_id,
        states=[state],
        reason=Exclusion.BY_CHOICE if is_chosen else None,
        limit=PAGE,
        after=after,
    )
    return shown_of(
        asked,
        found,
        "people",
        title=CHOSEN if is_chosen else TITLES[state],
        state=state,
        is_chosen=is_chosen,
        page=page,
        titles=TITLES,
    )


def retry(asked: Asked) -> Response:
    """Try one failing contact again, or all of them."""
    one = asked.text("contact")
    count = retry_members.retry(
        asked.kit, asked.connection_id, asked.account_id, contact_ids=[one] if one else None
    )
    return go(asked, asked.here, "retried" if count else "nothing")


def leave(asked: Asked) -> Response:
    """Leave one contact out by choice."""
    one = asked.text("contact")
    count = leave_out.leave_out(asked.kit, asked.connection_id, asked.account_id, [one], VISITOR)
    return go(asked, address_of(asked, one), "left_out" if count else "saved")


def take_back(asked: Asked) -> Response:
    """Take one contact back in."""
    one = asked.text("contact")
    count = leave_out.take_back(asked.kit, asked.connection_id, asked.account_id, [one])
    return go(asked, address_of(asked, one), "taken_back" if count else "saved")


def _state(text: str) -> MemberState:
    try:
        return MemberState(text)
    except ValueError:
        raise Invalid("There is no such list of contacts.") from None
