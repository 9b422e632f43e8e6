"""What a broken field of very many contacts costs: rows, messages, a review, and the pages about it.

    python -m bench.issues --contacts 50000 --days 30

The contacts fail of one cause for a month, and the connection is reviewed once an hour of it: on SQLite, or
with BOTHWAYS_TEST_POSTGRES set and `--services` on PostgreSQL. Printed are how many issues there are, the
mails that arrived at a server on the loopback, the time of a review, and the median and the slowest of
several loads of each page. It talks to the loopback only and stops by itself.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.receive import schema
from processor import issues, mailing, report, visit
from processor.domain.contact import Base, MemberStatus
from processor.domain.plan import MemberState
from processor.store import contacts, members
from processor.store.sql import pieces
from tests.issues.smtp import mail_server
from tests.store.build import contact
from tests.web.house import ACME, Api, Clock, make_connection, open_api

LOADS = 15
HOUR_SECONDS = 3600.0
NOTES_CHARACTERS = 600
"""So that a row is as wide as that of a member with twenty fields."""
FIELD = {
    "state": MemberState.FAILING,
    "reason": "field_value",
    "field": "birthday",
    "detail": "Enter a date.",
}


def main() -> None:
    """Measure and print."""
    asked = _asked()
    with ExitStack() as stack:
        url = stack.enter_context(schema(os.environ["BOTHWAYS_TEST_POSTGRES"])) if asked.services else ""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(mail_server())
        told = {"smtp_url": server.url, "mail_from": "sync@bothways.test"}
        clock = Clock()
        api = stack.enter_context(open_api(folder, clock, database_url=url, **told))
        mailing.set_address(api.kit, ACME, "jo@maple-street.test")
        connection = make_connection(api.house, audience_id="a", audience_name="News", state="in_sync")
        fill(api, connection, asked.contacts)
        _settle_down(api)
        took = []
        for _ in range(int(asked.days * 24)):
            clock.pass_seconds(HOUR_SECONDS)
            began = time.perf_counter()
            issues.review(api.kit, connection)
            took.append(time.perf_counter() - began)
            mailing.send_due(api.kit)
        print(f"{asked.contacts:,} contacts fail of one field for {asked.days:g} days")
        print(
            f"issues {len(report.issues(api.kit, ACME).issues)}, mails {len(server.got)}: {server.subjects}"
        )
        print(f"review: median {_ms(statistics.median(took))}, slowest {_ms(max(took))}, of {len(took)}")
        for name, load in _pages(api, connection).items():
            loads = [_timed(load) for _ in range(LOADS)]
            print(f"{name}: median {_ms(statistics.median(loads))}, slowest {_ms(max(loads))}, of {LOADS}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=50_000)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--services", action="store_true")
    return parser.parse_args()


def fill(api: Api, connection: str, people: int) -> None:
    """Write the contacts and how they stand: as many again are in step."""
    for piece in pieces(range(2 * people), 5000):
        new = [
            contact(f"c{n:07}", account_id=ACME, email=f"c{n}@bench.test", fields={"birthday": "soon"})
            for n in piece
        ]
        rows = [
            members.new_member(
                connection,
                contact_id=one.id,
                base=Base(one.email, MemberStatus.SUBSCRIBED, {"notes": "n" * NOTES_CHARACTERS}),
                **(FIELD if n % 2 else {"state": MemberState.IN_SYNC}),
            )
            for n, one in zip(piece, new, strict=True)
        ]
        with api.house.store.write() as c:
            contacts.insert_many(c, new, api.kit.now())
            members.insert_many(c, rows, api.kit.now())


def _settle_down(api: Api) -> None:
    """Do what PostgreSQL's autovacuum does within minutes: without it every count reads every row."""
    if api.house.store.dialect == "postgresql":
        with api.house.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.execute(text("VACUUM ANALYZE"))


def _pages(api: Api, connection: str) -> dict[str, Callable[[], Any]]:
    link = visit.make_link(api.kit, ACME).url.partition("link=")[2]
    came = api.call("GET", f"/portal?link={link}", key="")
    cookie = {"Cookie": came.headers["set-cookie"].partition(";")[0]}
    ref = report.issues(api.kit, ACME).issues[0].issue.ref
    home, api_path = f"/portal/connections/{connection}", f"/v1/issues/{ref}"
    first = api.call("GET", f"{api_path}/contacts").json()["cursor"]

    def loads(path: str, **more: Any) -> Callable[[], Any]:
        def load() -> None:
            answer = api.call("GET", path, **more)
            assert answer.status_code == 200, answer.text

        return load

    shown: dict[str, Any] = {"key": "", "headers": cookie}
    return {
        "portal, first page": loads(home, **shown),
        "portal, the issue and its contacts": loads(f"{home}/issues/{ref}", **shown),
        "portal, the next page of them": loads(f"{home}/issues/{ref}?after={first}", **shown),
        "REST, issues": loads("/v1/issues"),
        "REST, the issue's contacts": loads(f"{api_path}/contacts"),
    }


def _timed(load: Callable[[], Any]) -> float:
    began = time.perf_counter()
    load()
    return time.perf_counter() - began


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()
