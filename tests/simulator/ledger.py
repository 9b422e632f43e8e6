"""Who has said what, when, and where: kept by the simulator alone, from what it lets people do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True)
class Act:
    """A yes or a no of a person, as its evidence states it. `contacts` are the platform's contacts of that
    person at the time; `about_address` says that it means the address alone (a bounce). Where it was said
    in Mailchimp it counts for that `audience` alone, and `member` is the member's contact id there; what was
    said to the platform has neither, and counts for all."""

    kind: str
    at: datetime
    address: str | None
    contacts: frozenset[str] = frozenset()
    about_address: bool = False
    audience: str | None = None
    member: str | None = None

    def concerns(self, address: str, contact: str | None, lives_at: Mapping[str, str] | None = None) -> bool:
        """Whether it was said at this address, or by the person who is this contact. What was said to the
        platform goes along with a contact who has moved on from the address (`lives_at`); a bounce stays."""
        homes = {(lives_at or {}).get(who, address) for who in self.contacts}
        goes_along = not self.about_address and not self.kind.startswith("there:")
        has_moved = goes_along and bool(homes) and address not in homes
        if self.member is not None:  # whoever may be moved in Mailchimp had come back before
            has_moved = (lives_at or {}).get(self.member, address) != address
        if self.kind == "cleaned" and homes and address not in homes:
            return False  # what the platform knew of a bounce went with its contact; Mailchimp finds out anew
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
    """The addresses of contacts and of members, "" for none: of the deleted ones, the last that they had."""
    deleted: set[str] = field(default_factory=set)
    """Addresses and Mailchimp ids of members whose contact the platform has deleted."""
    came_having_left: set[str] = field(default_factory=set)
    """Addresses to which somebody came who had left, and the contacts who had them then: one person, all."""
    fresh: list[Act] = field(default_factory=list)
    """What was said to the platform since all was quiet last."""

    def towards(self, audience: str) -> Ledger:
        """What counts for this audience: what was said to the platform, and there."""
        return replace(
            self,
            no=[act for act in self.no if act.audience in {None, audience}],
            back=[act for act in self.back if act.audience == audience],
        )

    def rename(self, old: str, new: str) -> None:
        """Somebody who was known from Mailchimp alone has the platform's id from now on."""
        for acts in (self.yes, self.no, self.asked, self.back, self.fresh):
            acts[:] = [
                replace(act, contacts=act.contacts - {old} | {new}) if old in act.contacts else act
                for act in acts
            ]

    def last_yes(self, address: str, contact: str | None, *, asked: bool = False) -> datetime | None:
        """When they last said yes to the platform, by its evidence."""
        acts = [*self.yes, *(self.asked if asked else [])]
        return max((act.at for act in acts if act.concerns(address, contact)), default=None)

    def last_yes_anywhere(self, address: str, contact: str | None, member: str) -> datetime | None:
        """When they last said yes on either side: to be moved is not to be subscribed anew."""
        acts = [*self.yes, *self.back]
        said = (act.at for act in acts if act.concerns(address, contact) or act.member == member)
        return max(said, default=None)

    def last_no(self, address: str, contact: str | None) -> Act | None:
        """Their last no, on either side."""
        acts = [act for act in self.no if act.concerns(address, contact, self.lives_at)]
        return max(acts, key=lambda act: act.at, default=None)

    def _may_be_older(self, no: Act, address: str, contact: str) -> bool:
        """Whether nobody can tell that this no is later than their yes: Mailchimp says of a deletion at
        another address only that they are gone. Who said yes since both sides agreed may be asked."""
        is_elsewhere = no.kind == "there:delete" and no.address != address
        said = {"subscribed", "pending"}
        return is_elsewhere and any(act.kind in said and act.concerns(address, contact) for act in self.fresh)

    def may_write_to(self, address: str, contacts: Iterable[str], *, asked: bool = False) -> str:
        """Return "" where one of these contacts gives us the right to subscribe (or to ask) this address;
        else why none does."""
        why = "no contact has this address"
        for contact in contacts:
            yes, no = self.last_yes(address, contact, asked=asked), self.last_no(address, contact)
            if yes is None:
                why = f"{contact} never said yes with evidence"
            elif no is not None and yes <= no.at and not (asked and self._may_be_older(no, address, contact)):
                why = f"{contact} said yes at {yes:%d %H:%M:%S}, and no ({no.kind}) at {no.at:%d %H:%M:%S}"
            else:
                return ""
        return why
