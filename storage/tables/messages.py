"""What goes out, what is said of it, and to whom nothing goes."""

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

from domain.customer import PURPOSES
from domain.message import CALLBACK_STATES, MessageState
from storage.tables.base import Base, Branded, Leased
from storage.types import one_of


class MessageRow(Branded, Leased, Base):
    """The outbox. `key` is case:purpose:step, so that no crash or second worker can reserve twice.

    `paired_with` is the message (its `message_id`) beside which it goes out: both count once. `fallback_of` is the one
    that failed before it, `reply_to` the native id of what it answers, `extra` what the channel needs beside the text.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        UniqueConstraint("message_id"),
        one_of("state", MessageState),
        one_of("purpose", PURPOSES),
        CheckConstraint("state <> 'handed_over' OR handed_over_at IS NOT NULL", name="handed_over_is_dated"),
        CheckConstraint("state <> 'handing_over' OR handing_over_at IS NOT NULL", name="handing_over_is_dated"),
        Index("ix_messages_work", "state", "send_after"),
        Index("ix_messages_customer", "brand_id", "customer_key", "reserved_at"),
    )
    message_id: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    customer_key: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    channel: Mapped[str] = mapped_column(String(40))
    via: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(500))
    purpose: Mapped[str] = mapped_column(String(20), default="service")
    proactive: Mapped[bool] = mapped_column(default=True)
    template: Mapped[str] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default="reserved")
    reason: Mapped[str | None] = mapped_column(Text)
    decision: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=0)
    send_after: Mapped[datetime]
    reserved_at: Mapped[datetime]
    handing_over_at: Mapped[datetime | None]
    handed_over_at: Mapped[datetime | None]
    provider_id: Mapped[str | None] = mapped_column(String(300), index=True)
    paired_with: Mapped[str | None] = mapped_column(String(64))
    fallback_of: Mapped[str | None] = mapped_column(String(64))
    reply_to: Mapped[str | None] = mapped_column(String(600))
    expires_at: Mapped[datetime | None]
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")


class ReceiptRow(Branded, Base):
    """What a provider said of a message, each word once, in any order.

    A word about a message that we do not know yet waits here by the provider's name for it (`provider_id`).
    """

    __tablename__ = "receipts"
    __table_args__ = (UniqueConstraint("provider", "provider_event_id"), one_of("state", MessageState))
    message_key: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    provider: Mapped[str] = mapped_column(String(40))
    provider_event_id: Mapped[str] = mapped_column(String(300))
    provider_id: Mapped[str | None] = mapped_column(String(300), index=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    raw: Mapped[dict[str, Any]] = mapped_column(default=dict)


class SuppressionRow(Branded, Base):
    """An address never to be written to again; a keyed hash, so that it outlives erasure."""

    __tablename__ = "suppressions"
    __table_args__ = (UniqueConstraint("brand_id", "channel", "address_hash"),)
    channel: Mapped[str] = mapped_column(String(40))
    address_hash: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


class SurveyRow(Branded, Base):
    __tablename__ = "surveys"
    __table_args__ = (
        one_of("kind", ("csat", "nps", "effort")),
        CheckConstraint("(score IS NULL) = (answered_at IS NULL)", name="answered_has_score"),
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    message_key: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    kind: Mapped[str] = mapped_column(String(10))
    score: Mapped[int | None]
    comment: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class SwitchRow(Branded, Base):
    """A channel that somebody shut by hand, or `all` of them: nothing goes out while the row is there."""

    __tablename__ = "switches"
    __table_args__ = (UniqueConstraint("brand_id", "channel"),)
    channel: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]


class CallbackRow(Branded, Base):
    """A call that the customer waits for: when, with what script, and what came of it."""

    __tablename__ = "callbacks"
    __table_args__ = (
        UniqueConstraint("message_key"),
        one_of("state", CALLBACK_STATES),
        CheckConstraint("starts_at < ends_at", name="slot_has_length"),
        Index("ix_callbacks_open", "brand_id", "state", "starts_at"),
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    message_key: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    script: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default="open")
    assignee: Mapped[str | None] = mapped_column(String(320))
    outcome: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None]


class AppetenceRow(Branded, Base):
    """How often a channel worked, for all customers or those of a segment (`subject`).

    Counts fade with time; the flow `learn` keeps them up.
    """

    __tablename__ = "appetence"
    __table_args__ = (
        UniqueConstraint("brand_id", "subject", "channel"),
        CheckConstraint("tried >= 0 AND answered >= 0 AND solved >= 0", name="counts_positive"),
    )
    subject: Mapped[str] = mapped_column(String(120))
    channel: Mapped[str] = mapped_column(String(40))
    tried: Mapped[float]
    answered: Mapped[float]
    solved: Mapped[float]
    at: Mapped[datetime]
