"""Where a customer's way broke, and whether it was mended."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.journey import RUPTURES
from storage.tables.base import Base, Branded
from storage.types import one_of


class RuptureRow(Branded, Base):
    """A moment at which a customer's way with the brand broke, found in his contacts."""

    __tablename__ = "ruptures"
    __table_args__ = (
        UniqueConstraint("brand_id", "customer_key", "kind", "at"),
        one_of("kind", RUPTURES),
        Index("ix_ruptures_time", "brand_id", "at"),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]
    found_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class CaseOutcomeRow(Branded, Base):
    """What the customer said in public in the days after his case was resolved: dissatisfaction corrected, or not."""

    __tablename__ = "case_outcomes"
    __table_args__ = (
        UniqueConstraint("case_id"),
        one_of("verdict", ("watching", "corrected", "unhappy", "silent")),
        Index("ix_case_outcomes_time", "brand_id", "resolved_at"),
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    resolved_at: Mapped[datetime]
    until: Mapped[datetime]
    posts: Mapped[int] = mapped_column(default=0)
    negative: Mapped[int] = mapped_column(default=0)
    positive: Mapped[int] = mapped_column(default=0)
    verdict: Mapped[str] = mapped_column(String(10), default="watching")
    at: Mapped[datetime]
