"""One contact's page: why they are, or are not, in step; what happened, both ways; conflicts; consents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from processor import contacts, report
from processor.contacts import settling
from processor.domain.dispute import DisputeState
from processor.errors import NotFound
from processor.report import Happening
from processor.report.ledger import WHERE, WHO, about
from processor.store.changes import Origin
from processor.store.pushes import PushOutcome
from processor.web.portal.asked import Asked
from processor.web.portal.show import CSV_HEADERS, go
from processor.web.portal.within import shown_of

PAGE = 30
MOST_CONSENTS = 50
VISITOR = "portal"

WHOSE: Mapping[Origin, str] = {
    Origin.PLATFORM: "Changed on your platform",
    Origin.MAILCHIMP: "Taken over from Mailchimp",
    Origin.BOTHWAYS: "Sent to Mailchimp",
}
CAUSES: Mapping[str, str] = {
    "api": "your platform told us",
    "webhook": "Mailchimp told us",
    "sweep": "found while both sides were compared",
    "push": "found while changes were sent",
    "sync": "found by the first sync",
    "erasure": "somebody asked for it",
}
OUTCOMES: Mapping[PushOutcome, str] = {
    PushOutcome.TAKEN: "taken",
    PushOutcome.REFUSED: "refused",
    PushOutcome.UNSURE: "being looked at again",
}
NAMES: Mapping[str, str] = {
    "email": "e-mail address",
    "tags": "tags",
    "consent": "consent",
    "audience_consent": "consent towards one audience",
    "status": "status in Mailchimp",
    "id": "id on your platform",
    "sms": "SMS",
    "deleted": "deleted",
    "erased": "erased",
}
DISPUTES: Mapping[DisputeState, str] = {
    DisputeState.OPEN: "",
    DisputeState.USED: "The other value is used now.",
    DisputeState.SUPERSEDED: "The field has changed since, so there is nothing left to choose.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline as the page shows it."""

    at: datetime
    title: str
    because: str
    changes: list[tuple[str, Any, Any]]
    refusal: str | None


def contact(asked: Asked) -> Response:
    """Show one contact."""
    contact_id = _id(asked)
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    after = asked.query.get("after") or None
    page = report.history(asked.kit, asked.account_id, contact_id, limit=PAGE, after=after)
    known = _known(asked, contact_id)
    consents = report.consent_lines(asked.kit, asked.account_id, contact_id, limit=MOST_CONSENTS)
    return shown_of(
        asked,
        found,
        "contact",
        title=(known.email if known else None) or contact_id,
        contact_id=contact_id,
        contact=known,
        standings=report.standings(asked.kit, asked.account_id, contact_id) if known else [],
        lines=[_line(one) for one in page.happenings],
        cursor=page.cursor,
        conflicts=report.conflicts_of(asked.kit, asked.account_id, contact_id),
        disputes=DISPUTES,
        consents=[row.entry for row in consents.lines],
        who=WHO,
        where=WHERE,
        about=about,
        address=address_of,
    )


def conflicts(asked: Asked) -> Response:
    """List the connection's conflicts, a page at a time."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    after = asked.query.get("after") or None
    page = report.conflicts(asked.kit, asked.connection_id, asked.account_id, limit=PAGE, after=after)
    title = "Changed on both sides"
    return shown_of(asked, found, "conflicts", title=title, page=page, disputes=DISPUTES, address=address_of)


def use_other(asked: Asked) -> Response:
    """Use the value of a conflict that was not kept."""
    row = settling.use_other(
        asked.kit, asked.connection_id, asked.text("conflict"), asked.account_id, VISITOR
    )
    return go(asked, address_of(asked, row.contact_id), "used")


def sheet(asked: Asked) -> Response:
    """Hand over the contact's consents as a file for spreadsheets."""
    text = report.consents_csv(asked.kit, asked.account_id, _id(asked))
    headers = {**CSV_HEADERS, "Content-Disposition": 'attachment; filename="consents.csv"'}
    return StreamingResponse(text, headers=headers, media_type="text/csv; charset=utf-8")


def address_of(asked: Asked, contact_id: str) -> str:
    """Return the address of a contact's page. The id stands behind the question mark: it may have slashes."""
    return f"{asked.here}/contact?{urlencode({'id': contact_id})}"


def _id(asked: Asked) -> str:
    contact_id = asked.query.get("id", "")
    if not contact_id:
        raise NotFound("There is no such contact.")
    return contact_id


def _known(asked: Asked, contact_id: str) -> Any:
    try:
        return contacts.get(asked.kit, asked.account_id, contact_id)
    except NotFound:
        return None  # deleted, with a history


def _line(one: Happening) -> Line:
    title = WHOSE[one.origin] if one.outcome or one.origin is not Origin.BOTHWAYS else "Done by us"
    if one.outcome:
        title = f"{title}: {OUTCOMES[one.outcome]}"
    because = "" if one.outcome else CAUSES.get(str(one.why.get("cause")), "")
    changes = [
        (_name(name), _shown(pair.get("before")), _shown(pair.get("after")))
        for name, pair in one.what.items()
    ]
    return Line(one.at, title, because, changes, one.words.happened if one.words else None)


def _name(name: str) -> str:
    if name.startswith("permissions."):
        return "marketing permission"
    return NAMES.get(name) or name.removeprefix("fields.").replace("_", " ")


def _shown(value: Any) -> Any:
    """A consent is shown by its status; its evidence stands in the list of consents."""
    return value["status"] if isinstance(value, Mapping) and "status" in value else value
