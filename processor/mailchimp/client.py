"""Our words to Mailchimp's calls, for one account and one token.

Mailchimp's paths say list; here they are audiences. Nothing is tried again by itself: the row's retry is
the retry. Every method may raise

* `Passing` when it may succeed later (`rate_limited`, `mailchimp_down`, `network`),
* `Reconnect` when the token is no longer accepted,
* `Gone` with `audience_gone` when the audience is not there (any more), with `gone` for anything in it,
* `MailchimpError` with the catalogue's code for every other refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import IO, Any

import httpx

from processor.domain.contact import Member, MemberStatus
from processor.domain.mapping import AudienceField, AudienceInterest
from processor.errors import Gone, MailchimpError
from processor.mailchimp import audiences, batches, hooks, members
from processor.mailchimp.audiences import Audience, MailchimpAccount
from processor.mailchimp.batches import Batch, Operation, OperationResult
from processor.mailchimp.file_manager import FileManager
from processor.mailchimp.hooks import Webhook
from processor.mailchimp.limits import Slots
from processor.mailchimp.members import Added, MemberIdsPage, MembersPage, NewMember
from processor.mailchimp.protocol import PAGE_LIMIT, Request, maps, text
from processor.mailchimp.transport import Call, Timeouts, Transport


class Mailchimp:
    """One Mailchimp account, through one token. Safe to share between threads.

    `http` comes from `transport.open_http` and is shared by all clients of a process; `api_base` is the
    `Grant`'s, without `/3.0`; `account_key` names the account whose open calls `slots` counts.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        api_base: str,
        token: str,
        slots: Slots,
        account_key: str,
        on_call: Callable[[Call], None] | None = None,
        timeouts: Timeouts | None = None,
        slot_wait_seconds: float = 15.0,
    ) -> None:
        self._account_key = account_key
        self._transport = Transport(
            http,
            api_base,
            token,
            slots,
            account_key,
            on_call=on_call,
            timeouts=timeouts,
            slot_wait_seconds=slot_wait_seconds,
        )

    @property
    def file_manager(self) -> FileManager:
        """Its files: pictures for campaigns."""
        return FileManager(self._transport)

    def __repr__(self) -> str:
        return f"Mailchimp(account_key={self._account_key!r})"

    # The account and its audiences

    def ping(self) -> None:
        """Return when Mailchimp answers and takes the token."""
        self._transport.send(Request("GET", "/ping"))

    def account(self) -> MailchimpAccount:
        """Return whose token this is."""
        return audiences.to_account(self._ask(audiences.read_account()))

    def audiences(self) -> list[Audience]:
        """Return all audiences of the account."""
        return [audiences.to_audience(item) for item in self._all(self._ask, audiences.read_all, "lists")]

    def audience(self, audience_id: str) -> Audience:
        """Return one audience."""
        return audiences.to_audience(self._ask_audience(audiences.read_one(audience_id)))

    def audience_fields(self, audience_id: str) -> list[AudienceField]:
        """Return all merge fields of the audience."""
        page = partial(audiences.read_fields, audience_id)
        found = self._all(self._ask_audience, page, "merge_fields")
        return audiences.to_fields({"merge_fields": found})

    def audience_interests(self, audience_id: str) -> list[AudienceInterest]:
        """Return the interests of all the audience's groups: one call, and one for each group."""
        groups = maps(self._ask_audience(audiences.read_groups(audience_id)).get("categories"))
        found: list[AudienceInterest] = []
        for group in groups:
            asked = audiences.read_interests(audience_id, text(group.get("id")))
            found += audiences.to_interests(self._ask_member(audience_id, asked) or {})
        return found

    # Members

    def member(self, audience_id: str, member_id_or_email: str, *, unsure: bool = False) -> Member | None:
        """Return the member, archived ones too; None when the audience has never heard of it or it was
        deleted for good. A 404 of the audience itself is Gone(code="audience_gone"). Its tags are all there:
        for more than 50 they are asked for by a second call.

        With `unsure` it is None as well, which saves a call for each of many who are not there: ask for the
        audience once after the last of them, before any None is believed.
        """
        try:
            found = members.to_member(self._ask(members.read_one(audience_id, member_id_or_email)))
            return found if found.tags_complete else self.with_all_tags(audience_id, found)
        except Gone:
            if not unsure:
                self.audience(audience_id)
            return None

    def with_all_tags(self, audience_id: str, member: Member) -> Member:
        """Return the member with all its tags, of which other answers show 50. Safe to repeat. Raises Gone
        where it is not there any more."""
        page = partial(members.read_tags, audience_id, member.id)
        tags = members.to_tags(self._all(self._ask, page, "tags"))
        return replace(member, tags=tags, tags_complete=True, tags_count=len(tags))

    def member_by_unique_email_id(self, audience_id: str, unique_email_id: str) -> Member | None:
        """Return the member that a webhook's `data[id]` names; None when there is none.

        The archived are asked for in a second call: an unfiltered list leaves them out (facts.md 4.6).
        """
        if not unique_email_id:  # Mailchimp would answer with anybody
            return None
        for status in (None, MemberStatus.ARCHIVED):
            asked = members.find(audience_id, unique_email_id, status=status)
            for member in members.to_members_page(self._ask_audience(asked)).members:
                if member.unique_email_id == unique_email_id:
                    return member
        return None

    def members_page(
        self,
        audience_id: str,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        status: MemberStatus | None = None,
        offset: int = 0,
        count: int = PAGE_LIMIT,
    ) -> MembersPage:
        """Return one page, least recently changed first. `since` is exclusive at Mailchimp and sent as it
        is given; without `status` the archived are left out (facts.md 4.6)."""
        asked = members.read_page(
            audience_id, since=since, before=before, status=status, offset=offset, count=count
        )
        return members.to_members_page(self._ask_audience(asked))

    def member_ids_page(
        self,
        audience_id: str,
        *,
        status: MemberStatus | None = None,
        offset: int = 0,
        count: int = PAGE_LIMIT,
    ) -> MemberIdsPage:
        """Return the ids of one page, for a full comparison. Pages move while members change, so who is
        missing is asked for by `member` before it is believed to be gone."""
        asked = members.read_ids_page(audience_id, status=status, offset=offset, count=count)
        return members.to_ids_page(self._ask_audience(asked))

    def add_members(
        self, audience_id: str, new: Sequence[NewMember], *, update_existing: bool = False
    ) -> Added:
        """Add up to 500 members and tell what became of each; one that exists is refused as `member_exists`.

        The second of two with one address is refused as `email_taken` without being sent. Safe to repeat
        without `update_existing`, which would also change the status of members that exist. The answer
        names no `contact_id`. Raises Invalid for more than 500.
        """
        sent, twins = members.without_twins(new)
        if not sent:
            return Added([], twins)
        asked = members.add(audience_id, sent, update_existing=update_existing)
        added = members.to_added(sent, self._ask_audience(asked))
        return Added(added.members, added.refused + twins)

    def change_member(
        self,
        audience_id: str,
        member_id: str,
        *,
        email: str | None = None,
        status: MemberStatus | None = None,
        merge_fields: Mapping[str, Any] | None = None,
        interests: Mapping[str, bool] | None = None,
        language: str | None = None,
        permissions: Mapping[str, bool] | None = None,
    ) -> Member:
        """Change what is given and nothing else, and return the member as it then is. Safe to repeat, but
        for `email`: once moved, the old id is Gone. `status` is somebody's own act (promise 3)."""
        asked = members.change(
            audience_id,
            member_id,
            email=email,
            status=status,
            merge_fields=merge_fields,
            interests=interests,
            language=language,
            permissions=permissions,
        )
        return members.to_member(self._ask_member(audience_id, asked) or {})

    def set_tags(
        self,
        audience_id: str,
        member_id: str,
        added: Iterable[str],
        removed: Iterable[str],
        *,
        is_syncing: bool = False,
    ) -> None:
        """Put tags on and take tags off. Safe to repeat."""
        on, off = frozenset(added), frozenset(removed)
        if on or off:
            self._ask_member(audience_id, members.tag(audience_id, member_id, on, off, is_syncing=is_syncing))

    def archive(self, audience_id: str, member_id: str) -> bool:
        """Archive the member; return False when it was archived or gone already. Safe to repeat.

        Mailchimp refuses with 405 for the archived, the bounced and the pending alike, so it is read to
        tell them apart; the last two are raised as the refusal that they are.
        """
        try:
            self._ask_member(audience_id, members.archive(audience_id, member_id))
        except MailchimpError as error:
            if isinstance(error, Gone) and error.code != "audience_gone":
                return False
            if error.status != 405:
                raise
            member = self.member(audience_id, member_id)
            if member is None or member.status is MemberStatus.ARCHIVED:
                return False
            raise
        return True

    def delete_permanently(self, audience_id: str, member_id: str) -> bool:
        """Delete the member for good; return False when it was gone already. Safe to repeat."""
        try:
            self._ask_member(audience_id, members.delete_permanently(audience_id, member_id))
        except Gone as error:
            if error.code == "audience_gone":
                raise
            return False
        return True

    # Webhooks

    def webhooks(self, audience_id: str) -> list[Webhook]:
        """Return all webhooks of the audience, other tools' too, without their signing secrets."""
        return hooks.to_webhooks(self._ask_audience(hooks.read_all(audience_id)))

    def create_webhook(self, audience_id: str, url: str) -> Webhook:
        """Create a webhook for everything that we listen to; only this answer holds its signing secret.

        Mailchimp asks the URL before it answers: have it served. Not safe to repeat: the same URL twice is
        refused.
        """
        return hooks.to_webhook(self._ask_audience(hooks.create(audience_id, url)))

    def update_webhook(self, audience_id: str, webhook_id: str, *, url: str | None = None) -> Webhook:
        """Make the webhook tell of everything again, at another URL where one is given. Safe to repeat."""
        answer = self._ask_member(audience_id, hooks.update(audience_id, webhook_id, url=url))
        return hooks.to_webhook(answer or {})

    def delete_webhook(self, audience_id: str, webhook_id: str) -> bool:
        """Delete the webhook; return False when it, or its audience, was gone already. Safe to repeat."""
        try:
            self._transport.send(hooks.delete(audience_id, webhook_id))
        except Gone:
            return False
        return True

    # Batches

    def start_batch(self, operations: Iterable[Operation]) -> Batch:
        """Start a batch; its operations run later and in any order. Not safe to repeat."""
        return batches.to_batch(self._ask(batches.start(operations)))

    def batch(self, batch_id: str) -> Batch:
        """Return how far the batch is, with a new address of its results (Mailchimp keeps them 7 days)."""
        return batches.to_batch(self._ask(batches.read_one(batch_id)))

    def stop_batch(self, batch_id: str) -> bool:
        """Stop the batch; return False when it was gone already. Safe to repeat."""
        try:
            self._transport.send(batches.stop(batch_id))
        except Gone:
            return False
        return True

    def batch_results(self, batch: Batch) -> Iterator[OperationResult]:
        """Yield the result of every operation of a finished batch, in any order. Safe to repeat.

        The address of the results works for ten minutes: one that has run out is asked for anew, once.
        Raises Gone when there are no results (any more), before the first is yielded.
        """
        with ExitStack() as opened:
            try:
                archive = opened.enter_context(self._archive_of(batch))
            except Gone:
                archive = opened.enter_context(self._archive_of(self.batch(batch.id)))
            yield from batches.results(archive)

    def _archive_of(self, batch: Batch) -> AbstractContextManager[IO[bytes]]:
        if not batch.response_body_url:
            raise Gone("gone")
        return self._transport.download(batch.response_body_url)

    # How calls are made

    def _ask(self, request: Request) -> dict[str, Any]:
        return self._transport.send(request) or {}

    def _ask_audience(self, request: Request) -> dict[str, Any]:
        """Ask what needs nothing but the audience, so that a 404 can mean only that."""
        try:
            return self._ask(request)
        except Gone as error:
            raise Gone("audience_gone", status=error.status, instance=error.instance) from error

    def _ask_member(self, audience_id: str, request: Request) -> dict[str, Any] | None:
        """Ask about something in the audience; a 404 is told apart from a 404 of the audience."""
        try:
            return self._transport.send(request)
        except Gone:
            self.audience(audience_id)
            raise

    def _all(
        self, ask: Callable[[Request], dict[str, Any]], page: Callable[[int], Request], key: str
    ) -> list[dict[str, Any]]:
        """All items of all pages."""
        found: list[dict[str, Any]] = []
        while True:
            items = maps(ask(page(len(found))).get(key))
            found += items
            if len(items) < PAGE_LIMIT:
                return found
