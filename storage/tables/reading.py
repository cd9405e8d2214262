"""What posts mean, by the model and by people."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.reading import FLAGS, SENTIMENTS, URGENCIES
from storage.tables.base import Base, Branded
from storage.types import one_of

HEADS = ("language", "sentiment", "intent", "urgency", *FLAGS)


class ReadingRow(Branded, Base):
    """What one version of a post means, and which model said so.

    The columns hold what is in force: a person's corrections in place of the model's labels, which `details` keeps.
    `doubts` names the heads on which a person is asked, until one has answered (storage/corrections.py).
    """

    __tablename__ = "readings"
    __table_args__ = (
        UniqueConstraint("post_id", "version"),
        one_of("sentiment", SENTIMENTS),
        one_of("urgency", URGENCIES),
        CheckConstraint("complaint BETWEEN 0 AND 1", name="complaint_is_probability"),
        CheckConstraint("about_brand BETWEEN 0 AND 1", name="about_brand_is_probability"),
        Index("ix_readings_content", "brand_id", "content_hash", "model"),
        Index("ix_readings_doubts", "brand_id", "doubts"),
    )
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    version: Mapped[int]
    content_hash: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(20))
    sentiment: Mapped[str] = mapped_column(String(10))
    intent: Mapped[str] = mapped_column(String(40))
    second_intent: Mapped[str | None] = mapped_column(String(40))
    urgency: Mapped[str] = mapped_column(String(10))
    complaint: Mapped[float]
    about_brand: Mapped[float]
    ironic: Mapped[float]
    escalation: Mapped[float]
    unhappy: Mapped[bool]
    doubts: Mapped[str] = mapped_column(String(80), default="", server_default="")
    details: Mapped[dict[str, Any]]
    model: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime]


class CorrectionRow(Branded, Base):
    """What a person said of one head of a reading, and of which model's. Never changed: the newest word holds."""

    __tablename__ = "corrections"
    __table_args__ = (
        one_of("head", HEADS),
        Index("ix_corrections_post", "post_id", "version"),
        Index("ix_corrections_at", "brand_id", "at"),
    )
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    version: Mapped[int]
    head: Mapped[str] = mapped_column(String(20))
    label: Mapped[str] = mapped_column(String(40))
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]
    model: Mapped[str] = mapped_column(Text)
