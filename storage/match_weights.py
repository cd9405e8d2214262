"""Versions of the weights of evidence: append-only, the newest promoted one is in force."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.tables import CustomerRow, InteractionRow, MatchWeightsRow, OrderRow


def weights_in_force(session: Session, brand_id: str) -> Mapping[str, Any] | None:
    """The newest promoted weights."""
    query = select(MatchWeightsRow.weights).where(MatchWeightsRow.brand_id == brand_id, MatchWeightsRow.promoted)
    found: Mapping[str, Any] | None = session.scalar(query.order_by(MatchWeightsRow.id.desc()).limit(1))
    return found


def keep_weights(
    session: Session,
    brand_id: str,
    weights: Mapping[str, Any],
    learned_from: Mapping[str, Any],
    promoted: bool,
    why: str,
    now: datetime,
) -> None:
    """Append a version of the weights, promoted or not."""
    row = MatchWeightsRow(
        brand_id=brand_id, at=now, weights=dict(weights), learned_from=dict(learned_from), promoted=promoted, why=why
    )
    session.add(row)
    session.flush()


def versions(session: Session, brand_id: str, limit: int) -> list[MatchWeightsRow]:
    """What was learned, the newest first."""
    query = select(MatchWeightsRow).where(MatchWeightsRow.brand_id == brand_id)
    return list(session.scalars(query.order_by(MatchWeightsRow.id.desc()).limit(limit)))


def shares(session: Session, brand_id: str, ordered_since: datetime, spoke_since: datetime) -> dict[str, float]:
    """How likely two customers share a city, and which share of them ordered, or had a contact, since then."""
    customers = session.scalar(select(func.count()).where(CustomerRow.brand_id == brand_id)) or 0
    if not customers:
        return {}
    buyers = select(func.count(OrderRow.customer_id.distinct())).where(
        OrderRow.brand_id == brand_id, OrderRow.placed_at >= ordered_since
    )
    speakers = select(func.count(InteractionRow.customer_id.distinct())).where(
        InteractionRow.brand_id == brand_id, InteractionRow.at >= spoke_since
    )
    return {
        "city": _same_city(session, brand_id),
        "order": (session.scalar(buyers) or 0) / customers,
        "contact": (session.scalar(speakers) or 0) / customers,
    }


def _same_city(session: Session, brand_id: str) -> float:
    query = select(func.count()).where(CustomerRow.brand_id == brand_id, CustomerRow.city.is_not(None))
    cities = list(session.scalars(query.group_by(func.lower(CustomerRow.city))))
    whole = sum(cities)
    return sum((number / whole) ** 2 for number in cities) if whole else 0.0
