"""Connecting Mailchimp from within the portal, and giving a connection access again."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from processor import connect, report, visit
from processor.connect import Begun
from processor.web import signing_in
from processor.web.portal.asked import Asked
from processor.web.portal.first import connections
from processor.web.portal.show import go, home_of, shown

KNOWN = "known"
"""In the address that waits for a connection: those that were there before, to see which one is new."""


def offer(asked: Asked) -> Response:
    """Show what Bothways does and never does, and the button."""
    return shown(asked, "connect", to_login=True, title="Connect Mailchimp", there=connections(asked))


def begin(asked: Asked) -> Response:
    """Send the browser to Mailchimp's sign-in, which does not run in a frame: there, show a link for a tab of
    its own, and wait."""
    if asked.is_framed:
        known = " ".join(sorted(one.row.id for one in connections(asked)))
        link = connect.make_link(asked.kit, asked.account_id)
        return shown(asked, "connect_in_a_tab", title="Go on in a tab of its own", link=link, known=known)
    return _to_mailchimp(asked, connect.begin_for(asked.kit, asked.account_id))


def waiting(asked: Asked) -> Response:
    """Tell a page that waits in a frame when the connection is there."""
    known = asked.query.get(KNOWN, "").split()
    fresh = [one.row.id for one in connections(asked) if one.row.id not in known]
    return go(asked, f"{home_of(fresh[0])}/setup") if fresh else Response(status_code=204)


def another(asked: Asked) -> Response:
    """Go on to the set-up of another audience of this connection's Mailchimp account."""
    made = connect.another(asked.kit, asked.account_id, asked.connection_id)
    return go(asked, f"{home_of(made.id)}/setup")


def reconnect(asked: Asked) -> Response:
    """Send the browser to Mailchimp's sign-in for this connection, or, in a frame, into a tab first."""
    if asked.is_framed:
        link = visit.make_link(asked.kit, asked.account_id).url
        row = report.row_of(asked.kit, asked.connection_id, asked.account_id)
        return shown(asked, "reconnect_in_a_tab", title="Go on in a tab of its own", link=link, row=row)
    return _to_mailchimp(asked, connect.begin_for(asked.kit, asked.account_id, asked.connection_id))


def _to_mailchimp(asked: Asked, begun: Begun) -> Response:
    answer = RedirectResponse(begun.authorize_url, 303, {"Cache-Control": "no-store"})
    signing_in.remember(answer, asked.kit.settings, begun)
    return answer
