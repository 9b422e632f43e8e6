"""The preview: asked for, waited for, read, and agreed to."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from processor import preview, report
from processor.domain.connection import ConnectionState
from processor.errors import NotFound
from processor.preview import PreviewReport
from processor.web.portal.asked import Asked
from processor.web.portal.setup_form import VISITOR
from processor.web.portal.show import CSV_HEADERS, go, reload
from processor.web.portal.standing import has_started
from processor.web.portal.within import shown_of


def show(asked: Asked) -> Response:
    """Show the newest preview, however far it is."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    if found.row.audience_id is None:
        return go(asked, f"{asked.here}/setup")
    newest = preview.latest(asked.kit, asked.connection_id)
    if asked.is_partial and (newest is None or newest.is_ended):
        return reload(f"{asked.here}/preview")
    return shown_of(
        asked,
        found,
        "preview_progress" if asked.is_partial else "preview",
        title="Preview",
        preview=newest,
        is_running=newest is not None and not newest.is_ended,
        may_start=_may_start(found.row.state, newest),
        has_started=has_started(found),
    )


def _may_start(state: str, newest: PreviewReport | None) -> bool:
    """Whether the button is there; `install.start` looks again, and at more."""
    is_ready = newest is not None and newest.is_done and newest.is_young
    stands = newest is not None and any(one.blocking for one in newest.findings)
    return state == ConnectionState.SETUP and is_ready and not stands


def begin(asked: Asked) -> Response:
    """Ask for a preview."""
    preview.begin(asked.kit, asked.connection_id, VISITOR)
    return go(asked, f"{asked.here}/preview")


def sheet(asked: Asked) -> Response:
    """Hand over the whole list as a file for spreadsheets."""
    newest = preview.latest(asked.kit, asked.connection_id)
    if newest is None:
        raise NotFound("There is no preview yet.")
    text = preview.as_csv(asked.kit, newest.run.id)
    headers = {**CSV_HEADERS, "Content-Disposition": 'attachment; filename="preview.csv"'}
    return StreamingResponse(text, headers=headers, media_type="text/csv; charset=utf-8")
