"""Kill switches: channels that somebody shut by hand. While one is shut its messages wait; nothing is lost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from domain.message import SENT_STATES
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


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel stands: what waits and since when, what went since `since`, the last trouble, its switch."""

    channel: str
    waiting: int = 0
    oldest: datetime | None = None
    unconfirmed: int = 0
    sent: int = 0
    failed: int = 0
    trouble: str | None = None
    switch: SwitchRow | None = None


def overview(session: Session, brand_id: str, channels: Iterable[str], since: datetime) -> list[ChannelState]:
    """Every channel that is named, has messages, or is shut; `all` only where it is shut."""
    thrown = shut(session, brand_id)
    counted = _counts(session, brand_id, since)
    names = sorted({*channels, *counted, *thrown})
    return [_state(session, brand_id, name, counted.get(name, {}), thrown.get(name)) for name in names]


def _counts(session: Session, brand_id: str, since: datetime) -> dict[str, dict[str, tuple[int, datetime | None]]]:
    recent = or_(MessageRow.state.in_(("reserved", "unconfirmed")), MessageRow.reserved_at >= since)
    query = (
        select(MessageRow.channel, MessageRow.state, func.count(), func.min(MessageRow.send_after))
        .where(MessageRow.brand_id == brand_id, recent)
        .group_by(MessageRow.channel, MessageRow.state)
    )
    found: dict[str, dict[str, tuple[int, datetime | None]]] = {}
    for channel, state, count, oldest in session.execute(query):
        found.setdefault(channel, {})[state] = (count, oldest)
    return found


def _state(
    session: Session,
    brand_id: str,
    channel: str,
    counts: dict[str, tuple[int, datetime | None]],
    switch: SwitchRow | None,
) -> ChannelState:
    troubled = select(MessageRow.reason).where(
        MessageRow.brand_id == brand_id,
        MessageRow.channel == channel,
        MessageRow.state.in_(("reserved", "failed", "unconfirmed")),
        MessageRow.reason.is_not(None),
    )
    waiting, oldest = counts.get("reserved", (0, None))
    return ChannelState(
        channel=channel,
        waiting=waiting,
        oldest=oldest,
        unconfirmed=counts.get("unconfirmed", (0, None))[0],
        sent=sum(counts.get(state, (0, None))[0] for state in SENT_STATES),
        failed=counts.get("failed", (0, None))[0],
        trouble=session.scalar(troubled.order_by(MessageRow.id.desc()).limit(1)),
        switch=switch,
    )
