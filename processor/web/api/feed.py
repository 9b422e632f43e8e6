"""`/v1/accounts/{account}/changes`: what became of the contacts, in the order in which it was written."""

from __future__ import annotations

import asyncio
import time

from starlette.concurrency import run_in_threadpool

from processor import feed
from processor.feed import FeedPage
from processor.store.changes import ChangeRow
from processor.web.api.operation import Call, Operation, Reply
from processor.web.models.contact import ContactAnswer
from processor.web.models.feed import ChangeAnswer, FeedAnswer, FeedAsked, Kind
from processor.web.models.photo import PhotoAnswer

LOOK_SECONDS = 0.5
"""How often a call that waits looks again: no thread and no database connection is held in between."""


async def read(call: Call[FeedAsked, None]) -> Reply:
    """Answer with what is new, or when there is something new, or when the wait is over."""
    until = time.monotonic() + call.query.wait
    page = await run_in_threadpool(_page, call, call.query.after)
    while not page.changes and not call.kit.stopping.is_set() and not await call.is_gone():
        left_seconds = until - time.monotonic()
        if left_seconds <= 0:
            break
        await asyncio.sleep(min(LOOK_SECONDS, left_seconds))
        # On from there: what `origin` leaves out is passed over once, not at each look.
        page = await run_in_threadpool(_page, call, page.cursor)
    return Reply(
        FeedAnswer(changes=[_answer(row) for row in page.changes], cursor=page.cursor, more=page.more)
    )


def _page(call: Call[FeedAsked, None], after: str | None) -> FeedPage:
    asked, account_id = call.query, call.path["account"]
    return feed.read(call.kit, account_id, after=after, limit=asked.limit, origin=asked.origin)


def _answer(row: ChangeRow) -> ChangeAnswer:
    change = row.change
    kind, afterwards = Kind(change.kind), change.contact
    return ChangeAnswer(
        kind=kind,
        id=change.contact_id,
        version=change.version,
        origin=change.origin,
        what=dict(change.what),
        why=dict(change.why),
        contact=ContactAnswer.model_validate(afterwards) if afterwards and kind is Kind.CONTACT else None,
        photo=PhotoAnswer.model_validate(afterwards) if afterwards and kind is Kind.PHOTO else None,
        at=change.at,
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/accounts/{account}/changes",
        "readChanges",
        "Read what changed",
        async_handler=read,
        query=FeedAsked,
        answers={200: FeedAnswer},
        refusals=(410,),
        description="Whole contacts with what changed and why, oldest first, each change once. Keep `cursor` "
        "and pass it as `after`; with `wait` the call is answered as soon as there is something new. A "
        "cursor older than what is kept, or that this feed has not come to, is refused (410, "
        "`cursor_expired`): read all contacts anew, and go "
        "on from the `changes` cursor of the first page.",
    ),
)
