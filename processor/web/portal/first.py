"""The first page: the way to the account's one connection, or a list of several."""

from __future__ import annotations

from contextlib import suppress

from starlette.responses import RedirectResponse, Response

from processor import report, visit
from processor.domain.connection import LEAVING, ConnectionState
from processor.errors import Invalid
from processor.report import ConnectionReport
from processor.web.portal import cookie
from processor.web.portal.asked import PORTAL, Asked
from processor.web.portal.outside import SPARE
from processor.web.portal.show import home_of, shown
from processor.web.portal.standing import colour_of


def first(asked: Asked) -> Response:
    """Send the visitor of one connection to it, and one without any to connecting; else list them."""
    if spare := asked.query.get(SPARE):
        return _without_spare(asked, spare)
    here = connections(asked)
    receipts = report.receipts_of(asked.kit, asked.account_id)
    if not here and not receipts:
        return _go(f"{PORTAL}/connect")
    if len(here) == 1 and "all" not in asked.query:
        return _go(home_of(here[0].row.id))
    found = [(one, colour_of(one)) for one in here]
    return shown(
        asked,
        "first",
        title="Your Mailchimp connections",
        found=found,
        logins=_logins(here),
        receipts=receipts[::-1],
    )


def _logins(here: list[ConnectionReport]) -> list[ConnectionReport]:
    """Return a connection of each Mailchimp account that accepts our access: another audience of it needs no
    sign-in."""
    can_be_used = [one for one in here if one.row.state not in {ConnectionState.RECONNECT, *LEAVING}]
    return list({one.row.mailchimp_account: one for one in reversed(can_be_used)}.values())[::-1]


def connections(asked: Asked) -> list[ConnectionReport]:
    """Return the connections that are there, oldest first."""
    found = report.connections_of(asked.kit, asked.account_id)
    return [one for one in found if one.state is not ConnectionState.REMOVED]


def leave(asked: Asked) -> Response:
    """End the visit."""
    visit.leave(asked.kit, asked.session)
    answer = shown(asked, "left", title="You have left")
    cookie.forget(answer, asked.kit.settings)
    return answer


def _without_spare(asked: Asked, spare: str) -> Response:
    """The cookie came back, so the link for a tab of its own is not needed: use it up."""
    with suppress(Invalid):  # it was too old anyway, or used
        visit.leave(asked.kit, visit.enter(asked.kit, spare).token)
    return _go(PORTAL)


def _go(path: str) -> Response:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})
