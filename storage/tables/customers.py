"""The customer file: who they are, how they may be reached, what they bought, what passed before."""

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

from domain.customer import CONSENT_STATUSES, DIRECTIONS, OBJECTIONS, PURPOSES, STATUSES
from storage.tables.base import Base, Branded
from storage.types import one_of


class CustomerRow(Branded, Base):
    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("brand_id", "customer_id"), one_of("status", STATUSES))
    customer_id: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(Text)
    first_name: Mapped[str | None] = mapped_column(Text)
    last_name: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str | None] = mapped_column(Text)
    postal_code: Mapped[str | None] = mapped_column(String(40))
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None] = mapped_column(String(20))
    timezone: Mapped[str | None] = mapped_column(String(64))
    segment: Mapped[str | None] = mapped_column(String(200))
    value: Mapped[float | None]
    birth_year: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(20), default="active")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    row_hash: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]


class ContactPointRow(Branded, Base):
    """An address of a customer. `kind` is email, phone or address; channels use kinds.

    `value` is the normal form (lower case, E.164); `until` is set when the customer no longer has it.
    """

    __tablename__ = "contact_points"
    __table_args__ = (
        UniqueConstraint("customer_key", "kind", "value"),
        one_of("kind", ("email", "phone", "address")),
        Index("ix_contact_points_value", "brand_id", "kind", "value"),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[str] = mapped_column(String(10))
    value: Mapped[str] = mapped_column(String(500))
    verified: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]


class ConsentRow(Branded, Base):
    """What a customer allowed or refused, each word of his kept; the latest one holds."""

    __tablename__ = "consents"
    __table_args__ = (
        UniqueConstraint("customer_key", "channel", "purpose", "status", "at"),
        one_of("purpose", PURPOSES),
        one_of("status", CONSENT_STATUSES),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    channel: Mapped[str] = mapped_column(String(40))
    purpose: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class ObjectionRow(Branded, Base):
    """A customer's no: to everything, to care on social networks, to being linked to an account, or to having his
    habits learned.
    """

    __tablename__ = "objections"
    __table_args__ = (
        UniqueConstraint("customer_key", "topic"),
        one_of("topic", OBJECTIONS),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    topic: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class PreferenceRow(Branded, Base):
    """The channel a customer likes best, one row per source and way of knowing it: declared, observed, inferred.

    `how` says where the word came from; of two declared ones the newest holds.
    """

    __tablename__ = "preferences"
    __table_args__ = (
        UniqueConstraint("customer_key", "source", "how"),
        one_of("source", ("declared", "observed", "inferred")),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    channel: Mapped[str] = mapped_column(String(40))
    source: Mapped[str] = mapped_column(String(20))
    how: Mapped[str] = mapped_column(String(40), default="customer file")
    at: Mapped[datetime | None]


class QuietTimeRow(Branded, Base):
    """When a customer wants no message, in his own zone: from `start` to `end` (HH:MM), and on these weekdays (0
    Monday).

    Equal times close nothing.
    """

    __tablename__ = "quiet_times"
    __table_args__ = (UniqueConstraint("customer_key"),)
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    start: Mapped[str] = mapped_column(String(5))
    end: Mapped[str] = mapped_column(String(5))
    weekdays: Mapped[list[Any]] = mapped_column(default=list)
    at: Mapped[datetime]


class IdentityRow(Branded, Base):
    """A network account that is a customer's, and how that is proven. The account id is the key, never the handle."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("brand_id", "network", "account_id", "customer_key"),
        one_of("proof", ("authenticated", "declared")),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    network: Mapped[str] = mapped_column(String(40))
    account_id: Mapped[str] = mapped_column(String(300))
    handle: Mapped[str | None] = mapped_column(String(300))
    proof: Mapped[str] = mapped_column(String(20))
    how: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class CustomerKeyRow(Branded, Base):
    """Blocking keys for matching: keyed hashes of facts, so that the table holds no clear personal data."""

    __tablename__ = "customer_keys"
    __table_args__ = (
        UniqueConstraint("customer_key", "kind", "hash"),
        Index("ix_customer_keys_lookup", "brand_id", "kind", "hash"),
    )
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[str] = mapped_column(String(20))
    hash: Mapped[str] = mapped_column(String(32))


class OrderRow(Branded, Base):
    """`customer_id` is the brand's own id: an order may be known before its customer."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("brand_id", "order_id"),
        Index("ix_orders_normal", "brand_id", "normal_id"),
        Index("ix_orders_customer", "brand_id", "customer_id"),
        Index("ix_orders_parcel", "brand_id", "normal_parcel"),
    )
    order_id: Mapped[str] = mapped_column(String(200))
    normal_id: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[str] = mapped_column(String(200))
    placed_at: Mapped[datetime]
    product: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(String(100))
    promised_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    store: Mapped[str | None] = mapped_column(Text)
    parcel: Mapped[str | None] = mapped_column(String(200))
    normal_parcel: Mapped[str | None] = mapped_column(String(200))
    row_hash: Mapped[str] = mapped_column(String(64))


class InteractionRow(Branded, Base):
    """One contact in or out on any channel, as the brand's other systems tell it."""

    __tablename__ = "interactions"
    __table_args__ = (
        UniqueConstraint("brand_id", "interaction_id"),
        one_of("direction", DIRECTIONS),
        Index("ix_interactions_customer", "brand_id", "customer_id", "at"),
        Index("ix_interactions_ticket", "brand_id", "normal_ticket"),
    )
    interaction_id: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[str] = mapped_column(String(200))
    channel: Mapped[str] = mapped_column(String(40))
    direction: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime]
    subject: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    agent: Mapped[str | None] = mapped_column(String(200))
    case_ref: Mapped[str | None] = mapped_column(String(200))
    normal_ticket: Mapped[str | None] = mapped_column(String(200))
    row_hash: Mapped[str] = mapped_column(String(64))


class CustomerHistoryRow(Branded, Base):
    """What a customer's record said until a time; `field` is a column of `customers` or the kind of a contact point.

    What it says now stands in `customers` and `contact_points`. `since` is None where it was there from the start.
    """

    __tablename__ = "customer_history"
    __table_args__ = (Index("ix_customer_history_customer", "customer_key", "until"),)
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    field: Mapped[str] = mapped_column(String(20))
    value: Mapped[str | None] = mapped_column(Text)
    since: Mapped[datetime | None]
    until: Mapped[datetime]


class CustomerLinkRow(Branded, Base):
    """Two records of the customer file that are one person, as somebody said; look-ups give the kept one.

    Never changed but for `undone_at`. The records themselves stay as the file has them.
    """

    __tablename__ = "customer_links"
    __table_args__ = (
        CheckConstraint("kept <> merged", name="two_records"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_somebody"),
        Index("ix_customer_links_merged", "brand_id", "merged", "undone_at"),
        Index("ix_customer_links_kept", "brand_id", "kept", "undone_at"),
    )
    kept: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    merged: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]
    undone_by: Mapped[str | None] = mapped_column(String(320))
    undone_at: Mapped[datetime | None]


class CustomerSourceRow(Branded, Base):
    """Where a source of the customer file stands. `pass_number` counts its readings, begun and done.

    `whole_at` is when the source was last read to its end: what it told by then is stored.
    """

    __tablename__ = "customer_sources"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    pass_number: Mapped[int] = mapped_column(default=0)
    moved_at: Mapped[datetime | None]
    whole_at: Mapped[datetime | None]
    waiting: Mapped[int | None]
    rejected: Mapped[int] = mapped_column(default=0)
    paused: Mapped[str | None] = mapped_column(Text)
    retry_at: Mapped[datetime | None]


class SourceMemberRow(Base):
    """A customer as one source has him: in which reading he was last told, since when he is gone from it."""

    __tablename__ = "customer_source_members"
    __table_args__ = (Index("ix_customer_source_members_pass", "source_id", "pass_number"),)
    source_id: Mapped[int] = mapped_column(ForeignKey("customer_sources.id"), primary_key=True)
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    pass_number: Mapped[int]
    gone_at: Mapped[datetime | None]


class DuplicateRow(Branded, Base):
    """Two records that may be one person, for somebody to say. `first` is the lower key, so that a pair is one row."""

    __tablename__ = "duplicate_proposals"
    __table_args__ = (
        UniqueConstraint("first", "second"),
        CheckConstraint("first < second", name="pair_is_ordered"),
        CheckConstraint("score BETWEEN 0 AND 1", name="score_is_share"),
        one_of("state", ("waiting", "merged", "different")),
        Index("ix_duplicate_proposals_state", "brand_id", "state", "score"),
    )
    first: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    second: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    score: Mapped[float]
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    maker: Mapped[str] = mapped_column(String(40))
    proposed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    by: Mapped[str | None] = mapped_column(String(320))
    at: Mapped[datetime | None]


class QualityReportRow(Branded, Base):
    """What `vigie quality` found: counts and the brand's own ids, no names and no addresses."""

    __tablename__ = "quality_reports"
    __table_args__ = (Index("ix_quality_reports_at", "brand_id", "at"),)
    at: Mapped[datetime]
    report: Mapped[dict[str, Any]]
