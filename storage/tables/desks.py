"""Cases in outside desks."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.customer import DIRECTIONS
from storage.tables.base import Base, Branded, Leased
from storage.types import one_of


class DeskTicketRow(Branded, Leased, Base):
    """A case in an outside desk: what it is called there, and how far both know of each other."""

    __tablename__ = "desk_tickets"
    __table_args__ = (UniqueConstraint("case_id", "desk"), UniqueConstraint("brand_id", "desk", "remote_id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    desk: Mapped[str] = mapped_column(String(40))
    remote_id: Mapped[str | None] = mapped_column(String(200))
    url: Mapped[str | None] = mapped_column(Text)
    remote_state: Mapped[str | None] = mapped_column(String(40))
    pushed_revision: Mapped[int] = mapped_column(default=0)
    pushed_at: Mapped[datetime | None]
    pulled_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class DeskCommentRow(Branded, Base):
    """A comment that stands in both, by its number there and by its event here."""

    __tablename__ = "desk_comments"
    __table_args__ = (
        UniqueConstraint("ticket_key", "remote_id"),
        UniqueConstraint("ticket_key", "event_id"),
        one_of("direction", DIRECTIONS),
    )
    ticket_key: Mapped[int] = mapped_column(ForeignKey("desk_tickets.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("case_events.id"))
    remote_id: Mapped[str | None] = mapped_column(String(200))
    direction: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime]
