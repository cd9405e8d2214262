"""Pairs of records that may be one person: found by whom, and what somebody said of them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, Subquery, func, literal, select
from sqlalchemy.orm import Session

from domain.errors import BadInput
from storage import audit
from storage.brands import lock_brand
from storage.bulk import among, insert_rows
from storage.merges import kept_of, merge_customers
from storage.tables import CustomerKeyRow, CustomerRow, DuplicateRow

ANYWHERE = literal("")
BLOCKS: tuple[tuple[str, ColumnElement[str]], ...] = (
    ("email", ANYWHERE),
    ("phone", ANYWHERE),
    ("first", func.lower(CustomerRow.address)),
    ("last", func.lower(CustomerRow.address)),
    ("last", func.lower(CustomerRow.postal_code)),
    ("name", ANYWHERE),
)  # what records must share to be compared: a kind of key, and where they live


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two records by our keys, the lower one first; `score` is a probability."""

    first: int
    second: int
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pairs that may be one person, the surest first. `capped` keys are shared by too many to compare them."""

    pairs: tuple[Proposal, ...]
    compared: int
    capped: int
    cut_off: bool


def blocks(session: Session, brand_id: str, most: int) -> Iterator[list[int]]:
    """Records that share a key, the most telling kinds of keys first. Keys of more than `most` are nobody's own."""
    for held in _held(brand_id):
        size = func.count().over(partition_by=(held.c.hash, held.c.place)).label("size")
        sized = select(held, size).subquery()
        query = select(sized).where(sized.c.size.between(2, most)).order_by(sized.c.hash, sized.c.place, sized.c.key)
        rows = session.execute(query.execution_options(yield_per=1000))
        for _, members in groupby(rows, key=lambda row: (row.hash, row.place)):
            yield [row.key for row in members]


def capped_blocks(session: Session, brand_id: str, most: int) -> int:
    """How many keys are shared by more records than are compared."""
    return sum(_capped(session, held, most) for held in _held(brand_id))


def _capped(session: Session, held: Subquery, most: int) -> int:
    query = select(held.c.hash).group_by(held.c.hash, held.c.place).having(func.count() > most)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _held(brand_id: str) -> Iterator[Subquery]:
    """Which record (`key`) holds which key: a hash, for common names with the place beside it."""
    for kind, place in BLOCKS:
        query = select(CustomerKeyRow.customer_key.label("key"), CustomerKeyRow.hash, place.label("place"))
        query = query.where(CustomerKeyRow.brand_id == brand_id, CustomerKeyRow.kind == kind)
        if place is not ANYWHERE:
            query = query.join(CustomerRow, CustomerRow.id == CustomerKeyRow.customer_key).where(place != "")
        yield query.subquery()


def propose(session: Session, brand_id: str, found: Iterable[Proposal], maker: str, now: datetime) -> int:
    """Keep pairs for somebody to look at; those that are known already stay as they are. How many are new."""
    lock_brand(session, brand_id)
    pairs = {(one.first, one.second): one for one in found}
    known = select(DuplicateRow.first, DuplicateRow.second).where(
        DuplicateRow.brand_id == brand_id, among(session, DuplicateRow.first, sorted({pair[0] for pair in pairs}))
    )
    for first, second in session.execute(known).all():
        pairs.pop((first, second), None)
    rows = [
        {
            "brand_id": brand_id,
            "first": one.first,
            "second": one.second,
            "score": one.score,
            "reasons": list(one.reasons),
            "maker": maker,
            "proposed_at": now,
            "state": "waiting",
        }
        for one in pairs.values()
    ]
    insert_rows(session, DuplicateRow, rows)
    return len(rows)


def decided_pairs(session: Session, brand_id: str) -> set[tuple[int, int]]:
    """Pairs of which somebody said whether they are one person."""
    query = select(DuplicateRow.first, DuplicateRow.second)
    rows = session.execute(query.where(DuplicateRow.brand_id == brand_id, DuplicateRow.state != "waiting"))
    return {(first, second) for first, second in rows}


def waiting_duplicates(
    session: Session, brand_id: str, limit: int
) -> list[tuple[DuplicateRow, CustomerRow, CustomerRow]]:
    """What waits for somebody's word, the surest first, with both records; not those that are one person by now."""
    query = select(DuplicateRow).filter_by(brand_id=brand_id, state="waiting")
    rows = session.scalars(query.order_by(DuplicateRow.score.desc(), DuplicateRow.id).execution_options(yield_per=100))
    found: list[DuplicateRow] = []
    for part in rows.partitions():
        kept = kept_of(session, brand_id, {key for row in part for key in (row.first, row.second)})
        found += [row for row in part if kept.get(row.first, row.first) != kept.get(row.second, row.second)]
        if len(found) >= limit:
            break
    known = customers_of(session, {key for row in found[:limit] for key in (row.first, row.second)})
    return [(row, known[row.first], known[row.second]) for row in found[:limit]]


def customers_of(session: Session, keys: Collection[int]) -> dict[int, CustomerRow]:
    """Records by our keys."""
    query = select(CustomerRow).where(among(session, CustomerRow.id, sorted(keys)))
    return {row.id: row for row in session.scalars(query)} if keys else {}


def decide_duplicate(session: Session, brand_id: str, number: int, same: bool, actor: str, now: datetime) -> None:
    """Somebody's word on a pair: one person (then they are merged, reversibly), or two. Raises BadInput.

    A pair that is one person already, by way of a third record, waits for nobody: see `waiting_duplicates`.
    """
    lock_brand(session, brand_id)
    row = session.get(DuplicateRow, number, populate_existing=True)
    if row is None or row.brand_id != brand_id or row.state != "waiting":
        raise BadInput("somebody has decided this pair already")
    if same:
        both = customers_of(session, {row.first, row.second})
        merge_customers(session, brand_id, both[row.first].customer_id, both[row.second].customer_id, actor, now)
        return
    row.state, row.by, row.at = "different", actor, now
    for key, other in ((row.first, row.second), (row.second, row.first)):
        audit.record(session, brand_id, actor, "customers differ", f"customer:{key}", now, {"other": other})
