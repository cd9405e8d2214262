"""What each grade of proof may do, as it was said: append-only, the newest word holds."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import audit
from storage.tables import GradeStateRow


def grade_state(session: Session, brand_id: str, grade: str) -> GradeStateRow | None:
    """The newest word on what a grade may do; None while the settings decide."""
    query = select(GradeStateRow).where(GradeStateRow.brand_id == brand_id, GradeStateRow.grade == grade)
    return session.scalars(query.order_by(GradeStateRow.id.desc()).limit(1)).one_or_none()


def suspended_grades(session: Session, brand_id: str) -> list[GradeStateRow]:
    """The grades that may not act after an error or a shift, with who said so, when and why."""
    newest = select(func.max(GradeStateRow.id)).where(GradeStateRow.brand_id == brand_id).group_by(GradeStateRow.grade)
    query = select(GradeStateRow).where(GradeStateRow.id.in_(newest), GradeStateRow.state == "suspended")
    return list(session.scalars(query.order_by(GradeStateRow.grade)))


def grade_states(session: Session, brand_id: str, grade: str) -> list[GradeStateRow]:
    """Every word on what a grade may do, the newest first."""
    query = select(GradeStateRow).where(GradeStateRow.brand_id == brand_id, GradeStateRow.grade == grade)
    return list(session.scalars(query.order_by(GradeStateRow.id.desc())))


def counting_since(session: Session, brand_id: str, grade: str) -> datetime | None:
    """When the count of audits last began anew."""
    same = (GradeStateRow.brand_id == brand_id, GradeStateRow.grade == grade, GradeStateRow.restart)
    return session.scalar(select(GradeStateRow.at).where(*same).order_by(GradeStateRow.id.desc()).limit(1))


def set_grade_state(
    session: Session,
    brand_id: str,
    grade: str,
    state: str,
    by: str,
    now: datetime,
    why: str,
    *,
    restart: bool = False,
    event_id: int | None = None,
) -> None:
    """Say what a grade may do from now on; audited."""
    row = GradeStateRow(
        brand_id=brand_id, grade=grade, state=state, by=by, at=now, why=why[:500], restart=restart, event_id=event_id
    )
    session.add(row)
    session.flush()
    audit.record(session, brand_id, by, f"grade {state}", f"grade:{grade}", now, {"why": why[:500]})
