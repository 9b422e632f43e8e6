"""Batches: what is sent, and what comes out of an archive of results, however it is made."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.contact import MemberStatus, subscriber_hash
from processor.errors import Gone, MailchimpError, NotUnderstood, Passing
from processor.mailchimp import batches, members
from processor.mailchimp.batches import Operation, OperationResult
from processor.mailchimp.client import Mailchimp
from tests.mailchimp.conftest import Stage

JO = "jo@maple-street.test"


def archive(files: dict[str, bytes | None]) -> io.BytesIO:
    """A tar.gz with these files; None makes a folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def written(operation_id: str, status: int, body: Any) -> dict[str, Any]:
    """One result as Mailchimp writes it: JSON inside JSON."""
    return {
        "operation_id": operation_id,
        "status_code": status,
        "response": json.dumps(body) if body is not None else "",
    }


def test_every_file_of_the_results_is_walked() -> None:
    """A folder first, an empty file, and the results spread over files, whatever their names."""
    packed = archive(
        {
            "./": None,
            "./a.json": json.dumps([written("one", 200, {"id": "1"}), written("two", 204, None)]).encode(),
            "./b.json": b"[]",
            "../../etc/passwd": json.dumps([written("three", 404, {"status": 404})]).encode(),
        }
    )
    assert list(batches.results(packed)) == [
        OperationResult("one", 200, {"id": "1"}),
        OperationResult("two", 204, None),
        OperationResult("three", 404, {"status": 404}),
    ]


def test_a_result_is_a_member_or_the_error_that_the_call_would_have_raised() -> None:
    """Batches and single calls speak the same words."""
    good = OperationResult("a", 200, {"id": "x", "email_address": JO, "status": "subscribed"})
    assert good.error is None
    assert good.member.email == JO
    gone = OperationResult("b", 404, {"title": "Resource Not Found", "status": 404, "detail": "…"})
    assert isinstance(gone.error, Gone)
    with pytest.raises(NotUnderstood):
        _ = OperationResult("c", 204, None).member


@pytest.mark.parametrize("cut", [0, 10, 60, 200])
def test_a_broken_archive_can_be_fetched_again(cut: int) -> None:
    """Cut short anywhere: Passing, never a half list taken for a whole one."""
    whole = archive({"a.json": json.dumps([written(str(n), 200, {"n": n}) for n in range(500)]).encode()})
    with pytest.raises(Passing):
        list(batches.results(io.BytesIO(whole.getvalue()[:cut])))


@pytest.mark.parametrize("content", [b"<html>", b"{", b"[1]", b"[" * 100_000, b'{"a": 1}'])
def test_results_that_are_no_results_can_be_fetched_again(content: bytes) -> None:
    """A file that is not a list of results is Passing."""
    with pytest.raises(Passing):
        list(batches.results(archive({"a.json": content})))


def test_an_archive_cannot_unpack_without_end() -> None:
    """A few kilobytes that unpack to more than is allowed are stopped on the way."""
    bomb = archive({"a.json": b" " * 50_000_000})
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(MailchimpError) as refusal:
        list(batches.results(bomb, max_bytes=1_000_000))
    assert refusal.value.code == "refused"
    entry = tarfile.TarInfo("a.json")
    entry.size = batches.MAX_FILE_BYTES + 1
    with pytest.raises(MailchimpError):
        list(batches.results(io.BytesIO(gzip.compress(entry.tobuf()))))


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_results_or_a_mailchimp_error(content: bytes, packed: bool) -> None:
    """No archive raises anything else."""
    raw = io.BytesIO(gzip.compress(content) if packed else content)
    try:
        list(batches.results(raw))
    except MailchimpError:
        return


def test_operations_are_written_as_mailchimp_reads_them() -> None:
    """Path below /3.0, parameters as text, the body as JSON inside JSON."""
    change = members.change("abc", subscriber_hash(JO), merge_fields={"FNAME": "Zoë"})
    request = batches.start([Operation("one", change), Operation("two", members.read_one("abc", JO))])
    one, two = request.json["operations"]
    assert one == {
        "method": "PATCH",
        "path": f"/lists/abc/members/{subscriber_hash(JO)}",
        "operation_id": "one",
        "body": one["body"],
    }
    assert json.loads(one["body"]) == {"merge_fields": {"FNAME": "Zoë"}}
    assert two["params"]["fields"]
    assert "body" not in two


def finished(mailchimp: Mailchimp, batch_id: str) -> batches.Batch:
    """The batch once it is finished."""
    for _ in range(500):
        batch = mailchimp.batch(batch_id)
        if batch.is_finished:
            return batch
        time.sleep(0.02)
    raise AssertionError("the batch did not finish")


def test_a_batch_from_start_to_results(stage: Stage, mailchimp: Mailchimp) -> None:
    """Started, watched, its results fetched without the token, each operation's answer understood."""
    people = [f"m{n}@maple-street.test" for n in range(20)]
    stage.put(*({"email_address": email} for email in people))
    operations = [
        Operation(email, members.change(stage.audience_id, email, merge_fields={"FNAME": "Ann"}))
        for email in [*people, "stranger@maple-street.test"]
    ]
    batch = mailchimp.start_batch(operations)
    assert batch.total_operations == 21
    done = finished(mailchimp, batch.id)
    assert (done.finished_operations, done.errored_operations) == (21, 1)
    results = {result.operation_id: result for result in mailchimp.batch_results(done)}
    assert isinstance(results.pop("stranger@maple-street.test").error, Gone)
    assert {key: (r.error, r.member.merge_fields["FNAME"]) for key, r in results.items()} == dict.fromkeys(
        people, (None, "Ann")
    )
    assert stage.control.leaks() == []
    assert done.response_body_url is not None
    assert done.response_body_url not in repr(done)


def test_an_address_of_results_that_has_run_out_is_asked_for_anew(stage: Stage, mailchimp: Mailchimp) -> None:
    """After ten minutes the old address is dead; the results come all the same."""
    stage.put({"email_address": JO})
    change = members.change(stage.audience_id, JO, status=MemberStatus.UNSUBSCRIBED)
    done = finished(mailchimp, mailchimp.start_batch([Operation("jo", change)]).id)
    stage.control.clock(700)
    try:
        [result] = mailchimp.batch_results(done)
    finally:
        stage.control.clock(0)
    assert result.member.status is MemberStatus.UNSUBSCRIBED


def test_a_batch_is_stopped_and_stopping_it_again_is_no_error(stage: Stage, mailchimp: Mailchimp) -> None:
    """The first stops it, the second finds nothing."""
    change = members.change(stage.audience_id, JO, merge_fields={"FNAME": "Ann"})
    batch = mailchimp.start_batch([Operation(str(n), change) for n in range(50)])
    assert mailchimp.stop_batch(batch.id) is True
    assert mailchimp.stop_batch(batch.id) is False
    with pytest.raises(Gone):
        list(mailchimp.batch_results(batch))
