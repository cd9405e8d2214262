"""Complaints at work."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.case import OUTCOMES, CaseState, Severity
from domain.contact import ContactAction
from domain.evidence import Grade
from storage.tables.base import Base, Branded, Leased
from storage.types import one_of

CONTACT_STATES = ("pending", "held", "planned", "person", "in_place", "never")


class CaseRow(Branded, Leased, Base):
    """One complaint of one customer (or author) in one thread.

    `subject` is `customer:<key>`, `author:<key>` or, for a post without an author, `post:<key>`;
    `assigned_by` is who gave the case to its assignee, `vigie` where the program did: then no person has taken it yet.
    `revision` guards two people saving at once. `state_since` is when it came into its state, `reopened` how often it
    was opened again, `escalation` how many missed deadlines handed it up.
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
        Index("ix_cases_assignee", "brand_id", "assignee", "state"),
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
    assigned_by: Mapped[str | None] = mapped_column(String(320))
    requested_channel: Mapped[str | None] = mapped_column(String(40))
    addressed_brand: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime]
    last_post_at: Mapped[datetime]
    due_first_answer_at: Mapped[datetime | None]
    due_resolution_at: Mapped[datetime | None]
    first_answer_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    state_since: Mapped[datetime | None]
    reopened: Mapped[int] = mapped_column(server_default="0")
    escalation: Mapped[int] = mapped_column(server_default="0")
    contact_state: Mapped[str] = mapped_column(String(10), default="pending")
    contact_action: Mapped[str | None] = mapped_column(String(20))
    contact_at: Mapped[datetime | None]
    contact_decision: Mapped[dict[str, Any] | None]
    revision: Mapped[int] = mapped_column(default=1)


class CasePostRow(Branded, Base):
    """A post belongs to one case at most. `role` says why it is there.

    Where a person put a post (`pinned`), it stays: only whole cases move it on.
    """

    __tablename__ = "case_posts"
    __table_args__ = (UniqueConstraint("post_id"), one_of("role", ("complaint", "follow_up", "copy")))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    role: Mapped[str] = mapped_column(String(12), default="complaint")
    pinned: Mapped[bool] = mapped_column(server_default=false(), default=False)


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


class CaseMoveRow(Branded, Base):
    """Posts that went from one case to another, by merging or splitting, with what is needed to undo it."""

    __tablename__ = "case_moves"
    __table_args__ = (
        one_of("kind", ("merge", "split")),
        CheckConstraint("source <> target", name="two_cases"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_somebody"),
    )
    kind: Mapped[str] = mapped_column(String(10))
    source: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    target: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    posts: Mapped[list[Any]] = mapped_column(default=list)
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    why: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]
    undone_by: Mapped[str | None] = mapped_column(String(320))
    undone_at: Mapped[datetime | None]


class ResolutionRow(Branded, Base):
    """What the brand does about a case, as facts: every channel says it from here. The newest one holds.

    `amount_cents` is in hundredths of `currency` (ISO 4217); `due_on` is the day that was promised, `detail` an agent's
    words.
    """

    __tablename__ = "resolutions"
    __table_args__ = (
        one_of("outcome", OUTCOMES),
        CheckConstraint("(amount_cents IS NULL) = (currency IS NULL)", name="amount_has_currency"),
        CheckConstraint("amount_cents >= 0", name="amount_positive"),
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    amount_cents: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    due_on: Mapped[date | None] = mapped_column(Date)
    detail: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]
