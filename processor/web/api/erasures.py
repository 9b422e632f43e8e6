"""Erasing one person, as the law asks, and how far that is."""

from __future__ import annotations

from processor import erase
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.erasure import ErasureAnswer, erasure_answer


def begin(call: Call[Nothing, None]) -> Reply:
    """Erase a contact on both sides."""
    row = erase.erase(call.kit, call.path["account"], call.path["id"])
    return Reply(erasure_answer(row), 200 if row.finished_at else 202)


def read(call: Call[Nothing, None]) -> Reply:
    """Tell how far an erasure is."""
    return Reply(erasure_answer(erase.get(call.kit, call.path["erasure"], call.caller.account_id)))


OPERATIONS = (
    Operation(
        "POST",
        "/v1/accounts/{account}/contacts/{id:path}/erase",
        "eraseContact",
        "Erase a person",
        handler=begin,
        answers={200: ErasureAnswer, 202: ErasureAnswer},
        description="The contact, its history and everything kept about it go for good, and the member is "
        "deleted for good in every connected audience, whatever the settings say. What cannot be done at "
        "once is done as soon as Mailchimp answers; nobody brings them back meanwhile. Safe to repeat. "
        "Afterwards only the person themselves can come back, by a sign-up form of Mailchimp's.",
    ),
    Operation(
        "GET",
        "/v1/erasures/{erasure}",
        "readErasure",
        "See how far an erasure is",
        handler=read,
        answers={200: ErasureAnswer},
    ),
)
