"""`/v1/accounts/{account}/contacts`: the platform writes and reads its contacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from processor import contacts, report
from processor.contacts import Written
from processor.domain.edit import ContactPatch, Edit
from processor.errors import Invalid
from processor.web import problem
from processor.web.api.asked import summary, told
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.contact import (
    BatchAnswer,
    BatchAsked,
    BatchContactAsked,
    BatchItemAnswer,
    ContactAnswer,
    ContactAsked,
    ContactToDelete,
    WriteStatus,
    WrittenAnswer,
    contact_answer,
)
from processor.web.models.history import ContactAskedFor, ContactsAnswer, ContactsAsked
from processor.web.models.problem import FieldError, ProblemAnswer

ONE = "/v1/accounts/{account}/contacts/{id:path}"
"""A path, because ids of platforms may have slashes in them (`gid://shop/Customer/7`)."""
BATCH = "/v1/accounts/{account}/contacts/batch"


def put(call: Call[Nothing, ContactAsked]) -> Reply:
    """Create or change one contact."""
    account, contact_id = call.path["account"], call.path["id"]
    if call.body.id not in {None, contact_id}:
        raise Invalid("The id of the body is not that of the address.", "id")
    done = contacts.put(call.kit, account, contact_id, call.body.patch(), call.caller.name)
    now = contact_answer(done.contact)
    if done.stale:
        return _stale(now)
    status = _status(done)
    answer = WrittenAnswer(**dict(now), status=status, notes=list(done.notes))
    return Reply(answer, 201 if status is WriteStatus.CREATED else 200)


def _stale(now: ContactAnswer) -> Reply:
    return Reply(
        status=409,
        problem={
            "detail": "The contact has changed since that version, and nothing was written. "
            "`contact` is how it is now: decide again, and send its version.",
            "code": "conflict",
            "contact": now.model_dump(mode="json"),
        },
    )


def get(call: Call[ContactAskedFor, None]) -> Reply:
    """Read one contact, as it is or as it was."""
    account, contact_id, moment = call.path["account"], call.path["id"], call.query.as_of
    if moment is not None:
        return Reply(ContactAnswer.model_validate(report.as_of(call.kit, account, contact_id, moment)))
    return Reply(contact_answer(contacts.get(call.kit, account, contact_id)))


def find(call: Call[ContactsAsked, None]) -> Reply:
    """Read all contacts, a page at a time."""
    page = contacts.page(call.kit, call.path["account"], after=call.query.after, limit=call.query.limit)
    answers = [contact_answer(contact) for contact in page.contacts]
    return Reply(ContactsAnswer(contacts=answers, cursor=page.cursor, changes=page.changes))


def delete(call: Call[ContactToDelete, None]) -> Reply:
    """Delete one contact."""
    account, contact_id = call.path["account"], call.path["id"]
    newer = contacts.delete(call.kit, account, contact_id, call.caller.name, version=call.query.version)
    return Reply(status=204) if newer is None else _stale(contact_answer(newer))


def batch(call: Call[Nothing, BatchAsked]) -> Reply:
    """Create or change up to 500 contacts, each on its own."""
    answers: list[BatchItemAnswer | str] = []
    patches: dict[str, ContactPatch] = {}
    for item in call.body.contacts:
        read = _read(item, patches)
        if isinstance(read, BatchItemAnswer):
            answers.append(read)
        else:
            patches[read.id] = read.patch()
            answers.append(read.id)
    written = contacts.put_many(call.kit, call.path["account"], patches, call.caller.name) if patches else []
    by_id = {one.contact_id: one for one in written}
    return Reply(
        BatchAnswer(contacts=[_item(by_id[one]) if isinstance(one, str) else one for one in answers])
    )


def _read(item: Any, patches: Mapping[str, ContactPatch]) -> BatchContactAsked | BatchItemAnswer:
    try:
        asked = BatchContactAsked.model_validate(item)
    except ValidationError as error:
        named = item.get("id") if isinstance(item, dict) else None
        return _refused(named if isinstance(named, str) else None, told(error, BatchContactAsked))
    if asked.id in patches:
        return _refused(asked.id, [("id", "This id is in the batch before; only that one was looked at.")])
    return asked


def _refused(contact_id: str | None, errors: list[tuple[str, str]], status: int = 422) -> BatchItemAnswer:
    problem_answer = ProblemAnswer(
        type="urn:bothways:problem:invalid",
        title="Unprocessable Content",
        status=status,
        detail=summary(errors),
        code="invalid",
        errors=[FieldError(field=field, message=message) for field, message in errors],
        contact=None,
    )
    return BatchItemAnswer(
        id=contact_id, status=WriteStatus.REFUSED, contact=None, problem=problem_answer, notes=[]
    )


def _item(written: Written) -> BatchItemAnswer:
    if written.edit is None:
        error = written.error
        assert error is not None
        field = (error.field if isinstance(error, Invalid) else None) or ""
        return _refused(written.contact_id, [(field, str(error))], problem.status_of(error))
    return BatchItemAnswer(
        id=written.contact_id,
        status=_status(written.edit),
        contact=contact_answer(written.edit.contact),
        problem=None,
        notes=list(written.edit.notes),
    )


def _status(done: Edit) -> WriteStatus:
    if done.stale:
        return WriteStatus.STALE
    if done.created:
        return WriteStatus.CREATED
    return WriteStatus.CHANGED if done.what else WriteStatus.UNCHANGED


OPERATIONS = (
    Operation(
        "POST",
        BATCH,
        "writeContacts",
        "Create or change up to 500 contacts",
        handler=batch,
        body=BatchAsked,
        answers={200: BatchAnswer},
        description="Each contact is written on its own, and the answers come in the order of the contacts.",
    ),
    Operation(
        "PUT",
        ONE,
        "writeContact",
        "Create or change a contact",
        handler=put,
        body=ContactAsked,
        answers={200: WrittenAnswer, 201: WrittenAnswer},
        refusals=(409,),
        description="What is named is set, `null` clears, what is not named is kept. Safe to repeat. "
        "With a `version` older than the stored one nothing is written: 409, with the contact as it is now.",
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/contacts",
        "listContacts",
        "Read all contacts",
        handler=find,
        query=ContactsAsked,
        answers={200: ContactsAnswer},
        description="For whoever begins, or has missed changes that are not kept any more: read every page, "
        "then the changes feed after the `changes` of the first page. Deleted contacts are left out.",
    ),
    Operation(
        "GET",
        ONE,
        "readContact",
        "Read a contact",
        handler=get,
        query=ContactAskedFor,
        answers={200: ContactAnswer},
        description="With `as_of`, as it was then.",
    ),
    Operation(
        "DELETE",
        ONE,
        "deleteContact",
        "Delete a contact",
        handler=delete,
        query=ContactToDelete,
        answers={204: None},
        refusals=(409,),
        description="What becomes of them in Mailchimp is the connection's rule. Safe to repeat. A call that "
        "may come late names the `version`: with one older than the stored nothing is deleted: 409, with "
        "the contact as it is now.",
    ),
)
