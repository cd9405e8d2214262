"""Kill switches: channels that somebody shut by hand. While one is shut its messages wait; nothing is lost."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from storage import audit
from storage.tables import MessageRow, SwitchRow

ALL = "all"


def shut(session: Session, brand_id: str) -> dict[str, SwitchRow]:
    """The switches of a brand that are thrown, by channel; `all` shuts every one."""
    rows = session.scalars(select(SwitchRow).filter_by(brand_id=brand_id).order_by(SwitchRow.channel))
    return {row.channel: row for row in rows}


def why_shut(session: Session, brand_id: str, channel: str) -> str | None:
    """The reason why nothing goes out on this channel, None where it may."""
    query = select(SwitchRow.reason).filter_by(brand_id=brand_id).where(SwitchRow.channel.in_((channel, ALL)))
    return session.scalar(query.order_by(SwitchRow.channel != ALL).limit(1))


def shut_for_message() -> ColumnElement[bool]:
    """Of a query over messages: whether the message's channel is shut."""
    own = (SwitchRow.brand_id == MessageRow.brand_id) & SwitchRow.channel.in_((MessageRow.channel, ALL))
    return exists(select(SwitchRow.id).where(own))


def shut_channel(session: Session, brand_id: str, channel: str, reason: str, by: str, now: datetime) -> bool:
    """Let nothing more go out on a channel, or on `all`; False if it was shut before (the first reason stays)."""
    known = session.scalars(select(SwitchRow).filter_by(brand_id=brand_id, channel=channel)).one_or_none()
    if known is not None:
        return False
    session.add(SwitchRow(brand_id=brand_id, channel=channel, reason=reason, by=by, at=now))
    audit.record(session, brand_id, by, "channel shut", f"channel:{channel}", now, {"reason": reason})
    session.flush()
    return True


def open_channel(session: Session, brand_id: str, channel: str, reason: str, by: str, now: datetime) -> bool:
    """Let messages go again; False if it was not shut."""
    known = session.scalars(select(SwitchRow).filter_by(brand_id=brand_id, channel=channel)).one_or_none()
    if known is None:
        return False
    session.delete(known)
    audit.record(session, brand_id, by, "channel opened", f"channel:{channel}", now, {"reason": reason})
    session.flush()
    return True
