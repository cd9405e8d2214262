"""Severity and priority of a case from its complaints, as intake draws them: the gravest word counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.case import Severity
from routing.intake import IntakeRules
from routing.priority import Signals, priority, severity_of
from storage.tables import AuthorRow, CustomerRow, PostRow, ReadingRow


@dataclass(frozen=True, slots=True)
class Weighed:
    """How grave a case is, 0 to 100 how urgent, and whose it is."""

    severity: Severity
    priority: int
    team: str


def weigh(
    complaints: Sequence[tuple[PostRow, ReadingRow]],
    customer: CustomerRow | None,
    author: AuthorRow | None,
    rules: IntakeRules,
) -> Weighed:
    """Of at least one complaint."""
    found = []
    for _, reading in complaints:
        intent = rules.intents[reading.intent]
        signals = Signals(
            intent=intent,
            second_intent=reading.second_intent,
            urgency=reading.urgency,
            escalation=reading.escalation,
            posts=len(complaints),
            followers=(author.followers or 0) if author else 0,
            reposts=sum(post.reposts or 0 for post, _ in complaints),
            segment=customer.segment if customer else None,
            customer_value=customer.value if customer else None,
        )
        severity = severity_of(intent, reading.urgency, reading.escalation)
        found.append(Weighed(severity, priority(signals)[0], intent.team))
    return max(found, key=lambda one: one.priority)
