"""Where each source of the customer file stands, and which customers it still tells of.

A customer whom a whole reading no longer told, or whom the source itself calls deleted, is marked as gone from it.
Nothing of him is removed: that is `vigie customer erase`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from domain.errors import Transient
from storage.bulk import among
from storage.tables import CustomerRow, CustomerSourceRow, SourceMemberRow


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading goes on; `pass_number` is the reading's own once its first batch is stored."""

    id: int
    cursor: Mapping[str, Any]
    pass_number: int


def source_place(session: Session, brand_id: str, name: str, kind: str) -> Place:
    """Where this source stands; one that was never read has an empty cursor."""
    row = session.scalars(select(CustomerSourceRow).filter_by(brand_id=brand_id, name=name)).one_or_none()
    if row is None or row.kind != kind:
        row = row or CustomerSourceRow(brand_id=brand_id, name=name, pass_number=0, rejected=0)
        row.kind, row.cursor = kind, {}
        session.add(row)
        session.flush()
    return Place(row.id, dict(row.cursor), row.pass_number)


def locked_source(session: Session, place: Place) -> CustomerSourceRow:
    """The source's row until the end of the transaction. Raises Transient where another process moved it on."""
    row = _locked(session, place)
    if not _is_at(row, place):
        raise Transient(f"the source {row.name} is being read by another process", 300)
    return row


def told(session: Session, source: CustomerSourceRow, customer_ids: Collection[str]) -> int:
    """Note that the source told of these customers, and how many of them had been gone from it."""
    if not customer_ids:
        return 0
    keys = _keys(session, source, customer_ids)
    back = update(SourceMemberRow).where(SourceMemberRow.source_id == source.id, SourceMemberRow.gone_at.is_not(None))
    returned = session.execute(back.where(SourceMemberRow.customer_key.in_(keys)).values(gone_at=None))
    number = source.pass_number
    values = select(literal(source.id), CustomerRow.id, literal(number), null()).where(CustomerRow.id.in_(keys))
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(SourceMemberRow).from_select(["source_id", "customer_key", "pass_number", "gone_at"], values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["source_id", "customer_key"], set_={"pass_number": statement.excluded.pass_number}
        )
    )
    return int(returned.rowcount)  # type: ignore[attr-defined]


def gone(session: Session, source: CustomerSourceRow, customer_ids: Collection[str], now: datetime) -> int:
    """Mark those whom the source calls deleted; how many that are."""
    if not customer_ids:
        return 0
    mark = update(SourceMemberRow).where(SourceMemberRow.source_id == source.id, SourceMemberRow.gone_at.is_(None))
    keys = _keys(session, source, customer_ids)
    done = session.execute(mark.where(SourceMemberRow.customer_key.in_(keys)).values(gone_at=now))
    return int(done.rowcount)  # type: ignore[attr-defined]


def no_longer_told(session: Session, source: CustomerSourceRow, now: datetime) -> int:
    """Mark those whom the whole reading that ends now did not tell; how many that are."""
    mark = update(SourceMemberRow).where(
        SourceMemberRow.source_id == source.id,
        SourceMemberRow.pass_number < source.pass_number,
        SourceMemberRow.gone_at.is_(None),
    )
    return int(session.execute(mark.values(gone_at=now)).rowcount)  # type: ignore[attr-defined]


def pause_source(session: Session, place: Place, why: str, retry_at: datetime | None) -> None:
    """Remember why a source cannot be read; nothing where another process reads it."""
    row = _locked(session, place)
    if _is_at(row, place):
        row.paused, row.retry_at = why, retry_at


def source_states(session: Session, brand_id: str) -> Sequence[CustomerSourceRow]:
    """Every source that was ever read."""
    return session.scalars(
        select(CustomerSourceRow).filter_by(brand_id=brand_id).order_by(CustomerSourceRow.name)
    ).all()


def gone_count(session: Session, source_id: int) -> int:
    """How many customers are gone from a source."""
    query = select(func.count()).select_from(SourceMemberRow).where(SourceMemberRow.source_id == source_id)
    return session.scalar(query.where(SourceMemberRow.gone_at.is_not(None))) or 0


def told_by(session: Session, customer_key: int) -> list[str]:
    """The sources that tell of this customer: what is erased here, they bring back."""
    query = select(CustomerSourceRow.name).join(SourceMemberRow, SourceMemberRow.source_id == CustomerSourceRow.id)
    still = query.where(SourceMemberRow.customer_key == customer_key, SourceMemberRow.gone_at.is_(None))
    return list(session.scalars(still.order_by(CustomerSourceRow.name)))


def _locked(session: Session, place: Place) -> CustomerSourceRow:
    query = select(CustomerSourceRow).where(CustomerSourceRow.id == place.id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _is_at(row: CustomerSourceRow, place: Place) -> bool:
    return (row.pass_number, dict(row.cursor)) == (place.pass_number, dict(place.cursor))


def _keys(session: Session, source: CustomerSourceRow, customer_ids: Collection[str]) -> Any:
    return select(CustomerRow.id).where(
        CustomerRow.brand_id == source.brand_id, among(session, CustomerRow.customer_id, list(customer_ids))
    )
