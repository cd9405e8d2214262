"""Posts as they were heard, and where each listener stands."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, Branded, Leased
from storage.types import one_of

STAGES = ("heard", "read", "routed", "gone")


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
