"""What reviewers are asked: undecided matches and second looks in one queue, and two votes on a sensitive one."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from storage.queue import REVIEW_OPEN, CasePost
from storage.tables import (
    AuthorRow,
    CasePostRow,
    CaseRow,
    CustomerRow,
    MatchAuditRow,
    MatchRow,
    PostRow,
    ReadingRow,
    ReviewVoteRow,
)

REVIEW_PAGE = 20
SHOWN = 2  # the likeliest candidate and the runner-up: more add little
SENSITIVE_STATUSES = ("minor", "deceased", "legal_hold")
ESCALATES = 0.5
MOST = 5000  # matches that are put in order; beyond that the order is by age
HARM = {"high": 4.0, "normal": 2.0, "low": 1.0}
EVEN = 0.5  # of what counts for a certificate: were the likeliest asked first, those would be all that is counted
HELD = frozenset({"shadow", "suspended"})  # gates that are no doubt about this match


@dataclass(frozen=True, slots=True)
class Asked:
    """One match that a person is asked about. Whether it is a second look does not show."""

    match: MatchRow
    post: CasePost
    case_id: int | None
    sensitive: bool
    disputed: bool


def urgency(severity: str | None, probability: float, age: timedelta) -> float:
    """Severity × probability × age: grave, likely and old first. Each has a floor, so that nothing waits for ever."""
    days = max(age.total_seconds(), 0.0) / 86400
    return HARM.get(severity or "low", 1.0) * (0.05 + probability) * (1 + days)


def review_page(
    session: Session, brand_id: str, who: str, is_admin: bool, now: datetime, page: int = 1
) -> tuple[list[Asked], bool]:
    """A page of what this person is asked, the most urgent first, unsure ones last; and whether there is more."""
    ids = _in_order(session, brand_id, who, is_admin, now)
    start = (page - 1) * REVIEW_PAGE
    return _asked(session, ids[start : start + REVIEW_PAGE]), len(ids) > start + REVIEW_PAGE


def _in_order(session: Session, brand_id: str, who: str, is_admin: bool, now: datetime) -> list[int]:
    query = (
        select(MatchRow.id, MatchRow.post_id, MatchRow.review, MatchRow.decided_at, MatchRow.gates)
        .add_columns(CaseRow.severity, MatchAuditRow.sampled_at)
        .add_columns(
            MatchRow.candidates[0]["probability"].as_float(), MatchRow.candidates[1]["customer_id"].as_string()
        )
        .join(PostRow, PostRow.id == MatchRow.post_id)
        .outerjoin(MatchAuditRow, _open_audit())
        .outerjoin(CasePostRow, CasePostRow.post_id == PostRow.id)
        .outerjoin(CaseRow, CaseRow.id == CasePostRow.case_id)
        .where(MatchRow.brand_id == brand_id, PostRow.stage != "gone")
        .where(or_(MatchRow.review.in_(REVIEW_OPEN), MatchAuditRow.id.is_not(None)))
        .order_by(MatchRow.decided_at, MatchRow.id)
        .limit(MOST)
    )
    votes = _votes(session, brand_id)
    ranked = []
    for match_id, post_id, review, decided_at, gates, severity, sampled_at, likely, second in session.execute(query):
        shown = 1 if second is None else SHOWN
        if likely is not None and not _hidden(votes.get(post_id, ()), shown, who, is_admin):
            counts = sampled_at is not None or HELD & set(gates)
            weight = urgency(severity, EVEN if counts else likely, now - (sampled_at or decided_at))
            ranked.append((review == "unsure", -weight, match_id))
    return [match_id for _, _, match_id in sorted(ranked)]


def _open_audit() -> ColumnElement[bool]:
    open_ = MatchAuditRow.verdict.is_(None) & MatchAuditRow.customer_key.is_not(None)
    return (MatchAuditRow.post_id == MatchRow.post_id) & open_


def _votes(session: Session, brand_id: str) -> dict[int, list[ReviewVoteRow]]:
    """By post, of matches that are still open."""
    query = select(ReviewVoteRow).join(MatchRow, MatchRow.post_id == ReviewVoteRow.post_id)
    found: dict[int, list[ReviewVoteRow]] = {}
    for vote in session.scalars(query.where(ReviewVoteRow.brand_id == brand_id, MatchRow.review.in_(REVIEW_OPEN))):
        found.setdefault(vote.post_id, []).append(vote)
    return found


def _hidden(votes: Iterable[ReviewVoteRow], shown: int, who: str, is_admin: bool) -> bool:
    """Who has answered has done his part; what two disagree on is an admin's."""
    votes = list(votes)
    if disputed(votes):
        return not is_admin or any(vote.by == who for vote in votes)
    own = [vote.answer for vote in votes if vote.by == who]
    return "yes" in own or len(own) >= shown


def disputed(votes: Iterable[ReviewVoteRow]) -> bool:
    """Whether two reviewers said different things: yes and no of one customer, or yes of two."""
    votes = list(votes)
    said = {(vote.customer_key, vote.answer) for vote in votes}
    yes = {key for key, answer in said if answer == "yes"}
    return len(yes) > 1 or any((key, "no") in said for key in yes)


def _asked(session: Session, ids: Sequence[int]) -> list[Asked]:
    query = (
        select(MatchRow, PostRow, AuthorRow, CasePostRow.case_id)
        .join(PostRow, PostRow.id == MatchRow.post_id)
        .outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
        .outerjoin(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(MatchRow.id.in_(ids))
    )
    found = {}
    for match, post, author, case_id in session.execute(query):
        shown = CasePost(post=post, role="complaint", author=author, match=match)
        votes = votes_on(session, match.post_id) if match.review in REVIEW_OPEN else []
        found[match.id] = Asked(match, shown, case_id, is_sensitive(session, match), disputed(votes))
    return [found[match_id] for match_id in ids if match_id in found]


def is_sensitive(session: Session, match: MatchRow) -> bool:
    """Whether two people must agree: a minor, a death, a lawsuit, an escalation, a grave case with doubtful proof."""
    names = [str(told["customer_id"]) for told in match.candidates[:SHOWN]]
    own = (CustomerRow.brand_id == match.brand_id, CustomerRow.customer_id.in_(names))
    fragile = select(CustomerRow.id).where(*own, CustomerRow.status.in_(SENSITIVE_STATUSES))
    loud = (
        select(ReadingRow.id)
        .join(PostRow, (PostRow.id == ReadingRow.post_id) & (PostRow.version == ReadingRow.version))
        .where(ReadingRow.post_id == match.post_id, ReadingRow.escalation >= ESCALATES)
    )
    grave = (
        select(CaseRow.id)
        .join(CasePostRow, CasePostRow.case_id == CaseRow.id)
        .where(CasePostRow.post_id == match.post_id, CaseRow.severity == "high")
    )
    queries = [fragile, loud]
    if match.grade == "stated" and set(match.gates) - HELD:
        queries.append(grave)
    return any(session.scalar(query.limit(1)) is not None for query in queries)


def votes_on(session: Session, post_id: int, customer_keys: Collection[int] | None = None) -> list[ReviewVoteRow]:
    """What reviewers said of a match, oldest first."""
    query = select(ReviewVoteRow).where(ReviewVoteRow.post_id == post_id).order_by(ReviewVoteRow.id)
    if customer_keys is not None:
        query = query.where(ReviewVoteRow.customer_key.in_(customer_keys))
    return list(session.scalars(query))


def add_vote(session: Session, match: MatchRow, customer_key: int, answer: str, who: str, now: datetime) -> None:
    """Keep what one of two reviewers said."""
    told = {"post_id": match.post_id, "customer_key": customer_key, "answer": answer, "by": who, "at": now}
    session.add(ReviewVoteRow(brand_id=match.brand_id, **told))
    session.flush()


def forget_votes(session: Session, post_id: int) -> None:
    """Ask anew."""
    session.execute(delete(ReviewVoteRow).where(ReviewVoteRow.post_id == post_id))


def second_looks_waiting(session: Session, brand_id: str) -> int:
    """How many second looks nobody has taken yet."""
    query = select(func.count()).select_from(MatchAuditRow).join(MatchRow, MatchRow.post_id == MatchAuditRow.post_id)
    waiting = query.where(MatchAuditRow.brand_id == brand_id, MatchAuditRow.verdict.is_(None))
    decided = or_(MatchRow.review.is_(None), MatchRow.review.not_in(REVIEW_OPEN))
    there = waiting.join(PostRow, PostRow.id == MatchRow.post_id).where(PostRow.stage != "gone")
    return int(session.execute(there.where(MatchAuditRow.customer_key.is_not(None), decided)).scalar_one())
