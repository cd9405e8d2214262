"""Tables as CSV that a spreadsheet opens without running anything in them."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
Cell = str | int | float | None


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """RFC 4180 with a byte-order mark, so that spreadsheets read it as UTF-8.

    A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP "CSV Injection").
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def safe_cell(cell: Cell) -> Cell:
    """Numbers as they are; texts without formula starts and without NUL."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\x00", "")
    return "'" + cell if cell.lstrip(" ").startswith(FORMULA_STARTS) else cell
