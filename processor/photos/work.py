"""What a worker does for the photos of one connection: look at the gallery, then carry what is due.

Up to four workers share a connection (`turn.places`); a photo is held by one. Whoever dies is noticed, and
the photo taken over (`tick`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from processor.broker import PHOTOS
from processor.domain.connection import LIVE
from processor.domain.photo import Errand
from processor.errors import MailchimpError, StorageDown, StoreDown, Unfit
from processor.halt import Stopped, halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.mailchimp.client import Mailchimp
from processor.photos.bring import bring
from processor.photos.look import look
from processor.photos.send import send
from processor.photos.settle import DONE, Later, failed, put_off, settle
from processor.storage import sweep_scratch
from processor.store import connections, photos_claim
from processor.store.changes import Origin
from processor.store.connections import ConnectionRow
from processor.store.photos import PhotoRow
from processor.turn import any_turn

logger = logging.getLogger(__name__)

BATCH = 8
"""Photos claimed at once: each takes a call of its own, and whoever dies with them holds up no more."""


def carry(kit: Kit, connection_id: str) -> int:
    """Carry a few of the connection's due photos. Returns how many were claimed.

    Safe to repeat and to run anywhere at once. Rings again while there is more. Raises StoreDown.
    """
    kit.bell.answered(PHOTOS, connection_id)
    with any_turn(kit, PHOTOS, connection_id) as mine, bind(connection=connection_id):
        done = _some(kit, connection_id) if mine else 0
    if done:
        kit.bell.ring(PHOTOS, [connection_id])
    return done


def _some(kit: Kit, connection_id: str) -> int:
    with kit.store.read() as c:
        connection = connections.get(c, connection_id)
    if connection is None or connection.state not in LIVE:
        return 0  # kept until somebody lets the connection go on
    look(kit, connection)
    began = kit.now()
    with kit.store.write() as c:
        rows = photos_claim.claim_due(
            c,
            connection_id,
            limit=BATCH,
            now=began,
            lease_seconds=kit.settings.lease_seconds,
            worker=kit.worker,
        )
    if not rows:
        sweep_scratch(kit.storage.scratch)
        return 0
    if len(rows) == BATCH:
        kit.bell.ring(PHOTOS, [connection_id])  # there is more: another worker may join
    is_stopped = Stopped(kit, connection_id)
    try:
        _each(kit, connection, rows, lambda: kit.enough(began) or is_stopped())
        with kit.store.write() as c:
            photos_claim.hand_back(c, [rows[0].claim or ""], kit.now())
    except StoreDown:
        kit.left_claims.append(rows[0].claim or "")
        raise
    return len(rows)


def _each(kit: Kit, connection: ConnectionRow, rows: Sequence[PhotoRow], enough: Callable[[], bool]) -> None:
    try:
        mailchimp = kit.mailchimp(connection)
        for row in rows:
            if enough():
                return
            _one(kit, mailchimp, row)
    except MailchimpError as error:  # one that means the connection: everything else would fail like it
        halt(kit, connection.id, error)


def _one(kit: Kit, mailchimp: Mailchimp, row: PhotoRow) -> None:
    """Carry one photo, and settle whatever becomes of it. Raises only what means the whole connection."""
    try:
        if row.errand == Errand.PUSH and row.digest is not None:
            send(kit, mailchimp, row)
        elif row.errand == Errand.PULL and row.file_id is not None:
            bring(kit, mailchimp, row)
        else:  # nothing to be done for it
            settle(kit, row, Origin.BOTHWAYS, "settled", **{**DONE, "state": row.state, "reason": row.reason})
    except StoreDown:
        raise
    except MailchimpError as error:
        if is_halting(error):
            raise
        failed(kit, row, error.code, detail=error.detail, instance=error.instance)
    except Later as wait:
        put_off(kit, row, wait.until)
    except (Unfit, StorageDown) as error:
        failed(kit, row, error.code)
    except Exception:
        logger.exception("a photo failed")
        failed(kit, row, "internal")
    say(logger, logging.DEBUG, "photo carried", photo=row.id, errand=row.errand)
