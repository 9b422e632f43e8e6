"""Tables for spreadsheets: CSV in UTF-8, with a mark that Excel knows it by. Pure.

Every cell is quoted, and one that a spreadsheet could take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

MARK = "\ufeff"
"""Without it Excel reads UTF-8 as the letters of an old code page."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may take for a formula (OWASP, CSV injection)."""
_CUT = re.compile(r"[;|\t\r\n][\s\"]*(?=[=+\-@＝＋－＠])")
LINES = 500
"""Lines that are made at a time."""


def as_csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the table in pieces of some hundred lines."""
    text = io.StringIO()
    text.write(MARK)
    sheet = csv.writer(text, quoting=csv.QUOTE_ALL)
    sheet.writerow(head)
    for n, row in enumerate(rows, start=1):
        sheet.writerow([defused(cell) for cell in row])
        if n % LINES == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def defused(cell: str) -> str:
    """Return the cell so that no spreadsheet takes it, or what stands behind a mark in it by which some cut
    lines into cells, for a formula."""
    inside = _CUT.sub(lambda found: f"{found[0]}'", cell)
    return f"'{inside}" if inside.startswith(DANGEROUS) else inside
