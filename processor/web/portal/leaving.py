"""Disconnecting: what goes and what stays, one button, and the receipt."""

from __future__ import annotations

import json

from starlette.responses import RedirectResponse, Response

from processor import report, uninstall
from processor.domain.connection import LEAVING
from processor.errors import NotFound
from processor.store.receipts import ReceiptRow
from processor.uninstall import receipt_json, receipt_lines
from processor.web.portal.asked import PORTAL, Asked
from processor.web.portal.show import reload, shown
from processor.web.portal.within import shown_of


def ask(asked: Asked) -> Response:
    """Show what would go and what would stay."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    if found.row.state in LEAVING:
        return _to_receipt(_receipt(asked, connection_id=asked.connection_id))
    what = uninstall.foresee(asked.kit, asked.connection_id)
    return shown_of(asked, found, "disconnect", title="Disconnect Mailchimp", what=what)


def disconnect(asked: Asked) -> Response:
    """Undo the installation, and show the receipt."""
    return _to_receipt(uninstall.uninstall(asked.kit, asked.connection_id))


def receipt(asked: Asked) -> Response:
    """Show one receipt; it looks again by itself until it is finished."""
    found = _receipt(asked, asked.path["receipt"])
    if asked.is_partial and found.finished_at:
        return reload(f"{PORTAL}/receipts/{found.id}")
    lines = receipt_lines(found)
    template = "receipt_lines" if asked.is_partial else "receipt"
    title = "Disconnected" if found.finished_at else "Disconnecting…"
    return shown(asked, template, title=title, receipt=found, lines=lines)


def receipt_file(asked: Asked) -> Response:
    """Hand over the receipt for programs, as a file."""
    found = _receipt(asked, asked.path["receipt"])
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{found.id}.json"',
    }
    text = json.dumps(receipt_json(found), indent=2, default=_plain, ensure_ascii=False)
    return Response(text, headers=headers, media_type="application/json")


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _to_receipt(made: ReceiptRow) -> Response:
    return RedirectResponse(f"{PORTAL}/receipts/{made.id}", 303, {"Cache-Control": "no-store"})


def _receipt(asked: Asked, receipt_id: str = "", *, connection_id: str = "") -> ReceiptRow:
    for found in report.receipts_of(asked.kit, asked.account_id):
        if receipt_id == found.id or connection_id == found.connection_id:
            return found
    raise NotFound("There is no such receipt.")
