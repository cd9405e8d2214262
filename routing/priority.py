"""How urgent a case is: severity, and a priority of three named parts, each with its reasons and their points.

What readings say is weighed when posts come in (`priority`); what time says, such as days that passed and deadlines
that were missed, is weighed anew by `follow_up` (`reweighed`), which leaves the rest as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from domain.case import Severity
from domain.reading import Intent

RANK = (Severity.LOW, Severity.NORMAL, Severity.HIGH)
ESCALATED = 0.5
TOP = 100
# What can be mended soon comes first: a delivery or a bill before a wish.
REPAIR = {"delivery": 15, "billing": 15, "refund_return": 13, "account_security": 13, "outage": 10, "defect": 8}
# Facts that change while nobody says anything.
OF_TIME = frozenset({"open", "cases", "contacts", "missed"})


@dataclass(frozen=True, slots=True)
class Weights:
    """Points of each fact; `…_most` is the cap of a fact or a part. The table `[priority]` of the settings."""

    severity_high: int = 45
    severity_normal: int = 28
    severity_low: int = 10
    escalation: int = 10
    further_post: int = 2
    further_posts_most: int = 5
    day_open: int = 1
    days_open_most: int = 5
    other_case: int = 2
    contact: int = 1
    often_most: int = 5
    missed_deadline: int = 3
    missed_deadlines_most: int = 6
    harm_most: int = 76
    reach_10000: int = 10
    reach_1000: int = 6
    reach_200: int = 3
    may_leave: int = 8
    valued: int = 7
    valued_from: float = 1000.0
    valued_segments: Sequence[str] = ("vip",)
    value_most: int = 25
    repair: Mapping[str, int] = field(default_factory=lambda: REPAIR)
    repair_other: int = 5
    repair_soon: int = 10
    repair_most: int = 15


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact and its points. `why` is a phrase that the console knows in its languages."""

    fact: str
    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three parts of a priority: harm, value, repair."""

    part: str
    points: int
    why: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Signals:
    """What a priority is drawn from when a post comes in. `segments` are all that the customer is in."""

    intent: Intent
    second_intent: str | None
    urgency: str
    escalation: float
    posts: int
    followers: int
    reposts: int
    segments: frozenset[str]
    customer_value: float | None


@dataclass(frozen=True, slots=True)
class Passing:
    """What time did: how long the case is open, other cases and contacts of the customer, deadlines missed."""

    open_for: timedelta = timedelta(0)
    other_cases: int = 0
    contacts: int = 0
    missed: int = 0


def severity_of(intent: Intent, urgency: str, escalation: float) -> Severity:
    """High where the post says so or the matter is grave; low only where both are light."""
    if urgency == "high" or escalation >= ESCALATED:
        return Severity.HIGH
    level = RANK.index(Severity(intent.severity))
    if urgency == "low":
        level = min(level, RANK.index(Severity.NORMAL)) if level == RANK.index(Severity.HIGH) else max(level - 1, 0)
    return RANK[level]


def priority(signals: Signals, weights: Weights | None = None) -> tuple[int, list[dict[str, Any]]]:
    """0 to 100 and its parts with their reasons."""
    weights = weights or Weights()
    return _told([_harm(signals, weights), _value(signals, weights), _repair(signals, weights)])


def reweighed(
    parts: Sequence[Mapping[str, Any]], passing: Passing, weights: Weights
) -> tuple[int, list[dict[str, Any]]]:
    """The priority with what time says now; what readings said stays."""
    fresh = []
    for told in parts:
        part = _part(told)
        if part.part == "harm":
            kept = [reason for reason in part.reasons if reason.fact not in OF_TIME]
            part = _summed("harm", [*kept, *_of_time(passing, weights)], weights.harm_most)
        fresh.append(part)
    return _told(fresh)


def unchanged(parts: Sequence[Mapping[str, Any]], passing: Passing, weights: Weights) -> bool:
    """Whether time says what it said when these parts were weighed."""
    known = [r for told in parts for r in told.get("reasons", ()) if r["fact"] in OF_TIME]
    return known == [_as_told(reason) for reason in _of_time(passing, weights)]


def of_time(parts: Sequence[Mapping[str, Any]]) -> list[Reason]:
    """The reasons that time gave, as they stand."""
    return [reason for told in parts for reason in _part(told).reasons if reason.fact in OF_TIME]


def with_reasons(
    found: tuple[int, list[dict[str, Any]]], reasons: Sequence[Reason], weights: Weights
) -> tuple[int, list[dict[str, Any]]]:
    """A fresh priority with reasons of harm that were known before."""
    parts = [_part(told) for told in found[1]]
    most = weights.harm_most
    return _told([_summed("harm", [*p.reasons, *reasons], most) if p.part == "harm" else p for p in parts])


def _of_time(passing: Passing, weights: Weights) -> list[Reason]:
    days = passing.open_for // timedelta(days=1)
    cases = min(weights.other_case * passing.other_cases, weights.often_most)
    contacts = min(weights.contact * passing.contacts, weights.often_most - cases)
    missed = min(weights.missed_deadline * passing.missed, weights.missed_deadlines_most)
    found = (
        Reason("open", min(weights.day_open * days, weights.days_open_most), f"open for {days} days"),
        Reason("cases", cases, f"{passing.other_cases} other cases in 90 days"),
        Reason("contacts", contacts, f"{passing.contacts} contacts in 30 days"),
        Reason("missed", missed, f"{passing.missed} deadlines missed"),
    )
    return [reason for reason in found if reason.points]


def _harm(signals: Signals, weights: Weights) -> Part:
    severity = severity_of(signals.intent, signals.urgency, signals.escalation)
    reasons = [Reason("severity", getattr(weights, f"severity_{severity}"), f"severity {severity}")]
    if signals.escalation >= ESCALATED:
        reasons.append(Reason("escalation", weights.escalation, "escalation"))
    if signals.posts > 1:
        points = min(weights.further_post * (signals.posts - 1), weights.further_posts_most)
        reasons.append(Reason("posts", points, f"{signals.posts} posts"))
    return _summed("harm", reasons, weights.harm_most)


def _value(signals: Signals, weights: Weights) -> Part:
    reasons = []
    reach = signals.followers + 50 * signals.reposts
    for limit in (10_000, 1_000, 200):
        if reach >= limit:
            reasons.append(Reason("reach", getattr(weights, f"reach_{limit}"), f"reach {reach}"))
            break
    if "churn_cancel" in (signals.intent.id, signals.second_intent):
        reasons.append(Reason("churn", weights.may_leave, "may leave"))
    if signals.segments & set(weights.valued_segments) or (signals.customer_value or 0) >= weights.valued_from:
        reasons.append(Reason("valued", weights.valued, "valued customer"))
    return _summed("value", reasons or [Reason("reach", 0, "ordinary reach")], weights.value_most)


def _repair(signals: Signals, weights: Weights) -> Part:
    points = weights.repair.get(signals.intent.id, weights.repair_other)
    why = f"{signals.intent.id} is {'soon' if points >= weights.repair_soon else 'slowly'} mended"
    return _summed("repair", [Reason("intent", points, why)], weights.repair_most)


def _summed(part: str, reasons: Sequence[Reason], most: int) -> Part:
    points = min(sum(reason.points for reason in reasons), most)
    return Part(part, points, ", ".join(reason.why for reason in reasons), tuple(reasons))


def _told(parts: Sequence[Part]) -> tuple[int, list[dict[str, Any]]]:
    told = [
        {"part": part.part, "points": part.points, "why": part.why, "reasons": [_as_told(r) for r in part.reasons]}
        for part in parts
    ]
    return min(sum(part.points for part in parts), TOP), told


def _as_told(reason: Reason) -> dict[str, Any]:
    return {"fact": reason.fact, "points": reason.points, "why": reason.why}


def _part(told: Mapping[str, Any]) -> Part:
    """A part as it is kept; one that was kept without its reasons has one, for all of its points."""
    reasons = tuple(Reason(**reason) for reason in told.get("reasons") or ())
    known = reasons or (Reason("reading", int(told["points"]), str(told["why"])),)
    return Part(str(told["part"]), int(told["points"]), str(told["why"]), known)
