"""Who is told of this connection by mail, and a test."""

from __future__ import annotations

from starlette.responses import Response

from processor import mailing, report
from processor.errors import Conflict, Invalid
from processor.web.portal.asked import Asked
from processor.web.portal.show import go
from processor.web.portal.within import shown_of


def form(asked: Asked) -> Response:
    """Show who is told."""
    return _form(asked)


def save(asked: Asked) -> Response:
    """Say who is told from now on; with no address, whoever is told of the account."""
    said = asked.text("emails")
    try:
        addresses = said.replace(",", "\n").replace(";", "\n").splitlines()
        mailing.set_readers(asked.kit, asked.connection_id, asked.account_id, addresses)
    except Invalid as error:
        return _form(asked, 422, said=said, problem=str(error))
    return go(asked, f"{asked.here}/notify", "saved")


def test(asked: Asked) -> Response:
    """Send a test by the way of every mail."""
    try:
        mailing.send_test(asked.kit, asked.account_id, asked.connection_id)
    except Conflict:
        return go(asked, f"{asked.here}/notify", "unmailed")
    return go(asked, f"{asked.here}/notify", "mailed")


def _form(asked: Asked, status: int = 200, *, said: str | None = None, problem: str = "") -> Response:
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    readers = mailing.readers_of(asked.kit, asked.connection_id, asked.account_id)
    return shown_of(
        asked,
        found,
        "notify",
        status,
        title="Who is told by mail",
        readers=readers,
        written="\n".join(readers.own) if said is None else said,
        problem=problem,
        has_server=asked.kit.post.is_set,
    )
