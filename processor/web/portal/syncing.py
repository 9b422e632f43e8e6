"""The first sync: started, watched, paused and resumed, cancelled; and what a brake has stopped."""

from __future__ import annotations

from starlette.responses import Response

from processor import install, report
from processor.domain.connection import ConnectionState
from processor.domain.plan import MemberState
from processor.errors import Conflict
from processor.first_sync import Progress
from processor.web import problem
from processor.web.portal.asked import Asked
from processor.web.portal.setup_form import VISITOR
from processor.web.portal.show import go, reload, shown
from processor.web.portal.trouble import trouble
from processor.web.portal.within import shown_of

FEW = 5
UNDER_WAY = frozenset({ConnectionState.IMPORTING, ConnectionState.PAUSED})


def start(asked: Asked) -> Response:
    """Begin the first sync; what stands in its way is said, with the way back to the preview."""
    try:
        install.start(asked.kit, asked.connection_id, VISITOR)
    except Conflict as error:
        return shown(
            asked,
            "refused",
            problem.status_of(error),
            title="The first sync was not started",
            failed=trouble(error),
        )
    return go(asked, f"{asked.here}/sync")


def watch(asked: Asked) -> Response:
    """Show how far the first sync is."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    progress = install.progress(asked.kit, asked.connection_id)
    if progress.run_state is None:
        return go(asked, asked.here)
    was = f"{found.row.state} {progress.run_state}"
    if asked.is_partial and asked.query.get("was", was) != was:
        return reload(f"{asked.here}/sync")
    failing = report.members(
        asked.kit, asked.connection_id, asked.account_id, states=[MemberState.FAILING], limit=FEW
    )
    return shown_of(
        asked,
        found,
        "sync_progress" if asked.is_partial else "sync",
        title="First sync",
        progress=progress,
        was=was,
        spoken=f"{progress.phase} {_tenths(progress)}",
        is_running=progress.finished_at is None and found.row.state == ConnectionState.IMPORTING,
        is_unfinished=progress.finished_at is None,
        failing=failing.members,
    )


def _tenths(progress: Progress) -> int:
    """How much is done, in steps that are worth being read aloud."""
    return progress.done * 10 // progress.total if progress.total else 0


def pause(asked: Asked) -> Response:
    """Stop the work for a while."""
    install.pause(asked.kit, asked.connection_id)
    return go(asked, _back(asked), "paused")


def resume(asked: Asked) -> Response:
    """Let it go on; with `accept`, also over what the brake has stopped."""
    install.resume(asked.kit, asked.connection_id, accept=asked.text("accept") == "1")
    return go(asked, _back(asked), "resumed")


def cancel(asked: Asked) -> Response:
    """End the first sync before its time."""
    install.cancel(asked.kit, asked.connection_id)
    return go(asked, asked.here, "cancelled")


def _back(asked: Asked) -> str:
    """Return to the page that the form stood on."""
    return f"{asked.here}/sync" if asked.text("from") == "sync" else asked.here
