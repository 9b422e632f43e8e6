"""A connection's first page: how it stands, in one line; what needs a look; what there is to press."""

from __future__ import annotations

from starlette.responses import Response

from processor import mailing, report
from processor.domain.connection import LEAVING, LIVE, ConnectionState
from processor.domain.field_changes import sentence
from processor.report import ConnectionReport
from processor.web.portal.asked import Asked
from processor.web.portal.issues import Act, cards
from processor.web.portal.show import reload
from processor.web.portal.standing import colour_of, has_started
from processor.web.portal.within import shown_of

SIGN_IN_AGAIN = frozenset({"reconnect", "role_too_low", "account_disabled"})
"""Problems that end with a sign-in at Mailchimp, perhaps by somebody else."""


def home(asked: Asked) -> Response:
    """Show how the connection stands."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    attention = cards(asked)
    was = f"{found.state} {found.problem_code} {' '.join(one.issue.ref for one in attention)}"
    if asked.is_partial and asked.query.get("was", was) != was:
        return reload(asked.here)  # another state has other buttons
    return shown_of(
        asked,
        found,
        "state" if asked.is_partial else "home",
        to_login=True,
        title=found.row.audience_name or found.row.account_name or "Your connection",
        was=was,
        colour=colour_of(found),
        act=act_for(asked, found),
        is_braked=_is_braked(found),
        attention=attention,
        readers=mailing.readers_of(asked.kit, asked.connection_id, asked.account_id),
        field_sentence=sentence,
        is_live=found.row.state in LIVE,
        has_started=has_started(found),
    )


def act_for(asked: Asked, found: ConnectionReport) -> Act | None:
    """Return the one thing that a person is to do next, if there is one."""
    if found.problem_code == "audience_gone":
        return Act("Choose another audience", f"{asked.here}/setup")
    if found.problem_code in SIGN_IN_AGAIN or found.state is ConnectionState.RECONNECT:
        return Act("Reconnect Mailchimp", f"{asked.here}/reconnect", is_form=True)
    if found.state is ConnectionState.SETUP:
        is_set_up = found.row.audience_id is not None
        return (
            Act("Go on to the preview", f"{asked.here}/preview")
            if is_set_up
            else Act("Choose the audience", f"{asked.here}/setup")
        )
    if found.state is ConnectionState.PREVIEWING:
        return Act("See the preview", f"{asked.here}/preview")
    if found.state is ConnectionState.IMPORTING:
        return Act("Watch it", f"{asked.here}/sync")
    if found.row.state in LEAVING:
        return Act("See the receipt", f"{asked.here}/disconnect")
    if found.state is ConnectionState.PAUSED and not _is_braked(found):
        return Act("Go on", f"{asked.here}/resume", is_form=True)
    return None


def _is_braked(found: ConnectionReport) -> bool:
    """Whether a change of too many contacts at once stopped it, and waits for an answer."""
    return found.state is ConnectionState.PAUSED and found.problem_code == "brake"
