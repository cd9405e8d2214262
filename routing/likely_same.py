"""Cases that look like one: shown to a person, who alone may join what nothing proves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from storage.case_moves import kept_apart
from storage.merges import records_of
from storage.tables import CasePostRow, CaseRow, CustomerRow, MatchRow

Why = Literal["account", "customer", "candidate"]
MOST = 3
LOOKED_AT = 20
SHOWN = 2  # the candidates of a match that a person sees


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another case, and why it may be this one: the same account or customer, or one who may have spoken here."""

    case: CaseRow
    why: Why


def proposals(session: Session, case: CaseRow, within: timedelta, now: datetime) -> list[Proposal]:
    """Up to three cases that this one may belong to, the newest first; none that a person took apart from it."""
    if case.state == CaseState.MERGED:
        return []
    found: dict[int, Proposal] = {}
    apart = kept_apart(session, case.id)
    for why, condition in _alike(session, case):
        for other in _cases(session, case, condition, within, now):
            if other.id not in apart:
                found.setdefault(other.id, Proposal(other, why))
    newest = sorted(found.values(), key=lambda one: (one.case.last_post_at, one.case.id), reverse=True)
    return newest[:MOST]


def _alike(session: Session, case: CaseRow) -> list[tuple[Why, ColumnElement[bool]]]:
    """The same account; the same moment of the same customer, or of one whom this case may be of."""
    alike: list[tuple[Why, ColumnElement[bool]]] = []
    if case.customer_key is not None:
        records = records_of(session, case.brand_id, case.customer_key)
        alike.append(("customer", CaseRow.customer_key.in_(records) & (CaseRow.moment == case.moment)))
    if case.author_id is not None:
        alike.append(("account", CaseRow.author_id == case.author_id))
    if case.customer_key is None and (keys := _candidates(session, case)):
        alike.append(("candidate", CaseRow.customer_key.in_(keys) & (CaseRow.moment == case.moment)))
    return alike


def _candidates(session: Session, case: CaseRow) -> list[int]:
    told = (
        select(MatchRow.candidates)
        .join(CasePostRow, CasePostRow.post_id == MatchRow.post_id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy")
        .where(or_(MatchRow.review == "waiting", MatchRow.review == "unsure"))
    )
    names = {one["customer_id"] for candidates in session.scalars(told) for one in candidates[:SHOWN]}
    held = select(CustomerRow.id).where(CustomerRow.brand_id == case.brand_id, CustomerRow.customer_id.in_(names))
    return list(session.scalars(held))


def _cases(
    session: Session, case: CaseRow, condition: ColumnElement[bool], within: timedelta, now: datetime
) -> list[CaseRow]:
    """Open ones, and those settled not long ago."""
    is_recent = CaseRow.state.in_((CaseState.RESOLVED, CaseState.CLOSED)) & (CaseRow.resolved_at >= now - within)
    query = select(CaseRow).where(
        CaseRow.brand_id == case.brand_id, CaseRow.id != case.id, condition, CaseRow.state.in_(OPEN_STATES) | is_recent
    )
    return list(session.scalars(query.order_by(CaseRow.last_post_at.desc(), CaseRow.id).limit(LOOKED_AT)))
