"""What is left of a plan for a contact whom somebody chose to leave out: that they left, and nothing else.

Pure. Whoever leaves, leaves on both sides, whatever else is chosen: an opt-out is never lost.
"""

from __future__ import annotations

from dataclasses import replace

from processor.domain.consent import OUT_HERE
from processor.domain.contact import Base, MemberStatus
from processor.domain.plan import ContactChange, Exclusion, MemberChange, MemberState, Plan


def left_out(plan: Plan, base: Base | None) -> Plan:
    """Return the plan without all that is not about leaving. `base` is what was agreed on before.

    What both sides last agreed on stays as it was, so that taking somebody back in compares with that, and
    nothing that changed meanwhile is lost. Only an agreement about consent that leaves nothing undone is
    taken over. Safe to repeat.
    """
    unsubscribes = plan.up.status is MemberStatus.UNSUBSCRIBED
    left = plan.down.consent is not None and plan.down.consent.status in OUT_HERE and not plan.down.create
    return Plan(
        down=ContactChange(consent=plan.down.consent if left else None),
        up=MemberChange(status=MemberStatus.UNSUBSCRIBED if unsubscribes else None),
        base=base if _is_undone(plan, left) else _with_consent_of(plan.base, base),
        state=MemberState.EXCLUDED,
        reason=Exclusion.BY_CHOICE.value,
    )


def _is_undone(plan: Plan, left: bool) -> bool:
    """Whether something about the consent, or about which member it is, would have been done."""
    up, down = plan.up, plan.down
    asks_there = up.create is not None or up.archive or up.status not in {None, MemberStatus.UNSUBSCRIBED}
    asks_here = down.create or (down.consent is not None and not left)
    return asks_there or asks_here or (plan.relink and not left)


def _with_consent_of(agreed: Base | None, base: Base | None) -> Base | None:
    if agreed is None:
        return base
    if base is None:  # fields, tags and the address are met for the first time when they are taken back in
        return Base(email=None, status=agreed.status, consent_at=agreed.consent_at, parted=agreed.parted)
    return replace(base, status=agreed.status, consent_at=agreed.consent_at, parted=agreed.parted)
