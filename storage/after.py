"""What stands around a case beside its posts and messages: resolutions, ruptures, the words that came after."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage.merges import records_of
from storage.tables import CaseOutcomeRow, CaseRow, ResolutionRow, RuptureRow


def resolutions_of(session: Session, case_id: int) -> Sequence[ResolutionRow]:
    """What was recorded of what the brand does about a case, the newest first."""
    query = select(ResolutionRow).where(ResolutionRow.case_id == case_id)
    return session.scalars(query.order_by(ResolutionRow.id.desc())).all()


def ruptures_of(session: Session, case: CaseRow) -> Sequence[RuptureRow]:
    """The ruptures in the way of a case's customer that belong to this case, to one that went up in it, or to none."""
    if case.customer_key is None:
        return ()
    own = select(CaseRow.id).where(or_(CaseRow.id == case.id, CaseRow.merged_into == case.id))
    query = select(RuptureRow).where(
        RuptureRow.customer_key.in_(records_of(session, case.brand_id, case.customer_key)),
        or_(RuptureRow.case_id.is_(None), RuptureRow.case_id.in_(own)),
    )
    return session.scalars(query.order_by(RuptureRow.at, RuptureRow.id)).all()


def outcome_of(session: Session, case_id: int) -> CaseOutcomeRow | None:
    """What the customer said in public after his case."""
    return session.scalars(select(CaseOutcomeRow).filter_by(case_id=case_id)).one_or_none()
