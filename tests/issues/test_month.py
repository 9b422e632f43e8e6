"""A field that is broken for 50,000 contacts for a month: one issue, a few mails, and no table that grows."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from bench.issues import HOUR_SECONDS, fill
from processor import endpoints, issues, mailing, report
from processor.domain.issue import IssueState
from processor.domain.plan import MemberState
from processor.store import tables
from processor.tick import tick
from tests.issues.smtp import mail_server
from tests.web.house import ACME, Api, Clock, make_connection, open_api

pytestmark = pytest.mark.slow

PEOPLE = 5_000
DAYS = 30
HOURS = 6
"""Between two reviews; `bench.issues` has one in each hour."""
REMINDERS = (1, 3, 7, 14, 21, 28)
WATCHED = ("issues", "mails", "notices", "reviews", "changes", "pushes", "members", "contacts")


def rows(api: Api) -> dict[str, int]:
    """How many rows there are in each table that could grow."""
    with api.house.store.read() as c:
        return {
            name: c.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()
            for name in WATCHED
        }


def test_a_month_of_a_broken_field_is_one_issue_and_its_reminders(tmp_path: Path) -> None:
    """When the month is over one card says how many there are, and seven mails were sent; when it is mended,
    one more says so, and the rows of it go in time."""
    clock = Clock()
    with mail_server() as server:
        told = {"smtp_url": server.url, "mail_from": "sync@bothways.test", "allow_private_targets": True}
        with open_api(tmp_path, clock, **told) as api:
            mailing.set_address(api.kit, ACME, "jo@maple-street.test")
            endpoints.create(api.kit, ACME, "http://127.0.0.1:1/in", types=["issue.opened", "issue.resolved"])
            connection = make_connection(api.house, audience_id="a", audience_name="News", state="in_sync")
            fill(api, connection, PEOPLE)
            before = rows(api)
            for _ in range(DAYS * 24 // HOURS):
                clock.pass_seconds(HOURS * HOUR_SECONDS)
                issues.review(api.kit, connection)
                mailing.send_due(api.kit)
                tick(api.kit)
            after = rows(api)
            (one,) = report.issues(api.kit, ACME).issues
            assert (one.issue.failing, one.issue.state) == (PEOPLE, IssueState.OPEN)
            assert f"The same goes for {PEOPLE - 1:,} other contacts" in one.said.words.happened
            assert len(server.subjects) == 1 + len(REMINDERS)
            assert [subject.startswith("Still open: ") for subject in server.subjects] == [False] + [True] * 6
            assert after["issues"] == after["reviews"] == after["notices"] == 1
            assert after["mails"] <= 3  # those of the last two weeks
            for name in ("changes", "pushes", "members", "contacts"):
                assert after[name] == before[name]
            with api.house.store.write() as c:
                c.execute(tables.members.update().values(state=MemberState.IN_SYNC, reason=None, field=None))
            issues.review(api.kit, connection)
            clock.pass_seconds(HOUR_SECONDS)
            mailing.send_due(api.kit)
            assert server.subjects[-1].startswith("Solved: ")
            assert len(server.subjects) == 2 + len(REMINDERS)
            for _ in range(DAYS + 1):
                clock.pass_seconds(24 * HOUR_SECONDS)
                tick(api.kit)
            left = rows(api)
            assert left["issues"] == left["mails"] == left["reviews"] == 0
