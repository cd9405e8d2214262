"""Links by which people say which customer they are."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.claim import ClaimState, Delivery
from storage.tables.base import Base, Branded
from storage.types import one_of


class ClaimRow(Branded, Base):
    """A claim link: one author is asked which customer he is. Neither the token nor a customer stands here.

    `delivery` says whether everybody could read the link, or the author's account alone.
    """

    __tablename__ = "claims"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        one_of("state", ClaimState),
        one_of("delivery", Delivery),
        CheckConstraint("(state IN ('agreed', 'refused', 'conflict')) = (used_at IS NOT NULL)", name="used_is_dated"),
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), index=True)
    network: Mapped[str] = mapped_column(String(40))
    delivery: Mapped[str] = mapped_column(String(10))
    token_hash: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(64))
    key_version: Mapped[int]
    issued_at: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(String(320))
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12), default="issued")
    used_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)


class ClaimCodeRow(Branded, Base):
    """A visitor of a claim link asked for a code. Without a customer it was sent to nobody, and nothing fits it.

    `agreed_at`: he proved to be that customer and said that the account is his.
    """

    __tablename__ = "claim_codes"
    __table_args__ = (
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries_range"),
        CheckConstraint("confirmed_at IS NULL OR customer_key IS NOT NULL", name="confirmed_names_customer"),
        CheckConstraint("agreed_at IS NULL OR confirmed_at IS NOT NULL", name="agreed_is_confirmed"),
        Index("ix_claim_codes_visitor", "claim_id", "visitor"),
        Index("ix_claim_codes_customer", "customer_key", "asked_at"),
    )
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    visitor: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(64))
    code_hash: Mapped[str] = mapped_column(String(64))
    customer_key: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    channel: Mapped[str | None] = mapped_column(String(40))
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    confirmed_at: Mapped[datetime | None]
    agreed_at: Mapped[datetime | None]


class UnlinkableRow(Branded, Base):
    """An account whose owner wants to be linked to no customer; a keyed hash, so that it outlives erasure.

    `why` says who spoke: the account itself, or a visitor of a link that everybody could open.
    """

    __tablename__ = "unlinkable"
    __table_args__ = (UniqueConstraint("brand_id", "network", "account_hash"),)
    network: Mapped[str] = mapped_column(String(40))
    account_hash: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(80))


class ThrottleRow(Base):
    """How often something was tried in a span of time, by every process together; the name is a keyed hash."""

    __tablename__ = "throttles"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    count: Mapped[int] = mapped_column(default=1)
