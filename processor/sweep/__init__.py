"""Goes round an audience: heals what webhooks missed, and looks whether our webhook is still there.

Two passes, what was archived and what else changed since the watermark; and now and then everybody, with a
comparison that alone finds members who were deleted for good (facts.md 4.6). The first sync of a connection
is a sweep that starts from the beginning. Where it is, is written down after each page: whoever takes it over
goes on there, after a kill as after a deploy. What would change too many contacts here stops at a brake.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from processor import brake, first_sync
from processor.brake import Braked
from processor.broker import PUSH, SWEEP
from processor.errors import MailchimpError, StoreDown
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.sweep.course import Course, Interrupted, put_off, set_out
from processor.sweep.cursor import Step
from processor.sweep.everybody import as_it_is_now, bring_in_the_new, find_the_gone, look_after_the_hook
from processor.sweep.reading import read_both
from processor.turn import turn

__all__ = ["Healed", "sweep"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Healed:
    """What one sweep found, interruptions included: members read, contacts changed, members that were
    gone."""

    seen: int = 0
    changed: int = 0
    gone: int = 0


def sweep(kit: Kit, connection_id: str, *, full: bool = False) -> Healed | None:
    """Go round the connection's audience once, or go on where somebody was interrupted. Returns what was
    found, or None where it may not work, could not come to its end, or somebody else is at it.

    Safe to repeat, also after a crash in the middle: what was read already makes empty plans.
    """
    kit.bell.answered(SWEEP, connection_id)
    with turn(kit, SWEEP, connection_id) as mine, bind(connection=connection_id):
        course = set_out(kit, connection_id, mine, full=full) if mine else None
        if course is None:
            return None
        try:
            return _go_round(kit, course)
        except Interrupted:
            return None
        except Braked as stopped:
            brake.stop(kit, connection_id, stopped.found)
        except MailchimpError as error:
            _stopped(kit, connection_id, error)
        except StoreDown:
            raise
        except Exception:
            put_off(kit, connection_id)  # or it would be begun again at once, and fail again
            raise
        return None


def _go_round(kit: Kit, course: Course) -> Healed:
    mailchimp = kit.mailchimp(course.connection)
    expected = as_it_is_now(kit, course, mailchimp) if course.cursor.full else 0
    read_both(course, mailchimp, expected)
    if course.cursor.full:
        if course.cursor.step is Step.GONE and course.cursor.after is None:
            look_after_the_hook(kit, course)
        find_the_gone(kit, course, mailchimp)
        bring_in_the_new(kit, course)
    course.finish()
    kit.bell.ring(PUSH, [course.connection.id])
    first_sync.look(kit, course.connection.id)
    cursor = course.cursor
    say(
        logger,
        logging.INFO,
        "swept",
        full=cursor.full,
        seen=cursor.seen,
        changed=cursor.changed,
        gone=cursor.gone,
    )
    return Healed(cursor.seen, cursor.changed, cursor.gone)


def _stopped(kit: Kit, connection_id: str, error: MailchimpError) -> None:
    if is_halting(error):
        halt(kit, connection_id, error)
        return
    say(logger, logging.WARNING, "sweep put off", code=error.code)
    first_sync.held(kit, connection_id, error.code)
    put_off(kit, connection_id)
