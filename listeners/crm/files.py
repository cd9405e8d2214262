"""Customers from a file, or from all files that a pattern names. They are read again as a whole when one has changed.

A file that is written to meanwhile may be half a file: such a reading does not come to its end.

cursor = {"files": {"crm/customers.csv": [size, mtime_ns]}}
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from domain.customer import Customer
from domain.errors import BadInput, Transient
from domain.post import Rejected
from listeners.crm.base import BATCH_ROWS, Columns, Cursor, SourceBatch, read_row
from listeners.customers import CUSTOMER_REQUIRED
from listeners.records import about_rows, read_rows

CHANGING_SECONDS = 60.0


class FileSource:
    """A path or a glob pattern; a reading takes every file that is there."""

    kind = "file"

    def __init__(self, name: str, pattern: Path, columns: Columns) -> None:
        self._name, self._pattern, self._columns = name, pattern, columns

    def changed_since(self, cursor: Cursor | None) -> Iterator[SourceBatch]:
        """The whole, where a file has changed since the last reading ended."""
        seen = self._seen()
        if cursor and cursor.get("files") == seen:
            yield SourceBatch(cursor, first=True, last=True)
            return
        counts = [about_rows(Path(path)) for path in seen]
        total = None if None in counts else sum(count or 0 for count in counts)
        rows, taken = self._rows(), 0
        batch = list(islice(rows, BATCH_ROWS))
        while True:
            following = list(islice(rows, BATCH_ROWS))
            first, last = taken == 0, not following
            taken += len(batch)
            if last and self._seen() != seen:
                raise Transient(f"{self._pattern}: has changed while it was read", CHANGING_SECONDS)
            yield SourceBatch(
                {"files": seen} if last else (cursor or {}),
                [row for row in batch if isinstance(row, Customer)],
                rejected=[row for row in batch if isinstance(row, Rejected)],
                whole=True,
                first=first,
                last=last,
                waiting=0 if last else total and max(0, total - taken),
            )
            if last:
                return
            batch = following

    def check(self) -> str:
        """Whether there is a file."""
        count = len(self._paths())
        return f"{count} file{'s' if count > 1 else ''}"

    def close(self) -> None:
        """Nothing stays open."""

    def _paths(self) -> list[Path]:
        pattern = self._pattern
        found = sorted(path for path in pattern.parent.glob(pattern.name) if path.is_file())
        if not found:
            raise BadInput(f"{pattern}: no such file")
        return found

    def _seen(self) -> dict[str, list[int]]:
        stats = {str(path): path.stat() for path in self._paths()}
        return {path: [stat.st_size, stat.st_mtime_ns] for path, stat in stats.items()}

    def _rows(self) -> Iterator[Customer | Rejected]:
        required = () if self._columns else CUSTOMER_REQUIRED
        for path in self._paths():
            for row in read_rows(path, required):
                if isinstance(row, Rejected):
                    yield row
                else:
                    yield read_row(row.values, self._columns, self._name, row.line)
