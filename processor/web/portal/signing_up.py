"""The sign-up form of the audience, to be sent to those who can come back by themselves only."""

from __future__ import annotations

from starlette.responses import Response

from processor import report, setup
from processor.web.portal.asked import Asked
from processor.web.portal.within import shown_of


def form(asked: Asked) -> Response:
    """Show the form's address, and what to do with it."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    url = setup.signup_form(asked.kit, asked.connection_id)
    return shown_of(asked, found, "signup", title="Your sign-up form", url=url)
