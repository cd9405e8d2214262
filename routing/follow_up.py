"""What time and deletions do to cases."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from storage import cases
from storage.brands import lock_brand
from storage.tables import CasePostRow, CaseRow, PostRow


def end_deleted(session: Session, brand_id: str, now: datetime) -> int:
    """Close open cases whose every post its author took back, and cancel what was not yet on its way."""
    lock_brand(session, brand_id)
    place = CasePostRow.case_id == CaseRow.id
    alive = select(CasePostRow.id).join(PostRow, PostRow.id == CasePostRow.post_id)
    gone = select(CaseRow).where(
        CaseRow.brand_id == brand_id,
        CaseRow.state.in_(OPEN_STATES),
        exists(select(CasePostRow.id).where(place)),
        ~exists(alive.where(place, PostRow.deleted_at.is_(None))),
    )
    found = session.scalars(gone.order_by(CaseRow.id)).all()
    for case in found:
        cases.cancel_reserved(session, case.id, "the posts were deleted by their author")
        cases.step(session, case, CaseState.RESOLVED, now, why="the posts were deleted by their author")
        case.contact_state, case.contact_at = "never", None
    return len(found)


def wake_snoozed(session: Session, brand_id: str, now: datetime) -> int:
    """Open the cases whose time to sleep is over."""
    asleep = select(CaseRow).where(
        CaseRow.brand_id == brand_id, CaseRow.state == CaseState.SNOOZED, CaseRow.snoozed_until <= now
    )
    found = session.scalars(asleep.order_by(CaseRow.id)).all()
    for case in found:
        cases.step(session, case, CaseState.OPEN, now, why="snoozed until now")
    return len(found)
