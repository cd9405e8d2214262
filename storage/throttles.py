"""How often something may be tried, counted in the database so that several processes count together."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from domain.claim import digest
from storage.secrets import installation_secret
from storage.tables import ThrottleRow

THROTTLE_KEY = "throttle"
KEPT = timedelta(days=1)


def hit(session: Session, name: str, limit: int, span: timedelta, now: datetime) -> bool:
    """Count one try and say whether it is within `limit` for this span of time. Spans begin at whole multiples."""
    since = datetime.fromtimestamp(now.timestamp() // span.total_seconds() * span.total_seconds(), UTC)
    row = {"name": digest(installation_secret(session, THROTTLE_KEY), "throttle", name), "since": since, "count": 1}
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(ThrottleRow).values(**row)
    counted = insert.on_conflict_do_update(
        index_elements=[ThrottleRow.name, ThrottleRow.since], set_={"count": ThrottleRow.count + 1}
    )
    count = session.scalar(counted.returning(ThrottleRow.count))
    session.execute(delete(ThrottleRow).where(ThrottleRow.since < now - KEPT))
    return int(count or 0) <= limit
