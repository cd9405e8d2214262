"""Taking work so that no two processes take the same, and giving back what a dead one held.

PostgreSQL skips rows that another transaction holds (FOR UPDATE SKIP LOCKED); on SQLite the write
transaction is the lock. The lease column then keeps the rows for the time of the work.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.owner import is_dead, this_process
from storage.tables import CaseRow, LeaseRow, MessageRow, NoticeRow, PostRow

Row = TypeVar("Row", PostRow, CaseRow, MessageRow, NoticeRow)

LEASED_TABLES: tuple[type[PostRow] | type[CaseRow] | type[MessageRow] | type[NoticeRow], ...] = (
    PostRow,
    CaseRow,
    MessageRow,
    NoticeRow,
)


def claim(
    session: Session,
    row: type[Row],
    condition: ColumnElement[bool],
    order: Sequence[InstrumentedAttribute[Any]],
    limit: int,
    now: datetime,
    lease_seconds: float,
) -> list[Row]:
    """Lease up to `limit` rows that fit the condition and that nobody holds, and return them."""
    free = or_(row.lease_until.is_(None), row.lease_until < now)
    picked = select(row).where(condition, free).order_by(*order).limit(limit).with_for_update(skip_locked=True)
    rows = list(session.scalars(picked).all())
    if rows:
        lease = {"lease_owner": this_process(), "lease_until": now + timedelta(seconds=lease_seconds)}
        session.execute(update(row).where(row.id.in_([found.id for found in rows])).values(**lease))
    return rows


def release(session: Session, row: type[Any], ids: Sequence[int]) -> None:
    """Give rows back."""
    if ids:
        session.execute(update(row).where(row.id.in_(ids)).values(lease_owner=None, lease_until=None))


def release_dead(session: Session) -> int:
    """Give back what processes held that have died on this machine; returns how many rows."""
    count = 0
    for table in LEASED_TABLES:
        owners = session.scalars(select(table.lease_owner).where(table.lease_owner.is_not(None)).distinct()).all()
        dead = [owner for owner in owners if owner is not None and is_dead(owner)]
        if dead:
            freed = update(table).where(table.lease_owner.in_(dead)).values(lease_owner=None, lease_until=None)
            count += session.execute(freed).rowcount  # type: ignore[attr-defined]
    for lease in session.scalars(select(LeaseRow)).all():
        if is_dead(lease.owner):
            session.delete(lease)
            count += 1
    return count


def hold(session: Session, name: str, now: datetime, lease_seconds: float) -> bool:
    """Take the named lease for this process; False if somebody else has it."""
    until = now + timedelta(seconds=lease_seconds)
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is None:
        try:
            with session.begin_nested():
                session.add(LeaseRow(name=name, owner=this_process(), until=until))
            return True
        except IntegrityError:  # somebody was faster
            row = session.get_one(LeaseRow, name, with_for_update=True)
    if row.owner != this_process() and row.until >= now and not is_dead(row.owner):
        return False
    row.owner, row.until = this_process(), until
    return True


def let_go(session: Session, name: str) -> None:
    """Give the named lease back."""
    row = session.get(LeaseRow, name)
    if row is not None and row.owner == this_process():
        session.delete(row)
