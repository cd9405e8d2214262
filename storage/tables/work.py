"""Who works a case, what is done by rule, and what is told to whom."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Branded, Leased
from storage.types import one_of


class NoticeRow(Branded, Leased, Base):
    """A word to a team or a person, each once (`key`), with no personal data but the link to the case."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        one_of("state", ("waiting", "sending", "sent", "failed", "unconfirmed")),
        Index("ix_notices_work", "state", "send_after"),
    )
    key: Mapped[str] = mapped_column(String(200))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    team: Mapped[str | None] = mapped_column(String(80))
    person: Mapped[str | None] = mapped_column(String(320))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)
    send_after: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class AbsenceRow(Base):
    """Days on which a person is away, both included."""

    __tablename__ = "absences"
    __table_args__ = (CheckConstraint("first_day <= last_day", name="days_in_order"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    person: Mapped[str] = mapped_column(String(320), index=True)
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)


class PlaybookRunRow(Branded, Base):
    """A playbook that acted on a case, once for each `occasion` (what set it off)."""

    __tablename__ = "playbook_runs"
    __table_args__ = (UniqueConstraint("case_id", "playbook", "occasion", "dry_run"),)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    playbook: Mapped[str] = mapped_column(String(80))
    version: Mapped[str] = mapped_column(String(40))
    occasion: Mapped[str] = mapped_column(String(120))
    dry_run: Mapped[bool]
    actions: Mapped[list[Any]] = mapped_column(default=list)
    at: Mapped[datetime]


class CustomerSegmentRow(Branded, Base):
    """A customer in a segment whose rule fits him, since when; kept up by `learn`."""

    __tablename__ = "customer_segments"
    __table_args__ = (
        UniqueConstraint("customer_key", "segment"),
        Index("ix_customer_segments_segment", "brand_id", "segment"),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    segment: Mapped[str] = mapped_column(String(80))
    since: Mapped[datetime]
