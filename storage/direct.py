"""Statements of every post, asked of the driver itself: a tenth of a millisecond of bookkeeping less for each.

Only for reading, and only what `EXPLAIN` has been looked at for. What is written goes through sessions.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Dialect, Select, TextClause
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]
LISTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # lengths for which a statement is written out; more go in slices


class Direct:
    """A SELECT whose values are `bindparam`s, at most one of them a list (`expanding=True`, named in `many`).

    Of a text, every value comes as the driver gives it.
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any] | TextClause, many: str | None = None) -> None:
        self.statement, self.many = statement, many
        self.columns = [] if isinstance(statement, TextClause) else list(statement.selected_columns)
        self._written = lru_cache(maxsize=64)(self._write)

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Row]:
        """The rows. Raises what SQLAlchemy raises. A list may be of any length; of an empty one there are none."""
        if self.many is None:
            return self._ask(connection, values, 1)
        some: Collection[Any] = values[self.many]
        wanted, found = list(some), []
        for start in range(0, len(wanted), LISTS[-1]):
            part = wanted[start : start + LISTS[-1]]
            length = next(length for length in LISTS if length >= len(part))
            padded = part + part[-1:] * (length - len(part))
            found += self._ask(connection, {**values, self.many: padded}, length)
        return found

    def _ask(self, connection: Connection, values: Mapping[str, Any], length: int) -> list[Row]:
        written = self._written(connection.dialect, length)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(written.text, written.arguments(values))
            return written.rows(list(cursor.fetchall()))
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                written.text, None, error, connection.dialect.loaded_dbapi.Error, True, dialect=connection.dialect
            ) from error
        finally:
            cursor.close()

    def _write(self, dialect: Dialect, length: int) -> "_Written":
        return _Written(self, dialect, length)


class _Written:
    """A statement as one driver takes it, for a list of one length."""

    def __init__(self, direct: Direct, dialect: Dialect, length: int) -> None:
        compiled = direct.statement.compile(dialect=dialect)
        given = compiled.params if direct.many is None else {**compiled.params, direct.many: [None] * length}
        state = compiled.construct_expanded_state(given)
        self.text = state.statement
        self._constants = {name: value for name, value in state.parameters.items() if value is not None}
        places = {name: at for at, name in enumerate(state.parameter_expansion.get(direct.many or "", ()))}
        converts = {
            name: one.type.dialect_impl(dialect).bind_processor(dialect) for name, one in compiled.binds.items()
        }
        converts |= state.processors
        self._order = state.positiontup
        self._values = [
            (name, str(direct.many) if name in places else name, places.get(name), converts.get(name))
            for name in dict.fromkeys(self._order or state.parameters)
        ]
        self._convert = [
            (at, convert)
            for at, column in enumerate(direct.columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]

    def arguments(self, values: Mapping[str, Any]) -> Any:
        given: dict[str, Any] = {**self._constants, **values}
        told: dict[str, Any] = {}
        for name, key, at, convert in self._values:
            value = given[key] if at is None else given[key][at]
            told[name] = value if convert is None else convert(value)
        return told if self._order is None else [told[name] for name in self._order]

    def rows(self, found: list[Row]) -> list[Row]:
        if not self._convert:
            return found
        return [self._converted(row) for row in found]

    def _converted(self, row: Row) -> Row:
        told = list(row)
        for at, convert in self._convert:
            told[at] = convert(told[at])
        return tuple(told)
