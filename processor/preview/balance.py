"""Adds people up: how many of each kind, and the first few of them as examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from processor.domain.actions import ADDS, BILLED
from processor.preflight import Foreseen
from processor.preview.report import trouble_key
from processor.preview.row import PreviewRow, row_json

SAMPLES = 5


class Balance:
    """What was counted so far. Each person adds to every line that they belong to."""

    def __init__(self) -> None:
        self._actions: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._troubles: Counter[tuple[str, str | None]] = Counter()
        self._samples: dict[str, list[PreviewRow]] = {}
        self._people = 0
        self._unchanged = 0

    def add(self, rows: Iterable[PreviewRow]) -> None:
        """Count these people."""
        for row in rows:
            self._people += 1
            for action in row.actions:
                self._actions[action] += 1
                self._keep(f"action:{action}", row)
            for of in dict.fromkeys((trouble.code, trouble.field) for trouble in row.troubles):
                self._troubles[of] += 1
                self._keep(trouble_key(*of), row)
            if row.actions or row.troubles:
                continue
            if row.left_alone:
                self._left[row.left_alone] += 1
                self._keep(f"left:{row.left_alone}", row)
            else:
                self._unchanged += 1

    def _keep(self, of: str, row: PreviewRow) -> None:
        kept = self._samples.setdefault(of, [])
        if len(kept) < SAMPLES:
            kept.append(row)

    @property
    def foreseen(self) -> Foreseen:
        """What the findings depend on. Whoever lacks a required field was to be added as well."""
        refused = sum(n for (code, _), n in self._troubles.items() if code == "field_required")
        return Foreseen(sum(self._actions[action] for action in ADDS) + refused, self._billed)

    @property
    def _billed(self) -> int:
        return sum(self._actions[action] for action in BILLED)

    def samples(self) -> list[dict[str, Any]]:
        """Return the examples as a page of the run keeps them."""
        return [{"of": of, "row": row_json(row)} for of, rows in self._samples.items() for row in rows]

    def counted(self) -> dict[str, Any]:
        """Return the numbers as the run keeps them."""
        return {
            "people": self._people,
            "unchanged": self._unchanged,
            "billed": self._billed,
            "actions": dict(self._actions),
            "left_alone": dict(self._left),
            "problems": [[code, field, n] for (code, field), n in self._troubles.most_common()],
        }
