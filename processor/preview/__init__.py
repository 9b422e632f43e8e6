"""Shows what a sync would change, on both sides, before anything is changed.

Both sides are read in full, the archived, the unsubscribed and the bounced included, and compared by the
same `reconcile` that the sync uses (`converge.foresee`). The result is a run with its time: numbers in
`RunRow.what`, and one row for each person, packed in pages.
"""

from __future__ import annotations

from processor.preview.begin import begin
from processor.preview.carry_out import carry_out
from processor.preview.report import BalanceLine, PreviewReport, TroubleLine, latest, rows
from processor.preview.row import Difference, PreviewRow, Trouble
from processor.preview.sheet import as_csv, newest_csv

__all__ = [
    "BalanceLine",
    "Difference",
    "PreviewReport",
    "PreviewRow",
    "Trouble",
    "TroubleLine",
    "as_csv",
    "begin",
    "carry_out",
    "latest",
    "newest_csv",
    "rows",
]
