"""Looks at the fields of an audience again, and lets the map follow what the marketer changed of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from processor.broker import PUSH, SWEEP
from processor.domain.contact import Member
from processor.domain.event import Event
from processor.domain.field_changes import (
    FieldNews,
    as_stored,
    differs,
    follow,
    from_stored,
    with_strange,
)
from processor.domain.mapping import AudienceField
from processor.domain.policy import FieldKind, FieldRule
from processor.errors import MailchimpError
from processor.kit import Kit
from processor.log import say
from processor.mailchimp.client import Mailchimp
from processor.store import Connection, connections, members, reviews
from processor.store.connections import ConnectionRow

logger = logging.getLogger(__name__)

LOOK_AGAIN = frozenset({"field_required", "field_value", "refused", "unsettled"})
"""Why somebody fails that other rules about fields may change."""


def refresh(
    kit: Kit, connection: ConnectionRow, mailchimp: Mailchimp, *, compare: bool = True
) -> ConnectionRow:
    """Read the audience's merge fields, one call, and its groups where interests are mapped, and let the map
    follow them. Returns the connection as it is then. With `compare` everybody is compared anew soon where
    that changed a rule.

    Safe to repeat. Raises MailchimpError, StoreDown.
    """
    found = mailchimp.audience_fields(connection.audience_id or "")
    rules = (*connection.policy.fields, *connection.policy.gone)
    interests: frozenset[str] | None = None
    if any(rule.kind is FieldKind.INTEREST for rule in rules):
        interests = frozenset(one.id for one in mailchimp.audience_interests(connection.audience_id or ""))
    return _write(kit, connection, found, frozenset(), compare=compare, interests=interests)


def look_again(kit: Kit, connection: ConnectionRow) -> None:
    """Look at the fields anew at once, because of what Mailchimp answered. A refusal is put off until the
    next sweep. Safe to repeat. Raises StoreDown."""
    try:
        refresh(kit, connection, kit.mailchimp(connection))
    except MailchimpError as error:
        say(logger, logging.WARNING, "the fields could not be looked at", code=error.code)


def lacks_a_field(connection: ConnectionRow, sent: Collection[str], answer: Member | None) -> bool:
    """Whether a field that was sent, by the platform's names, is not in the answer, or whether interests were
    refused: the marketer may have changed it in Mailchimp, of which no webhook tells."""
    return any(_is_missing(rule, answer) for rule in connection.policy.fields if rule.field in sent)


def _is_missing(rule: FieldRule, answer: Member | None) -> bool:
    if rule.kind is FieldKind.INTEREST:
        return answer is None or rule.target not in answer.interests
    return rule.kind is FieldKind.MERGE and answer is not None and rule.target not in answer.merge_fields


def heed(kit: Kit, connection: ConnectionRow, letters: Sequence[Event]) -> None:
    """Look at the fields again where a webhook names others than those that are known, once for each such
    difference. A refusal is put off until the next sweep. Safe to repeat. Raises StoreDown."""
    known = from_stored(connection.audience_fields)
    said = [merges for one in letters if isinstance(merges := one.data.get("merges"), Mapping) and merges]
    if not any(differs(connection.policy, known, merges) for merges in said):
        return
    try:
        found = kit.mailchimp(connection).audience_fields(connection.audience_id or "")
    except MailchimpError as error:
        say(logger, logging.WARNING, "the fields could not be looked at", code=error.code)
        return
    policy, now_known = follow(connection.policy, known, found, kit.now())
    still = frozenset[str]().union(*(differs(policy, now_known, merges) for merges in said))
    _write(kit, connection, found, still, compare=True)


def _write(
    kit: Kit,
    connection: ConnectionRow,
    found: Sequence[AudienceField],
    strange: frozenset[str],
    *,
    compare: bool,
    interests: frozenset[str] | None = None,
) -> ConnectionRow:
    def in_one_transaction(c: Connection) -> tuple[ConnectionRow, list[FieldNews]]:
        before = connections.get(c, connection.id)
        if before is None or before.audience_id != connection.audience_id:
            return connection, []
        known = from_stored(before.audience_fields)
        policy, now_known = follow(before.policy, known, found, kit.now(), interests)
        now_known = with_strange(now_known, strange)
        if (policy, now_known) == (before.policy, known):
            return before, []
        rules_changed = (policy.fields, policy.gone) != (before.policy.fields, before.policy.gone)
        if rules_changed:  # members before connections
            members.look_again(c, connection.id, LOOK_AGAIN, kit.now())
        row = connections.lock(c, connection.id)
        if row is None or row.policy != before.policy:
            return row or before, []  # somebody saved the map meanwhile, with the fields as they are
        connections.update(c, row.id, kit.now(), policy=policy, audience_fields=as_stored(now_known))
        if rules_changed:
            reviews.mark(c, [row.id], kit.now())
        if rules_changed and compare:
            connections.hasten_full_sweep(c, row.id, kit.now(), timedelta(0))
        old = known.told if known else ()
        return connections.get(c, row.id) or row, [one for one in now_known.told if one not in old]

    row, news = kit.store.write_retrying(in_one_transaction)
    for one in news:
        say(logger, logging.INFO, "a field changed in Mailchimp", field=one.field, change=one.what.value)
    if news and compare:
        kit.bell.ring(SWEEP, [row.id])
        kit.bell.ring(PUSH, [row.id])
    return row
