"""Calls that customers wait for: planned once a message, taken by a person, reached or missed.

open ─▶ taken ─▶ reached or missed; a missed one is opened again at another time until too many were missed.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState, may_step
from domain.message import MESSAGE_STEPS, MessageState
from storage import cases, messages
from storage.tables import CallbackRow, CaseEventRow, CaseRow, CustomerRow, MessageRow

LIVE = ("open", "taken")


@dataclass(frozen=True, slots=True)
class Call:
    """A call with what a person needs to make it; `message` has the number."""

    row: CallbackRow
    case: CaseRow
    message: MessageRow | None
    customer: CustomerRow | None


def of_message(session: Session, message_key: int) -> CallbackRow | None:
    """The call of a message."""
    return session.scalars(select(CallbackRow).filter_by(message_key=message_key)).one_or_none()


def booked(session: Session, brand_id: str, since: datetime) -> dict[datetime, int]:
    """How many calls begin at each time from then on."""
    query = select(CallbackRow.starts_at, func.count()).filter_by(brand_id=brand_id)
    live = query.where(CallbackRow.state.in_(LIVE), CallbackRow.starts_at >= since)
    return dict(session.execute(live.group_by(CallbackRow.starts_at)).all())


def plan(session: Session, message: MessageRow, slot: tuple[datetime, datetime], script: str, now: datetime) -> None:
    """Put a call on the list, in the caller's transaction under the brand's lock; once a message."""
    if of_message(session, message.id) is not None:
        return
    case = cases.living(session, session.get_one(CaseRow, message.case_id))
    row = CallbackRow(
        brand_id=message.brand_id,
        case_id=case.id,
        message_key=message.id,
        starts_at=slot[0],
        ends_at=slot[1],
        script=script,
    )
    session.add(row)
    cases.add_event(session, case, "callback_planned", now, message=message.message_id, starts=slot[0].isoformat())


def listed(session: Session, brand_id: str, done: bool, limit: int = 200) -> list[Call]:
    """The calls of a brand: those to be made, the next one first, or those that are over, the last one first."""
    order = CallbackRow.done_at.desc() if done else CallbackRow.starts_at
    live = CallbackRow.state.not_in(LIVE) if done else CallbackRow.state.in_(LIVE)
    query = (
        select(CallbackRow, CaseRow, MessageRow, CustomerRow)
        .join(CaseRow, CaseRow.id == CallbackRow.case_id)
        .join(MessageRow, MessageRow.id == CallbackRow.message_key, isouter=True)
        .join(CustomerRow, CustomerRow.id == MessageRow.customer_key, isouter=True)
        .where(CallbackRow.brand_id == brand_id, live)
        .order_by(order, CallbackRow.id)
        .limit(limit)
    )
    return [Call(*found) for found in session.execute(query)]


def take(session: Session, row: CallbackRow, actor: str, now: datetime) -> bool:
    """Somebody makes this call; False if another one does already, or if it is over."""
    if row.state != "open" and (row.state, row.assignee) != ("taken", actor):
        return False
    if row.state == "open":
        row.state, row.assignee = "taken", actor
        cases.add_event(session, _case(session, row), "callback_taken", now, actor, callback=row.id)
    return True


def reached(session: Session, row: CallbackRow, outcome: str, after: CaseState, actor: str, now: datetime) -> bool:
    """The customer was spoken to: the message counts as answered, the case goes where the caller says."""
    if not _finish(row, "reached", outcome, actor, now):
        return False
    case = _case(session, row)
    cases.add_event(session, case, "callback_reached", now, actor, callback=row.id)
    if outcome:
        cases.add_note(session, case, outcome, now, actor)
    _mark(session, row, MessageState.REPLIED, actor, now, "spoken to")
    if case.first_answer_at is None:
        case.first_answer_at = now
        case.revision += 1
    if case.state == CaseState.NEW:
        cases.step(session, case, CaseState.OPEN, now, actor, "called back")
    if may_step(CaseState(case.state), after):
        cases.step(session, case, after, now, actor, "called back")
    return True


def missed(
    session: Session, row: CallbackRow, again: tuple[datetime, datetime] | None, most: int, actor: str, now: datetime
) -> bool:
    """Nobody answered: tried again at `again`, or given up after `most` calls, so that another way is looked for."""
    if row.state not in LIVE:
        return False
    case = _case(session, row)
    kind = (CaseEventRow.case_id == row.case_id) & (CaseEventRow.kind == "callback_missed")
    before = session.scalars(select(CaseEventRow.detail).where(kind)).all()
    tries = 1 + sum(detail.get("callback") == row.id for detail in before)
    cases.add_event(session, case, "callback_missed", now, actor, callback=row.id)
    if again is not None and tries < most:
        row.state, row.assignee, (row.starts_at, row.ends_at) = "open", None, again
        cases.add_event(session, case, "callback_planned", now, actor, callback=row.id, starts=again[0].isoformat())
        return True
    _finish(row, "missed", None, actor, now)
    _mark(session, row, MessageState.FAILED, actor, now, f"not reached in {tries} calls")
    return True


def cancel_moot(session: Session, brand_id: str, now: datetime) -> int:
    """Take calls off the list whose case is settled or whose customer was erased; returns how many."""
    query = select(CallbackRow).join(CaseRow, CaseRow.id == CallbackRow.case_id)
    over = or_(CaseRow.state.not_in([*OPEN_STATES, CaseState.MERGED]), CaseRow.customer_key.is_(None))
    rows = session.scalars(query.where(CallbackRow.brand_id == brand_id, CallbackRow.state.in_(LIVE), over)).all()
    count = 0
    for row in rows:
        case = _case(session, row)
        if case.state in OPEN_STATES and case.customer_key is not None:  # it went up in another case, which is alive
            continue
        row.state, row.done_at, count = "cancelled", now, count + 1
        cases.add_event(session, case, "callback_cancelled", now, callback=row.id)
    return count


def _finish(row: CallbackRow, state: str, outcome: str | None, actor: str, now: datetime) -> bool:
    if row.state not in LIVE:
        return False
    row.state, row.outcome, row.assignee, row.done_at = state, outcome or None, actor, now
    return True


def _case(session: Session, row: CallbackRow) -> CaseRow:
    return cases.living(session, session.get_one(CaseRow, row.case_id))


def _mark(session: Session, row: CallbackRow, state: MessageState, actor: str, now: datetime, reason: str) -> None:
    if row.message_key is None:
        return
    message = session.get_one(MessageRow, row.message_key, with_for_update=True, populate_existing=True)
    if state in MESSAGE_STEPS[MessageState(message.state)]:
        messages.mark(session, message, state, now, actor=actor, reason=reason)
