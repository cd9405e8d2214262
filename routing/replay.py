"""History against other rules: what severity, priority, team, channel decision and playbooks would have been.

Everything is worked out twice by the same pure functions, with the rules in force and with the others, so that a
difference is the rules' alone. A decision is made again for the time at which it was made: later messages, contacts,
consents and assignments are not known yet. What is kept without its date (readings, addresses, the customer file, who
is in which segment) is taken as it is now; `docs/playbooks.md` says what follows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState, Severity
from domain.contact import Situation
from routing.batch import IntakeRules
from routing.conditions import When
from routing.contact import ContactRules, decision_of
from routing.playbook_facts import Story, facts_at, stories
from routing.playbooks import CASE_KEYS, Playbook, wanting
from routing.segments import Segment, members
from routing.weighing import Weighed, weigh
from storage.assignees import in_charge
from storage.bulk import among
from storage.cases import SYSTEM
from storage.readings import is_unhappy
from storage.tables import (
    AuthorRow,
    CaseEventRow,
    CasePostRow,
    CaseRow,
    CustomerRow,
    ObjectionRow,
    PostRow,
    ReadingRow,
)

BATCH = 200
TICK = timedelta(seconds=1)
OFF = "contact is off"
KINDS = ("opened", "severity", "priority", "team", "decision")
Complaint = tuple[PostRow, ReadingRow]


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """All that settings say of a case."""

    intake: IntakeRules
    contact: ContactRules
    contact_on: bool
    complaint: float
    playbooks: tuple[Playbook, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One case that would be otherwise."""

    case_id: int
    before: str | int
    after: str | int


@dataclass(slots=True)
class Runs:
    """When a playbook would have acted: (case, occasion) → when first."""

    mark: str
    dry_run: bool
    runs: dict[tuple[int, str], datetime] = field(default_factory=dict)


@dataclass(slots=True)
class Replayed:
    """What was looked at, and what would differ, by kind."""

    cases: int = 0
    decisions: int = 0
    changes: dict[str, list[Change]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    before: dict[str, Runs] = field(default_factory=dict)
    after: dict[str, Runs] = field(default_factory=dict)
    segments_before: dict[str, int] = field(default_factory=dict)
    segments_after: dict[str, int] = field(default_factory=dict)


def replay(
    session: Session,
    brand_id: str,
    old: ReplayRules,
    new: ReplayRules,
    since: datetime,
    now: datetime,
    told: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Every case that was at work since a time, under both rules. Reads only; `told` is called after each batch."""
    found = Replayed()
    for rules, runs in ((old, found.before), (new, found.after)):
        runs.update({book.name: Runs(book.mark, book.dry_run) for book in rules.playbooks})
    inside = [_Members(session, brand_id, rules.segments, now) for rules in (old, new)]
    found.segments_before, found.segments_after = inside[0].sizes, inside[1].sizes
    for cases in _batches(session, brand_id, since):
        complaints = _complaints(session, cases)
        for story in stories(session, cases, now):
            found.cases += 1
            _replay_case(session, found, story, complaints.get(story.case.id, []), (old, new), inside, since)
        told(found.cases)
    return found


def _replay_case(
    session: Session,
    found: Replayed,
    story: Story,
    complaints: Sequence[Complaint],
    both: tuple[ReplayRules, ReplayRules],
    inside: Sequence["_Members"],
    since: datetime,
) -> None:
    case = story.case
    author = None if case.author_id is None else session.get(AuthorRow, case.author_id)
    stated = frozenset(filter(None, [story.customer.segment if story.customer else None]))
    segments = [members_of.of(case.customer_key) for members_of in inside]
    weighed = [
        _weigh(case, story.customer, author, complaints, fitting | stated, rules)
        for rules, fitting in zip(both, segments, strict=True)
    ]
    seen: list[dict[str, str | int]] = [
        {
            "opened": _opens(complaints, rules),
            "severity": one.severity.value,
            "priority": one.priority,
            "team": one.team,
        }
        for one, rules in zip(weighed, both, strict=True)
    ]
    decided_at = _decided_at(session, case, since)
    if decided_at is not None:
        found.decisions += 1
        for one, rules, told in zip(weighed, both, seen, strict=True):
            told["decision"] = _decision(session, story, rules, one.severity, decided_at)
    for kind in seen[0]:
        if seen[0][kind] != seen[1][kind]:
            found.changes[kind].append(Change(case.id, seen[0][kind], seen[1][kind]))
    for rules, runs, one, fitting in zip(both, (found.before, found.after), weighed, segments, strict=True):
        for name, occasion, at in _fired(story, rules.playbooks, one, fitting, since):
            runs[name].runs.setdefault((case.id, occasion), at)


def _batches(session: Session, brand_id: str, since: datetime) -> Iterator[Sequence[CaseRow]]:
    """The cases that are open, or were opened or resolved since."""
    at_work = or_(CaseRow.state.in_(OPEN_STATES), CaseRow.opened_at >= since, CaseRow.resolved_at >= since)
    query = select(CaseRow).where(CaseRow.brand_id == brand_id, CaseRow.state != CaseState.MERGED, at_work)
    after = 0
    while cases := session.scalars(query.where(CaseRow.id > after).order_by(CaseRow.id).limit(BATCH)).all():
        yield cases
        after = cases[-1].id
        session.expunge_all()


def _complaints(session: Session, cases: Sequence[CaseRow]) -> dict[int, list[Complaint]]:
    """The complaints of each case with what was read in them, oldest first."""
    reading = (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version)
    query = (
        select(CasePostRow.case_id, PostRow, ReadingRow)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .join(ReadingRow, reading)
        .where(among(session, CasePostRow.case_id, [case.id for case in cases]), CasePostRow.role == "complaint")
        .order_by(PostRow.created_at, PostRow.id)
    )
    found: dict[int, list[Complaint]] = {}
    for case_id, post, read in session.execute(query):
        found.setdefault(case_id, []).append((post, read))
    return found


def _weigh(
    case: CaseRow,
    customer: CustomerRow | None,
    author: AuthorRow | None,
    complaints: Sequence[Complaint],
    segments: frozenset[str],
    rules: ReplayRules,
) -> Weighed:
    """As the case was weighed when it came in; one whose posts are gone is as it stands."""
    if not complaints:
        return Weighed(Severity(case.severity), case.priority, case.priority_reasons, case.team)
    intake = rules.intake
    weighed = weigh(complaints, lambda _: author, customer, segments, intake.intents, intake.weights)
    return replace(weighed, team=rules.intake.intents[case.intent].team)


def _opens(complaints: Sequence[Complaint], rules: ReplayRules) -> str:
    """Whether any of its complaints would open a case."""
    opening = (
        reading.about_brand >= rules.intake.about_brand
        and is_unhappy(reading.complaint, reading.intent, rules.complaint)
        for _, reading in complaints
    )
    return "a case" if not complaints or any(opening) else "no case"


def _decided_at(session: Session, case: CaseRow, since: datetime) -> datetime | None:
    """When the channel of this case was decided last, if that was since."""
    decided = select(CaseEventRow.at).filter_by(case_id=case.id, kind="decided").where(CaseEventRow.at >= since)
    return session.scalar(decided.order_by(CaseEventRow.at.desc()).limit(1))


def _decision(session: Session, story: Story, rules: ReplayRules, severity: Severity, at: datetime) -> str:
    if not rules.contact_on:
        return OFF

    def recall(situation: Situation) -> Situation:
        return _as_of(session, story, situation, severity, at)

    decision = decision_of(session, story.case, rules.contact, at, recall)
    return " ".join(part for part in (decision.action.value, decision.channel) if part)


def _as_of(session: Session, story: Story, situation: Situation, severity: Severity, at: datetime) -> Situation:
    """The situation without what came later: the message of this very decision is one of those."""
    taken = _in_charge(story, at)
    case = replace(situation.case, severity=severity, person_in_charge=taken)
    past = tuple(contact for contact in situation.history if contact.at < at)
    thread = case.active_thread
    if thread is not None and thread.last_at >= at:
        case = replace(case, active_thread=None)
    customer = situation.customer
    if customer is not None and story.case.customer_key is not None:
        later = select(ObjectionRow.topic).filter_by(customer_key=story.case.customer_key).where(ObjectionRow.at > at)
        customer = replace(
            customer,
            consents=tuple(word for word in customer.consents if word.at <= at),
            objections=customer.objections - set(session.scalars(later)),
        )
    return replace(situation, case=case, customer=customer, history=past)


def _in_charge(story: Story, at: datetime) -> bool:
    """Whether a person had taken the case by then, or was given it by one."""
    told = [(to, by) for time, to, by in story.assigned if time <= at]
    if told:
        return told[-1][0] is not None and told[-1][1] != SYSTEM
    return not story.assigned and in_charge(story.case)


def _fired(
    story: Story, playbooks: Sequence[Playbook], weighed: Weighed, segments: frozenset[str], since: datetime
) -> Iterator[tuple[str, str, datetime]]:
    """Each playbook that would have acted, with its occasion and when, at every instant that may have set one off."""
    if not playbooks:
        return
    for at in sorted(at for at in _instants(story, playbooks) if since <= at <= story.read_at):
        facts = replace(facts_at(story, at, segments), severity=weighed.severity.value, priority=weighed.priority)
        for playbook, occasion in wanting(playbooks, facts):
            yield playbook.name, occasion, at


def _instants(story: Story, playbooks: Sequence[Playbook]) -> set[datetime]:
    """When something happened, or some hours of a rule were over."""
    base = story.instants()
    hours = {hour for playbook in playbooks for hour in _hours(playbook.when)}
    later = {at + sign * timedelta(hours=hour) for at in base for hour in hours for sign in (1, -1)}
    return {at + TICK for at in base | later} | {story.read_at}


def _hours(when: When) -> Iterator[float]:
    for term in when.terms:
        if CASE_KEYS[term.key].fact.endswith("_hours") and isinstance(term.wanted, float):
            yield min(abs(term.wanted), 24.0 * 3650)
    for one in (*when.any_of, *when.none_of):
        yield from _hours(one)


class _Members:
    """Who is in which segment of some rules, as the customers are now."""

    def __init__(self, session: Session, brand_id: str, segments: Iterable[Segment], now: datetime) -> None:
        owners = select(CaseRow.customer_key).where(CaseRow.brand_id == brand_id, CaseRow.customer_key.is_not(None))
        self.sizes: dict[str, int] = {}
        self._of: dict[int, set[str]] = {}
        for segment in segments:
            inside = set(session.scalars(members(brand_id, segment.when, now)))
            self.sizes[segment.name] = len(inside)
            for key in inside & set(session.scalars(owners)):
                self._of.setdefault(key, set()).add(segment.name)

    def of(self, customer_key: int | None) -> frozenset[str]:
        """The segments of a customer who has a case."""
        return frozenset() if customer_key is None else frozenset(self._of.get(customer_key, ()))
