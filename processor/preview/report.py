"""What a preview found, in words: the balance of both sides, sample people, and what stands in the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processor.domain import exclusions
from processor.domain.actions import HERE, WORDS, Action
from processor.domain.catalogue import Words, words
from processor.errors import NotFound
from processor.kit import Kit
from processor.preflight import Finding, finding_of, is_young
from processor.preview.row import PreviewRow, row_of
from processor.store import connections, runs
from processor.store.runs import RunKind, RunRow, RunState

SAMPLES = -1
"""The page of a run that holds its sample rows: it goes when the others go."""


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """How many people one thing happens to, or who are left alone for one reason, and up to five of them.
    `code` is an Action or an Exclusion."""

    code: str
    title: str
    explained: str
    count: int
    samples: Sequence[PreviewRow]


@dataclass(frozen=True, slots=True)
class TroubleLine:
    """What Mailchimp would not take: of how many people, in words that name one of them. `code` is the
    catalogue's."""

    code: str
    field: str | None
    count: int
    title: str
    happened: str
    todo: str
    samples: Sequence[PreviewRow]


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """The newest preview of a connection. While it runs there are only `phase`, `done` and `total`; `words`
    say why one has failed.

    One person may be in several lines. `people` are all who were looked at on both sides, each once;
    `unchanged` those of them who are as they should be. `billed` is how many contacts the sync adds to what
    Mailchimp counts, `counted_now` what its account counts as subscribed now.
    """

    run: RunRow
    is_young: bool
    words: Words | None
    phase: str
    done: int
    total: int
    people: int = 0
    unchanged: int = 0
    billed: int = 0
    counted_now: int = 0
    to_mailchimp: Sequence[BalanceLine] = ()
    to_platform: Sequence[BalanceLine] = ()
    left_alone: Sequence[BalanceLine] = ()
    cannot_be_sent: Sequence[TroubleLine] = ()
    findings: Sequence[Finding] = ()

    @property
    def is_done(self) -> bool:
        """Whether there are numbers."""
        return self.run.state is RunState.DONE

    @property
    def is_ended(self) -> bool:
        """Whether nothing more comes: it is done, failed or was cancelled."""
        return self.run.finished_at is not None


def latest(kit: Kit, connection_id: str) -> PreviewReport | None:
    """Return the connection's newest preview, however far it is; None where there is none yet.

    Raises NotFound for a connection that is not there, StoreDown.
    """
    with kit.store.read() as c:
        connection = connections.get(c, connection_id)
        if connection is None:
            raise NotFound(f"There is no connection “{connection_id}”.")
        run = runs.latest(c, connection_id, RunKind.PREVIEW)
        if run is None:
            return None
        kept = runs.page(c, run.id, SAMPLES) if run.state is RunState.DONE else []
    told = None
    if run.state is RunState.FAILED:
        told = words(run.code or "internal", detail=run.detail, audience=connection.audience_name)
    head = PreviewReport(run, is_young(run, connection, kit.now()), told, run.phase, run.done, run.total)
    return _with_numbers(head, kept) if run.state is RunState.DONE else head


def _with_numbers(head: PreviewReport, kept: Sequence[Mapping[str, Any]]) -> PreviewReport:
    what = head.run.what
    samples: dict[str, list[PreviewRow]] = defaultdict(list)
    for sample in kept:
        samples[sample["of"]].append(row_of(sample["row"]))
    lines = list(_actions(what["actions"], samples))
    return PreviewReport(
        head.run,
        head.is_young,
        head.words,
        head.phase,
        head.done,
        head.total,
        people=what["people"],
        unchanged=what["unchanged"],
        billed=what["billed"],
        counted_now=what["counted_now"],
        to_mailchimp=[line for line in lines if line.code not in HERE],
        to_platform=[line for line in lines if line.code in HERE],
        left_alone=list(_left_alone(what["left_alone"], samples)),
        cannot_be_sent=[_trouble(code, field, n, samples) for code, field, n in what["problems"]],
        findings=[finding_of(found) for found in what["findings"]],
    )


def _actions(
    counted: Mapping[str, int], samples: Mapping[str, Sequence[PreviewRow]]
) -> Iterator[BalanceLine]:
    for action in Action:
        if counted.get(action):
            said = WORDS[action]
            found = samples.get(f"action:{action}", ())
            yield BalanceLine(action, said.title, said.explained, counted[action], found)


def _left_alone(
    counted: Mapping[str, int], samples: Mapping[str, Sequence[PreviewRow]]
) -> Iterator[BalanceLine]:
    for reason, count in sorted(counted.items(), key=lambda item: -item[1]):
        said = exclusions.words(reason)
        yield BalanceLine(reason, said.title, said.happened, count, samples.get(f"left:{reason}", ()))


def _trouble(
    code: str, field: str | None, count: int, samples: Mapping[str, Sequence[PreviewRow]]
) -> TroubleLine:
    found = samples.get(trouble_key(code, field), ())
    facts: dict[str, Any] = {}
    for row in found[:1]:
        same = [t for t in row.troubles if (t.code, t.field) == (code, field)]
        facts = {"name": row.address, "email": row.address}
        facts |= {"value": same[0].value, "detail": same[0].message} if same else {}
    said = words(code, field=field, **facts)
    return TroubleLine(code, field, count, said.title, said.happened, said.todo, found)


def trouble_key(code: str, field: str | None) -> str:
    """Return under which name the samples of a trouble are kept."""
    return f"trouble:{code}:{field or ''}"


def rows(kit: Kit, run_id: str) -> Iterator[PreviewRow]:
    """Yield every person of a preview, page by page, each read by itself so that a slow reader holds nothing.

    Safe to repeat. Nothing comes for a preview whose list is not kept any more. Raises StoreDown.
    """
    n = SAMPLES
    while True:
        with kit.store.read() as c:
            found = runs.page_after(c, run_id, n)
        if found is None:
            return
        n, page = found
        for kept in page:
            yield row_of(kept)
