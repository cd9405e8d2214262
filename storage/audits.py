"""Second looks at decisions, drawn by lot, and what they found."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from storage.tables import CustomerRow, MatchAuditRow, MatchRow

LINK, REFUSAL = "link", "refusal"
RIGHT, WRONG, UNSURE = "right", "wrong", "unsure"


@dataclass(frozen=True, slots=True)
class Counts:
    """What second looks found: right and wrong decisions, and those that nobody could tell or has looked at yet."""

    right: int = 0
    wrong: int = 0
    unsure: int = 0
    open: int = 0

    @property
    def judged(self) -> int:
        return self.right + self.wrong


def add_audit(
    session: Session, match: MatchRow, customer_key: int, kind: str, rate: float, now: datetime
) -> MatchAuditRow:
    """One decision to be looked at again."""
    row = MatchAuditRow(
        brand_id=match.brand_id,
        post_id=match.post_id,
        customer_key=customer_key,
        kind=kind,
        grade=match.grade,
        version=match.version,
        rate=rate,
        sampled_at=now,
    )
    session.add(row)
    session.flush()
    return row


def drop_open(session: Session, post_id: int) -> None:
    """Ask no more about a decision that the system has changed since it was drawn."""
    stale = delete(MatchAuditRow).where(MatchAuditRow.post_id == post_id, MatchAuditRow.verdict.is_(None))
    session.execute(stale)


def first_candidate(session: Session, match: MatchRow) -> int | None:
    """Our number of the likeliest candidate: whom a decision would have linked, had it linked. None for nobody."""
    if not match.candidates:
        return None
    named = CustomerRow.customer_id == str(match.candidates[0]["customer_id"])
    return session.scalar(select(CustomerRow.id).where(CustomerRow.brand_id == match.brand_id, named))


def open_audit(session: Session, post_id: int, *, lock: bool = False) -> MatchAuditRow | None:
    """The second look that a post still waits for."""
    query = select(MatchAuditRow).where(MatchAuditRow.post_id == post_id, MatchAuditRow.verdict.is_(None))
    query = query.where(MatchAuditRow.customer_key.is_not(None))
    return session.scalars((query.with_for_update() if lock else query).limit(1)).one_or_none()


def audit_of(session: Session, post_id: int, customer_key: int) -> MatchAuditRow | None:
    """The second look at one pair, answered or not."""
    return session.scalars(select(MatchAuditRow).filter_by(post_id=post_id, customer_key=customer_key)).one_or_none()


def judge(row: MatchAuditRow, verdict: str | None, by: str | None, now: datetime | None) -> None:
    """Keep what the second look found; all None takes it back."""
    row.verdict, row.by, row.at = verdict, by, now


def counts(session: Session, brand_id: str, kind: str, grade: str, since: datetime) -> Counts:
    """What was found of one grade since then."""
    verdict = func.coalesce(MatchAuditRow.verdict, "open")
    timely = func.coalesce(MatchAuditRow.at, MatchAuditRow.sampled_at) > since
    erased_unseen = MatchAuditRow.customer_key.is_(None) & MatchAuditRow.verdict.is_(None)
    about = (MatchAuditRow.brand_id == brand_id, MatchAuditRow.kind == kind, MatchAuditRow.grade == grade)
    query = select(verdict, func.count()).where(*about, timely, ~erased_unseen).group_by(verdict)
    return Counts(**dict(session.execute(query).all()))


def forget_audits(session: Session, brand_id: str, customer_key: int) -> int:
    """Take an erased customer out of the second looks; what they found stays as a count."""
    mine = (MatchAuditRow.brand_id == brand_id, MatchAuditRow.customer_key == customer_key)
    done = session.execute(update(MatchAuditRow).where(*mine).values(customer_key=None))
    return int(done.rowcount)  # type: ignore[attr-defined]
