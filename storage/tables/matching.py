"""Who spoke, with what proof, and how right such links have proved."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.evidence import Action, Grade
from storage.tables.base import Base, Branded
from storage.types import one_of


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


LINK_WORDS = ("linked", "confirmed", "refused", "authenticated", "not_me", "audit_right", "audit_wrong", "undone")


GRADE_STATES = ("shadow", "acting", "suspended")


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
