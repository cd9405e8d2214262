"""The schema. Every row belongs to a brand; named constraints forbid impossible rows.

Times are UTC. Keys named `id` are ours; `native_id`, `customer_id`, `order_id` … are the outside's.
A post's way: `stage` heard ─▶ read ─▶ routed, back to heard by an edit, to gone by a deletion.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.case import CaseState, Severity
from domain.claim import ClaimState, Delivery
from domain.contact import ContactAction
from domain.customer import CONSENT_STATUSES, DIRECTIONS, PURPOSES, STATUSES
from domain.evidence import Action, Grade
from domain.message import MessageState
from domain.reading import FLAGS, SENTIMENTS, URGENCIES
from storage.types import Json, UtcDateTime, one_of

BigId = BigInteger().with_variant(Integer(), "sqlite")

STAGES = ("heard", "read", "routed", "gone")
HEADS = ("language", "sentiment", "intent", "urgency", *FLAGS)
CONTACT_STATES = ("pending", "held", "planned", "person", "in_place", "never")
ROLES = ("admin", "agent", "analyst")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: Json, list[Any]: Json}


class BrandRow(Base):
    """`crm_version` grows with each change to customers or orders, so that open matches are tried again.

    `keys_version` tells how the customers' blocking keys were made (routing/rekey.py).
    """

    __tablename__ = "brands"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200))
    crm_version: Mapped[int] = mapped_column(default=0)
    keys_version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]


class Branded:
    """A row that belongs to one brand."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)


class Leased:
    """Work that one process holds until a time; a dead process's lease may be taken over."""

    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None]


class AuthorRow(Branded, Base):
    __tablename__ = "authors"
    __table_args__ = (UniqueConstraint("brand_id", "network", "native_id"),)
    network: Mapped[str] = mapped_column(String(40))
    native_id: Mapped[str] = mapped_column(String(300))
    handle: Mapped[str | None] = mapped_column(String(300))
    name: Mapped[str | None] = mapped_column(Text)
    bio: Mapped[str | None] = mapped_column(Text)
    location: Mapped[str | None] = mapped_column(Text)
    links: Mapped[list[Any]] = mapped_column(default=list)
    followers: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]


class PostRow(Branded, Leased, Base):
    """A post, or the tombstone of one: deleted posts keep no text.

    `listener` heard it first (none for imported files); `verified_at` is when its network last showed it;
    `copy_group` is shared by posts that say nearly the same.
    """

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("brand_id", "network", "native_id"),
        CheckConstraint("(deleted_at IS NULL) = (text IS NOT NULL)", name="deleted_has_no_text"),
        CheckConstraint("(deleted_at IS NULL) = (stage <> 'gone')", name="deleted_is_gone"),
        CheckConstraint("version >= 1", name="version_positive"),
        one_of("stage", STAGES),
        Index("ix_posts_stage_lease", "stage", "lease_until"),
        Index("ix_posts_thread", "brand_id", "network", "thread"),
        Index("ix_posts_content", "brand_id", "content_hash"),
        Index("ix_posts_created", "brand_id", "created_at"),
        Index("ix_posts_repost_of", "brand_id", "network", "repost_of"),
        Index("ix_posts_copy_group", "brand_id", "copy_group"),
        Index("ix_posts_verified", "brand_id", "listener", "verified_at"),
    )
    network: Mapped[str] = mapped_column(String(40))
    native_id: Mapped[str] = mapped_column(String(500))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"), index=True)
    text: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=1)
    url: Mapped[str | None] = mapped_column(Text)
    lang: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    heard_at: Mapped[datetime]
    reply_to: Mapped[str | None] = mapped_column(String(500))
    conversation: Mapped[str | None] = mapped_column(String(500))
    thread: Mapped[str] = mapped_column(String(500))
    repost_of: Mapped[str | None] = mapped_column(String(500))
    is_repost: Mapped[bool] = mapped_column(default=False)
    likes: Mapped[int | None] = mapped_column(BigInteger)
    reposts: Mapped[int | None] = mapped_column(BigInteger)
    replies: Mapped[int | None] = mapped_column(BigInteger)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    stage: Mapped[str] = mapped_column(String(10), default="heard")
    crm_version: Mapped[int] = mapped_column(default=-1)
    failed: Mapped[str | None] = mapped_column(Text)
    copy_group: Mapped[str | None] = mapped_column(String(64))
    listener: Mapped[str | None] = mapped_column(String(80))
    verified_at: Mapped[datetime | None]


class RawPostRow(Base):
    """What its network told of a post, as compressed JSON, from which a mended mapper draws it again."""

    __tablename__ = "raw_posts"
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class CopyBandRow(Base):
    """A piece of a complaint's MinHash signature; two texts that share one may be near copies."""

    __tablename__ = "copy_bands"
    __table_args__ = (Index("ix_copy_bands_band", "band"),)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    band: Mapped[int] = mapped_column(BigInteger)


class PostVersionRow(Branded, Base):
    """What a post said before each edit, and now. Emptied when the post is deleted."""

    __tablename__ = "post_versions"
    __table_args__ = (UniqueConstraint("post_id", "version"),)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    version: Mapped[int]
    text: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    edited_at: Mapped[datetime | None]
    heard_at: Mapped[datetime]


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
    """A customer's no: to everything, to care on social networks, or to being linked to an account."""

    __tablename__ = "objections"
    __table_args__ = (
        UniqueConstraint("customer_key", "topic"),
        one_of("topic", ("all", "social_care", "linking")),
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


class QuoteRow(Branded, Base):
    """An identifier that a post quotes, as a keyed hash: several accounts with one identifier raise a gate."""

    __tablename__ = "quotes"
    __table_args__ = (
        UniqueConstraint("post_id", "kind", "hash"),
        Index("ix_quotes_lookup", "brand_id", "kind", "hash"),
    )
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    hash: Mapped[str] = mapped_column(String(32))


class MatchRow(Branded, Base):
    """Who spoke in one version of a post, with what proof; the newest decision per post holds.

    `review` tells what a person did with it: waiting, confirmed, refused, unsure.
    """

    __tablename__ = "matches"
    __table_args__ = (
        UniqueConstraint("post_id"),
        one_of("grade", Grade),
        one_of("action", Action),
        one_of("review", ("waiting", "confirmed", "refused", "unsure")),
        CheckConstraint("(action = 'link') = (customer_key IS NOT NULL)", name="link_names_customer"),
        CheckConstraint("action <> 'link' OR grade <> 'none'", name="link_has_proof"),
        Index("ix_matches_review", "brand_id", "review"),
        Index("ix_matches_decided", "brand_id", "decided_at"),
    )
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    customer_key: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    grade: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(10))
    review: Mapped[str | None] = mapped_column(String(10))
    candidates: Mapped[list[Any]] = mapped_column(default=list)
    none_probability: Mapped[float]
    gates: Mapped[list[Any]] = mapped_column(default=list)
    version: Mapped[str] = mapped_column(String(80))
    decided_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(String(200), default="vigie")


class CaseRow(Branded, Leased, Base):
    """One complaint of one customer (or author) in one thread.

    `subject` is `customer:<key>`, `author:<key>` or, for a post without an author, `post:<key>`;
    `revision` guards two people saving at once.
    """

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("brand_id", "subject", "network", "thread"),
        CheckConstraint("(customer_key IS NULL) = (subject NOT LIKE 'customer:%')", name="subject_is_customer"),
        CheckConstraint("priority BETWEEN 0 AND 100", name="priority_range"),
        CheckConstraint("(contact_state = 'held') = (contact_at IS NOT NULL)", name="held_has_time"),
        CheckConstraint("(state = 'merged') = (merged_into IS NOT NULL)", name="merged_names_case"),
        one_of("state", CaseState),
        one_of("severity", Severity),
        one_of("grade", Grade),
        one_of("contact_state", CONTACT_STATES),
        one_of("contact_action", ContactAction),
        Index("ix_cases_queue", "brand_id", "state", "priority"),
        Index("ix_cases_contact", "contact_state", "contact_at"),
    )
    subject: Mapped[str] = mapped_column(String(60))
    network: Mapped[str] = mapped_column(String(40))
    thread: Mapped[str] = mapped_column(String(600))
    customer_key: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="new")
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    grade: Mapped[str] = mapped_column(String(20))
    intent: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(10))
    moment: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int]
    priority_reasons: Mapped[list[Any]] = mapped_column(default=list)
    team: Mapped[str] = mapped_column(String(80))
    assignee: Mapped[str | None] = mapped_column(String(200))
    requested_channel: Mapped[str | None] = mapped_column(String(40))
    addressed_brand: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime]
    last_post_at: Mapped[datetime]
    due_first_answer_at: Mapped[datetime | None]
    due_resolution_at: Mapped[datetime | None]
    first_answer_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    contact_state: Mapped[str] = mapped_column(String(10), default="pending")
    contact_action: Mapped[str | None] = mapped_column(String(20))
    contact_at: Mapped[datetime | None]
    contact_decision: Mapped[dict[str, Any] | None]
    revision: Mapped[int] = mapped_column(default=1)


class CasePostRow(Branded, Base):
    """A post belongs to one case at most. `role` says why it is there."""

    __tablename__ = "case_posts"
    __table_args__ = (UniqueConstraint("post_id"), one_of("role", ("complaint", "follow_up", "copy")))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    role: Mapped[str] = mapped_column(String(12), default="complaint")


class CaseEventRow(Branded, Base):
    """Who did what to a case, when and why. Never changed."""

    __tablename__ = "case_events"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class NoteRow(Branded, Base):
    """What an agent wrote, apart from the event that says so: events are for ever, words are not."""

    __tablename__ = "notes"
    __table_args__ = (UniqueConstraint("event_id"),)
    event_id: Mapped[int] = mapped_column(ForeignKey("case_events.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    text: Mapped[str] = mapped_column(Text)


class MessageRow(Branded, Leased, Base):
    """The outbox. `key` is case:purpose:step, so that no crash or second worker can reserve twice."""

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
    provider_id: Mapped[str | None] = mapped_column(String(300))


class ReceiptRow(Branded, Base):
    """What a provider said of a message, each word once, in any order."""

    __tablename__ = "receipts"
    __table_args__ = (UniqueConstraint("provider", "provider_event_id"), one_of("state", MessageState))
    message_key: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    provider: Mapped[str] = mapped_column(String(40))
    provider_event_id: Mapped[str] = mapped_column(String(300))
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


class CursorRow(Branded, Base):
    """Where a listener's query goes on, committed together with what it heard."""

    __tablename__ = "cursors"
    __table_args__ = (UniqueConstraint("brand_id", "listener", "query"),)
    listener: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(String(600))
    cursor: Mapped[dict[str, Any]]
    moved_at: Mapped[datetime]
    retry_at: Mapped[datetime | None]
    paused: Mapped[str | None] = mapped_column(Text)


class GapRow(Branded, Base):
    """A time of which a listener knows that it missed something."""

    __tablename__ = "gaps"
    __table_args__ = (UniqueConstraint("brand_id", "listener", "query", "since", "until"),)
    network: Mapped[str] = mapped_column(String(40))
    listener: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(String(600))
    since: Mapped[datetime]
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class SpendingRow(Base):
    """What a listener's account has taken on one UTC day: posts, and cost in the unit of the account."""

    __tablename__ = "spending"
    account: Mapped[str] = mapped_column(String(200), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    posts: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)


class QuarantineRow(Branded, Base):
    """An item that a network sent and that is no post, with the reason; seen again, it stays one row."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("brand_id", "network", "raw_hash"),)
    network: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    raw: Mapped[str] = mapped_column(Text)
    raw_hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class LeaseRow(Base):
    """Work that is not a row: one holder at a time for a named thing (a listener, a migration)."""

    __tablename__ = "work_leases"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime]


class SecretRow(Base):
    """Secrets that the installation makes for itself, such as the key of the matching hashes."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


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


LINK_WORDS = ("linked", "confirmed", "refused", "authenticated", "not_me", "audit_right", "audit_wrong", "undone")
GRADE_STATES = ("shadow", "acting", "suspended")


class QualityReportRow(Branded, Base):
    """What `vigie quality` found: counts and the brand's own ids, no names and no addresses."""

    __tablename__ = "quality_reports"
    __table_args__ = (Index("ix_quality_reports_at", "brand_id", "at"),)
    at: Mapped[datetime]
    report: Mapped[dict[str, Any]]


class LinkEventRow(Branded, Base):
    """What was said of an account and a customer, and by whom. Never changed: what was a mistake is undone.

    Neither is named: both stand as our own numbers, which mean nobody once the rows behind them are erased.
    `is_customer` is what the word says, None for the word that undoes another; `detail` holds names of facts only.
    """

    __tablename__ = "link_events"
    __table_args__ = (
        one_of("kind", LINK_WORDS),
        CheckConstraint("(kind = 'undone') = (undoes IS NOT NULL)", name="undone_names_event"),
        CheckConstraint("(kind = 'undone') = (is_customer IS NULL)", name="word_says_which"),
        UniqueConstraint("undoes"),
        Index("ix_link_events_pair", "brand_id", "author_id", "customer_key"),
        Index("ix_link_events_customer", "brand_id", "customer_key"),
        Index("ix_link_events_at", "brand_id", "at"),
    )
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
    customer_key: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    is_customer: Mapped[bool | None]
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(80), default="")
    undoes: Mapped[int | None] = mapped_column(ForeignKey("link_events.id"))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class MatchAuditRow(Branded, Base):
    """A decision drawn by lot for a second look: an automatic link, or a refusal. `rate` is how likely it was drawn."""

    __tablename__ = "match_audits"
    __table_args__ = (
        UniqueConstraint("post_id", "customer_key"),
        one_of("kind", ("link", "refusal")),
        one_of("grade", Grade),
        one_of("verdict", ("right", "wrong", "unsure")),
        CheckConstraint("(verdict IS NULL) = (at IS NULL)", name="verdict_is_dated"),
        CheckConstraint("rate > 0 AND rate <= 1", name="rate_is_share"),
        Index("ix_match_audits_grade", "brand_id", "grade", "verdict"),
    )
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    customer_key: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(10))
    grade: Mapped[str] = mapped_column(String(20))
    version: Mapped[str] = mapped_column(String(80))
    rate: Mapped[float]
    sampled_at: Mapped[datetime]
    verdict: Mapped[str | None] = mapped_column(String(10))
    by: Mapped[str | None] = mapped_column(String(320))
    at: Mapped[datetime | None]


class ReviewVoteRow(Branded, Base):
    """What one of two reviewers said of a sensitive match; the other never sees it."""

    __tablename__ = "review_votes"
    __table_args__ = (UniqueConstraint("post_id", "customer_key", "by"), one_of("answer", ("yes", "no")))
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    customer_key: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    answer: Mapped[str] = mapped_column(String(10))
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]


class GradeStateRow(Branded, Base):
    """What a grade may do from then on, who said so, and why. Never changed: the newest row holds.

    `restart`: the count of audits begins anew with this row.
    """

    __tablename__ = "grade_states"
    __table_args__ = (
        one_of("grade", Grade),
        one_of("state", GRADE_STATES),
        Index("ix_grade_states_grade", "brand_id", "grade"),
    )
    grade: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(500))
    restart: Mapped[bool] = mapped_column(default=False)
    event_id: Mapped[int | None] = mapped_column(ForeignKey("link_events.id"))


class MatchWeightsRow(Branded, Base):
    """A version of the weights that the flow `learn` made; the newest promoted one is in force. Never changed."""

    __tablename__ = "match_weights"
    at: Mapped[datetime]
    weights: Mapped[dict[str, Any]]
    learned_from: Mapped[dict[str, Any]]
    promoted: Mapped[bool]
    why: Mapped[str] = mapped_column(String(200))


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
