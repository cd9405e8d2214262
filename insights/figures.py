"""One definition of every figure. The console, its CSV, `vigie status` and `vigie run` all count with these.

Posts
    heard        distinct posts (network + native id) of the brand, reposts and deleted ones included
    about_brand  posts still there whose reading of their present version says "about the brand"
                 with at least the threshold's probability
    unhappy      those of about_brand whose reading is unhappy
    matched      those of unhappy, by grade of proof of their match (a post not yet routed has none)
    linked       those of matched that are joined to a customer
Cases (merged ones count with the case that they were merged into)
    contactable  cases for which the decision found a way: send, hold, or reply where they posted
    contacted    cases with a message that was handed over (an unconfirmed one does not count)
    answered     cases of which the customer replied to a message
    solved       cases resolved or closed, contacted or not
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, distinct, func, select
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.contact import ContactAction
from domain.evidence import Action, Grade
from domain.message import SENT_STATES, MessageState
from storage.tables import CaseRow, MatchRow, MessageRow, PostRow, ReadingRow

ABOUT_BRAND_THRESHOLD = 0.5
WAYS = (ContactAction.SEND, ContactAction.HOLD, ContactAction.REPLY_IN_PLACE)
SOLVED = (CaseState.RESOLVED, CaseState.CLOSED)
REVIEW_OPEN = ("waiting", "unsure")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies before a stage; `oldest` is the UTC time since which the first one waits."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """heard → about the brand → unhappy → matched → contactable → contacted → answered → solved.

    `matched` and `cases` hold every grade and state, zeros included; `messages` is channel → state → count.
    `waiting` has a line per stage: heard (to be read), read (to be routed), contact (cases to be decided),
    outbox (messages reserved). `failed` counts posts that a stage could not work.
    """

    heard: int
    about_brand: int
    unhappy: int
    matched: Mapping[str, int]
    linked: int
    contactable: int
    contacted: int
    answered: int
    solved: int
    cases: Mapping[str, int]
    messages: Mapping[str, Mapping[str, int]]
    reviews_waiting: int
    waiting: Mapping[str, Waiting]
    unconfirmed: int
    failed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; times in UTC with a `Z`."""
        plain = asdict(self)
        plain["waiting"] = {
            stage: {"count": line.count, "oldest": _iso(line.oldest)} for stage, line in self.waiting.items()
        }
        return plain


def funnel(session: Session, brand_id: str, threshold: float = ABOUT_BRAND_THRESHOLD) -> Funnel:
    """The whole way of the brand's posts, as the database stands now."""
    matched, linked = _matches(session, brand_id, threshold)
    messages = _messages(session, brand_id)
    about, unhappy = _readings(session, brand_id, threshold)
    return Funnel(
        heard=_count(session, select(func.count()).select_from(PostRow).where(PostRow.brand_id == brand_id)),
        about_brand=about,
        unhappy=unhappy,
        matched=matched,
        linked=linked,
        contactable=_cases(session, brand_id, CaseRow.contact_action.in_([str(way) for way in WAYS])),
        contacted=_cases_by_message(session, brand_id, [str(state) for state in SENT_STATES]),
        answered=_cases_by_message(session, brand_id, [MessageState.REPLIED.value]),
        solved=_cases(session, brand_id, CaseRow.state.in_([str(state) for state in SOLVED])),
        cases=_case_states(session, brand_id),
        messages=messages,
        reviews_waiting=reviews_waiting(session, brand_id),
        waiting=_waiting(session, brand_id),
        unconfirmed=sum(states.get(MessageState.UNCONFIRMED, 0) for states in messages.values()),
        failed=_count(session, _posts(brand_id).where(PostRow.failed.is_not(None))),
    )


def about_brand(threshold: float) -> ColumnElement[bool]:
    """The condition "about the brand" on a join of posts and their present reading."""
    return and_(PostRow.stage != "gone", ReadingRow.about_brand >= threshold)


def present_reading() -> ColumnElement[bool]:
    """The join from a post to the reading of its present version."""
    return and_(ReadingRow.post_id == PostRow.id, ReadingRow.version == PostRow.version)


def reviews_waiting(session: Session, brand_id: str) -> int:
    """Matches that a person has still to decide, of posts that are still there."""
    query = _posts(brand_id).join(MatchRow, MatchRow.post_id == PostRow.id)
    return _count(session, query.where(MatchRow.review.in_(REVIEW_OPEN), PostRow.stage != "gone"))


def posts_by_stage(session: Session, brand_id: str) -> dict[str, int]:
    """How many posts stand at each stage."""
    query = select(PostRow.stage, func.count()).where(PostRow.brand_id == brand_id).group_by(PostRow.stage)
    return dict(session.execute(query).all())


def _posts(brand_id: str) -> Select[int]:
    return select(func.count()).select_from(PostRow).where(PostRow.brand_id == brand_id)


def _count(session: Session, query: Select[int]) -> int:
    return session.execute(query).scalar_one()


def _readings(session: Session, brand_id: str, threshold: float) -> tuple[int, int]:
    query = _posts(brand_id).join(ReadingRow, present_reading()).where(about_brand(threshold))
    return _count(session, query), _count(session, query.where(ReadingRow.unhappy))


def _matches(session: Session, brand_id: str, threshold: float) -> tuple[dict[str, int], int]:
    query = (
        select(MatchRow.grade, MatchRow.action, func.count())
        .select_from(PostRow)
        .join(ReadingRow, present_reading())
        .join(MatchRow, MatchRow.post_id == PostRow.id)
        .where(PostRow.brand_id == brand_id, about_brand(threshold), ReadingRow.unhappy)
        .group_by(MatchRow.grade, MatchRow.action)
    )
    grades = {grade.value: 0 for grade in Grade}
    linked = 0
    for grade, action, count in session.execute(query):
        grades[grade] += count
        linked += count if action == Action.LINK else 0
    return grades, linked


def _cases(session: Session, brand_id: str, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(CaseRow).where(CaseRow.brand_id == brand_id, condition)
    return _count(session, query.where(CaseRow.state != CaseState.MERGED))


def _cases_by_message(session: Session, brand_id: str, states: list[str]) -> int:
    query = (
        select(func.count(distinct(CaseRow.id)))
        .join(MessageRow, MessageRow.case_id == CaseRow.id)
        .where(CaseRow.brand_id == brand_id, CaseRow.state != CaseState.MERGED, MessageRow.state.in_(states))
    )
    return _count(session, query)


def _case_states(session: Session, brand_id: str) -> dict[str, int]:
    query = select(CaseRow.state, func.count()).where(CaseRow.brand_id == brand_id).group_by(CaseRow.state)
    found = dict(session.execute(query).all())
    return {state.value: found.get(state, 0) for state in CaseState}


def _messages(session: Session, brand_id: str) -> dict[str, dict[str, int]]:
    query = (
        select(MessageRow.channel, MessageRow.state, func.count())
        .where(MessageRow.brand_id == brand_id)
        .group_by(MessageRow.channel, MessageRow.state)
        .order_by(MessageRow.channel, MessageRow.state)
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, count in session.execute(query):
        found.setdefault(channel, {})[state] = count
    return found


def _waiting(session: Session, brand_id: str) -> dict[str, Waiting]:
    posts = select(func.count(), func.min(PostRow.heard_at)).where(PostRow.brand_id == brand_id)
    cases = select(func.count(), func.min(CaseRow.opened_at)).where(
        CaseRow.brand_id == brand_id, CaseRow.contact_state == "pending", CaseRow.state != CaseState.MERGED
    )
    outbox = select(func.count(), func.min(MessageRow.reserved_at)).where(
        MessageRow.brand_id == brand_id, MessageRow.state == MessageState.RESERVED
    )
    queries = {
        "heard": posts.where(PostRow.stage == "heard"),
        "read": posts.where(PostRow.stage == "read"),
        "contact": cases,
        "outbox": outbox,
    }
    return {stage: Waiting(*session.execute(query).one()) for stage, query in queries.items()}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
