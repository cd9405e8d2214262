"""Many rows at once: ids for new ones, one statement that inserts them, a search for many values.

What SQLAlchemy makes of a list of rows is an INSERT for each pattern of NULLs, and one for each row where their
ids are asked back. PostgreSQL takes rows by COPY in half the time of prepared statements.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, Connection, Select, String, Table, Text, any_, bindparam, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.elements import ColumnElement

from storage.tables import Base

Row = Mapping[str, Any]
Values = tuple[Any, ...]
MANY_VALUES = 10_000


def next_ids(session: Session, table: type[Base], count: int) -> Sequence[int]:
    """Values of `id` for rows that are yet to be inserted.

    On SQLite they are what it would give itself: a transaction that writes is the only one.
    """
    if not _is_postgresql(session):
        last = session.scalar(select(func.max(_of(table).c.id))) or 0
        return range(last + 1, last + count + 1)
    sequence = select(func.pg_get_serial_sequence(table.__tablename__, "id")).scalar_subquery()  # looked up once
    return session.scalars(select(func.nextval(sequence)).select_from(func.generate_series(1, count))).all()


def insert_rows(session: Session, table: type[Base], rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns. Defaults of other columns do not apply."""
    if not rows:
        return
    connection, names = session.connection(), list(rows[0])
    quote = connection.dialect.identifier_preparer.quote
    columns = f"{quote(table.__tablename__)} ({', '.join(map(quote, names))})"
    values = _values(connection, _of(table), names, rows)
    if _is_postgresql(session):
        _copy(connection, f"COPY {columns} FROM STDIN", values)
    else:
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"INSERT INTO {columns} VALUES ({marks})", list(values))  # noqa: S608  our columns


def among(session: Session, column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """`column IN values`; many values (numbers or text) are one parameter, of which SQLite has 32,766."""
    if not _is_postgresql(session):
        return column.in_(values if len(values) <= MANY_VALUES else _listed(values))
    kind = Text() if isinstance(column.type, String) else column.type  # a cast to VARCHAR(n) would cut values off
    return column == any_(bindparam(None, list(values), ARRAY(kind)))


def _listed(values: Collection[Any]) -> Select[tuple[Any]]:
    told = func.json_each(json.dumps(list(values))).table_valued("value")
    return select(told.c.value)


def look_at(session: Session, *tables: type[Base]) -> None:
    """PostgreSQL learns how many rows tables have, and how many different values, where it never looked at the first.

    By itself it looks after a minute; until then it takes every table for empty and reads all of it.
    """
    names = [table.__tablename__ for table in tables]
    rows = text("SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)")
    if _is_postgresql(session) and session.scalar(rows, {"name": names[0]}) < 0:
        session.execute(text(f"ANALYZE {', '.join(names)}"))


def _of(table: type[Base]) -> Table:
    return cast("Table", table.__table__)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _values(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row]) -> Iterator[Values]:
    """The rows as the driver takes them."""
    dialect = connection.dialect
    binds = [(name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]
    return (tuple([row[name] if bind is None else bind(row[name]) for name, bind in binds]) for row in rows)


def _copy(connection: Connection, statement: str, values: Iterable[Values]) -> None:
    from psycopg import Error

    cursor: Any = connection.connection.cursor()
    try:
        with cursor, cursor.copy(statement) as copy:
            for row in values:
                copy.write_row(row)
    except Error as error:
        raise DBAPIError.instance(
            statement, None, error, Error, hide_parameters=True, dialect=connection.dialect
        ) from error
