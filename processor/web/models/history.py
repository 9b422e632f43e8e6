"""A contact's history, its consents, and conflicts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.domain.dispute import DisputeState
from processor.domain.edit import consent_json
from processor.domain.ledger import Side, Who
from processor.domain.plan import MemberState
from processor.report import ConflictReport, ConflictsPage, ConsentPage, Happening, HistoryPage, Standing
from processor.store.changes import Origin
from processor.store.consents import ConsentRow
from processor.store.pushes import PushOutcome
from processor.web.models.contact import ConsentAnswer, ContactAnswer
from processor.web.models.event import WordsAnswer
from processor.web.models.kinds import Answer, AskedInAddress, Moment, Word
from processor.web.models.permission import PermissionAnswer, SmsAnswer, permissions_answer, sms_answer


class ContactAskedFor(AskedInAddress):
    """Which contact is wanted."""

    as_of: Moment | None = Field(None, description="As it was then, as far as its history is kept.")


class PageAsked(AskedInAddress):
    """Which lines are wanted."""

    after: Word | None = Field(None, description="`cursor` of the answer before.")
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class ContactsAsked(AskedInAddress):
    """Which contacts are wanted."""

    after: Annotated[str, Field(max_length=210)] | None = Field(
        None, description="`cursor` of the answer before."
    )
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class ContactsAnswer(Answer):
    """Contacts, in the order of their ids."""

    contacts: list[ContactAnswer]
    cursor: str | None = Field(description="Pass it as `after` for more; null when there are no more.")
    changes: str = Field(
        description="Where the changes feed stood when this page was read: whoever reads all contacts goes "
        "on in the feed from the first page's."
    )


class HappeningAnswer(Answer):
    """One line of a contact's timeline."""

    at: datetime
    origin: Origin = Field(description="Whose change it was; `bothways` for what was sent to Mailchimp.")
    what: dict[str, Any] = Field(description="Each name with its value before and after.")
    why: dict[str, Any] = Field(description="What caused it: an event, a call, a sweep, a push.")
    version: int | None = Field(description="The contact's version after it, or the one that was sent.")
    outcome: PushOutcome | None = Field(
        description="What Mailchimp made of what was sent; null for what was written here."
    )
    code: str | None = Field(description="A code of the catalogue of failures.")
    words: WordsAnswer | None
    detail: str | None = Field(description="Mailchimp's own words.")
    instance: str | None = Field(description="Mailchimp's number for its answer: their support asks for it.")


class StandingAnswer(Answer):
    """How the contact stands towards one audience."""

    connection: str
    audience: str | None
    state: MemberState
    sentence: str = Field(description="Why the contact is, or is not, in step.")
    reason: str | None
    status: str | None = Field(description="How Mailchimp last showed them there; null for nobody.")
    consent: ConsentAnswer = Field(description="The contact's consent towards this audience.")
    permissions: list[PermissionAnswer] = Field(description="The audience's marketing permissions (GDPR).")
    sms: SmsAnswer | None = Field(description="Null where they are not in the audience.")


class HistoryAnswer(Answer):
    """What happened to a contact, newest first."""

    history: list[HappeningAnswer]
    standing: list[StandingAnswer] = Field(description="How it stands now, in each audience.")
    cursor: str | None = Field(description="Pass it as `after` for older ones; null when there are no more.")


class ConsentLineAnswer(Answer):
    """One line of the ledger of consents."""

    side: Side = Field(description="`here`: the contact's status; `there`: a status that we sent up.")
    before: str | None
    after: str
    who: Who
    at: datetime | None = Field(description="When it was said, as the evidence has it.")
    recorded_at: datetime
    source: str | None = Field(description="The evidence.")
    address: str | None = Field(description="The address that it was said about.")
    about: str | None = Field(
        description="`permissions.<id>` for a marketing permission, `sms`; null for the status itself."
    )
    connection: str | None
    by: str | None = Field(description="The API key that brought it.")
    cause: dict[str, Any]


class ConsentLinesAnswer(Answer):
    """The contact's lines, newest first."""

    consents: list[ConsentLineAnswer]
    cursor: str | None = Field(description="Pass it as `after` for older ones; null when there are no more.")


class ConflictAnswer(Answer):
    """Both sides had changed one field."""

    id: str
    contact: str
    email: str | None
    field: str
    platform: Any = Field(description="The platform's value.")
    mailchimp: Any = Field(description="Mailchimp's value.")
    kept: str = Field(description="Whose value was kept: `platform` or `mailchimp`.")
    state: DisputeState = Field(
        description="`open`: the other value can be used; `used`: it is; `superseded`: the field has changed "
        "since."
    )
    words: WordsAnswer
    at: datetime
    used_at: datetime | None
    used_by: str | None


class ConflictsAnswer(Answer):
    """A connection's conflicts, newest first."""

    conflicts: list[ConflictAnswer]
    cursor: str | None = Field(description="Pass it as `after` for older ones; null when there are no more.")


def history_answer(page: HistoryPage, standing: list[Standing]) -> HistoryAnswer:
    """Return one page of a timeline."""
    return HistoryAnswer(
        history=[happening_answer(one) for one in page.happenings],
        standing=[standing_answer(one) for one in standing],
        cursor=page.cursor,
    )


def happening_answer(one: Happening) -> HappeningAnswer:
    """Return one line of a timeline."""
    said = one.words
    return HappeningAnswer(
        at=one.at,
        origin=one.origin,
        what=dict(one.what),
        why=dict(one.why),
        version=one.version,
        outcome=one.outcome,
        code=one.code,
        words=WordsAnswer(title=said.title, happened=said.happened, todo=said.todo) if said else None,
        detail=one.detail,
        instance=one.instance,
    )


def standing_answer(one: Standing) -> StandingAnswer:
    """Return how a contact stands towards one audience."""
    return StandingAnswer(
        connection=one.connection.id,
        audience=one.connection.audience_name,
        state=one.state,
        sentence=one.sentence,
        reason=one.member.reason if one.member else None,
        status=one.member.status if one.member else None,
        consent=ConsentAnswer.model_validate(consent_json(one.consent)),
        permissions=permissions_answer(one.theirs, one.asked),
        sms=sms_answer(one.theirs),
    )


def consents_answer(page: ConsentPage) -> ConsentLinesAnswer:
    """Return one page of the ledger."""
    return ConsentLinesAnswer(consents=[consent_answer(row) for row in page.lines], cursor=page.cursor)


def consent_answer(row: ConsentRow) -> ConsentLineAnswer:
    """Return one line of the ledger."""
    entry = row.entry
    return ConsentLineAnswer(
        side=entry.side,
        before=entry.before,
        after=entry.after,
        who=entry.who,
        at=entry.at,
        recorded_at=entry.recorded_at,
        source=entry.source,
        address=entry.address,
        about=entry.about,
        connection=entry.connection_id,
        by=entry.by,
        cause=dict(entry.cause),
    )


def conflict_answer(found: ConflictReport) -> ConflictAnswer:
    """Return a conflict as the API shows it."""
    row, said = found.row, found.words
    return ConflictAnswer(
        id=row.name,
        contact=row.contact_id,
        email=found.email,
        field=row.field,
        platform=row.ours,
        mailchimp=row.theirs,
        kept=row.winner,
        state=found.state,
        words=WordsAnswer(title=said.title, happened=said.happened, todo=said.todo),
        at=row.at,
        used_at=row.used_at,
        used_by=row.used_by,
    )


def conflicts_answer(page: ConflictsPage) -> ConflictsAnswer:
    """Return one page."""
    return ConflictsAnswer(conflicts=[conflict_answer(one) for one in page.conflicts], cursor=page.cursor)
