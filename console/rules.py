"""What rules did in a case, or would have done; the customer's segments; drafts that wait for an agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES
from routing.drafts import sent_drafts
from storage.playbooks import memberships_of, runs_of
from storage.tables import CaseEventRow, CaseRow, CustomerSegmentRow, PlaybookRunRow


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that waits; `text` is gone where the customer was erased."""

    event: CaseEventRow
    text: str


@dataclass(frozen=True, slots=True)
class Ruled:
    """What rules say of a case, for its page."""

    runs: Sequence[PlaybookRunRow] = ()
    segments: Sequence[CustomerSegmentRow] = ()
    drafts: Sequence[Draft] = field(default_factory=list)


def ruled(session: Session, case: CaseRow, notes: Mapping[int, str], with_people: bool) -> Ruled:
    """Runs for everybody; segments and drafts, which are about the customer, for those who see people."""
    runs = runs_of(session, case.id)
    if not with_people or case.customer_key is None:
        return Ruled(runs)
    return Ruled(runs, memberships_of(session, case.customer_key), _waiting(session, case, notes))


def _waiting(session: Session, case: CaseRow, notes: Mapping[int, str]) -> list[Draft]:
    """The drafts of an open case that nobody has sent."""
    if case.state not in OPEN_STATES:
        return []
    query = select(CaseEventRow).filter_by(case_id=case.id, kind="draft").order_by(CaseEventRow.id)
    events = list(session.scalars(query))
    sent = sent_drafts(session, case.brand_id, events)
    return [Draft(event, notes[event.id]) for event in events if event.id in notes and event.id not in sent]
