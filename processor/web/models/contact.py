"""A contact, as it is written and as it is answered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SkipValidation

from processor.contacts import MOST_AT_ONCE
from processor.domain.contact import Consent, ConsentStatus, Contact
from processor.domain.edit import UNSET, ContactPatch, contact_json
from processor.domain.values import NUMBER_LIMIT
from processor.web.models.kinds import (
    MOST_FIELDS,
    MOST_TAGS,
    Address,
    Answer,
    Asked,
    AskedInAddress,
    FieldName,
    FieldValue,
    Id,
    Moment,
    Source,
    Tag,
    wrong,
)
from processor.web.models.problem import ProblemAnswer


def _at_most(most: int, what: str) -> AfterValidator:
    def check(values: Any) -> Any:
        if len(values) > most:
            raise wrong(
                "There are {size} {what}; at most {most} are taken.", size=len(values), what=what, most=most
            )
        return values

    return AfterValidator(check)


class ConsentAsked(Asked):
    """What the person said. To subscribe somebody, say when and where they agreed."""

    status: ConsentStatus = Field(strict=False)
    at: Moment | None = None
    source: Source | None = None


def _unsaid() -> ConsentAsked:
    return ConsentAsked(status=ConsentStatus.NONE)


class _Write(Asked):
    email: Address | None = None
    fields: Annotated[dict[FieldName, FieldValue], _at_most(MOST_FIELDS, "fields")] = Field(
        default_factory=dict, description="The platform's own names. Each one is kept unless it is named."
    )
    tags: Annotated[list[Tag], _at_most(MOST_TAGS, "tags")] | None = Field(
        None, description="All tags of the contact: one that is not among them is taken away."
    )
    consent: ConsentAsked = Field(default_factory=_unsaid)
    version: Annotated[int, Field(ge=0, le=NUMBER_LIMIT)] | None = Field(
        None, description="The newest version that the writer has seen: with an older one nothing is written."
    )

    def patch(self) -> ContactPatch:
        """Return the write in the domain's words."""
        named = self.model_fields_set
        consent = Consent(self.consent.status, self.consent.at, self.consent.source or None)
        return ContactPatch(
            email=self.email if "email" in named else UNSET,
            fields=self.fields,
            tags=frozenset(self.tags or ()) if "tags" in named else UNSET,
            consent=consent if "consent" in named else UNSET,
            version=self.version,
        )


class ContactAsked(_Write):
    """One write. What is named is set, `null` clears, what is not named is kept."""

    id: Id | None = Field(None, description="May be left out; else the same as in the address.")


class ContactToDelete(AskedInAddress):
    """Which contact is to be deleted."""

    version: Annotated[int, Field(ge=0, le=NUMBER_LIMIT)] | None = Field(
        None, description="The newest version that the caller has seen: with an older one nothing is deleted."
    )


class BatchContactAsked(_Write):
    """One write of a batch."""

    id: Id


class BatchAsked(Asked):
    """Writes that are carried out each on its own: one that is refused does not stop the others."""

    # Each is checked on its own, so that what is wrong with one is told about that one.
    contacts: Annotated[list[SkipValidation[BatchContactAsked]], Field(max_length=MOST_AT_ONCE)]


class ConsentAnswer(Answer):
    """What the person said, with its evidence."""

    status: ConsentStatus
    at: datetime | None
    source: str | None


class ContactAnswer(Answer):
    """A contact."""

    id: str
    email: str | None
    fields: dict[str, Any]
    tags: list[str]
    consent: ConsentAnswer
    version: int = Field(description="One higher with every change.")


class WriteStatus(StrEnum):
    """What became of one write."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"
    """Nothing was written: the contact has changed since the version that the writer had seen."""
    REFUSED = "refused"
    """Nothing was written: `problem` says why."""


class WrittenAnswer(ContactAnswer):
    """The contact after the write, and what deliberately was not done."""

    status: WriteStatus
    notes: list[str]


class BatchItemAnswer(Answer):
    """What became of one write of a batch."""

    id: str | None = Field(description="As it was sent; null where there was none.")
    status: WriteStatus
    contact: ContactAnswer | None = Field(description="The contact as it is now; null where it was refused.")
    problem: ProblemAnswer | None = Field(description="Why it was refused.")
    notes: list[str] = Field(description="Sentences about what deliberately was not done.")


class BatchAnswer(Answer):
    """What became of each write, in the order in which they were sent."""

    contacts: list[BatchItemAnswer]


def contact_answer(contact: Contact) -> ContactAnswer:
    """Return the contact as the API shows it."""
    return ContactAnswer.model_validate(contact_json(contact))
