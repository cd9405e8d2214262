"""Matches: the newest decision of each post that leads a case; a person's word stands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select
from sqlalchemy.orm import Session

from domain.evidence import Action, MatchDecision
from storage.customers import find_customer
from storage.tables import CustomerRow, MatchAuditRow, MatchRow, PostRow

SYSTEM = "vigie"  # who decided, where no person did


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the matches decided in a time: how many by the system, how many linked by it, and how much of the others
    (in persons) looked like customers at all."""

    decided: int
    linked: int
    likely_others: float


def match_of_post(session: Session, post_id: int) -> MatchRow | None:
    """Who spoke in a post, as last decided."""
    return session.scalars(select(MatchRow).filter_by(post_id=post_id)).one_or_none()


def save_match(session: Session, post: PostRow, decision: MatchDecision, now: datetime) -> tuple[MatchRow, bool]:
    """Keep the decision; one that says the same as before changes nothing. Returns the match and whether it changed."""
    row = match_of_post(session, post.id)
    told = json.loads(json.dumps(decision.as_dict()))  # as it comes back from the database
    if row is not None and _says(row, told):
        return row, False
    customer = None if decision.customer_id is None else find_customer(session, post.brand_id, decision.customer_id)
    if row is None:
        row = MatchRow(brand_id=post.brand_id, post_id=post.id)
        session.add(row)
    row.customer_key = customer.id if customer else None
    row.grade, row.action = decision.grade, decision.action
    row.review = "waiting" if decision.action is Action.REVIEW else None
    row.candidates, row.gates = told["candidates"], told["gates"]
    row.none_probability, row.version, row.decided_at = decision.none_probability, decision.version, now
    row.decided_by = SYSTEM
    session.flush()
    return row, True


def _says(row: MatchRow, told: Mapping[str, Any]) -> bool:
    """Whether a kept decision says the same; candidates that were let go of do not come back by saying it again."""
    same = all(getattr(row, name) == told[name] for name in ("gates", "grade", "action"))
    let_go = row.action == Action.NONE and not row.candidates
    return same and (let_go or row.candidates == told["candidates"])


def forget_candidates(session: Session, brand_id: str, before: datetime, limit: int) -> int:
    """Let go of those with whom a post was compared in vain, where the decision is older than `before`.

    Whom a post is linked to stays, with what spoke for him. So does everybody where a review waits, and where a second
    look was drawn, for its answer may be taken back. Up to `limit` decisions; returns how many.
    """
    too_many = case((MatchRow.customer_key.is_(None), _candidate(0)), else_=_candidate(1)).is_not(None)
    drawn = exists().where(MatchAuditRow.post_id == MatchRow.post_id)
    settled = MatchRow.review.is_(None) | MatchRow.review.in_(("confirmed", "refused"))
    old = (MatchRow.brand_id == brand_id, MatchRow.decided_at < before)
    rows = session.execute(
        select(MatchRow, CustomerRow.customer_id)
        .outerjoin(CustomerRow, CustomerRow.id == MatchRow.customer_key)
        .where(*old, settled, ~drawn, too_many)
        .order_by(MatchRow.decided_at)
        .limit(limit)
    ).all()
    for row, linked in rows:
        his = [one for one in row.candidates if one["customer_id"] == linked] or row.candidates[:1]
        row.candidates = his if row.customer_key is not None else []
    return len(rows)


def _candidate(at: int) -> ColumnElement[str]:
    told: ColumnElement[str] = MatchRow.candidates[at]["customer_id"].as_string()
    return told


def rates(session: Session, brand_id: str, grade: str, since: datetime, until: datetime) -> Rates:
    """How the system decided in a time; `linked` counts one grade, `likely_others` all that it did not link."""
    linked = (MatchRow.action == "link") & (MatchRow.grade == grade)
    other = MatchRow.action != "link"
    likely = func.sum(case((other, 1 - MatchRow.none_probability), else_=0.0))
    query = select(func.count(), func.sum(case((linked, 1), else_=0)), likely).where(
        MatchRow.brand_id == brand_id,
        MatchRow.decided_by == SYSTEM,
        MatchRow.decided_at >= since,
        MatchRow.decided_at < until,
    )
    decided, found, others = session.execute(query).one()
    return Rates(int(decided), int(found or 0), float(others or 0.0))
