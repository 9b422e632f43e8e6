"""Who may be subscribed by whom. Consent is not a field: the base says whose act is new, and where that
is unclear the person stays out.

The table of the house rules, as code: one function per status that Mailchimp may hold, each asking what
the platform holds and whether it is a new act with evidence. Nothing here sends `subscribed` for any
other reason (promise 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from processor.domain.contact import Base, Consent, ConsentStatus, Member, MemberStatus
from processor.domain.plan import Exclusion
from processor.domain.policy import Policy, WithoutConsent

OUT_HERE = frozenset({ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED})
"""Consents that mean: do not write to this person."""

OUT_THERE = frozenset(
    {MemberStatus.UNSUBSCRIBED, MemberStatus.CLEANED, MemberStatus.ARCHIVED, MemberStatus.DELETED}
)
"""Agreed statuses that mean the same: from here only a person's own new act leads back."""

UNCONFIRMED = OUT_THERE | {MemberStatus.PENDING}
"""Agreed statuses from which a yes leads to being asked by Mailchimp, and to nothing more."""

FROM_THERE = "mailchimp:"
"""How the source of a consent begins whose evidence is Mailchimp's record."""


@dataclass(frozen=True, slots=True)
class ConsentOutcome:
    """What consent asks of both sides.

    At most one of `create` (add a member in that status), `status` (an act on the member there is) and
    `archive` is set. `consent` is to be written to the contact, `create_here` says that the contact does
    not exist yet. `agreed_status` and `agreed_at` belong into the base; while an act is on its way up they
    are the old ones. `exclusion` is why nothing more will happen by itself.
    """

    create: MemberStatus | None = None
    status: MemberStatus | None = None
    archive: bool = False
    consent: Consent | None = None
    create_here: bool = False
    agreed_status: MemberStatus | None = None
    agreed_at: datetime | None = None
    exclusion: Exclusion | None = None

    @property
    def acts_there(self) -> bool:
        """Whether something is to be sent to Mailchimp."""
        return bool(self.create or self.status or self.archive)


@dataclass(frozen=True, slots=True)
class _Case:
    base: Base | None
    ours: Consent
    theirs: Member | None
    policy: Policy

    @property
    def agreed(self) -> MemberStatus | None:
        return self.base.status if self.base else None

    @property
    def agreed_at(self) -> datetime | None:
        return self.base.consent_at if self.base else None

    @property
    def is_new_act(self) -> bool:
        return is_new_act(self.base, self.ours)

    @property
    def is_parted(self) -> bool:
        return self.base is not None and self.base.parted

    @property
    def changed_there(self) -> datetime | None:
        return self.theirs.last_changed if self.theirs else None


def decide(base: Base | None, ours: Consent | None, theirs: Member | None, policy: Policy) -> ConsentOutcome:
    """Return what consent asks of both sides. `ours` is None where the platform has no such contact,
    `theirs` where Mailchimp has no such member. Pure; safe to repeat."""
    if theirs is not None and theirs.status is MemberStatus.DELETED:
        theirs = None
    if ours is None:
        return _without_contact(base, theirs, policy)
    case = _Case(base, ours, theirs, policy)
    if theirs is None:
        if case.is_parted:
            return _moved(case)
        return _absent(case) if case.agreed is None else _deleted_there(case)
    return _BY_STATUS[theirs.status](case)


def is_new_act(base: Base | None, ours: Consent) -> bool:
    """Return whether the person said yes, provably, after what both sides last agreed on."""
    if ours.status is not ConsentStatus.SUBSCRIBED or not ours.has_evidence or ours.at is None:
        return False
    if (ours.source or "").startswith(FROM_THERE):
        # What one audience's record says is no act, and no evidence for another: its time is that of the
        # last change of whatever kind.
        return False
    return base is None or base.consent_at is None or ours.at > base.consent_at


def _agree(case: _Case, *, exclusion: Exclusion | None = None) -> ConsentOutcome:
    status = case.theirs.status if case.theirs else MemberStatus.DELETED
    return ConsentOutcome(
        agreed_status=status, agreed_at=_latest(case.agreed_at, case.ours.at), exclusion=exclusion
    )


def _take_down(
    case: _Case, status: ConsentStatus, what: str, *, exclusion: Exclusion | None = None
) -> ConsentOutcome:
    at = case.changed_there
    return ConsentOutcome(
        consent=Consent(status, at, FROM_THERE + what),
        agreed_status=case.theirs.status if case.theirs else MemberStatus.DELETED,
        # The latest time of all, not that of the consent written down: a platform that sends its old
        # "subscribed" once more must not look like a person who has changed their mind.
        agreed_at=_latest(case.agreed_at, case.ours.at, at),
        exclusion=exclusion,
    )


def _send(case: _Case, status: MemberStatus) -> ConsentOutcome:
    # A first meeting remembers what was seen, so that a member who vanishes while the act is on its way
    # counts as deleted and not as never seen. An opt-out that was agreed about the member at another address
    # must not look like one of this member, or their being subscribed would look like coming back.
    is_first = case.agreed is None or (case.is_parted and status is MemberStatus.UNSUBSCRIBED)
    seen = case.theirs.status if case.theirs else None
    return ConsentOutcome(
        status=status,
        agreed_status=seen if is_first else case.agreed,
        agreed_at=case.agreed_at,
    )


def _create(case: _Case, status: MemberStatus, agreed: MemberStatus | None = None) -> ConsentOutcome:
    return ConsentOutcome(create=status, agreed_status=agreed, agreed_at=case.agreed_at)


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _absent(case: _Case) -> ConsentOutcome:
    ours = case.ours
    if case.is_new_act:
        return _create(case, _asked_for(case))
    if ours.status is ConsentStatus.PENDING and ours.has_evidence:
        return _create(case, MemberStatus.PENDING)
    if ours.status in OUT_HERE:
        return _left_out(case, _why_out(ours))
    if case.policy.without_consent is WithoutConsent.TRANSACTIONAL:
        return _create(case, MemberStatus.TRANSACTIONAL)
    if _is_vouched_for(case):
        return _create(case, _asked_for(case))
    return _left_out(case, Exclusion.NO_CONSENT)


def _is_vouched_for(case: _Case) -> bool:
    """Whether the customer's recorded word stands in for the evidence that is missing. It does for whom the
    platform itself holds as subscribed; what another audience's record says is not the platform's word."""
    policy, ours = case.policy, case.ours
    is_stated = policy.without_consent is WithoutConsent.STATED and policy.statement is not None
    from_there = (ours.source or "").startswith(FROM_THERE)
    return (
        is_stated
        and ours.status is ConsentStatus.SUBSCRIBED
        and not ours.has_evidence
        and not from_there
        # Whoever was met before, in whatever way, is not one whom Mailchimp has never seen.
        and case.agreed_at is None
    )


def _moved(case: _Case) -> ConsentOutcome:
    """Nobody is at the new address of a contact who had left, or had not confirmed, at the old one: a new
    yes has Mailchimp ask them, and who was being asked is asked at the new address."""
    ours = case.ours
    if case.is_new_act:
        return _create(case, MemberStatus.PENDING, agreed=case.agreed)
    if ours.status in OUT_HERE:
        return _left_out(case, _why_out(ours))
    was_asked = case.agreed is MemberStatus.PENDING
    if was_asked and ours.status is ConsentStatus.PENDING and ours.has_evidence:
        return _create(case, MemberStatus.PENDING, agreed=case.agreed)
    return _left_out(case, Exclusion.MOVED)


def _why_out(ours: Consent) -> Exclusion:
    return Exclusion.UNSUBSCRIBED if ours.status is ConsentStatus.UNSUBSCRIBED else Exclusion.CLEANED


def _left_out(case: _Case, why: Exclusion) -> ConsentOutcome:
    return ConsentOutcome(agreed_status=case.agreed, agreed_at=case.agreed_at, exclusion=why)


def _deleted_there(case: _Case) -> ConsentOutcome:
    if case.is_new_act:
        # Mailchimp asks them; a forgotten address it refuses by itself (facts.md 4.4).
        return _create(case, MemberStatus.PENDING, agreed=MemberStatus.DELETED)
    return _stop(case, "deleted", Exclusion.DELETED_THERE)


def _archived(case: _Case) -> ConsentOutcome:
    # Archiving hides whether they had unsubscribed before (facts.md 4.4), so it counts as if they had.
    if case.is_new_act and _is_after_theirs(case):
        return _send(case, MemberStatus.PENDING)
    return _stop(case, "archived", Exclusion.ARCHIVED)


def _stop(case: _Case, what: str, exclusion: Exclusion) -> ConsentOutcome:
    if case.policy.unsubscribe_archived and case.ours.status not in OUT_HERE:
        return _take_down(case, ConsentStatus.UNSUBSCRIBED, what, exclusion=exclusion)
    return _agree(case, exclusion=exclusion)


def _unsubscribed(case: _Case) -> ConsentOutcome:
    if case.ours.status in OUT_HERE:
        met, is_first = _agree(case), case.agreed is None or case.is_parted
        # Nobody knows which of two ways of leaving was the later one: only a yes after both leads back.
        return replace(met, agreed_at=_latest(met.agreed_at, case.changed_there)) if is_first else met
    if case.is_new_act and _is_after_theirs(case):
        return _send(case, MemberStatus.PENDING)
    reason = case.theirs.unsubscribe_reason if case.theirs else None
    what = f"unsubscribed ({reason})" if reason else "unsubscribed"
    return _take_down(case, ConsentStatus.UNSUBSCRIBED, what)


def _cleaned(case: _Case) -> ConsentOutcome:
    if case.ours.status in OUT_HERE:
        return _agree(case, exclusion=Exclusion.CLEANED)
    return _take_down(case, ConsentStatus.CLEANED, "cleaned", exclusion=Exclusion.CLEANED)


def _subscribed(case: _Case) -> ConsentOutcome:
    if case.ours.status is ConsentStatus.SUBSCRIBED:
        return _agree(case)
    if case.ours.status in OUT_HERE and not _came_back(case):
        return _send(case, MemberStatus.UNSUBSCRIBED)
    return _take_down(case, ConsentStatus.SUBSCRIBED, "subscribed")


def _pending(case: _Case) -> ConsentOutcome:
    if case.ours.status in OUT_HERE:
        return _send(case, MemberStatus.UNSUBSCRIBED)
    if case.ours.status is ConsentStatus.NONE:
        return _take_down(case, ConsentStatus.PENDING, "pending")
    return _agree(case)


def _transactional(case: _Case) -> ConsentOutcome:
    if not case.is_new_act:
        return _agree(case)
    # Whoever had left, or has not confirmed, is asked by Mailchimp, whatever an answer read out of turn may
    # say of them.
    return _send(case, MemberStatus.PENDING if case.agreed in UNCONFIRMED else _asked_for(case))


_BY_STATUS: Mapping[MemberStatus, Callable[[_Case], ConsentOutcome]] = {
    MemberStatus.SUBSCRIBED: _subscribed,
    MemberStatus.UNSUBSCRIBED: _unsubscribed,
    MemberStatus.CLEANED: _cleaned,
    MemberStatus.PENDING: _pending,
    MemberStatus.TRANSACTIONAL: _transactional,
    MemberStatus.ARCHIVED: _archived,
}


def _asked_for(case: _Case) -> MemberStatus:
    return MemberStatus.PENDING if case.policy.double_opt_in else MemberStatus.SUBSCRIBED


def _is_after_theirs(case: _Case) -> bool:
    """The stricter side wins: where their leaving is news, only a yes that is provably later counts. Where
    both sides knew that they had left, the yes is the only news."""
    if case.theirs is not None and case.agreed is case.theirs.status and not case.is_parted:
        return True
    return case.ours.at is not None and case.changed_there is not None and case.ours.at > case.changed_there


def _came_back(case: _Case) -> bool:
    """Whether a member whom both sides knew not to be subscribed subscribed through Mailchimp, and
    nothing here speaks against it. Being unsure means no."""
    # What was agreed about a member at another address says nothing about this one.
    if case.is_parted:
        return False
    # Pending is agreed only with a contact who had not left: a contact who has left is news then.
    if case.agreed in {None, MemberStatus.SUBSCRIBED, MemberStatus.PENDING}:
        return False
    agreed, changed = case.agreed_at, case.changed_there
    # `last_changed` has one-second steps. A view from before the agreement is an old one.
    is_old_view = changed is not None and agreed is not None and changed < agreed.replace(microsecond=0)
    return _is_unchanged_here(case) and not is_old_view


def _is_unchanged_here(case: _Case) -> bool:
    ours, agreed = case.ours, case.agreed_at
    if ours.at is not None:
        return agreed is not None and ours.at <= agreed
    is_from_there = (ours.source or "").startswith(FROM_THERE)
    return case.agreed in OUT_THERE and (agreed is None or is_from_there)


_IMPORTED: Mapping[MemberStatus, ConsentStatus] = {
    MemberStatus.SUBSCRIBED: ConsentStatus.SUBSCRIBED,
    MemberStatus.UNSUBSCRIBED: ConsentStatus.UNSUBSCRIBED,
    MemberStatus.CLEANED: ConsentStatus.CLEANED,
    MemberStatus.PENDING: ConsentStatus.PENDING,
    MemberStatus.TRANSACTIONAL: ConsentStatus.NONE,
}


def _without_contact(base: Base | None, theirs: Member | None, policy: Policy) -> ConsentOutcome:
    if base is None or base.status is None:
        return _meet(theirs, policy)
    return _deleted_here(base, theirs, policy)


def _meet(theirs: Member | None, policy: Policy) -> ConsentOutcome:
    if theirs is None:
        return ConsentOutcome()
    if not policy.import_members or theirs.status not in _IMPORTED:
        return ConsentOutcome(exclusion=Exclusion.NOT_IMPORTED)
    return _import(theirs)


def _import(theirs: Member, known_at: datetime | None = None) -> ConsentOutcome:
    status = _IMPORTED[theirs.status]
    consent = Consent()
    if status is not ConsentStatus.NONE:
        why = f" ({theirs.unsubscribe_reason})" if theirs.unsubscribe_reason else ""
        consent = Consent(status, theirs.last_changed, f"{FROM_THERE}{status.value}{why}")
    return ConsentOutcome(
        create_here=True,
        consent=consent,
        agreed_status=theirs.status,
        agreed_at=_latest(known_at, consent.at),
        exclusion=Exclusion.CLEANED if theirs.status is MemberStatus.CLEANED else None,
    )


def _deleted_here(base: Base, theirs: Member | None, policy: Policy) -> ConsentOutcome:
    if theirs is None:
        return ConsentOutcome(
            agreed_status=MemberStatus.DELETED,
            agreed_at=base.consent_at,
            exclusion=Exclusion.DELETED_HERE,
        )
    if theirs.status is MemberStatus.SUBSCRIBED and base.status in OUT_THERE:
        if policy.import_members:
            return _import(theirs, known_at=base.consent_at)
        return ConsentOutcome(
            agreed_status=base.status, agreed_at=base.consent_at, exclusion=Exclusion.NOT_IMPORTED
        )
    live = theirs.status in {MemberStatus.SUBSCRIBED, MemberStatus.TRANSACTIONAL}
    if live and policy.archive_deleted:
        return ConsentOutcome(archive=True, agreed_status=base.status, agreed_at=base.consent_at)
    # Pending and cleaned cannot be archived (405, facts.md 4.4), and archiving an opt-out would hide it.
    return ConsentOutcome(
        agreed_status=theirs.status, agreed_at=base.consent_at, exclusion=Exclusion.DELETED_HERE
    )
