"""Matches: the newest decision of each post that leads a case; a person's word stands."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from domain.evidence import Action, MatchDecision
from storage.customers import find_customer
from storage.tables import MatchRow, PostRow

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
    if row is not None and all(getattr(row, name) == told[name] for name in ("candidates", "gates", "grade", "action")):
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
