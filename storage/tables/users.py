"""Who uses the console, and what they did."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Branded
from storage.types import one_of

ROLES = ("admin", "agent", "analyst")


class UserRow(Base):
    """Who may use the console. The password is a scrypt hash with its salt and cost."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class UserBrandRow(Base):
    """A user's right in one brand."""

    __tablename__ = "user_brands"
    __table_args__ = (one_of("role", ROLES),)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))


class SessionRow(Base):
    """A signed-in browser; the cookie holds a secret of which only the hash is kept."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AuditRow(Branded, Base):
    """Append-only: the database itself refuses UPDATE and DELETE."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "brand_id", "subject"),)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
