"""What every source of customers is, and how a row of one becomes a customer.

A source is read as a whole (then what it no longer tells is gone) or for what changed since the last reading.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.customer import Customer
from domain.post import Rejected
from listeners.customers import customer
from listeners.values import BadRow

Cursor = dict[str, Any]
Columns = Mapping[str, str]
BATCH_ROWS = 1000
UNUSABLE = "unusable_emails"
_EMAIL = re.compile(r"[^@\s;,<>\"]+@[^@\s;,<>\"]+")


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """Part of one reading. Whoever takes it stores it and its `cursor` in one transaction.

    `whole` readings tell every customer; the first and the last batch of a reading say so. `gone` are ids that the
    source itself says are deleted. `waiting` is how many rows of this reading are still to come, where that is known.
    A source without news gives one empty batch that is first and last.
    """

    cursor: Cursor
    customers: Sequence[Customer] = ()
    gone: Sequence[str] = ()
    rejected: Sequence[Rejected] = ()
    whole: bool = False
    first: bool = False
    last: bool = False
    waiting: int | None = None


@dataclass(frozen=True, slots=True)
class BadCustomer(Rejected):
    """A row that cannot be used, but says whose it is: the source tells of him all the same."""

    customer_id: str = ""


class CustomerSource(Protocol):
    """One source of customers.

    Errors: `Transient(retry_after)` for what may work later, `Permanent` for a credential that no longer holds,
    `BadInput` or `Misconfigured` for what a person must mend. No source sleeps.
    """

    kind: str

    def changed_since(self, cursor: Cursor | None) -> Iterator[SourceBatch]:
        """What changed since the cursor, batch by batch; None asks for everything.

        It may be begun again from any cursor: what is told twice is the same customer by his id.
        """
        ...

    def check(self) -> str:
        """A question that costs little: what its access is worth, in a few words. Raises as `changed_since` does."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class Reread:
    """A source that is read whole from time to time, and between for what changed.

    `_now` is its clock (UTC), `_whole_every` how long a whole reading is good for; a cursor keeps as `reading` which of
    the two is under way, as `whole_at` when the last whole one began.
    """

    _now: Callable[[], datetime]
    _whole_every: timedelta

    def changed_since(self, cursor: Cursor | None) -> Iterator[SourceBatch]:
        """Everything, or what changed since the last reading began."""
        place = dict(cursor or {})
        if place.get("reading") == "whole" or self._is_due(place):
            yield from self._whole(place)
        else:
            yield from self._changes(place)

    def _is_due(self, place: Cursor) -> bool:
        whole_at = place.get("whole_at")
        return whole_at is None or self._now() - datetime.fromisoformat(whole_at) >= self._whole_every

    def _whole(self, place: Cursor) -> Iterator[SourceBatch]:
        raise NotImplementedError

    def _changes(self, place: Cursor) -> Iterator[SourceBatch]:
        raise NotImplementedError


def read_row(row: Mapping[str, Any], columns: Columns, source: str, number: int | None = None) -> Customer | Rejected:
    """A row as a customer. `columns` names the source's columns by our fields, several of a field joined by `;`.

    E-mail addresses that are none do not cost the customer: they are kept as the attribute `unusable_emails`.
    """
    values = _mapped(row, columns)
    emails = values.get("emails")
    parts = emails if isinstance(emails, list) else [part for part in str(emails or "").split(";") if part.strip()]
    unusable = [str(part) for part in parts if not _EMAIL.fullmatch(str(part).strip())]
    if unusable:
        values["emails"] = [part for part in parts if str(part) not in unusable]
        values[UNUSABLE] = unusable
    try:
        return customer(values)
    except BadRow as error:
        told = str(values.get("customer_id") or "").strip()
        return BadCustomer(f"crm:{source}", f"{told}: {error}" if told else str(error), "", number, told)


def _mapped(row: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """The row under our names; what is not mapped keeps its own."""
    taken = {name.strip() for spec in columns.values() for name in spec.split(";")}
    values = {name: value for name, value in row.items() if name not in taken and name not in columns}
    for field, spec in columns.items():
        found = [row[name.strip()] for name in spec.split(";") if row.get(name.strip()) not in (None, "")]
        if found:
            values[field] = found[0] if ";" not in spec else ";".join(map(str, found))
    return values


def sorted_rows(
    rows: Sequence[Mapping[str, Any]], columns: Columns, source: str
) -> tuple[list[Customer], list[Rejected]]:
    """Rows as customers, and those that are none."""
    read = [read_row(row, columns, source) for row in rows]
    return [one for one in read if isinstance(one, Customer)], [one for one in read if isinstance(one, Rejected)]
