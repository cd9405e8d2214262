"""What playbooks did, or would have done: kept once for each case and occasion."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.tables import CustomerSegmentRow, PlaybookRunRow

Ran = tuple[int, str, str, bool]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a playbook acted, or would have, and when last."""

    playbook: str
    dry_run: bool
    runs: int
    last_at: datetime


def ran_already(session: Session, case_ids: Collection[int]) -> set[Ran]:
    """Case, playbook, occasion and whether dry, of every run in these cases."""
    row = PlaybookRunRow
    query = select(row.case_id, row.playbook, row.occasion, row.dry_run).where(among(session, row.case_id, case_ids))
    return {(case, playbook, occasion, dry) for case, playbook, occasion, dry in session.execute(query)}


def record_run(
    session: Session,
    brand_id: str,
    ran: Ran,
    version: str,
    actions: list[Any],
    now: datetime,
) -> PlaybookRunRow:
    """Keep a run. `actions` are what was done of each, without anybody's words."""
    case_id, playbook, occasion, dry_run = ran
    row = PlaybookRunRow(
        brand_id=brand_id,
        case_id=case_id,
        playbook=playbook,
        version=version,
        occasion=occasion,
        dry_run=dry_run,
        actions=actions,
        at=now,
    )
    session.add(row)
    session.flush()
    return row


def runs_of(session: Session, case_id: int) -> Sequence[PlaybookRunRow]:
    """The runs in one case, oldest first."""
    return session.scalars(select(PlaybookRunRow).filter_by(case_id=case_id).order_by(PlaybookRunRow.id)).all()


def tallies(session: Session, brand_id: str, since: datetime) -> list[Tally]:
    """By playbook and kind of run, since a time."""
    row = PlaybookRunRow
    query = select(row.playbook, row.dry_run, func.count(), func.max(row.at)).where(
        row.brand_id == brand_id, row.at >= since
    )
    found = session.execute(query.group_by(row.playbook, row.dry_run).order_by(row.playbook, row.dry_run))
    return [Tally(name, dry, int(count), at) for name, dry, count, at in found]


def recent_cases(session: Session, brand_id: str, playbook: str, dry_run: bool, limit: int) -> list[int]:
    """The cases of the newest runs of a playbook, each once."""
    row = PlaybookRunRow
    query = select(row.case_id).filter_by(brand_id=brand_id, playbook=playbook, dry_run=dry_run)
    return list(session.scalars(query.group_by(row.case_id).order_by(func.max(row.id).desc()).limit(limit)))


def memberships_of(session: Session, customer_key: int) -> Sequence[CustomerSegmentRow]:
    """The segments that a customer is in, by name."""
    query = select(CustomerSegmentRow).filter_by(customer_key=customer_key)
    return session.scalars(query.order_by(CustomerSegmentRow.segment)).all()


def segment_sizes(session: Session, brand_id: str) -> dict[str, int]:
    """How many customers are in each segment."""
    row = CustomerSegmentRow
    query = select(row.segment, func.count()).where(row.brand_id == brand_id).group_by(row.segment)
    return {name: int(count) for name, count in session.execute(query)}
