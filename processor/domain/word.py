"""What an audience's record last said of a person, and what that makes of their consent towards it. Pure.

A contact has one consent: the platform's word, which concerns every audience. What an audience's record says
concerns that audience alone: somebody who leaves one newsletter has not left the other. While an account has
one audience, the two are the same, and the contact's consent follows the record.
"""

from __future__ import annotations

from dataclasses import dataclass

from processor.domain.consent import FROM_THERE, OUT_HERE
from processor.domain.contact import Base, Consent, ConsentStatus, MemberStatus

_MET_FOR_THE_FIRST_TIME = frozenset({None, MemberStatus.TRANSACTIONAL, MemberStatus.ARCHIVED})
"""Statuses from which only a yes of the person's own leads on, and none of the audience's record."""


@dataclass(frozen=True, slots=True)
class Word:
    """What an audience's record said of a person (`heard`), and their contact's consent as it was afterwards
    (`over`): as long as that is the same, nobody has said anything newer on the platform."""

    heard: Consent
    over: Consent


def towards(
    said: Consent,
    word: Word | None,
    base: Base | None,
    status: MemberStatus | None,
    *,
    is_only: bool,
    elsewhere: Consent | None = None,
) -> Consent:
    """Return a contact's consent towards one audience.

    `said` is the contact's own; `status` the member's there, None for nobody; `is_only` says that the account
    has no other audience; `elsewhere` is the last no that another audience's record holds, or held until it
    was disconnected. Safe to repeat.
    """
    if word is not None:
        return said if said != word.over and (is_only or _is_news(said, word.heard)) else word.heard
    is_first = status in _MET_FOR_THE_FIRST_TIME and (base is None or base.status is None)
    if is_only and (said.status in OUT_HERE or _is_from_there(said)):
        return said
    if _is_from_there(said):
        # Another audience's word: it keeps nobody who is in this one out of it, and brings nobody in; who has
        # yet to confirm there is not asked here as well.
        is_asked = is_first and said.status is ConsentStatus.PENDING
        return said if status in _MET_FOR_THE_FIRST_TIME and not is_asked else Consent()
    if is_first and elsewhere is not None and not _is_later_yes(said, elsewhere):
        return elsewhere  # whoever has left one audience is not added to the next on an older yes
    return said


def may_replace(said: Consent, word: Word | None, *, is_only: bool) -> bool:
    """Whether what an audience's record says becomes the contact's own consent: where there is no other
    audience, or where that consent is this very audience's earlier word."""
    return is_only or (word is not None and said == word.heard)


def last_no(words: list[Consent]) -> Consent | None:
    """Return the latest of those who mean that somebody has left, None where none does; one without a time
    is later than any."""
    left = [one for one in words if one.status in OUT_HERE]
    untimed = [one for one in left if one.at is None]
    return next(iter(untimed), None) or max(left, key=_time, default=None)


def _time(consent: Consent) -> float:
    return consent.at.timestamp() if consent.at else 0.0


def _is_news(said: Consent, heard: Consent) -> bool:
    """Whether the platform has said something since that concerns this audience too: a no always does, a yes
    with evidence where it is later."""
    if _is_from_there(said):
        return False
    return said.status in OUT_HERE or _is_later_yes(said, heard)


def _is_later_yes(said: Consent, heard: Consent) -> bool:
    if said.status is not ConsentStatus.SUBSCRIBED or not said.has_evidence or said.at is None:
        return False
    return heard.at is None or said.at > heard.at


def _is_from_there(said: Consent) -> bool:
    return (said.source or "").startswith(FROM_THERE)
