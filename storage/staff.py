"""What the database knows of the people of customer care: who may act, who is away, who has how much."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from domain.errors import BadInput
from storage import audit
from storage.queue import deadline
from storage.tables import AbsenceRow, CaseRow, UserBrandRow, UserRow
from storage.users import normal_email, rights

ACTING_ROLES = ("admin", "agent")
# A case that sleeps takes nobody's time.
AT_WORK = (CaseState.NEW, CaseState.OPEN, CaseState.WAITING_CUSTOMER, CaseState.WAITING_US, CaseState.REOPENED)
LONGEST_ABSENCE = timedelta(days=3 * 366)


def may_act(session: Session, brand_id: str) -> frozenset[str]:
    """The addresses of the users who may work cases of a brand."""
    query = (
        select(UserRow.email)
        .join(UserBrandRow, UserBrandRow.user_id == UserRow.id)
        .where(UserBrandRow.brand_id == brand_id, UserBrandRow.role.in_(ACTING_ROLES), UserRow.disabled_at.is_(None))
    )
    return frozenset(session.scalars(query))


def shut_out(session: Session, emails: Iterable[str]) -> frozenset[str]:
    """Which of these are users who were disabled."""
    query = select(UserRow.email).where(UserRow.email.in_(sorted(emails)), UserRow.disabled_at.is_not(None))
    return frozenset(session.scalars(query))


def loads(session: Session) -> dict[str, int]:
    """How many cases each assignee has at work, in all brands together."""
    query = (
        select(CaseRow.assignee, func.count())
        .where(CaseRow.state.in_(AT_WORK), CaseRow.assignee.is_not(None))
        .group_by(CaseRow.assignee)
    )
    return {str(person): count for person, count in session.execute(query)}


def team_counts(session: Session, brand_id: str, now: datetime) -> dict[str, tuple[int, int, int]]:
    """Of each team the open cases, those that nobody has, and those that are overdue."""
    nobody, late = CaseRow.assignee.is_(None), deadline() < now
    counts = (func.count(), *(func.coalesce(func.sum(case((of, 1), else_=0)), 0) for of in (nobody, late)))
    query = select(CaseRow.team, *counts).where(CaseRow.brand_id == brand_id, CaseRow.state.in_(sorted(OPEN_STATES)))
    rows = session.execute(query.group_by(CaseRow.team))
    return {team: (int(whole), int(free), int(overdue)) for team, whole, free, overdue in rows}


def absences(session: Session, since: date) -> Sequence[AbsenceRow]:
    """Absences that last until this day or longer, by their beginning."""
    query = select(AbsenceRow).where(AbsenceRow.last_day >= since)
    return session.scalars(query.order_by(AbsenceRow.first_day, AbsenceRow.person, AbsenceRow.id)).all()


def go_away(session: Session, email: str, first: date, last: date, actor: str, now: datetime) -> AbsenceRow:
    """Note that a user is away, both days included; what touches an absence of hers becomes one with it.

    Raises BadInput for an unknown user and for days that are no span of three years at most.
    """
    user = _user(session, email)
    if first > last:
        raise BadInput(f"the first day, {first}, lies after the last, {last}")
    if last - first > LONGEST_ABSENCE:
        raise BadInput("an absence has three years at most")
    touching = select(AbsenceRow).where(
        AbsenceRow.person == user.email,
        AbsenceRow.first_day <= last + timedelta(days=1),
        AbsenceRow.last_day >= first - timedelta(days=1),
    )
    for other in session.scalars(touching).all():
        first, last = min(first, other.first_day), max(last, other.last_day)
        session.delete(other)
    row = AbsenceRow(person=user.email, first_day=first, last_day=last)
    session.add(row)
    session.flush()
    _audit(session, user, "user.away", actor, now, {"first_day": str(first), "last_day": str(last)})
    return row


def come_back(session: Session, email: str, since: date, actor: str, now: datetime) -> int:
    """A user is there from this day on: absences end the day before; returns how many changed."""
    user = _user(session, email)
    rows = session.scalars(
        select(AbsenceRow).where(AbsenceRow.person == user.email, AbsenceRow.last_day >= since)
    ).all()
    for row in rows:
        if row.first_day >= since:
            session.delete(row)
        else:
            row.last_day = since - timedelta(days=1)
    if rows:
        _audit(session, user, "user.back", actor, now, {"since": str(since)})
    return len(rows)


def _user(session: Session, email: str) -> UserRow:
    user = session.scalar(select(UserRow).where(UserRow.email == normal_email(email)))
    if user is None:
        raise BadInput(f"no user {email}: see `vigie user list`")
    return user


def _audit(session: Session, user: UserRow, action: str, actor: str, now: datetime, detail: dict[str, str]) -> None:
    for right in rights(session, user.id):
        audit.record(session, right.brand_id, actor, action, f"user:{user.id}", now, detail)
