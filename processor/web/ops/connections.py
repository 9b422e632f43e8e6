"""Connections: all of them, and one with its webhook, its queue, its calls, and what can be pressed."""

from __future__ import annotations

from starlette.responses import Response

from processor import install, report, retry_members
from processor.attempt import write_down
from processor.domain.connection import LIVE, ConnectionState
from processor.domain.plan import MemberState
from processor.report.closer import closer
from processor.sweep.soon import sweep_soon
from processor.web.ops.asked import OPS, Asked
from processor.web.ops.masking import masked
from processor.web.ops.show import go, shown
from processor.web.portal.standing import colour_of

FEW = 10


def listed(asked: Asked) -> Response:
    """List every connection that was not removed, a page at a time."""
    page = report.connections_page(asked.kit, after=asked.query.get("after") or None)
    return shown(asked, "connections", title="Connections", page=page, colour_of=colour_of)


def one(asked: Asked) -> Response:
    """Show how one connection stands."""
    write_down(asked.kit)
    found = closer(asked.kit, asked.path["connection"])
    failing = report.members(
        asked.kit, asked.path["connection"], None, states=[MemberState.FAILING], limit=FEW
    )
    state = found.report.row.state
    return shown(
        asked,
        "connection_state" if asked.is_partial else "connection",
        title=found.report.row.audience_name or found.report.row.account_name or found.report.row.id,
        found=found,
        colour=colour_of(found.report),
        failing=failing.members,
        masked=lambda text: masked(text, asked.is_masked),
        here=_here(asked),
        is_live=state in LIVE,
        is_paused=state == ConnectionState.PAUSED,
    )


def pause(asked: Asked) -> Response:
    """Stop its work for a while."""
    install.pause(asked.kit, asked.path["connection"])
    return go(asked, _here(asked), "paused")


def resume(asked: Asked) -> Response:
    """Let it go on; what a brake has stopped is for the customer to accept."""
    install.resume(asked.kit, asked.path["connection"])
    return go(asked, _here(asked), "resumed")


def sweep(asked: Asked) -> Response:
    """Go round its audience now."""
    sweep_soon(asked.kit, asked.path["connection"])
    return go(asked, _here(asked), "sweeping")


def retry(asked: Asked) -> Response:
    """Try everybody again who is failing."""
    count = retry_members.retry(asked.kit, asked.path["connection"], None)
    return go(asked, _here(asked), "retried" if count else "nothing")


def _here(asked: Asked) -> str:
    return f"{OPS}/connections/{asked.path['connection']}"
