"""Matches: the newest decision of each post that leads a case; a person's word stands."""

import json
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.evidence import Action, MatchDecision
from storage.customers import find_customer
from storage.tables import MatchRow, PostRow


def match_of_post(session: Session, post_id: int) -> MatchRow | None:
    """Who spoke in a post, as last decided."""
    return session.scalars(select(MatchRow).filter_by(post_id=post_id)).one_or_none()


def save_match(session: Session, post: PostRow, decision: MatchDecision, now: datetime) -> MatchRow:
    """Keep the decision; one that says the same as before changes nothing. What people refused stays refused."""
    row = match_of_post(session, post.id)
    told = json.loads(json.dumps(decision.as_dict()))  # as it comes back from the database
    if (
        row is not None
        and row.candidates == told["candidates"]
        and row.gates == told["gates"]
        and row.grade == told["grade"]
    ):
        return row
    customer = None if decision.customer_id is None else find_customer(session, post.brand_id, decision.customer_id)
    if row is None:
        row = MatchRow(brand_id=post.brand_id, post_id=post.id)
        session.add(row)
    row.customer_key = customer.id if customer else None
    row.grade, row.action = decision.grade, decision.action
    row.review = "waiting" if decision.action is Action.REVIEW else None
    row.candidates, row.gates = told["candidates"], told["gates"]
    row.none_probability, row.version, row.decided_at = decision.none_probability, decision.version, now
    row.decided_by = "vigie"
    session.flush()
    return row
