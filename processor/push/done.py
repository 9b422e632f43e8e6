"""What became of one member that a push had claimed."""

from __future__ import annotations

from dataclasses import dataclass

from processor.domain.parcel import Parcel
from processor.domain.plan import Exclusion
from processor.errors import MailchimpError


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one claimed member.

    `error` is Mailchimp's refusal. `unsettled` says that Mailchimp answered with something else than was
    sent. `relink` says that the contact parts from this member: its new address becomes one of its own.
    `again` says that the refusal is of a kind that the next attempt, by a call of its own, takes care of.
    `excluded` says why nothing is sent for them.
    `passes` says that this refusal passes by itself, whatever the catalogue says of its kind.
    `parcel` is what was sent, None for nothing. `in_part` says that, though there is an `error`, all but some
    fields arrived.
    """

    row_id: int
    error: MailchimpError | None = None
    unsettled: bool = False
    relink: bool = False
    excluded: Exclusion | None = None
    again: bool = False
    passes: bool = False
    parcel: Parcel | None = None
    in_part: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether it was refused because its address is another member's."""
        return self.error is not None and self.error.code == TAKEN


TAKEN = "email_taken"
