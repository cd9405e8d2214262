"""Severity and priority of a case from its complaints: the gravest word counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.case import Severity
from domain.reading import Intent
from routing.priority import Signals, Weights, priority, severity_of
from storage.tables import AuthorRow, CustomerRow, PostRow, ReadingRow


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
