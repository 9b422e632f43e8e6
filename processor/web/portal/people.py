"""The contacts behind the numbers: who is failing or left out, why, and trying them again."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from processor import report, retry_members
from processor.domain.plan import MemberState
from processor.errors import Invalid
from processor.web.portal.asked import Asked
from processor.web.portal.show import go
from processor.web.portal.within import shown_of

TITLES: Mapping[MemberState, str] = {
    MemberState.FAILING: "Contacts that need a look",
    MemberState.EXCLUDED: "Contacts that are left out",
    MemberState.WAITING: "Contacts whose changes wait",
    MemberState.IN_SYNC: "Contacts in sync",
}
PAGE = 50


def people(asked: Asked) -> Response:
    """List the contacts of one state, a page at a time."""
    state = _state(asked.query.get("state", MemberState.FAILING))
    after = asked.query.get("after") or None
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    page = report.members(
        asked.kit, asked.connection_id, asked.account_id, states=[state], limit=PAGE, after=after
    )
    return shown_of(asked, found, "people", title=TITLES[state], state=state, page=page, titles=TITLES)


def retry(asked: Asked) -> Response:
    """Try one failing contact again, or all of them."""
    one = asked.text("contact")
    count = retry_members.retry(
        asked.kit, asked.connection_id, asked.account_id, contact_ids=[one] if one else None
    )
    return go(asked, asked.here, "retried" if count else "nothing")


def _state(text: str) -> MemberState:
    try:
        return MemberState(text)
    except ValueError:
        raise Invalid("There is no such list of contacts.") from None
