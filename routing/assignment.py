"""Who gets a case: the least loaded of those of its team who are at work, speak its language and know its matter.

Where nobody of the team can take it, the team that helps out is asked (`overflow`), after as much time of work as the
team allows itself. A case whose assignee is away goes back once it is overdue. What the program gives to a person she
has yet to take: until then the customer is still written to automatically (`storage.assignees.in_charge`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from domain.team import NO_LANGUAGE, Person, Staff
from routing.deadlines import is_open, worked
from routing.notices import tell
from storage import staff as store
from storage.assignees import give, take_back
from storage.brands import lock_brand
from storage.cases import SYSTEM
from storage.queue import deadline
from storage.tables import CaseRow

AT_ONCE = 500
# A case that waits for the customer or sleeps needs nobody yet.
TO_GIVE = (CaseState.NEW, CaseState.OPEN, CaseState.WAITING_US, CaseState.REOPENED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a case asks of the person who takes it. `waited` is since when nobody has it (UTC)."""

    team: str
    language: str
    intent: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets it and of which team; nobody, and then why not, by person."""

    person: str | None
    team: str
    refused: Mapping[str, str]


@dataclass(slots=True)
class Roster:
    """Who could work now.

    `acting` may open the brand's cases; `loads` counts the cases that each has, and grows as they get more.
    """

    staff: Staff
    acting: Collection[str]
    away: Collection[str]
    loads: dict[str, int]
    now: datetime
    _idle: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def idle(self, person: Person, team: str) -> str | None:
        """Why a person takes nothing at all now, None if she does."""
        key = (person.email, team)
        if key not in self._idle:
            self._idle[key] = self._why_idle(person, team)
        return self._idle[key]

    def _why_idle(self, person: Person, team: str) -> str | None:
        if person.email not in self.acting:
            return "no_user"
        if person.email in self.away:
            return "away"
        known = self.staff.teams.get(team)
        hours = person.hours or (known.hours if known else None)
        return None if is_open(self.now, hours) else "not_at_work"


@dataclass(frozen=True, slots=True)
class Assigned:
    """What one pass did."""

    assigned: int = 0
    returned: int = 0
    waiting: int = 0


def choose(wanted: Wanted, roster: Roster) -> Choice:
    """The person for a case. Equal cases and rosters give equal choices."""
    refused: dict[str, str] = {}
    for team in roster.staff.chain(wanted.team):
        able = []
        for person in roster.staff.members(team):
            why = _refusal(person, team, wanted, roster)
            if why is None:
                able.append(person)
            else:
                refused.setdefault(person.email, why)
        if able:
            return Choice(min(able, key=lambda person: _burden(person, roster)).email, team, refused)
        if not _may_overflow(team, wanted, roster):
            break
    return Choice(None, wanted.team, refused)


def _refusal(person: Person, team: str, wanted: Wanted, roster: Roster) -> str | None:
    why = roster.idle(person, team)
    if why is not None:
        return why
    if person.languages and wanted.language not in NO_LANGUAGE | person.languages:
        return "language"
    if person.skills and wanted.intent not in person.skills:
        return "skill"
    return "full" if roster.loads.get(person.email, 0) >= person.capacity else None


def _burden(person: Person, roster: Roster) -> tuple[float, int, str]:
    """How much of what she can take she has; who can take half gets half."""
    load = roster.loads.get(person.email, 0)
    return load / person.capacity, load, person.email


def _may_overflow(name: str, wanted: Wanted, roster: Roster) -> bool:
    team = roster.staff.teams.get(name)
    return team is not None and worked(wanted.since, roster.now, team.hours) >= team.overflow_after


def roster_of(session: Session, brand_id: str, staff: Staff, now: datetime) -> Roster:
    """The roster of a brand as the database has it."""
    return Roster(staff, store.may_act(session, brand_id), away_now(session, staff, now), store.loads(session), now)


def away_now(session: Session, staff: Staff, now: datetime) -> frozenset[str]:
    """Who is away today, by the calendar of where each one is."""
    rows = store.absences(session, (now - timedelta(days=1)).date())
    zones = {email: person.zone for email, person in staff.people.items()}
    today = {row.person: now.astimezone(zones.get(row.person)).date() for row in rows}
    return frozenset(row.person for row in rows if row.first_day <= today[row.person] <= row.last_day)


def assign_waiting(session: Session, brand_id: str, staff: Staff, now: datetime) -> Assigned:
    """Take back what lies with people who are away, then give what waits, the most urgent first."""
    if not staff.people:
        return Assigned()
    lock_brand(session, brand_id)
    roster = roster_of(session, brand_id, staff, now)
    returned = _take_back(session, brand_id, roster)
    due = deadline()
    query = (
        select(CaseRow.id, CaseRow.team, CaseRow.language, CaseRow.intent, CaseRow.opened_at)
        .where(CaseRow.brand_id == brand_id, CaseRow.state.in_(TO_GIVE), CaseRow.assignee.is_(None))
        .order_by(CaseRow.priority.desc(), due.is_(None), due, CaseRow.id)
    )
    waiting = session.execute(query).all()
    chosen: dict[int, Choice] = {}
    for case in waiting:
        choice = choose(_wanted(case), roster)
        if choice.person is not None:
            chosen[case.id] = choice
            roster.loads[choice.person] = roster.loads.get(choice.person, 0) + 1
    given = sum(_give(session, case, chosen[case.id], roster) for case in _still_free(session, list(chosen)))
    return Assigned(given, returned, len(waiting) - given)


def nobody_because(session: Session, case: CaseRow, staff: Staff, now: datetime) -> Mapping[str, str] | None:
    """Why nobody can take this case now, by person; None where somebody can or has it, or where it needs nobody."""
    if not staff.people or case.assignee is not None or case.state not in TO_GIVE:
        return None
    choice = choose(_wanted(case), roster_of(session, case.brand_id, staff, now))
    return None if choice.person is not None else choice.refused


def _wanted(case: CaseRow | Row[int, str, str, str, datetime]) -> Wanted:
    return Wanted(case.team, case.language.lower(), case.intent, case.opened_at)


def _still_free(session: Session, ids: Sequence[int]) -> Iterator[CaseRow]:
    """The cases of these that nobody took meanwhile, locked."""
    for start in range(0, len(ids), AT_ONCE):
        part = select(CaseRow).where(CaseRow.id.in_(ids[start : start + AT_ONCE]), CaseRow.assignee.is_(None))
        yield from session.scalars(part.order_by(CaseRow.id).with_for_update()).all()


def _give(session: Session, case: CaseRow, choice: Choice, roster: Roster) -> bool:
    person = str(choice.person)
    why = f"overflow to {choice.team}" if choice.team != case.team else "least loaded"
    give(session, case, person, SYSTEM, roster.now, why)
    tell(session, roster.staff, case, "assigned", f"assigned:{case.revision}", person, roster.now)
    return True


def _take_back(session: Session, brand_id: str, roster: Roster) -> int:
    """Overdue cases of people who are away, and whatever lies with users who were shut out."""
    here = (CaseRow.brand_id == brand_id) & CaseRow.state.in_(sorted(OPEN_STATES))
    held = {str(person) for person in session.scalars(select(CaseRow.assignee).where(here).distinct()) if person}
    gone = store.shut_out(session, held)
    late = CaseRow.assignee.in_(sorted(roster.away)) & (deadline() < roster.now)
    found = session.scalars(
        select(CaseRow)
        .where(here, or_(late, CaseRow.assignee.in_(sorted(gone))))
        .order_by(CaseRow.id)
        .with_for_update()
    ).all()
    for case in found:
        person = str(case.assignee)
        why = "may no longer sign in" if person in gone else "away, and the case is overdue"
        take_back(session, case, SYSTEM, roster.now, why)
        roster.loads[person] = max(roster.loads.get(person, 0) - 1, 0)
    return len(found)
