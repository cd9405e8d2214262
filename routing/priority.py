"""How urgent a case is: severity, priority from three named parts, and the deadlines that follow."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.case import Severity
from domain.reading import Intent

RANK = (Severity.LOW, Severity.NORMAL, Severity.HIGH)
HARM = {Severity.LOW: 10, Severity.NORMAL: 28, Severity.HIGH: 45}
ESCALATED = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three parts of a priority: harm (to 60), value (to 25), repair (to 15)."""

    part: str
    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Signals:
    """What a priority is drawn from."""

    intent: Intent
    second_intent: str | None
    urgency: str
    escalation: float
    posts: int
    followers: int
    reposts: int
    segment: str | None
    customer_value: float | None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Time until the first answer and until the resolution, by severity."""

    first_answer: Mapping[Severity, timedelta]
    resolution: Mapping[Severity, timedelta]

    def first_answer_at(self, opened_at: datetime, severity: Severity) -> datetime:
        return opened_at + self.first_answer[severity]

    def resolution_at(self, opened_at: datetime, severity: Severity) -> datetime:
        return opened_at + self.resolution[severity]


def severity_of(intent: Intent, urgency: str, escalation: float) -> Severity:
    """High where the post says so or the matter is grave; low only where both are light."""
    if urgency == "high" or escalation >= ESCALATED:
        return Severity.HIGH
    level = RANK.index(Severity(intent.severity))
    if urgency == "low":
        level = min(level, RANK.index(Severity.NORMAL)) if level == RANK.index(Severity.HIGH) else max(level - 1, 0)
    return RANK[level]


def priority(signals: Signals) -> tuple[int, list[dict[str, Any]]]:
    """0 to 100 and its parts with their reasons."""
    parts = [_harm(signals), _value(signals), _repair(signals)]
    return min(sum(part.points for part in parts), 100), [asdict(part) for part in parts]


def _harm(signals: Signals) -> Part:
    severity = severity_of(signals.intent, signals.urgency, signals.escalation)
    points, why = HARM[severity], [f"severity {severity}"]
    if signals.escalation >= ESCALATED:
        points, why = points + 10, [*why, "escalation"]
    if signals.posts > 1:
        points, why = points + min(2 * (signals.posts - 1), 5), [*why, f"{signals.posts} posts"]
    return Part("harm", min(points, 60), ", ".join(why))


def _value(signals: Signals) -> Part:
    points, why = 0, []
    reach = signals.followers + 50 * signals.reposts
    for limit, gain in ((10_000, 10), (1_000, 6), (200, 3)):
        if reach >= limit:
            points, why = points + gain, [f"reach {reach}"]
            break
    if "churn_cancel" in (signals.intent.id, signals.second_intent):
        points, why = points + 8, [*why, "may leave"]
    if signals.segment == "vip" or (signals.customer_value or 0) >= 1000:
        points, why = points + 7, [*why, "valued customer"]
    return Part("value", min(points, 25), ", ".join(why) or "ordinary reach")


def _repair(signals: Signals) -> Part:
    """What can be mended soon comes first: a delivery or a bill before a wish."""
    quick = {"delivery": 15, "billing": 15, "refund_return": 13, "account_security": 13, "outage": 10, "defect": 8}
    points = quick.get(signals.intent.id, 5)
    return Part("repair", points, f"{signals.intent.id} is {'soon' if points >= 10 else 'slowly'} mended")
