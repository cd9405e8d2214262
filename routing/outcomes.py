"""Dissatisfaction corrected: what a customer says of the brand in public in the days after his case was resolved.

    corrected  he spoke of the brand again, and his last word in these days is not unhappy
    unhappy    his last word is unhappy, or the case was opened again and is not settled at the end of these days
    silent     he said nothing more of the brand in public
    watching   the days are not over

Counted are posts in public by the accounts known to be his (or by the author of a case without a customer), about the
brand with at least the threshold's probability; reposts and mails are none. Nobody is followed who objected to being
contacted about what he posts, to being linked or to having his habits learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from domain.case import CaseState
from storage import cases
from storage.brands import lock_brand
from storage.customers import accounts_of
from storage.merges import records_of
from storage.tables import (
    CaseOutcomeRow,
    CasePostRow,
    CaseRow,
    MatchRow,
    ObjectionRow,
    PostRow,
    ReadingRow,
)

NOT_FOLLOWED = frozenset({"all", "social_care", "linking", "profiling"})
PRIVATE = ("email", "mail")
AGAIN = timedelta(hours=6)  # how often the words of a watched case are counted
DONE = (CaseState.RESOLVED, CaseState.CLOSED)


@dataclass(frozen=True, slots=True)
class OutcomeRules:
    """How long words are followed, none without a length; the probability from which a post is about the brand."""

    length: timedelta
    about_brand: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What one step did: cases newly watched, looked at again, and ended."""

    begun: int = 0
    looked: int = 0
    ended: int = 0


def follow(session: Session, brand_id: str, rules: OutcomeRules, limit: int, now: datetime) -> Followed:
    """Begin to watch what was resolved, and look again at up to `limit` watched cases, the longest unseen first."""
    if not rules.length:
        return Followed()
    lock_brand(session, brand_id)
    begun = _begin(session, brand_id, rules, limit, now)
    query = select(CaseOutcomeRow).where(
        CaseOutcomeRow.brand_id == brand_id,
        CaseOutcomeRow.verdict == "watching",
        or_(CaseOutcomeRow.at <= now - AGAIN, CaseOutcomeRow.until <= now),
    )
    rows = session.scalars(query.order_by(CaseOutcomeRow.at, CaseOutcomeRow.id).limit(limit)).all()
    ended = sum(_look(session, row, rules, now) for row in rows)
    return Followed(begun, len(rows), ended)


def _begin(session: Session, brand_id: str, rules: OutcomeRules, limit: int, now: datetime) -> int:
    """A case that is resolved anew is watched anew."""
    stale = CaseOutcomeRow.resolved_at < CaseRow.resolved_at
    query = (
        select(CaseRow, CaseOutcomeRow)
        .outerjoin(CaseOutcomeRow, CaseOutcomeRow.case_id == CaseRow.id)
        .where(
            CaseRow.brand_id == brand_id,
            CaseRow.state.in_(DONE),
            CaseRow.resolved_at > now - 2 * rules.length,
            or_(CaseOutcomeRow.id.is_(None), stale),
            or_(CaseRow.customer_key.is_not(None), CaseRow.author_id.is_not(None)),
            ~exists(
                select(ObjectionRow.id).where(
                    ObjectionRow.customer_key == CaseRow.customer_key, ObjectionRow.topic.in_(NOT_FOLLOWED)
                )
            ),
        )
    )
    found = session.execute(query.order_by(CaseRow.resolved_at, CaseRow.id).limit(limit)).all()
    begun = [_watch(session, case, row, rules) for case, row in found if not _objects(session, case)]
    session.flush()
    return len(begun)


def _watch(session: Session, case: CaseRow, known: Any, rules: OutcomeRules) -> CaseOutcomeRow:
    row: CaseOutcomeRow = CaseOutcomeRow(brand_id=case.brand_id, case_id=case.id) if known is None else known
    resolved_at = case.resolved_at or case.last_post_at
    row.resolved_at, row.until, row.at = resolved_at, resolved_at + rules.length, resolved_at
    row.verdict = "watching"
    session.add(row)
    return row


def _look(session: Session, row: CaseOutcomeRow, rules: OutcomeRules, now: datetime) -> bool:
    """Count what was said until now; True where the days are over and there is a verdict."""
    case = cases.living(session, session.get_one(CaseRow, row.case_id))
    if _objects(session, case):
        session.delete(row)
        return False
    words = _words(session, case, row, rules)
    row.posts = len(words)
    row.negative = sum(unhappy for unhappy, _ in words)
    row.positive = sum(sentiment == "positive" and not unhappy for unhappy, sentiment in words)
    row.at = now
    if now < row.until:
        return False
    reopened = case.state not in DONE
    last_unhappy = bool(words) and words[-1][0]
    row.verdict = "unhappy" if reopened or last_unhappy else "corrected" if words else "silent"
    cases.add_event(session, case, "outcome", now, verdict=row.verdict, posts=row.posts)
    return True


def _words(session: Session, case: CaseRow, row: CaseOutcomeRow, rules: OutcomeRules) -> list[tuple[bool, str]]:
    """Whether each of his posts in these days is unhappy, and its sentiment, the oldest first."""
    query = (
        select(ReadingRow.unhappy, ReadingRow.sentiment)
        .join(PostRow, (PostRow.id == ReadingRow.post_id) & (PostRow.version == ReadingRow.version))
        .where(
            PostRow.brand_id == case.brand_id,
            PostRow.stage != "gone",
            PostRow.is_repost.is_(False),
            PostRow.network.not_in(PRIVATE),
            PostRow.created_at > row.resolved_at,
            PostRow.created_at <= row.until,
            ReadingRow.about_brand >= rules.about_brand,
            PostRow.author_id.in_(_accounts(session, case)),
        )
    )
    return [(bool(one), str(two)) for one, two in session.execute(query.order_by(PostRow.created_at, PostRow.id))]


def _accounts(session: Session, case: CaseRow) -> Sequence[int]:
    """The accounts whose words count: those of this case, those that are proven to be the customer's."""
    found = set(
        session.scalars(
            select(PostRow.author_id)
            .join(CasePostRow, CasePostRow.post_id == PostRow.id)
            .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy", PostRow.author_id.is_not(None))
        )
    )
    found |= {case.author_id} if case.author_id is not None else set()
    if case.customer_key is not None:
        records = records_of(session, case.brand_id, case.customer_key)
        linked = (
            select(PostRow.author_id)
            .join(MatchRow, MatchRow.post_id == PostRow.id)
            .where(MatchRow.customer_key.in_(records), MatchRow.action == "link", PostRow.author_id.is_not(None))
        )
        found |= {*session.scalars(accounts_of(records)), *session.scalars(linked)}
    return sorted(key for key in found if key is not None)


def _objects(session: Session, case: CaseRow) -> bool:
    if case.customer_key is None:
        return False
    records = records_of(session, case.brand_id, case.customer_key)
    query = select(ObjectionRow.id).where(ObjectionRow.customer_key.in_(records), ObjectionRow.topic.in_(NOT_FOLLOWED))
    return session.scalar(query.limit(1)) is not None
