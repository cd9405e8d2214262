"""How good the customer file is: what is missing, doubtful, doubled. Counts and the brand's own ids only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from storage.duplicates import Duplicates, customers_of
from storage.tables import (
    ConsentRow,
    ContactPointRow,
    CustomerRow,
    OrderRow,
    QualityReportRow,
    SourceMemberRow,
)

OLD_CONSENT = timedelta(days=3 * 365)  # the CNIL's limit for prospects without contact
SHOWN = 20


def quality(session: Session, brand_id: str, found: Duplicates, now: datetime) -> dict[str, Any]:
    """Every figure of the report but what they cost in reach. Times are UTC."""
    here = CustomerRow.brand_id == brand_id
    total = _count(session, select(CustomerRow.id).where(here))
    return {
        "at": now.isoformat(),
        "customers": total,
        "missing": {kind: total - _with_point(session, brand_id, kind) for kind in ("email", "phone", "address")},
        "unreachable": total - _with_point(session, brand_id, None),
        "lost": _lost(session, brand_id),
        "unusable": {
            name: _count(
                session, select(CustomerRow.id).where(here, cast(CustomerRow.attributes, String).contains(f'"{name}"'))
            )
            for name in ("unusable_emails", "unusable_phones")
        },
        "shared": {kind: _shared(session, brand_id, kind) for kind in ("email", "phone")},
        "consents": _consents(session, brand_id, total, now),
        "gone_from_source": _gone(session, brand_id),
        "orders_without_customer": _lone_orders(session, brand_id),
        "duplicates": _told(session, found),
    }


def save_report(session: Session, brand_id: str, report: Mapping[str, Any], now: datetime) -> None:
    """Keep a report for the console."""
    session.add(QualityReportRow(brand_id=brand_id, at=now, report=dict(report)))


def last_report(session: Session, brand_id: str) -> QualityReportRow | None:
    """The newest one."""
    query = select(QualityReportRow).filter_by(brand_id=brand_id)
    return session.scalars(query.order_by(QualityReportRow.at.desc(), QualityReportRow.id.desc()).limit(1)).first()


def _count(session: Session, query: Any) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _with_point(session: Session, brand_id: str, kind: str | None) -> int:
    held = select(ContactPointRow.customer_key).where(
        ContactPointRow.brand_id == brand_id, ContactPointRow.until.is_(None)
    )
    return _count(session, (held if kind is None else held.where(ContactPointRow.kind == kind)).distinct())


def _lost(session: Session, brand_id: str) -> int:
    """Customers who had an address and have none now."""
    ever = select(ContactPointRow.customer_key).where(ContactPointRow.brand_id == brand_id)
    return _count(session, ever.distinct()) - _with_point(session, brand_id, None)


def _shared(session: Session, brand_id: str, kind: str) -> dict[str, int]:
    """Addresses that several customers hold now, and how many customers that are."""
    holders = func.count(ContactPointRow.customer_key.distinct())
    held = (
        select(holders.label("holders"))
        .where(ContactPointRow.brand_id == brand_id, ContactPointRow.kind == kind, ContactPointRow.until.is_(None))
        .group_by(ContactPointRow.value)
        .having(holders > 1)
        .subquery()
    )
    row = session.execute(
        select(func.count(), func.sum(held.c.holders), func.max(held.c.holders)).select_from(held)
    ).one()
    return {"addresses": row[0] or 0, "customers": int(row[1] or 0), "most": row[2] or 0}


def _consents(session: Session, brand_id: str, total: int, now: datetime) -> dict[str, int]:
    """Customers without a word on service, and those whose last word on it is old."""
    newest = (
        select(func.max(ConsentRow.at).label("at"))
        .where(ConsentRow.brand_id == brand_id, ConsentRow.purpose == "service")
        .group_by(ConsentRow.customer_key)
        .subquery()
    )
    told = _count(session, select(newest.c.at))
    return {"none": total - told, "old": _count(session, select(newest.c.at).where(newest.c.at < now - OLD_CONSENT))}


def _gone(session: Session, brand_id: str) -> int:
    """Customers whom no source tells any more, though one did."""
    mine = select(CustomerRow.id).where(CustomerRow.brand_id == brand_id)
    member = select(SourceMemberRow.customer_key).where(SourceMemberRow.customer_key.in_(mine))
    living = select(SourceMemberRow.customer_key).where(SourceMemberRow.gone_at.is_(None))
    return _count(session, member.where(SourceMemberRow.customer_key.not_in(living)).distinct())


def _lone_orders(session: Session, brand_id: str) -> int:
    same = (CustomerRow.brand_id == OrderRow.brand_id) & (CustomerRow.customer_id == OrderRow.customer_id)
    query = select(OrderRow.id).outerjoin(CustomerRow, same).where(OrderRow.brand_id == brand_id)
    return _count(session, query.where(CustomerRow.id.is_(None)))


def _told(session: Session, found: Duplicates) -> dict[str, Any]:
    best = found.pairs[:SHOWN]
    rows = customers_of(session, {key for one in best for key in (one.first, one.second)})
    return {
        "pairs": len(found.pairs),
        "customers": len({key for one in found.pairs for key in (one.first, one.second)}),
        "compared": found.compared,
        "capped_keys": found.capped,
        "cut_off": found.cut_off,
        "surest": [
            {
                "customers": [rows[one.first].customer_id, rows[one.second].customer_id],
                "score": one.score,
                "reasons": list(one.reasons),
            }
            for one in best
        ],
    }
