"""Customers from any database that SQLAlchemy can ask, by a query of the operator's.

    cursor = {"since": ["2026-11-02T10:00:00+00:00", "time"], "whole_at": "2026-11-02T10:00:00+00:00"}

Changes are asked for from five minutes before the newest that was told, because a transaction may show its rows later
than it stamped them; of a column that is no time, from the newest itself.

Rows are streamed: by a server-side cursor where the driver has one. Only reading is done, in a transaction that is
taken back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from domain.errors import Misconfigured, Transient
from listeners.crm.base import BATCH_ROWS, Columns, Cursor, SourceBatch, sorted_rows

OVERLAP = timedelta(minutes=5)


class SqlSource:
    """One query. With `changed_column` (a column of its result) a reading asks for what changed; the whole comes
    every `whole_every` all the same, because nothing else tells what was deleted."""

    kind = "sql"

    def __init__(
        self,
        name: str,
        url: str,
        query: str,
        columns: Columns,
        now: Callable[[], datetime],
        changed_column: str = "",
        whole_every: timedelta = timedelta(hours=24),
    ) -> None:
        self._name, self._columns, self._now = name, columns, now
        self._query = query.strip().rstrip(";").replace(":", "\\:")  # no parameters of SQLAlchemy's are in it
        self._changed, self._whole_every = changed_column, whole_every
        try:
            self._engine = create_engine(_with_driver(make_url(url)), hide_parameters=True)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
            what = str(error).partition("\n")[0] if isinstance(error, (NoSuchModuleError, ModuleNotFoundError)) else ""
            raise Misconfigured(f"customers.sources.{name}: the database URL cannot be used {what}".strip()) from error

    def changed_since(self, cursor: Cursor | None) -> Iterator[SourceBatch]:
        """Everything, or what changed since the newest change that was told."""
        place, whole, began = dict(cursor or {}), self._is_due(cursor), self._now()
        newest = None if whole else _value(place.get("since"))
        since = newest - OVERLAP if isinstance(newest, datetime) else newest
        with self._reading() as connection:
            rows = self._stream(connection, since)
            total = self._count(connection, since)
            taken, batch = 0, list(islice(rows, BATCH_ROWS))
            while True:
                following = list(islice(rows, BATCH_ROWS))
                newest = self._newest(batch, newest)
                customers, rejected = sorted_rows(self._plain(batch), self._columns, self._name)
                first, last = taken == 0, not following
                taken += len(batch)
                if last:
                    place["since"] = _told(newest)
                    place["whole_at"] = began.isoformat() if whole else place.get("whole_at")
                yield SourceBatch(
                    dict(place) if last else dict(cursor or {}),
                    customers,
                    rejected=rejected,
                    whole=whole,
                    first=first,
                    last=last,
                    waiting=max(0, total - taken),
                )
                if last:
                    return
                batch = following

    def check(self) -> str:
        """How many rows the query has."""
        with self._reading() as connection:
            return f"{self._engine.dialect.name}, {self._count(connection, None)} rows"

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _is_due(self, cursor: Cursor | None) -> bool:
        if not cursor or not self._changed or not cursor.get("whole_at") or not cursor.get("since"):
            return True
        return self._now() - datetime.fromisoformat(cursor["whole_at"]) >= self._whole_every

    def _plain(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows without what says when they changed: a new stamp alone is no change."""
        mapped = {name.strip() for spec in self._columns.values() for name in spec.split(";")}
        stamp = {self._changed} - mapped
        return [{name: _readable(value) for name, value in row.items() if name not in stamp} for row in batch]

    def _newest(self, batch: list[dict[str, Any]], newest: Any) -> Any:
        told = [row[self._changed] for row in batch if row.get(self._changed) is not None] if self._changed else []
        return max([*told, newest] if newest is not None else told, default=newest)

    def _stream(self, connection: Connection, since: Any) -> Iterator[dict[str, Any]]:
        order = f" ORDER BY {self._column()}" if self._changed else ""
        result = connection.execution_options(yield_per=BATCH_ROWS).execute(
            text(f"SELECT * FROM ({self._query}) told{self._condition(since)}{order}"),  # noqa: S608 - the operator's
            self._values(since),
        )
        if self._changed and self._changed not in result.keys():  # noqa: SIM118 - a result is no mapping
            raise Misconfigured(
                f"customers.sources.{self._name}: the query has no column {self._changed!r} (changed_column)"
            )
        return (dict(row) for row in result.mappings())

    def _count(self, connection: Connection, since: Any) -> int:
        counted = text(f"SELECT count(*) FROM ({self._query}) told{self._condition(since)}")  # noqa: S608
        return int(connection.execute(counted, self._values(since)).scalar_one())

    def _condition(self, since: Any) -> str:
        return "" if since is None else f" WHERE {self._column()} >= :since"

    def _values(self, since: Any) -> dict[str, Any]:
        return {} if since is None else {"since": since}

    def _column(self) -> str:
        return f"told.{self._engine.dialect.identifier_preparer.quote(self._changed)}"

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise Transient(f"customers.sources.{self._name}: {_first_line(error)}", 60) from error
        except (DBAPIError, SQLAlchemyError) as error:
            raise Misconfigured(f"customers.sources.{self._name}: the query failed: {_first_line(error)}") from error


def _with_driver(url: URL) -> URL:
    """PostgreSQL by the driver that is installed with us."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _readable(value: Any) -> Any:
    """A value of a database's own kind as files have it; a picture or another binary value is none."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    if isinstance(value, (UUID, time, timedelta)):
        return str(value)
    return None if isinstance(value, (bytes, bytearray, memoryview)) else value


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0][:300]


def _told(value: Any) -> list[Any] | None:
    """A value of the changed column as JSON."""
    if isinstance(value, datetime):
        return [value.isoformat(), "time"]
    if isinstance(value, date):
        return [value.isoformat(), "date"]
    return None if value is None else [value if isinstance(value, (int, str)) else float(value), "plain"]


def _value(told: list[Any] | None) -> Any:
    if told is None:
        return None
    value, kind = told
    return datetime.fromisoformat(value) if kind == "time" else date.fromisoformat(value) if kind == "date" else value
