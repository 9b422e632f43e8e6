"""An audience with its fields, as Mailchimp has them at this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.domain.connection import LEAVING, ConnectionState
from processor.domain.mapping import AudienceField, AudienceInterest
from processor.domain.policy import FieldKind, FieldRule
from processor.errors import NotFound, Reconnect
from processor.kit import Kit
from processor.mailchimp.audiences import Audience
from processor.mailchimp.client import Mailchimp
from processor.store import connections
from processor.store.connections import ConnectionRow

LANGUAGE = "language"
"""The target that is no field of the audience but the member's own language."""


@dataclass(frozen=True, slots=True)
class AudienceMap:
    """An audience and what can be mapped in it. `targets` are rules without a platform field, by target."""

    audience: Audience
    fields: Sequence[AudienceField]
    interests: Sequence[AudienceInterest]
    targets: Mapping[str, FieldRule]

    @property
    def interest_ids(self) -> frozenset[str]:
        """The ids of the interests of all groups."""
        return frozenset(one.id for one in self.interests)


def read_map(mailchimp: Mailchimp, audience_id: str) -> AudienceMap:
    """Return the audience with its fields: three calls, and one for each group. Raises MailchimpError."""
    audience = mailchimp.audience(audience_id)
    fields = [field for field in mailchimp.audience_fields(audience_id) if field.tag.upper() != "EMAIL"]
    interests = mailchimp.audience_interests(audience_id)
    targets = {LANGUAGE: FieldRule(field="", target=LANGUAGE, kind=FieldKind.LANGUAGE)}
    targets |= {i.id: FieldRule(field="", target=i.id, kind=FieldKind.INTEREST) for i in interests}
    targets |= {
        f.tag: FieldRule(
            field="",
            target=f.tag,
            type=f.type,
            required=f.required,
            choices=f.choices,
            date_format=f.date_format,
            merge_id=f.merge_id,
        )
        for f in fields
    }
    return AudienceMap(audience, fields, interests, targets)


def ready(kit: Kit, connection_id: str) -> ConnectionRow:
    """Return a connection that Mailchimp may be asked for. Raises NotFound, also for one that is being
    disconnected; Reconnect for one that has lost access; StoreDown."""
    with kit.store.read() as c:
        row = connections.get(c, connection_id)
    if row is None or row.state in LEAVING:
        raise NotFound(f"There is no connection “{connection_id}”.")
    if row.state == ConnectionState.RECONNECT:
        raise Reconnect(row.problem_code or "reconnect")
    return row
