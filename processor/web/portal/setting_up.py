"""Set-up: the audience, the question of consent, which field belongs to which, and who wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from processor import contacts, preflight, report, setup
from processor.domain.connection import ConnectionState
from processor.errors import BothwaysError, Conflict, Invalid, MailchimpError, NotFound, StoreDown
from processor.report import ConnectionReport
from processor.setup import AudienceOffer, Draft
from processor.web import problem
from processor.web.portal import setup_form
from processor.web.portal.asked import Asked
from processor.web.portal.setup_form import Filled
from processor.web.portal.show import go, shown
from processor.web.portal.standing import has_started
from processor.web.portal.trouble import Trouble, trouble
from processor.web.portal.within import shown_of

MOST_NAMES = 200
"""Platform fields that a list offers, the most used first; others can be written."""


def form(asked: Asked) -> Response:
    """Show the form as it is stored."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    offers = setup.offers(asked.kit, asked.connection_id)
    chosen = asked.query.get("audience_id") or found.row.audience_id or _only(offers)
    return _page(asked, found, setup_form.stored(chosen, found.row.policy), offers)


def fields(asked: Asked) -> Response:
    """Show the field map of the audience that was just chosen; nothing is written."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    filled = replace(setup_form.sent(asked, found.row.policy), picked={})
    if asked.is_partial:
        try:
            return shown(asked, "setup_fields", filled=filled, **_map(asked, found, filled))
        except BothwaysError as error:  # said where the fields would stand; what was filled in stays
            return shown(asked, "card", failed=trouble(error))
    return _page(asked, found, filled, setup.offers(asked.kit, asked.connection_id))


def save(asked: Asked) -> Response:
    """Write the choices down; what is wrong with them is shown beside them."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    filled = setup_form.sent(asked, found.row.policy)
    try:
        if not filled.audience_id:
            raise Invalid("Choose one of your audiences first.", "audience_id")
        chosen = setup_form.choices(filled)
        setup.save(asked.kit, asked.connection_id, chosen, filled.stated_by or setup_form.VISITOR)
    except (Invalid, Conflict) as error:
        said = replace(trouble(error), title="This could not be saved")
        if isinstance(error, Conflict):
            said = replace(said, field="audience_id")
        offers = setup.offers(asked.kit, asked.connection_id)
        return _page(asked, found, filled, offers, said, problem.status_of(error))
    if has_started(found):
        return go(asked, f"{asked.here}/setup", "saved")
    return go(asked, f"{asked.here}/preview")


def value(asked: Asked) -> Response:
    """Show what one contact holds in a platform field, while somebody looks for the right one."""
    name = next((text for key, text in asked.query.items() if key.startswith("field.")), "")
    try:
        contact = contacts.get(asked.kit, asked.account_id, asked.query.get("contact", ""))
    except (NotFound, StoreDown):
        return Response(status_code=204)  # the cell stays as it is
    return shown(asked, "setup_value", value=contact.fields.get(name))


def findings(asked: Asked) -> Response:
    """Look for what stands in the way, and show it."""
    row = report.row_of(asked.kit, asked.connection_id, asked.account_id)
    try:
        found = preflight.findings(asked.kit, row) if row.audience_id else []
    except MailchimpError as error:
        if not asked.is_partial:
            raise
        return shown(asked, "card", failed=trouble(error))
    return shown(asked, "findings", findings=found, title="What stands in the way")


def _only(offers: Sequence[AudienceOffer]) -> str:
    free = [one.id for one in offers if one.taken_by is None]
    return free[0] if len(free) == 1 else ""


def _page(
    asked: Asked,
    found: ConnectionReport,
    filled: Filled,
    offers: Sequence[AudienceOffer],
    failed: Trouble | None = None,
    status: int = 200,
) -> Response:
    may_choose = found.row.state in {ConnectionState.SETUP, ConnectionState.PREVIEWING} or (
        found.problem_code == "audience_gone"
    )
    return shown_of(
        asked,
        found,
        "setup",
        status,
        title="Set-up",
        offers=[one for one in offers if may_choose or one.id == found.row.audience_id],
        may_choose=may_choose,
        filled=filled,
        failed=failed,
        statement=setup_form.STATEMENT,
        has_started=has_started(found),
        **_map(asked, found, filled, {one.id for one in offers}),
    )


def _map(
    asked: Asked, found: ConnectionReport, filled: Filled, there: set[str] | None = None
) -> dict[str, Any]:
    """Return what the field map is made of; no draft while no audience is chosen, or it is not there."""
    if not filled.audience_id or (there is not None and filled.audience_id not in there):
        return {"draft": None, "rows": [], "names": []}
    draft = setup.draft(asked.kit, asked.connection_id, filled.audience_id)
    is_mapped = found.row.audience_id == filled.audience_id
    rows = setup_form.rows(draft, filled, is_mapped=is_mapped)
    return {"draft": draft, "rows": rows, "names": _names(draft, [row.picked.name for row in rows])}


def _names(draft: Draft, picked: Sequence[str]) -> list[tuple[str, object, bool]]:
    """Return (platform field, one value of it, whether any contact has it): those in use, those that are
    picked, and those that we would make."""
    used = {one.name: one.example for one in draft.platform_fields[:MOST_NAMES]}
    more = [*picked, *(one.default for one in draft.fields)]
    names = {*used, *(name for name in more if name)}
    return [(name, used.get(name), name in used) for name in sorted(names)]
