"""The three-way merge of fields, tags and the address: what goes down, what goes up, what is agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from processor.domain.contact import Base, Contact, Member, email_key
from processor.domain.mapping import look, problem_of, read
from processor.domain.plan import FieldConflict, FieldProblem
from processor.domain.policy import Policy, Winner
from processor.domain.values import Comparable, is_cut, is_empty, with_country_of


class Unknown(Enum):
    """Nobody has said anything about a field. Unknown is not empty."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(slots=True)
class Merged:
    """What merging decided so far. `base` is what both sides agree on once `down` is written."""

    down: dict[str, Any] = field(default_factory=dict)
    up: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    conflicts: list[FieldConflict] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MergedTags:
    """The same for tags, which are a set."""

    added_here: frozenset[str] = frozenset()
    removed_here: frozenset[str] = frozenset()
    added_there: frozenset[str] = frozenset()
    removed_there: frozenset[str] = frozenset()
    base: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MergedEmail:
    """The same for the address. At most one of `down` and `up` is set."""

    base: str | None
    down: str | None = None
    up: str | None = None
    conflict: FieldConflict | None = None


def newest(rule: Winner, ours_at: datetime | None, theirs_at: datetime | None) -> Winner:
    """Return who wins a conflict, PLATFORM or MAILCHIMP. As new, or not known: Mailchimp, where the
    person themselves may have typed it."""
    if rule is not Winner.NEWEST:
        return rule
    is_ours = ours_at is not None and theirs_at is not None and ours_at > theirs_at
    return Winner.PLATFORM if is_ours else Winner.MAILCHIMP


def merge_fields(base: Base | None, ours: Contact, theirs: Member, policy: Policy) -> Merged:
    """Return how each mapped field goes, one by one. Names that are not mapped are left alone."""
    merged = Merged()
    here, there = look(ours.fields, policy), read(theirs, policy)
    agreed = base.fields if base else {}
    for rule in policy.fields:
        name = rule.field
        mine, known, its = here.get(name), agreed.get(name, UNKNOWN), there.get(name, UNKNOWN)
        value = _aligned(mine, its, known)
        # One that does not fit and was agreed all the same (a choice that is not offered any more, a number
        # that is too large) is no edit of ours: it gives way to what the marketer put in its place.
        if mine is not None and mine.problem and value not in (its, known):
            merged.problems.append(problem_of(name, ours.fields[name], mine))
            if known is not UNKNOWN:
                merged.base[name] = known
            continue
        if known != value and is_cut(value, its):
            merged.problems.append(problem_of(name, ours.fields[name], Comparable(value, _CUT)))
            if known is not UNKNOWN:
                merged.base[name] = known
            continue
        winner = newest(rule.winner or policy.winner, ours.updated_at, theirs.last_changed)
        _merge_one(merged, name, known, value, its, winner)
    return merged


_CUT = "it is too long, and Mailchimp holds only its beginning"


def _aligned(mine: Comparable | None, its: Any, known: Any) -> Any:
    if mine is None:
        return UNKNOWN
    return with_country_of(with_country_of(mine.value, its), known)


def _merge_one(merged: Merged, name: str, known: Any, ours: Any, theirs: Any, winner: Winner) -> None:
    if theirs is UNKNOWN and ours is UNKNOWN:
        if known is not UNKNOWN:
            merged.base[name] = known
        return
    if theirs is UNKNOWN:
        # Not in the answer: never read as cleared there, and empty only where it was never agreed.
        theirs = None if known is UNKNOWN else known
    if ours is UNKNOWN:
        _fill_in(merged, name, theirs)
    elif ours == theirs or (is_empty(ours) and is_empty(theirs)):
        merged.base[name] = ours
    elif _moves_down(known, ours, theirs):
        merged.down[name] = merged.base[name] = theirs
    elif _moves_up(known, ours, theirs):
        _go_up(merged, name, known, ours)
    else:
        merged.conflicts.append(FieldConflict(name, ours, theirs, winner.value))
        if winner is Winner.PLATFORM:
            _go_up(merged, name, known, ours)
        else:
            merged.down[name] = merged.base[name] = theirs


def _fill_in(merged: Merged, name: str, theirs: Any) -> None:
    merged.base[name] = theirs
    if not is_empty(theirs):
        merged.down[name] = theirs


def _moves_down(known: Any, ours: Any, theirs: Any) -> bool:
    return is_empty(ours) and not is_empty(theirs) if known is UNKNOWN else bool(ours == known)


def _moves_up(known: Any, ours: Any, theirs: Any) -> bool:
    return is_empty(theirs) and not is_empty(ours) if known is UNKNOWN else bool(theirs == known)


def _go_up(merged: Merged, name: str, known: Any, ours: Any) -> None:
    merged.up[name] = ours
    if known is not UNKNOWN:
        merged.base[name] = known


def fields_to_create(ours: Contact, policy: Policy) -> tuple[Mapping[str, Any], tuple[FieldProblem, ...]]:
    """Return what a new member starts with, all that is known and not empty, and what cannot be sent."""
    here = look(ours.fields, policy)
    values = {
        name: seen.value for name, seen in here.items() if not seen.problem and not is_empty(seen.value)
    }
    problems = [problem_of(name, ours.fields[name], seen) for name, seen in here.items() if seen.problem]
    return values, tuple(problems)


def known_tags(tags: frozenset[str]) -> frozenset[str]:
    """Return the tags without blank ones, which Mailchimp does not take."""
    return frozenset(tag for tag in tags if tag.strip())


def merge_tags(base: Base | None, ours: Contact, theirs: Member) -> MergedTags:
    """Return how each tag goes. Only a tag that both sides had is ever removed from one of them, and
    none is removed here because a cut-off answer does not show it.

    Two spellings of one tag ("vip", "VIP") are one where only one of them is on either side: Mailchimp has
    been seen to take a tag for another that differs in case only, and each side keeps its own spelling.
    """
    here = known_tags(ours.tags)
    there = _spelled_like(theirs.tags, here)
    had = _spelled_like(base.tags, here | there) if base else frozenset[str]()
    gone_there = (here & had) - there if theirs.tags_complete else frozenset[str]()
    gone_here = (there & had) - here
    added_here = there - here - had
    unseen = (here & had) - there - gone_there
    return MergedTags(
        added_here=added_here,
        removed_here=gone_there,
        added_there=here - there - had,
        removed_there=gone_here,
        base=(here & there) | added_here | gone_here | unseen,
    )


def _spelled_like(tags: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """The tags, in the others' spelling where that is the only difference."""
    spelling = {_folded(tag): tag for tag in sorted(others - tags)}
    return frozenset(tag if tag in others else spelling.get(_folded(tag), tag) for tag in tags)


def _folded(tag: str) -> str:
    return " ".join(tag.split()).casefold()


def merge_email(base: Base | None, ours: Contact, theirs: Member, policy: Policy) -> MergedEmail:
    """Return where the address moves. Two spellings of one address are one address: no move, no loop."""
    mine, its, agreed = ours.email or "", theirs.email, base.email if base else None
    known = email_key(agreed) if agreed else None
    if not its or email_key(mine) == email_key(its):
        return MergedEmail(base=its or agreed)
    if email_key(mine) == known:
        return MergedEmail(base=its, down=its)
    if email_key(its) == known:
        return MergedEmail(base=agreed, up=mine)
    winner = newest(policy.email_winner, ours.updated_at, theirs.last_changed)
    conflict = FieldConflict("email", mine, its, winner.value)
    if winner is Winner.PLATFORM:
        return MergedEmail(base=agreed, up=mine, conflict=conflict)
    return MergedEmail(base=its, down=its, conflict=conflict)
