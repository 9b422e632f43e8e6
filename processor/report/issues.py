"""Issues in words, and the contacts behind each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from processor import sayings
from processor.domain.catalogue import OUTAGES
from processor.domain.issue import Issue, IssueKind, IssueState
from processor.domain.plan import MemberState
from processor.errors import Invalid, NotFound
from processor.kit import Kit
from processor.report.members import MembersPage, members
from processor.sayings import Said
from processor.store import issues as stored


@dataclass(frozen=True, slots=True)
class IssueReport:
    """One issue as it stands, and in words."""

    issue: Issue
    said: Said


@dataclass(frozen=True, slots=True)
class IssuesPage:
    """Issues, newest first. `cursor` leads to the older ones; None when there are none."""

    issues: Sequence[IssueReport]
    cursor: str | None


def issues(
    kit: Kit,
    account_id: str | None,
    *,
    connection_id: str | None = None,
    states: Collection[IssueState] | None = None,
    limit: int = 50,
    after: str | None = None,
) -> IssuesPage:
    """Return one page of issues, of all states unless some are named. Safe to repeat.

    Raises Invalid for a cursor that was not ours, StoreDown.
    """
    with kit.store.read() as c:
        before = stored.get(c, after) if after else None
        if after and before is None:
            raise Invalid(
                "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
            )
        found = stored.find(
            c,
            limit=limit + 1,
            account_id=account_id,
            connection_id=connection_id,
            states=states,
            before_id=before.id if before else None,
        )
        page = found[:limit]
        told = [IssueReport(one, sayings.of_issue(c, one)) for one in page]
    return IssuesPage(told, page[-1].ref if len(found) > limit else None)


def issue(kit: Kit, ref: str, account_id: str | None) -> IssueReport:
    """Return one issue. Raises NotFound, also for another account's; StoreDown."""
    with kit.store.read() as c:
        found = stored.get(c, ref)
        if found is None or account_id not in {None, found.account_id}:
            raise NotFound(f"There is no issue “{ref}”.")
        return IssueReport(found, sayings.of_issue(c, found))


def members_of_issue(
    kit: Kit, ref: str, account_id: str | None, *, limit: int = 50, after: str | None = None
) -> MembersPage:
    """Return one page of an issue's contacts; none for one that is about no contacts, or is resolved.

    Those whose retries have ended, or, while all of them are tried again, those. Raises what `issue` and
    `members` raise.
    """
    with kit.store.read() as c:
        found = stored.get(c, ref)
    if found is None or account_id not in {None, found.account_id}:
        raise NotFound(f"There is no issue “{ref}”.")
    if found.kind is not IssueKind.CONTACTS or found.state is IssueState.RESOLVED:
        return MembersPage([], None)
    is_waiting = found.code in OUTAGES or not found.failing
    return members(
        kit,
        found.connection_id,
        account_id,
        states=[MemberState.WAITING if is_waiting else MemberState.FAILING],
        reason=found.code,
        field=found.about,
        limit=limit,
        after=after,
    )
