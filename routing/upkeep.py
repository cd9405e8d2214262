"""What time does to open cases: deadlines move, warnings come, what is missed goes up, priorities are weighed anew.

Everything is drawn from what is stored, so a second run changes nothing. Warnings and escalations are events, once for
each deadline and each time that the case was opened again; whom they are told to is written beside them.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from domain.case import OPEN_STATES, CaseState, Severity
from domain.team import Staff
from routing.deadlines import STANDS_IN, Deadlines, Due, first_answer_due, resolution_due, runs_of
from routing.notices import tell
from routing.priority import RANK, Passing, Weights, reweighed, unchanged
from storage import cases, notices
from storage.brands import lock_brand
from storage.merges import persons_of
from storage.tables import CaseEventRow, CaseRow, CustomerRow, InteractionRow

OFTEN = timedelta(days=90)
CONTACTS = timedelta(days=30)
NEWS = timedelta(hours=24)  # what lies longer back is shown, and nobody is woken for it
Owner = Mapping[int, int]  # the key of a customer's record → that of the one that is kept of the person
NEAR, MISSED = "deadline_near", "deadline_missed"


@dataclass(frozen=True, slots=True)
class UpkeepRules:
    """What settings say of it."""

    deadlines: Deadlines
    weights: Weights
    staff: Staff


@dataclass(frozen=True, slots=True)
class Kept:
    """What one batch did; `last` is the id to go on from, None at the end."""

    cases: int = 0
    warned: int = 0
    escalated: int = 0
    reweighed: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What the events of a case tell: the states it came into, the gravest severity it had, what was told already."""

    moves: Sequence[tuple[datetime, CaseState]] = ()
    gravest: Severity = Severity.LOW
    told: frozenset[tuple[str, str, int]] = field(default_factory=frozenset)


def keep_up(session: Session, brand_id: str, rules: UpkeepRules, after: int, limit: int, now: datetime) -> Kept:
    """Look after up to `limit` open cases with an id beyond `after`."""
    lock_brand(session, brand_id)
    query = select(CaseRow).where(
        CaseRow.brand_id == brand_id, CaseRow.state.in_(sorted(OPEN_STATES)), CaseRow.id > after
    )
    rows = session.scalars(query.order_by(CaseRow.id).limit(limit)).all()
    past = _past(session, rows)
    persons = persons_of(session, brand_id, {case.customer_key for case in rows if case.customer_key is not None})
    owner = {record: kept for kept, records in persons.items() for record in records}
    others, contacts = _others(session, rows, owner, now), _contacts(session, rows, owner, now)
    opened = notices.told(session, [case.id for case in rows], "opened")
    done = {"warned": 0, "escalated": 0, "reweighed": 0}
    for case in rows:
        for step in _watch(session, case, past.get(case.id, Past()), rules, now):
            done[step] += 1
        if case.id not in opened:
            _tell_opened(session, case, rules.staff, now)
        passing = Passing(now - case.opened_at, others.get(case.id, 0), contacts.get(case.id, 0), case.escalation)
        done["reweighed"] += _reweigh(session, case, passing, rules.weights, now)
    return Kept(len(rows), **done, last=rows[-1].id if len(rows) == limit else None)


def dues_of(case: CaseRow, past: Past, deadlines: Deadlines, now: datetime) -> list[Due]:
    """The deadlines of an open case whose clocks are not done."""
    severity = max((Severity(case.severity), past.gravest), key=RANK.index)
    runs, rounds = runs_of(case.opened_at, past.moves)
    # What an undone step left behind: the state of now counts.
    state, (began, ended) = CaseState(case.state), runs[-1]
    if (state in STANDS_IN) == (ended is None):
        since = max(case.state_since or now, ended or began)
        runs = [*runs[:-1], (began, since)] if ended is None else [*runs, (since, None)]
    found = [resolution_due(runs, rounds, severity, case.team, deadlines)]
    if case.first_answer_at is None:
        found.insert(0, first_answer_due(case.opened_at, severity, case.team, deadlines))
    return found


def _watch(session: Session, case: CaseRow, past: Past, rules: UpkeepRules, now: datetime) -> Iterator[str]:
    for due in dues_of(case, past, rules.deadlines, now):
        column = f"due_{due.which}_at"
        if getattr(case, column) != due.at:
            setattr(case, column, due.at)
        if due.at is None or due.warn_at is None:
            continue
        told = {kind for kind in (NEAR, MISSED) if (kind, due.which, due.round) in past.told}
        if due.at <= now and MISSED not in told:
            _escalate(session, case, due, rules.staff, now)
            yield "escalated"
        elif due.warn_at <= now < due.at and NEAR not in told:
            _warn(session, case, due, rules.staff, now)
            yield "warned"


def _escalate(session: Session, case: CaseRow, due: Due, staff: Staff, now: datetime) -> None:
    """The deadline is missed: the case goes up, in priority and to whom its team hands it up."""
    case.escalation += 1
    team = staff.teams.get(case.team)
    to = team.escalate_to if team and team.escalate_to else case.team
    _note(session, case, MISSED, due, now, to=to)
    if due.at is not None and now - due.at <= NEWS:
        for name in dict.fromkeys((to, case.assignee or "")):
            tell(session, staff, case, MISSED, f"{MISSED}:{due.which}:{due.round}", name, now, due.which, due.at)


def _warn(session: Session, case: CaseRow, due: Due, staff: Staff, now: datetime) -> None:
    """The deadline is near: whoever has the case is told, and the team."""
    _note(session, case, NEAR, due, now, to=case.assignee or case.team)
    for name in dict.fromkeys((case.assignee or "", case.team)):
        tell(session, staff, case, NEAR, f"{NEAR}:{due.which}:{due.round}", name, now, due.which, due.at)


def _note(session: Session, case: CaseRow, kind: str, due: Due, now: datetime, to: str) -> None:
    at = due.at.isoformat() if due.at else None
    cases.add_event(session, case, kind, now, which=due.which, round=due.round, due=at, to=to)


def _tell_opened(session: Session, case: CaseRow, staff: Staff, now: datetime) -> None:
    team = staff.teams.get(case.team)
    if team is None or case.state != CaseState.NEW or now - case.opened_at > NEWS:
        return
    if RANK.index(Severity(case.severity)) >= RANK.index(team.notify_severity):
        due = case.due_first_answer_at
        tell(session, staff, case, "opened", "opened", case.team, now, "first_answer", due)


def _reweigh(session: Session, case: CaseRow, passing: Passing, weights: Weights, now: datetime) -> bool:
    if not case.priority_reasons or unchanged(case.priority_reasons, passing, weights):
        return False
    points, parts = reweighed(case.priority_reasons, passing, weights)
    if points != case.priority:
        cases.add_event(session, case, "reweighed", now, old=case.priority, new=points)
    case.priority, case.priority_reasons = points, parts
    return True


def _past(session: Session, rows: Sequence[CaseRow]) -> Mapping[int, Past]:
    """What the events of these cases tell."""
    kinds = ("state", "severity", NEAR, MISSED)
    query = (
        select(CaseEventRow)
        .where(CaseEventRow.case_id.in_([case.id for case in rows]), CaseEventRow.kind.in_(kinds))
        .order_by(CaseEventRow.id)
    )
    events: dict[int, list[CaseEventRow]] = {}
    for event in session.scalars(query):
        events.setdefault(event.case_id, []).append(event)
    return {case_id: _told(found) for case_id, found in events.items()}


def _told(events: Sequence[CaseEventRow]) -> Past:
    states = [(event.at, CaseState(event.detail["new"])) for event in events if event.kind == "state"]
    had = [Severity(event.detail[side]) for event in events if event.kind == "severity" for side in ("old", "new")]
    told = {(e.kind, str(e.detail["which"]), int(e.detail["round"])) for e in events if e.kind in (NEAR, MISSED)}
    return Past(states, max(had, key=RANK.index, default=Severity.LOW), frozenset(told))


def _others(session: Session, rows: Sequence[CaseRow], owner: Owner, now: datetime) -> dict[int, int]:
    """How many other cases the customer (or, without one, the account) of each case has of the last 90 days."""
    of_person: Counter[int] = Counter()
    for key, count in _lately(session, CaseRow.customer_key, owner.keys(), now).items():
        of_person[owner[key]] += count
    accounts = {case.author_id for case in rows if case.customer_key is None and case.author_id is not None}
    of_account = _lately(session, CaseRow.author_id, accounts, now)
    found = {}
    for case in rows:
        customer = case.customer_key
        counted = of_account.get(case.author_id or 0, 0) if customer is None else of_person[owner[customer]]
        found[case.id] = max(counted - int(case.last_post_at > now - OFTEN), 0)
    return found


def _lately(
    session: Session, column: InstrumentedAttribute[int | None], keys: Collection[int], now: datetime
) -> dict[int, int]:
    """How many cases of the last 90 days each of these has."""
    if not keys:
        return {}
    query = select(column, func.count()).where(
        column.in_(sorted(keys)), CaseRow.state != CaseState.MERGED, CaseRow.last_post_at > now - OFTEN
    )
    return {int(key): int(count) for key, count in session.execute(query.group_by(column)) if key is not None}


def _contacts(session: Session, rows: Sequence[CaseRow], owner: Owner, now: datetime) -> dict[int, int]:
    """How often the customer of each case came to the brand in the last 30 days, by any channel."""
    if not owner:
        return {}
    mine = (InteractionRow.brand_id == CustomerRow.brand_id) & (InteractionRow.customer_id == CustomerRow.customer_id)
    query = (
        select(CustomerRow.id, func.count())
        .join(InteractionRow, mine)
        .where(CustomerRow.id.in_(sorted(owner)), InteractionRow.direction == "in")
        .where(InteractionRow.at > now - CONTACTS, InteractionRow.at <= now)
        .group_by(CustomerRow.id)
    )
    counts: Counter[int] = Counter()
    for key, count in session.execute(query):
        counts[owner[key]] += count
    return {case.id: counts[owner[case.customer_key]] for case in rows if case.customer_key is not None}
