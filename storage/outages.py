"""Providers that do not answer at all. That costs no message an attempt, so it is counted by channel.

The count lies among the cursors of listeners, as a desk's does: how often in a row, and since when.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.listening import load_cursor
from storage.tables import CursorRow, MessageRow

OUTAGES, SPAN = 3, timedelta(hours=1)
_NAME = "channel "


def note_outage(session: Session, brand_id: str, channel: str, now: datetime) -> None:
    """Count one more, in the caller's transaction; the first one since the provider took a message, or in an hour,
    counts as one.
    """
    row = load_cursor(session, brand_id, _NAME + channel, "")
    if row is None:
        row = CursorRow(brand_id=brand_id, listener=_NAME + channel, query="", cursor={"outages": 1}, moved_at=now)
        row.retry_at = now
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            return  # another process counts this very moment
    elif _is_over(session, row, now):
        row.cursor, row.moved_at, row.retry_at = {"outages": 1}, now, now
    else:
        row.cursor, row.retry_at = {"outages": row.cursor["outages"] + 1}, now


def dead_channels(session: Session, brand_id: str, now: datetime) -> frozenset[str]:
    """The channels whose provider did not answer several times in a row, and took nothing since."""
    rows = session.scalars(
        select(CursorRow).where(CursorRow.brand_id == brand_id, CursorRow.listener.startswith(_NAME))
    )
    found = (row for row in rows if row.cursor["outages"] >= OUTAGES and not _is_over(session, row, now))
    return frozenset(row.listener.removeprefix(_NAME) for row in found)


def _is_over(session: Session, row: CursorRow, now: datetime) -> bool:
    """Whether a message has gone since, or nobody has tried for so long that nothing is known."""
    taken = select(MessageRow.id).where(
        MessageRow.brand_id == row.brand_id,
        MessageRow.channel == row.listener.removeprefix(_NAME),
        MessageRow.handed_over_at >= row.moved_at,
    )
    return row.retry_at is None or now - row.retry_at > SPAN or session.scalar(taken.limit(1)) is not None
