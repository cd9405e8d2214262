"""The customers of a brand: the look-ups of matching and contact. Records that are one person are one here.

What is taken in stands in `storage/customer_file.py`, who is one with whom in `storage/merges.py`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from domain.contact import Preference
from storage.merges import kept_of, records_of
from storage.tables import (
    AuthorRow,
    ConsentRow,
    ContactPointRow,
    CustomerRow,
    CustomerSegmentRow,
    IdentityRow,
    ObjectionRow,
    OrderRow,
    PreferenceRow,
)

MERGES_TOLD = 50  # an address of more records than these is nobody's own, whoever of them are one


def find_customer(session: Session, brand_id: str, customer_id: str) -> CustomerRow | None:
    """By the brand's own id."""
    return session.scalars(select(CustomerRow).filter_by(brand_id=brand_id, customer_id=customer_id)).one_or_none()


def current_points(session: Session, customer_key: int) -> list[ContactPointRow]:
    """The addresses that this record has now, in the order of the file."""
    query = select(ContactPointRow).where(ContactPointRow.customer_key == customer_key, ContactPointRow.until.is_(None))
    return list(session.scalars(query.order_by(ContactPointRow.kind, ContactPointRow.position, ContactPointRow.id)))


def sharers(session: Session, brand_id: str, kind: str, value: str) -> int:
    """How many customers hold this address now; records that are one person are one."""
    held = select(ContactPointRow.customer_key).where(
        ContactPointRow.brand_id == brand_id,
        ContactPointRow.kind == kind,
        ContactPointRow.value == value,
        ContactPointRow.until.is_(None),
    )
    count = session.scalar(select(func.count()).select_from(held.distinct().subquery())) or 0
    if not 1 < count <= MERGES_TOLD:
        return count
    keys = set(session.scalars(held))
    kept = kept_of(session, brand_id, keys)
    return len({kept.get(key, key) for key in keys})


def accounts_of(records: Collection[int]) -> Select[int]:
    """The authors whose accounts are declared or proven to belong to these records."""
    theirs = (
        (IdentityRow.brand_id == AuthorRow.brand_id)
        & (IdentityRow.network == AuthorRow.network)
        & (IdentityRow.account_id == AuthorRow.native_id)
    )
    known = IdentityRow.customer_key.in_(records) & IdentityRow.revoked_at.is_(None)
    return select(AuthorRow.id).join(IdentityRow, theirs).where(known)


def preference(session: Session, customer_key: int) -> Preference | None:
    """The strongest preference known: declared, then observed, then inferred; of two the newest."""
    query = select(PreferenceRow).filter_by(customer_key=customer_key)
    by_age = sorted(session.scalars(query), key=lambda row: (row.at is not None, row.at, row.id))
    rows = {row.source: row for row in by_age}
    for source in ("declared", "observed", "inferred"):
        if source in rows:
            return Preference(rows[source].channel, source, rows[source].at)
    return None


def segments_of(session: Session, customer: CustomerRow, records: Collection[int] = ()) -> frozenset[str]:
    """Every segment of a customer (of all these records of his): the one in the file and those whose rule fits."""
    mine = CustomerSegmentRow.customer_key.in_(sorted({customer.id, *records}))
    return frozenset(filter(None, (customer.segment, *session.scalars(select(CustomerSegmentRow.segment).where(mine)))))


def say_consent(
    session: Session, brand_id: str, customer_key: int, channel: str, purpose: str, status: str, now: datetime
) -> bool:
    """Keep a word of the customer on one channel; False where his last word said the same."""
    query = select(ConsentRow).filter_by(customer_key=customer_key, channel=channel, purpose=purpose)
    words = session.scalars(query).all()
    last = max(words, key=lambda row: (row.at, row.status != "granted"), default=None)
    if last is not None and last.status == status:
        return False
    # On the same instant a refusal is the stronger word: a permission after it is a moment later.
    at = now if last is None or last.at < now else last.at + timedelta(microseconds=1)
    row = ConsentRow(brand_id=brand_id, customer_key=customer_key, channel=channel, purpose=purpose, status=status)
    row.at = at
    session.add(row)
    session.flush()
    return True


def object_to(session: Session, brand_id: str, customer_key: int, topic: str, now: datetime) -> bool:
    """Keep a No of the customer; False where it was there."""
    if session.scalar(select(ObjectionRow.id).filter_by(customer_key=customer_key, topic=topic)) is not None:
        return False
    session.add(ObjectionRow(brand_id=brand_id, customer_key=customer_key, topic=topic, at=now))
    session.flush()
    return True


def declare_preference(session: Session, customer: CustomerRow, channel: str, how: str, now: datetime) -> None:
    """The customer said himself, on a page of ours (`how`), how he likes to be reached; other words stay beside it."""
    key = {"customer_key": customer.id, "source": "declared", "how": how}
    row = session.scalars(select(PreferenceRow).filter_by(**key)).one_or_none()
    if row is None:
        row = PreferenceRow(brand_id=customer.brand_id, **key)
        session.add(row)
    row.channel, row.at = channel, now
    session.flush()


def customers_by_order(session: Session, brand_id: str, normal_id: str) -> list[CustomerRow]:
    """The customers of an order number in its normal form."""
    query = (
        select(CustomerRow)
        .join(
            OrderRow,
            (OrderRow.brand_id == CustomerRow.brand_id) & (OrderRow.customer_id == CustomerRow.customer_id),
        )
        .where(OrderRow.brand_id == brand_id, OrderRow.normal_id == normal_id)
        .distinct()
    )
    return _one_each(session, brand_id, session.scalars(query).all())


def known_orders(session: Session, brand_id: str, normal_ids: Collection[str]) -> set[str]:
    """Which of these order numbers (normal forms) the brand has."""
    if not normal_ids:
        return set()
    query = select(OrderRow.normal_id).where(OrderRow.brand_id == brand_id, OrderRow.normal_id.in_(sorted(normal_ids)))
    return set(session.scalars(query))


def count_customers(session: Session, brand_id: str) -> int:
    """How many customers the brand knows."""
    return session.scalar(select(func.count(CustomerRow.id)).filter_by(brand_id=brand_id)) or 0


def open_orders(session: Session, brand_id: str, customer_id: str) -> list[OrderRow]:
    """The orders of the person whose record this is, the newest first."""
    row = find_customer(session, brand_id, customer_id)
    keys = [] if row is None else records_of(session, brand_id, row.id)
    ids = {customer_id, *session.scalars(select(CustomerRow.customer_id).where(CustomerRow.id.in_(keys)))}
    query = select(OrderRow).where(OrderRow.brand_id == brand_id, OrderRow.customer_id.in_(sorted(ids)))
    return list(session.scalars(query.order_by(OrderRow.placed_at.desc(), OrderRow.order_id)))


def _persons(session: Session, brand_id: str, rows: Sequence[CustomerRow]) -> dict[int, CustomerRow]:
    """The kept record for the key of each of these."""
    known = {row.id: row for row in rows}
    kept = kept_of(session, brand_id, known.keys()) if known else {}
    missing = set(kept.values()) - known.keys()
    known |= {row.id: row for row in session.scalars(select(CustomerRow).where(CustomerRow.id.in_(sorted(missing))))}
    return {row.id: known[kept.get(row.id, row.id)] for row in rows}


def _one_each(session: Session, brand_id: str, rows: Sequence[CustomerRow]) -> list[CustomerRow]:
    """Each person once, by his kept record, in the order of the file's ids."""
    persons = {row.id: row for row in _persons(session, brand_id, rows).values()}
    return sorted(persons.values(), key=lambda row: row.customer_id)
