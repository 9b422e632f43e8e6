"""What is chosen of a connection: as it is sent, as it stands, and what there is to choose from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.domain.policy import FieldKind, FieldRule, Policy, Winner, WithoutConsent
from processor.setup import AudienceOffer, Choices, Draft, FieldChoice
from processor.web.models.kinds import MOST_FIELDS, Answer, Asked, FieldName, Statement, Word


class FieldAsked(Asked):
    """One field of the platform, and where it goes."""

    field: FieldName = Field(description="The platform's own name.")
    target: Word = Field(description="A merge tag, an interest's id, or `language`.")
    winner: Winner | None = Field(
        None, strict=False, description="Who wins when both sides changed it; null takes the connection's."
    )


class ConnectionAsked(Asked):
    """What may be changed of a connection. What is not named, or null, stays as it is."""

    audience_id: Word | None = Field(
        None, description="The audience to keep in step with. Needed the first time."
    )
    fields: Annotated[list[FieldAsked], Field(max_length=MOST_FIELDS)] | None = Field(
        None, description="The whole field map. Left out the first time, every field is mapped by its name."
    )
    winner: Winner | None = Field(None, strict=False, description="Who wins when both sides changed a field.")
    without_consent: WithoutConsent | None = Field(
        None,
        strict=False,
        description="What becomes of contacts whose consent is not recorded and whom Mailchimp has not seen. "
        "`stated` needs `statement_text`.",
    )
    statement_text: Statement | None = Field(
        None,
        description="The customer's word that these contacts agreed; kept with time and name as evidence.",
    )
    statement_by: Word | None = Field(None, description="Who gives that word; the API key where left out.")
    import_members: bool | None = Field(
        None, description="Whether members whom the platform does not know become contacts."
    )
    archive_deleted: bool | None = Field(
        None, description="Whether a contact that the platform deletes is archived in Mailchimp."
    )
    unsubscribe_archived: bool | None = Field(
        None, description="Whether somebody archived or deleted in Mailchimp counts as unsubscribed."
    )
    sync_tags: bool | None = None
    brake_share: Annotated[float, Field(ge=0, le=1, strict=False)] | None = Field(
        None, description="The share of contacts that one round may change before it stops and asks."
    )


class FieldAnswer(Answer):
    """One field of the field map."""

    field: str
    target: str
    kind: FieldKind
    type: str = Field(description="Mailchimp's type of the field.")
    required: bool
    winner: Winner | None


class StatementAnswer(Answer):
    """The customer's word that contacts without a recorded consent agreed."""

    at: datetime
    by: str
    text: str


class SettingsAnswer(Answer):
    """What is chosen of a connection."""

    fields: list[FieldAnswer]
    winner: Winner
    without_consent: WithoutConsent
    statement: StatementAnswer | None
    double_opt_in: bool = Field(description="Mailchimp's own setting of the audience; it is heeded.")
    import_members: bool
    archive_deleted: bool
    unsubscribe_archived: bool
    sync_tags: bool
    brake_share: float


class AudienceAnswer(Answer):
    """An audience of the connected Mailchimp account."""

    id: str
    name: str
    member_count: int = Field(description="Subscribed members, as Mailchimp counts them.")
    double_opt_in: bool
    gdpr: bool = Field(description="Whether it has Mailchimp's marketing permissions.")
    taken_by: str | None = Field(description="The account's other connection that keeps it in step.")


class AudiencesAnswer(Answer):
    """The audiences that the connected login may see."""

    audiences: list[AudienceAnswer]


class FieldDraftAnswer(Answer):
    """A field of the audience, and what would go there."""

    target: str
    kind: FieldKind
    name: str
    type: str
    required: bool
    choices: list[str]
    default: str | None = Field(description="The platform's name that is mapped where nothing is chosen.")
    mapped: str | None = Field(description="The platform's name that is mapped now.")
    is_new: bool = Field(description="Whether it appeared in Mailchimp since the fields were mapped.")
    ours: Any = Field(description="The shown person's value on the platform.")
    theirs: Any = Field(description="The shown person's value in Mailchimp.")


class PlatformFieldAnswer(Answer):
    """A field that the platform uses."""

    name: str
    contacts: int = Field(description="How many of the contacts that were looked at have it.")
    example: Any


class PersonAnswer(Answer):
    """One real contact, on both sides where there is such a one."""

    contact: str
    email: str
    status: str | None = Field(description="How they stand in Mailchimp; null where they are not there.")


class DraftAnswer(Answer):
    """What there is to choose for one audience. Nothing is changed by asking."""

    audience: AudienceAnswer
    fields: list[FieldDraftAnswer]
    platform_fields: list[PlatformFieldAnswer]
    looked_at: int = Field(description="Over how many contacts the platform's fields were counted.")
    person: PersonAnswer | None
    gone: list[FieldAnswer] = Field(description="What is mapped to fields that Mailchimp no longer has.")


def choices_of(asked: ConnectionAsked, audience_id: str) -> Choices:
    """Return what was sent as choices for this audience."""
    fields = None
    if asked.fields is not None:
        fields = [FieldChoice(one.field, one.target, one.winner) for one in asked.fields]
    return Choices(
        audience_id=audience_id,
        fields=fields,
        winner=asked.winner,
        without_consent=asked.without_consent,
        statement_text=asked.statement_text,
        import_members=asked.import_members,
        archive_deleted=asked.archive_deleted,
        unsubscribe_archived=asked.unsubscribe_archived,
        sync_tags=asked.sync_tags,
        brake_share=asked.brake_share,
    )


def settings_answer(policy: Policy) -> SettingsAnswer:
    """Return the settings as the API shows them."""
    said = policy.statement
    return SettingsAnswer(
        fields=[_field(rule) for rule in policy.fields],
        winner=policy.winner,
        without_consent=policy.without_consent,
        statement=StatementAnswer(at=said.at, by=said.by, text=said.text) if said else None,
        double_opt_in=policy.double_opt_in,
        import_members=policy.import_members,
        archive_deleted=policy.archive_deleted,
        unsubscribe_archived=policy.unsubscribe_archived,
        sync_tags=policy.sync_tags,
        brake_share=policy.brake_share,
    )


def audience_answer(offer: AudienceOffer) -> AudienceAnswer:
    """Return the audience as the API shows it."""
    return AudienceAnswer(
        id=offer.id,
        name=offer.name,
        member_count=offer.member_count,
        double_opt_in=offer.double_opt_in,
        gdpr=offer.gdpr,
        taken_by=offer.taken_by,
    )


def draft_answer(draft: Draft) -> DraftAnswer:
    """Return the draft as the API shows it."""
    person = draft.person
    return DraftAnswer(
        audience=audience_answer(draft.audience),
        fields=[
            FieldDraftAnswer(
                target=one.target,
                kind=one.kind,
                name=one.name,
                type=one.type,
                required=one.required,
                choices=list(one.choices),
                default=one.default,
                mapped=one.mapped,
                is_new=one.is_new,
                ours=one.ours,
                theirs=one.theirs,
            )
            for one in draft.fields
        ],
        platform_fields=[
            PlatformFieldAnswer(name=one.name, contacts=one.contacts, example=one.example)
            for one in draft.platform_fields
        ],
        looked_at=draft.looked_at,
        person=PersonAnswer(contact=person.contact_id, email=person.email, status=person.status)
        if person
        else None,
        gone=[_field(rule) for rule in draft.gone],
    )


def _field(rule: FieldRule) -> FieldAnswer:
    return FieldAnswer(
        field=rule.field,
        target=rule.target,
        kind=rule.kind,
        type=rule.type,
        required=rule.required,
        winner=rule.winner,
    )
