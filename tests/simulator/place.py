"""One audience of a history and the connection that keeps it in step: what its post holds, who was left out
of it, what its fields are called now, and how the product says that everybody stands in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from processor import report
from processor.domain.contact import Consent
from processor.store import left_out
from processor.store import members as stored_members
from processor.store.tables import batches, events, members
from tests.simulator.house import ACCOUNT, House, Link
from tests.simulator.ledger import Ledger

if TYPE_CHECKING:
    from tests.simulator.sim import Sim

FIELDS = {"first_name": "FNAME", "city": "CITY", "points": "POINTS"}
"""The platform's fields, and the tags that they are mapped to in the beginning."""
_DUE = (
    (events.c.due_at, events.c.connection_id),
    (members.c.due_at, members.c.connection_id),
    (batches.c.next_poll_at, batches.c.connection_id),
)


class Place:
    """`tags` are the tags that the mapped fields have now; one that was deleted is not in it. `chosen` is who
    was left out of this audience and not taken back in."""

    def __init__(self, sim: Sim, link: Link) -> None:
        self._sim = sim
        self.connection_id, self.audience = link.connection_id, link.audience
        self.tags = dict(FIELDS)
        self.numbers = {name: link.fields[tag] for name, tag in FIELDS.items()}
        self.strange: set[str] = set()
        """Tags of fields that were added."""
        self.chosen: set[str] = set()
        self.post: list[bytes] = []
        """Webhooks under way."""

    @property
    def house(self) -> House:
        """The product, and the sandbox."""
        return self._sim.house

    @property
    def ledger(self) -> Ledger:
        """Who has said what that counts for this audience."""
        return self._sim.ledger.towards(self.audience)

    def members(self) -> dict[str, Any]:
        """All members in Mailchimp by their contact ids, archived ones too."""
        return {m["contact_id"]: m for m in self.house.ground.members(self.audience)}

    def member(self, email: str) -> Any:
        """The member with this address, or None."""
        return self.house.ground.control.member(self.audience, email)

    def rows(self) -> dict[str, Any]:
        """Members' rows by the contact that they are linked with."""
        return {row.contact_id: row for row in self.all_rows() if row.contact_id}

    def all_rows(self) -> list[Any]:
        """All members' rows."""
        with self.house.store.read() as c:
            return stored_members.find(c, self.connection_id, limit=1000)

    def linked(self, member: Any) -> frozenset[str]:
        """The platform's contact who is linked with this member."""
        if member is None:
            return frozenset()
        with self.house.store.read() as c:
            rows = stored_members.by_views(
                c, self.connection_id, mailchimp_contact_ids=[member["contact_id"]]
            )
        return frozenset(row.contact_id for row in rows if row.contact_id)

    def left_out(self, contact_ids: Iterable[str]) -> set[str]:
        """Who of these is left out, as the product has it."""
        with self.house.store.read() as c:
            return set(left_out.of_contacts(c, self.connection_id, list(contact_ids)))

    def towards(self, contact: Any) -> Consent:
        """The contact's consent towards this audience, as the product shows it."""
        found = report.standings(self.house.kit, ACCOUNT, contact.id)
        return next(one.consent for one in found if one.connection.id == self.connection_id)

    def due(self) -> tuple[datetime | None, ...]:
        """When the oldest event, member and batch are due; None where none is."""
        with self.house.store.read() as c:
            return tuple(
                c.execute(sa.select(sa.func.min(at)).where(of == self.connection_id)).scalar()
                for at, of in _DUE
            )
