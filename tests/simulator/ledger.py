"""Who has said what, when, and where: kept by the simulator alone, from what it lets people do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Act:
    """A yes or a no of a person, as its evidence states it. `contacts` are the platform's contacts of that
    person at the time; `about_address` says that it means the address alone (a bounce)."""

    kind: str
    at: datetime
    address: str | None
    contacts: frozenset[str] = frozenset()
    about_address: bool = False

    def concerns(self, address: str, contact: str | None, lives_at: Mapping[str, str] | None = None) -> bool:
        """Whether it was said at this address, or by the person who is this contact. What was said to the
        platform goes along with a contact who has moved on from the address (`lives_at`); a bounce stays."""
        homes = {(lives_at or {}).get(who, address) for who in self.contacts}
        goes_along = not self.about_address and not self.kind.startswith("there:")
        has_moved = goes_along and bool(homes) and address not in homes
        if self.address == address and not has_moved:
            return True
        return not self.about_address and contact is not None and contact in self.contacts


@dataclass
class Ledger:
    """All acts, in the order in which they were made."""

    yes: list[Act] = field(default_factory=list)
    no: list[Act] = field(default_factory=list)
    asked: list[Act] = field(default_factory=list)
    """The platform says that it has asked somebody who has not confirmed yet."""
    back: list[Act] = field(default_factory=list)
    """They, or the marketer, subscribed them in Mailchimp."""
    lives_at: dict[str, str] = field(default_factory=dict)
    """The addresses of the living contacts now; "" for none."""
    deleted: set[str] = field(default_factory=set)
    """Addresses and Mailchimp ids of members whose contact the platform has deleted."""

    def last_yes(self, address: str, contact: str | None, *, asked: bool = False) -> datetime | None:
        """When they last said yes to the platform, by its evidence."""
        acts = [*self.yes, *(self.asked if asked else [])]
        return max((act.at for act in acts if act.concerns(address, contact)), default=None)

    def last_yes_anywhere(self, address: str, contact: str | None) -> datetime | None:
        """When they last said yes on either side: to be moved is not to be subscribed anew."""
        acts = [*self.yes, *self.back]
        return max((act.at for act in acts if act.concerns(address, contact)), default=None)

    def last_no(self, address: str, contact: str | None) -> Act | None:
        """Their last no, on either side."""
        acts = [act for act in self.no if act.concerns(address, contact, self.lives_at)]
        return max(acts, key=lambda act: act.at, default=None)

    def may_write_to(self, address: str, contacts: Iterable[str], *, asked: bool = False) -> str:
        """Return "" where one of these contacts gives us the right to subscribe (or to ask) this address;
        else why none does."""
        why = "no contact has this address"
        for contact in contacts:
            yes, no = self.last_yes(address, contact, asked=asked), self.last_no(address, contact)
            if yes is None:
                why = f"{contact} never said yes with evidence"
            elif no is not None and yes <= no.at:
                why = f"{contact} said yes at {yes:%d %H:%M:%S}, and no ({no.kind}) at {no.at:%d %H:%M:%S}"
            else:
                return ""
        return why
