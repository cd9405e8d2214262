"""The audit: who did or saw what, and when. One may only add to it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import AuditRow


def record(
    session: Session,
    brand_id: str,
    actor: str,
    action: str,
    subject: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one line. `detail` holds ids and states, never texts or addresses."""
    session.add(
        AuditRow(brand_id=brand_id, at=at, actor=actor, action=action, subject=subject, detail=dict(detail or {}))
    )


def of_subject(session: Session, brand_id: str, subject: str, limit: int = 200) -> list[AuditRow]:
    """The lines about one thing, newest first."""
    query = select(AuditRow).where(AuditRow.brand_id == brand_id, AuditRow.subject == subject)
    return list(session.scalars(query.order_by(AuditRow.id.desc()).limit(limit)))
