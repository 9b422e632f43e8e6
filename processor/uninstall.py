"""Undoes an installation in one step: our webhooks, the token, the settings and the stored copies go; the
people stay where they are; a receipt says so.

It works while Mailchimp is down: what cannot be deleted there at once is deleted by the clock later, and
until then the webhook's URL answers 410, at which Mailchimp switches it off by itself (facts.md 1.7).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from processor.broker import COLLECT, PHOTOS, PREVIEW, PROCESS, PUSH, SWEEP, UNINSTALL
from processor.domain.connection import LEAVING, ConnectionState
from processor.domain.event import UNSETTLED
from processor.domain.plan import MemberState
from processor.erasing import PlaceState, delete_before_leaving
from processor.errors import Gone, MailchimpError, NotFound, Passing, Reconnect, StorageDown
from processor.hook import take_away
from processor.kit import Kit
from processor.log import bind, say
from processor.store import (
    Connection,
    batches,
    connections,
    contacts,
    erasures,
    hooks,
    inbox,
    members,
    photos,
    receipts,
    runs,
)
from processor.store.connections import ConnectionRow
from processor.store.ids import new_id
from processor.store.receipts import ReceiptRow
from processor.store.runs import RunKind, RunState
from processor.turn import places, turn

logger = logging.getLogger(__name__)

TRY_AGAIN = timedelta(minutes=1)
GIVE_UP = timedelta(days=7)
"""By then Mailchimp, answered 410 at every delivery, has long switched the webhook off."""
SOON = timedelta(seconds=2)
PATIENCE = 10
"""How often, within two seconds, whoever works on the connection is waited for."""
WORK = (PROCESS, *places(PUSH), COLLECT, SWEEP, PREVIEW, *places(PHOTOS))


def uninstall(kit: Kit, connection_id: str) -> ReceiptRow:
    """Stop the connection's work at once, take away what is ours, and return the receipt.

    Where Mailchimp does not answer, the receipt is not finished and the clock goes on. Safe to repeat: the
    second time returns the same receipt. Raises NotFound, StoreDown.
    """
    with kit.store.read() as c:
        known = receipts.of_connection(c, connection_id)
    if known is None:
        kit.store.write_retrying(lambda c: _begin(kit, c, connection_id))
    for _ in range(PATIENCE):
        done = finish(kit, connection_id)
        receipt = _receipt(kit, connection_id)
        if done or (receipt.next_try_at or kit.now()) - kit.now() > SOON:
            break
        kit.stopping.wait(SOON.total_seconds() / PATIENCE)  # a worker is just finishing
    return _receipt(kit, connection_id)


def _receipt(kit: Kit, connection_id: str) -> ReceiptRow:
    with kit.store.read() as c:
        receipt = receipts.of_connection(c, connection_id)
    if receipt is None:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return receipt


def _begin(kit: Kit, c: Connection, connection_id: str) -> None:
    now = kit.now()
    row = connections.get(c, connection_id)
    if row is None:
        raise NotFound(f"There is no connection “{connection_id}”.")
    if row.state in LEAVING:
        return
    for hook in hooks.for_connection(c, connection_id):
        hooks.mark_gone(c, hook.token_hash)
    connections.set_state(c, connection_id, ConnectionState.REMOVING, now)
    for kind in RunKind:
        run = runs.unfinished(c, connection_id, kind)
        if run is not None:
            runs.end(c, run.id, RunState.CANCELLED, now)
    receipts.begin(
        c,
        ReceiptRow(
            id=new_id("rcp"),
            account_id=row.account_id,
            connection_id=connection_id,
            account_name=row.account_name,
            audience_name=row.audience_name,
            what=_counted(c, row),
            begun_at=now,
            finished_at=None,
            next_try_at=now,
        ),
    )
    say(logger, logging.INFO, "uninstalling", connection=connection_id)


def foresee(kit: Kit, connection_id: str) -> dict[str, Any]:
    """Return what uninstalling would say now, in the form of a receipt's `what`: what would go, what would
    stay, and what would not be delivered any more. Changes nothing. Raises NotFound, StoreDown."""
    with kit.store.read() as c:
        row = connections.get(c, connection_id)
        if row is None:
            raise NotFound(f"There is no connection “{connection_id}”.")
        return _counted(c, row)


_WITHDRAW = "Access can also be withdrawn in Mailchimp, where your account lists its connected apps."
_STILL_USED = (
    "Another audience of this Mailchimp account is still connected: leave our access in Mailchimp as it is, "
    "or that one stops too."
)


def _is_used_beside(c: Connection, row: ConnectionRow) -> bool:
    """Whether the account has another connection of the same Mailchimp account, which needs its access."""
    return any(
        other.id != row.id and other.mailchimp_account == row.mailchimp_account and other.state not in LEAVING
        for other in connections.for_account(c, row.account_id)
    )


def _counted(c: Connection, row: ConnectionRow) -> dict[str, Any]:
    """What was still under way, and what stays where, as it is when the work stops."""
    by_state = members.counts(c, row.id)
    by_status = inbox.counts(c, row.id)
    of_photos = photos.counts(c, row.id)
    return {
        "not_delivered": {
            "changes_for_mailchimp": by_state.get(MemberState.WAITING, 0),
            "photos_on_their_way": of_photos[MemberState.WAITING],
            "deliveries_from_mailchimp": sum(by_status.get(status, 0) for status in UNSETTLED),
        },
        "removed": {
            "token": row.token_sealed is not None,
            "settings": True,
            "links_between_contacts_and_members": sum(by_state.values()),
            "stored_deliveries": sum(by_status.values()),
            **receipts.beside(c, row.id),
            "photos": sum(of_photos.values()),
            "webhooks": 0,
        },
        "stays": {
            "contacts_on_the_platform": contacts.count(c, row.account_id),
            "members_in_mailchimp": "all of them, as they are",
            "pictures_in_mailchimp": "all of them, as they are",
        },
        "to_do": [_STILL_USED if _is_used_beside(c, row) else _WITHDRAW],
    }


def finish(kit: Kit, connection_id: str) -> bool:
    """Do what is left of an uninstalling. Returns whether it is finished.

    Safe to repeat and to run anywhere at once. Raises StoreDown.
    """
    kit.bell.answered(UNINSTALL, connection_id)
    with ExitStack() as held, bind(connection=connection_id):
        # Whoever works on this connection now finishes first; nobody begins while it is being removed.
        turns = [held.enter_context(turn(kit, kind, connection_id)) for kind in (UNINSTALL, *WORK)]
        with kit.store.read() as c:
            row = connections.get(c, connection_id)
            receipt = receipts.of_connection(c, connection_id)
        if receipt is None or receipt.finished_at is not None:
            return True
        if not all(turns):
            return _later(kit, connection_id, SOON)
        taken, left = 0, None
        try:
            if row is not None:
                _stop_batches(kit, row)
                _erase_who_asked(kit, row)
            if row is not None and row.audience_id:
                taken = take_away(kit, row)
        except MailchimpError as error:
            if isinstance(error, Passing) and kit.now() - receipt.begun_at < GIVE_UP:
                return _later(kit, connection_id, TRY_AGAIN)
            left = _why_left(error)
        try:
            kit.storage.delete_all(connection_id)
        except StorageDown:
            return _later(kit, connection_id, TRY_AGAIN)
        _forget(kit, connection_id, _in_the_end(receipt.what, taken, left))
        return True


def _stop_batches(kit: Kit, row: ConnectionRow) -> None:
    """Stop what Mailchimp is still to carry out for us. Safe to repeat. Raises Passing, Reconnect."""
    with kit.store.read() as c:
        under_way = batches.of_connection(c, row.id)
    for batch in under_way:
        with _going_on_refused():
            kit.mailchimp(row).stop_batch(batch.batch_id)


def _erase_who_asked(kit: Kit, row: ConnectionRow) -> None:
    """Carry out erasures that wait for this audience: afterwards nobody could. Safe to repeat. Raises
    Passing, Reconnect."""
    with kit.store.read() as c:
        waiting = erasures.unfinished(c, row.account_id)
    for one in waiting:
        places = list(one.places)
        for n, place in enumerate(places):
            if place["connection_id"] == row.id and place["state"] == PlaceState.WAITING:
                with _going_on_refused():
                    places[n] = delete_before_leaving(kit, row, place)
        if places != list(one.places):
            with kit.store.write() as c:
                erasures.change(c, one.id, places=places)


@contextmanager
def _going_on_refused() -> Iterator[None]:
    """A refusal of one thing does not keep the rest from being taken away."""
    try:
        yield
    except (Passing, Reconnect):
        raise
    except MailchimpError as error:
        say(logger, logging.WARNING, "left as it is while uninstalling", code=error.code)


def _later(kit: Kit, connection_id: str, wait: timedelta) -> bool:
    with kit.store.write() as c:
        receipts.put_off(c, connection_id, kit.now() + wait)
    return False


def _why_left(error: MailchimpError) -> str | None:
    """What to say when our webhook could not be deleted for good; None when there is none any more."""
    if isinstance(error, Gone):
        return None
    if isinstance(error, Reconnect):
        return (
            "Our webhook could not be deleted, since Mailchimp had withdrawn our access. "
            "Its address now answers that it is gone, and Mailchimp switches it off by itself."
        )
    return (
        "Our webhook could not be deleted. Its address now answers that it is gone; you may delete it there."
    )


def _in_the_end(what: Mapping[str, Any], taken: int, left: str | None) -> dict[str, Any]:
    removed = {**what["removed"], "webhooks": taken}
    return {**what, "removed": removed, "to_do": [*([left] if left else []), *what["to_do"]]}


def _forget(kit: Kit, connection_id: str, what: Mapping[str, Any]) -> None:
    def in_one_transaction(c: Connection) -> None:
        receipts.forget_connection(c, connection_id)
        receipts.finish(c, connection_id, what, kit.now())

    kit.store.write_retrying(in_one_transaction)
    say(logger, logging.INFO, "uninstalled", connection=connection_id)


def receipt_json(receipt: ReceiptRow) -> dict[str, Any]:
    """Return a receipt for programs."""
    return {
        "id": receipt.id,
        "account": receipt.account_id,
        "connection": receipt.connection_id,
        "mailchimp_account": receipt.account_name,
        "audience_name": receipt.audience_name,
        "begun_at": receipt.begun_at,
        "finished_at": receipt.finished_at,
        **receipt.what,
    }


def receipt_lines(receipt: ReceiptRow) -> list[str]:
    """Return a receipt in words, a line each."""
    what = receipt.what
    removed, waiting = what["removed"], what["not_delivered"]
    where = receipt.account_name
    if receipt.audience_name:
        where = f"“{receipt.audience_name}” of {where}"
    lines = [f"Receipt {receipt.id}: {where} is disconnected."]
    if receipt.finished_at is None:
        lines.append("Mailchimp does not answer now: our webhook is deleted there as soon as it does.")
    else:
        lines.append(f"Deleted in Mailchimp: {many(removed['webhooks'], 'webhook')} of ours, nothing else.")
    lines.append(f"Deleted here: the access token, the settings, {_copies(removed)}.")
    if any(waiting.values()):
        lines.append(
            f"Not delivered any more: {many(waiting['changes_for_mailchimp'], 'change')} for Mailchimp, "
            f"{many(waiting['deliveries_from_mailchimp'], 'delivery', 'deliveries')} from Mailchimp"
            + (f", {many(waiting['photos_on_their_way'], 'photo')}." if _photos_waited(waiting) else ".")
        )
    else:
        lines.append("Nothing was waiting to be delivered.")
    stays = many(what["stays"]["contacts_on_the_platform"], "contact")
    pictures = " and every picture" if removed.get("photos") else ""
    lines.append(f"Stays: {stays} on the platform; in Mailchimp every member{pictures}, as they are.")
    return lines + list(what["to_do"])


def _photos_waited(waiting: Mapping[str, Any]) -> bool:
    return bool(waiting.get("photos_on_their_way"))


def _copies(removed: Mapping[str, Any]) -> str:
    parts = [
        f"{many(removed['links_between_contacts_and_members'], 'link')} between contacts and members",
        many(removed["stored_deliveries"], "stored delivery", "stored deliveries"),
    ]
    if removed.get("previews"):
        parts.append(many(removed["previews"], "preview"))
    if removed.get("first_syncs"):
        parts.append(many(removed["first_syncs"], "record of a first sync", "records of first syncs"))
    if removed.get("photos"):
        parts.append(many(removed["photos"], "photo") + " kept here")
    if removed.get("batches"):
        parts.append(many(removed["batches"], "batch under way", "batches under way"))
    return ", ".join(parts)


def many(count: int, one: str, several: str | None = None) -> str:
    """Return a count with its noun: `1 contact`, `2 contacts`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
