"""Severity and priority of a case from its complaints: the gravest word counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.case import OPEN_STATES, CaseState, Severity
from domain.reading import Intent
from routing.batch import Batch
from routing.priority import RANK, Signals, Weights, of_time, priority, severity_of, with_reasons
from storage import cases
from storage.customers import segments_of
from storage.readings import Read
from storage.tables import AuthorRow, CaseRow, CustomerRow, PostRow, ReadingRow


@dataclass(frozen=True, slots=True)
class Weighed:
    """How grave a case is, 0 to 100 how urgent and why, and whose it is."""

    severity: Severity
    priority: int
    parts: list[dict[str, Any]]
    team: str


def weigh(
    complaints: Sequence[tuple[PostRow, ReadingRow]],
    author_of: Callable[[PostRow], AuthorRow | None],
    customer: CustomerRow | None,
    segments: frozenset[str],
    intents: Mapping[str, Intent],
    weights: Weights,
) -> Weighed:
    """Of at least one complaint. `segments` are all those of the customer."""
    found = []
    for post, reading in complaints:
        author, intent = author_of(post), intents[reading.intent]
        signals = Signals(
            intent=intent,
            second_intent=reading.second_intent,
            urgency=reading.urgency,
            escalation=reading.escalation,
            posts=len(complaints),
            followers=(author.followers or 0) if author else 0,
            reposts=sum(post.reposts or 0 for post, _ in complaints),
            segments=segments,
            customer_value=customer.value if customer else None,
        )
        severity = severity_of(intent, reading.urgency, reading.escalation)
        found.append(Weighed(severity, *priority(signals, weights), intent.team))
    return max(found, key=lambda one: one.priority)


def weigh_case(batch: Batch, case: CaseRow) -> None:
    """Weigh an open case anew, with its deadlines; what it is about follows its first complaint until somebody acts."""
    complaints = cases.complaints_of(batch.session, case.id)
    if not complaints or CaseState(case.state) not in OPEN_STATES:
        return
    if case.state == CaseState.NEW:
        read_as(case, complaints[0][1], batch.rules.intents)
    customer = None if case.customer_key is None else batch.session.get_one(CustomerRow, case.customer_key)
    segments = segments_of(batch.session, customer) if customer else frozenset()
    weights = batch.rules.weights
    weighed = weigh(complaints, batch.author, customer, segments, batch.rules.intents, weights)
    found = with_reasons((weighed.priority, weighed.parts), of_time(case.priority_reasons), weights)
    case.priority, case.priority_reasons = found
    _grade(batch, case, weighed.severity)
    case.addressed_brand = _addressed(batch, complaints)


def read_as(case: CaseRow, reading: ReadingRow, intents: Mapping[str, Intent]) -> None:
    """What the case is about, and whose work it is."""
    intent = intents[reading.intent]
    case.intent, case.moment, case.team, case.language = intent.id, intent.moment, intent.team, reading.language


def _grade(batch: Batch, case: CaseRow, severity: Severity) -> None:
    """Deadlines come nearer where a case gets graver; what they are otherwise, `follow_up` finds."""
    if case.severity == severity:
        return
    if RANK.index(severity) > RANK.index(Severity(case.severity)):
        first = batch.rules.deadlines.first_answer_at(case.opened_at, severity, case.team)
        resolution = batch.rules.deadlines.resolution_at(case.opened_at, severity, case.team)
        case.due_first_answer_at = min(case.due_first_answer_at or first, first)
        case.due_resolution_at = case.due_resolution_at and min(case.due_resolution_at, resolution)
    cases.add_event(batch.session, case, "severity", batch.now, old=case.severity, new=severity.value)
    case.severity = severity


def _addressed(batch: Batch, complaints: Sequence[Read]) -> bool:
    """Whether the brand was spoken to: tagged, answered, or on a page that is its own."""
    if any(batch.rules.networks(post.network).addressed for post, _ in complaints):
        return True
    return any(
        entity["text"].startswith("@")
        and (entity["kind"] == "brand" or batch.brand.owns(post.network, entity["value"]))
        for post, reading in complaints
        for entity in reading.details.get("entities", ())
    )
