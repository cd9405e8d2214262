"""Playbooks: what is done by rule when something is true of a case. Pure: who acts is `playbook_acts`.

A playbook acts once for a case and an *occasion*: what set it off. A survey, a silence, a deadline, a reopening each is
an occasion of its own; whatever else a rule says holds once in the life of the case.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.case import OPEN_STATES, CaseState, Severity
from domain.evidence import Grade
from domain.journey import MOMENTS, RUPTURES
from routing.conditions import Key, Term, When, holds, named, nearest, parse_when, said

DEADLINES = ("first_answer_missed", "resolution_missed")
SURVEYS = ("csat", "nps", "effort")
OCCASION_LENGTH = 120
ONCE = "case"

CASE_KEYS: dict[str, Key] = {
    "brand": Key("brand", "one_of"),
    "intent": Key("intent", "one_of"),
    "severity": Key("severity", "one_of", tuple(Severity)),
    "moment": Key("moment", "one_of", MOMENTS),
    "network": Key("network", "one_of"),
    "language": Key("language", "one_of"),
    "country": Key("country", "one_of"),
    "grade": Key("grade", "one_of", tuple(Grade)),
    "team": Key("team", "one_of"),
    "state": Key("state", "one_of", tuple(state for state in CaseState if state is not CaseState.MERGED)),
    "contact": Key("contact", "one_of", ("pending", "held", "planned", "person", "in_place", "never")),
    "segment": Key("segments", "has_one_of"),
    "stated_segment": Key("stated_segment", "one_of"),
    "rupture": Key("ruptures", "has_one_of", RUPTURES, occasion="rupture"),
    "customer": Key("customer", "is"),
    "assigned": Key("assigned", "is"),
    "addressed": Key("addressed", "is"),
    "posts_at_least": Key("posts", "at_least"),
    "priority_at_least": Key("priority", "at_least"),
    "priority_below": Key("priority", "below"),
    "value_at_least": Key("value", "at_least"),
    "escalation_at_least": Key("escalation", "at_least", occasion="escalation"),
    "reopened_at_least": Key("reopened", "at_least", occasion="reopened"),
    "open_hours": Key("age_hours", "at_least"),
    "silence_hours": Key("silent_hours", "at_least", occasion="silence"),
    "customer_silence_hours": Key("customer_silent_hours", "at_least", occasion="customer_silence"),
    "our_silence_hours": Key("our_silent_hours", "at_least", occasion="our_silence"),
    "deadline": Key("deadlines", "has_one_of", DEADLINES, occasion="deadline"),
    "due_within_hours": Key("due_in_hours", "at_most", occasion="due"),
    "survey": Key("survey", "one_of", SURVEYS, occasion="survey"),
    "survey_below": Key("survey_score", "below", occasion="survey"),
    "survey_at_least": Key("survey_score", "at_least", occasion="survey"),
}
# A rule that names one of these says itself whether it means cases that are over; every other means open ones.
MEANS_CLOSED_TOO = frozenset({"state", "survey", "survey_below", "survey_at_least"})
VERBS = {
    "assign": "a team, or a person's e-mail address",
    "note": "a text",
    "template": "a template, or intent for that of the case's intent",
    "snooze_hours": "hours",
    "notify": "a team or a person's e-mail address, or team for the case's own",
    "callback": "true, with within_hours",
    "reopen": "true",
}
WITHIN = "within_hours"
LONGEST_HOURS = 24 * 365
NOTE_LENGTH = 5000


@dataclass(frozen=True, slots=True)
class CaseFactsForRules:
    """What rules may ask of a case at one instant. Hours are since then; what is not known is None.

    `occasions` says for each kind of occasion which one it is (`survey` → its id, `silence` → since when), and of each
    deadline that was missed and each rupture, when.
    """

    brand: str
    intent: str
    severity: str
    moment: str
    network: str
    language: str
    grade: str
    team: str
    state: str
    contact: str
    country: str | None = None
    segments: frozenset[str] = frozenset()
    stated_segment: str | None = None
    ruptures: frozenset[str] = frozenset()
    customer: bool = False
    assigned: bool = False
    addressed: bool = False
    posts: int = 0
    priority: int = 0
    value: float | None = None
    escalation: int = 0
    reopened: int = 0
    age_hours: float = 0.0
    silent_hours: float | None = None
    customer_silent_hours: float | None = None
    our_silent_hours: float | None = None
    deadlines: frozenset[str] = frozenset()
    due_in_hours: float | None = None
    survey: str | None = None
    survey_score: float | None = None
    occasions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do: its verb, to whom or what, and for or within how many hours."""

    verb: str
    value: str = ""
    hours: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As it is kept and shown; the words of a note are in the settings and in the note."""
        told: dict[str, Any] = {"act": self.verb}
        if self.value and self.verb != "note":
            told["to"] = self.value
        return told | ({"hours": self.hours} if self.hours else {})


@dataclass(frozen=True, slots=True)
class Playbook:
    """One rule. `mark` is its version with a hash of what it says, so that a silent change shows."""

    name: str
    version: str
    when: When
    then: tuple[Act, ...]
    dry_run: bool
    mark: str


def make_playbook(
    name: str, version: str, when: Mapping[str, Any], then: Sequence[Mapping[str, Any]], *, dry_run: bool
) -> Playbook:
    """A playbook from its tables. Raises ValueError saying what cannot be read."""
    said_so = json.dumps([when, then], sort_keys=True, ensure_ascii=False, default=str)
    mark = f"{version}#{hashlib.sha256(said_so.encode()).hexdigest()[:8]}"
    acts = tuple(_act(table) for table in then)
    verbs = [act.verb for act in acts if act.verb not in ("note", "notify", "assign")]
    if not acts or len(verbs) != len(set(verbs)):
        raise ValueError("then needs at least one action, and each kind once (several notes, notices and assignments)")
    return Playbook(name, version, parse_when(when, CASE_KEYS), acts, dry_run, mark)


def wanting(playbooks: Sequence[Playbook], facts: CaseFactsForRules) -> Iterator[tuple[Playbook, str]]:
    """The playbooks whose condition holds, in their order, each with its occasion."""
    for playbook in playbooks:
        if may_mean(playbook, facts) and holds(playbook.when, facts, CASE_KEYS):
            yield playbook, occasion_of(playbook, facts)


def may_mean(playbook: Playbook, facts: CaseFactsForRules) -> bool:
    """Whether a playbook looks at a case in this state at all."""
    return facts.state in OPEN_STATES or bool(named(playbook.when) & MEANS_CLOSED_TOO)


def occasion_of(playbook: Playbook, facts: CaseFactsForRules) -> str:
    """What set a playbook off: the same as long as nothing happened that it asks about."""
    parts = {part for term in said(playbook.when, facts, CASE_KEYS) for part in _occasions(term, facts)}
    told = "+".join(sorted(parts)) or ONCE
    if len(told) <= OCCASION_LENGTH:
        return told
    return f"{told[: OCCASION_LENGTH - 17]}#{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _occasions(term: Term, facts: CaseFactsForRules) -> Iterator[str]:
    """Of a list, those that it names and that are so: another deadline that is missed is nothing to it."""
    key = CASE_KEYS[term.key]
    if not key.occasion:
        return
    if not isinstance(term.wanted, frozenset) or key.how != "has_one_of":
        yield f"{key.occasion}:{facts.occasions.get(key.occasion, '')}"
        return
    for name in getattr(facts, key.fact):
        if name.casefold() in term.wanted:
            yield f"{name}:{facts.occasions.get(name, '')}"


def _act(table: Mapping[str, Any]) -> Act:
    verbs = [name for name in table if name != WITHIN]
    for unknown in (name for name in verbs if name not in VERBS):
        raise ValueError(f"then: unknown action {unknown}{nearest(unknown, [*VERBS, WITHIN])}")
    if len(verbs) != 1 or (WITHIN in table and verbs != ["callback"]):
        raise ValueError(f"then: each table is one action ({WITHIN} goes with callback), not {dict(table)!r}")
    verb, value = verbs[0], table[verbs[0]]
    if verb in ("callback", "reopen"):
        if value is not True:
            raise ValueError(f"then: {verb} is {VERBS[verb]}, not {value!r}")
        hours = _hours(WITHIN, table[WITHIN]) if WITHIN in table else 24.0
        return Act(verb, hours=hours if verb == "callback" else 0.0)
    if verb == "snooze_hours":
        return Act("snooze", hours=_hours(verb, value))
    if not isinstance(value, str) or not value.strip() or len(value) > NOTE_LENGTH:
        raise ValueError(f"then: {verb} is {VERBS[verb]}, not {value!r}"[:300])
    return Act("draft" if verb == "template" else verb, value.strip())


def _hours(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_HOURS:
        raise ValueError(f"then: {name} is a number of hours above 0, at most {LONGEST_HOURS}, not {value!r}")
    return float(value)
