"""One reading of a source of customers: each batch, its marks and its cursor are stored in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient, VigieError
from domain.post import Rejected
from listeners.crm.base import BadCustomer, CustomerSource, SourceBatch
from routing.crm import import_customers
from storage.brands import lock_brand
from storage.customer_file import Imported
from storage.database import Database
from storage.sources import Place, gone, locked_source, no_longer_told, pause_source, source_place, told

Advance = Callable[[int, int | None], None]  # rows of a batch, rows that are known to wait
REASONS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Synced:
    """What one reading did. `reasons` are the first rows that could not be used, and why."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    rejected: int = 0
    gone: int = 0
    back: int = 0
    whole: bool = False
    reasons: tuple[str, ...] = ()

    def __add__(self, other: "Synced") -> "Synced":
        counts = ("rows", "new", "changed", "same", "rejected", "gone", "back")
        return Synced(
            **{name: getattr(self, name) + getattr(other, name) for name in counts},
            whole=self.whole or other.whole,
            reasons=(*self.reasons, *other.reasons)[:REASONS_TOLD],
        )


def sync_source(
    database: Database,
    brand: Brand,
    name: str,
    source: CustomerSource,
    now: Callable[[], datetime],
    advance: Advance | None = None,
) -> Synced:
    """Read a source to its end. What was stored before an error stays, and the error is raised once it is noted.

    Raises what the source raises; the next reading goes on where this one ended.
    """
    with database.begin() as session:
        lock_brand(session, brand.id)
        place = source_place(session, brand.id, name, source.kind)
    total = Synced()
    try:
        for batch in source.changed_since(dict(place.cursor) or None):
            done, place = _take(database, brand, place, batch, now())
            total += done
            if advance is not None:
                advance(len(batch.customers) + len(batch.rejected), batch.waiting)
    except (Transient, Permanent, BadInput, Misconfigured) as error:
        with database.begin() as session:
            pause_source(session, place, " ".join(str(error).split()), _retry_at(error, now()))
        raise
    return total


def _take(database: Database, brand: Brand, place: Place, batch: SourceBatch, now: datetime) -> tuple[Synced, Place]:
    with database.begin() as session:
        done = import_customers(session, brand, batch.customers, now)
        source = locked_source(session, place)
        if batch.first:
            source.pass_number += 1
            source.rejected = 0
        session.flush()
        back = told(session, source, _ids(batch))
        left = gone(session, source, batch.gone, now)
        if batch.last:
            left += no_longer_told(session, source, now) if batch.whole else 0
            source.whole_at = now
        source.cursor, source.moved_at, source.waiting = dict(batch.cursor), now, 0 if batch.last else batch.waiting
        source.rejected += len(batch.rejected)
        source.paused = source.retry_at = None
        place = Place(place.id, dict(batch.cursor), source.pass_number)
    return _counts(batch, done, left, back), place


def _ids(batch: SourceBatch) -> set[str]:
    """Of whom a batch tells; a row that cannot be used tells of its customer too."""
    refused = {row.customer_id for row in batch.rejected if isinstance(row, BadCustomer)}
    return {customer.customer_id for customer in batch.customers} | refused


def _counts(batch: SourceBatch, done: Imported, left: int, back: int) -> Synced:
    return Synced(
        rows=len(batch.customers) + len(batch.rejected),
        new=done.new,
        changed=done.changed,
        same=done.same,
        rejected=len(batch.rejected),
        gone=left,
        back=back,
        whole=batch.whole,
        reasons=tuple(map(_reason, batch.rejected[:REASONS_TOLD])),
    )


def _reason(rejected: Rejected) -> str:
    return f"line {rejected.line}: {rejected.reason}" if rejected.line else rejected.reason


def _retry_at(error: VigieError, now: datetime) -> datetime | None:
    seconds = getattr(error, "retry_after", None)
    return None if seconds is None else now + timedelta(seconds=seconds)
