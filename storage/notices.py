"""Notices to teams and people: written once with what they tell, sent once, never sent again where nobody knows."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from storage.cases import add_event
from storage.claims import claim
from storage.owner import is_dead, this_process
from storage.tables import CaseRow, NoticeRow


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told to whom. `occasion` names it within the case: told once to each. `detail` holds no personal data."""

    kind: str
    occasion: str
    team: str | None = None
    person: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def write(session: Session, case: CaseRow, notice: Notice, now: datetime) -> bool:
    """Put a notice beside what it tells, in the caller's transaction, under the brand's lock; False if it is there."""
    key = _key(case.id, notice.occasion, notice.team or notice.person or "")
    if session.scalar(select(NoticeRow.id).filter_by(brand_id=case.brand_id, key=key)) is not None:
        return False
    row = NoticeRow(
        brand_id=case.brand_id,
        key=key,
        case_id=case.id,
        kind=notice.kind,
        team=notice.team,
        person=notice.person,
        detail={"severity": case.severity, **notice.detail},
        send_after=now,
    )
    session.add(row)
    session.flush()
    return True


def _key(case_id: int, occasion: str, to: str) -> str:
    return f"{case_id}:{occasion}:{hashlib.sha256(to.encode()).hexdigest()[:16]}"


def told(session: Session, case_ids: Collection[int], kind: str) -> frozenset[int]:
    """The cases of which notices of a kind were written."""
    query = select(NoticeRow.case_id).where(NoticeRow.case_id.in_(case_ids), NoticeRow.kind == kind)
    return frozenset(session.scalars(query))


def due(session: Session, now: datetime, limit: int, lease_seconds: float) -> list[NoticeRow]:
    """Lease notices that wait, the longest waiting first."""
    waiting = (NoticeRow.state == "waiting") & (NoticeRow.send_after <= now)
    return claim(session, NoticeRow, waiting, (NoticeRow.send_after, NoticeRow.id), limit, now, lease_seconds)


def begin(session: Session, notice: NoticeRow, now: datetime, lease_seconds: float) -> bool:
    """Mark that it is on its way, before it is; False if another process has it."""
    until = now + timedelta(seconds=lease_seconds)
    changed = update(NoticeRow).where(NoticeRow.state == "waiting", *_ours(notice))
    found = session.execute(changed.values(state="sending", attempts=NoticeRow.attempts + 1, lease_until=until))
    return cast(CursorResult[Any], found).rowcount == 1


def note_done(session: Session, notice: NoticeRow, done: list[str]) -> None:
    """Remember at which places it arrived."""
    detail = {**notice.detail, "done": done}
    session.execute(update(NoticeRow).where(*_ours(notice)).values(detail=detail))


def finish(
    session: Session, notice: NoticeRow, state: str, now: datetime, reason: str = "", send_after: datetime | None = None
) -> None:
    """Mark what became of it and let it go: sent, failed, or waiting to be tried again."""
    values: dict[str, Any] = {"state": state, "reason": reason or None, "lease_owner": None, "lease_until": None}
    values |= {"sent_at": now} if state == "sent" else {}
    values |= {"send_after": send_after} if send_after else {}
    found = session.execute(update(NoticeRow).where(*_ours(notice)).values(**values))
    if cast(CursorResult[Any], found).rowcount and state != "waiting":
        _event(session, notice, state, now)


def sweep(session: Session, now: datetime) -> int:
    """What a dead process was sending is unconfirmed: nobody knows, so it is not sent again. Returns how many."""
    gone = or_(NoticeRow.lease_until.is_(None), NoticeRow.lease_until < now, NoticeRow.lease_owner.in_(_dead(session)))
    rows = session.scalars(select(NoticeRow).where(NoticeRow.state == "sending", gone).with_for_update()).all()
    for row in rows:
        row.state, row.reason, row.lease_owner, row.lease_until = "unconfirmed", "it broke off", None, None
        _event(session, row, "unconfirmed", now)
    session.flush()
    return len(rows)


def open_ends(session: Session, brand_id: str) -> list[NoticeRow]:
    """Notices that failed or that nobody knows of, newest first; 50 at most."""
    query = select(NoticeRow).where(NoticeRow.brand_id == brand_id, NoticeRow.state.in_(("failed", "unconfirmed")))
    return list(session.scalars(query.order_by(NoticeRow.id.desc()).limit(50)))


def _dead(session: Session) -> list[str]:
    owners = select(NoticeRow.lease_owner).where(NoticeRow.state == "sending").distinct()
    return [owner for owner in session.scalars(owners) if owner is not None and is_dead(owner)]


def _ours(notice: NoticeRow) -> tuple[Any, ...]:
    return (NoticeRow.id == notice.id, NoticeRow.lease_owner == this_process())


def _event(session: Session, notice: NoticeRow, state: str, now: datetime) -> None:
    case = session.get_one(CaseRow, notice.case_id)
    add_event(session, case, f"notice_{state}", now, about=notice.kind, to=notice.team or notice.person)
