"""The certificate of precision: a grade acts by itself only as long as second looks show that it is right.

Decisions are drawn by lot, grade by grade, and shown to reviewers among the others, unmarked. From what they find, the
lower bound of the precision is held against the grade's target. One error suspends the grade at once, until an operator
says otherwise. A new installation starts in shadow: what would be linked is shown to a person, and nothing acts.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import String, cast, select, update
from sqlalchemy.orm import Session

from domain.evidence import Action, Grade, MatchDecision
from routing.matching.bound import lower_bound
from storage import audits, grades
from storage.audits import Counts
from storage.brands import lock_brand
from storage.link_events import is_undone
from storage.tables import GradeStateRow, LinkEventRow, MatchRow, PostRow

log = logging.getLogger("vigie.matching")

AUDITED = (Grade.DECLARED, Grade.STATED)
ACTING = (Grade.AUTHENTICATED, *AUDITED)
HELD = ("shadow", "suspended")  # the gates that hold what would be linked


@dataclass(frozen=True, slots=True)
class CertificateRules:
    """What settings say. Targets are precisions, rates shares of the decisions drawn."""

    start: str = "shadow"
    start_reason: str = ""
    targets: Mapping[Grade, float] = field(default_factory=lambda: dict.fromkeys(AUDITED, 0.99))
    confidence: float = 0.95
    window: timedelta = timedelta(days=365)
    link_rate: float = 0.1
    refusal_rate: float = 0.02
    shift: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a grade acts by itself, and why. `state`: proven, certified, operator, shadow, suspended or never."""

    acts: bool
    state: str
    why: str
    found: Counts = field(default_factory=Counts)
    bound: float = 0.0


def permission(state: str, why: str, found: Counts, target: float, confidence: float) -> Permission:
    """What follows for one audited grade from its state and from what second looks found."""
    bound = lower_bound(found.wrong, found.judged, confidence)
    told = f"{found.wrong} wrong of {found.judged} audited, at least {bound:.3f} right (target {target:g})"
    if state == "suspended":
        return Permission(False, "suspended", why, found, bound)
    if bound >= target:
        return Permission(True, "certified", told, found, bound)
    if state == "acting" and not found.wrong:
        return Permission(True, "operator", f"by the operator's word: {why}; {told}", found, bound)
    return Permission(False, "shadow", told, found, bound)


def may_act(session: Session, brand_id: str, grade: Grade, rules: CertificateRules, now: datetime) -> Permission:
    """Whether links of this grade are made without a person, today."""
    if grade not in ACTING:
        return Permission(False, "never", "resemblance is no proof: a person reviews")
    row = grades.grade_state(session, brand_id, grade)
    state, why = (rules.start, rules.start_reason) if row is None else (row.state, row.why)
    if grade is Grade.AUTHENTICATED:
        proven = row is None or state == "acting"
        return Permission(proven, "proven" if proven else state, "the customer proved it himself" if proven else why)
    since = max(now - rules.window, grades.counting_since(session, brand_id, grade) or now - rules.window)
    found = audits.counts(session, brand_id, audits.LINK, grade, since)
    return permission(state, why, found, rules.targets.get(grade, 0.99), rules.confidence)


def permissions(session: Session, brand_id: str, rules: CertificateRules, now: datetime) -> dict[Grade, Permission]:
    """The same for every grade that could act."""
    return {grade: may_act(session, brand_id, grade, rules, now) for grade in ACTING}


def held(decision: MatchDecision, allowed: Permission) -> MatchDecision:
    """The decision as it may be carried out: what would be linked without permission goes to a person."""
    if decision.action is not Action.LINK or allowed.acts:
        return decision
    gate = "suspended" if allowed.state == "suspended" else "shadow"
    return replace(decision, action=Action.REVIEW, customer_id=None, gates=(*decision.gates, gate))


def suspend(
    session: Session, brand_id: str, grade: Grade, why: str, by: str, now: datetime, event_id: int | None = None
) -> None:
    """Nothing of this grade acts until an operator has looked. `event_id` is the word that said so, if one did."""
    grades.set_grade_state(session, brand_id, grade, "suspended", by, now, why, event_id=event_id)
    log.warning("brand %s: links of grade %s are suspended: %s", brand_id, grade.value, why)


def found_wrong(session: Session, event: LinkEventRow, grade: Grade, by: str, now: datetime) -> None:
    """A person found a link of this grade wrong: one error is enough."""
    if grade in ACTING:
        why = f"a link was wrong ({event.kind}, post {event.post_id})"
        suspend(session, event.brand_id, grade, why, by, now, event.id)


def restore(
    session: Session, brand_id: str, event: LinkEventRow, rules: CertificateRules, by: str, now: datetime
) -> None:
    """An error was none, its word is undone: what is in force without it is in force again. Other errors stand."""
    for grade in ACTING:
        rows = grades.grade_states(session, brand_id, grade)
        if not any(row.event_id == event.id for row in rows) or not _lapsed(session, rows[0]):
            continue
        row = next((row for row in rows if not _lapsed(session, row)), None)
        state, why = (rules.start, rules.start_reason) if row is None else (row.state, row.why)
        told = f"an error was undone; {why}" if why else "an error was undone"
        event_id = None if row is None else row.event_id
        grades.set_grade_state(session, brand_id, grade, state, by, now, told, event_id=event_id)


def _lapsed(session: Session, row: GradeStateRow) -> bool:
    """Whether it was said because of a word that has been undone."""
    return row.event_id is not None and is_undone(session, row.event_id)


def decide_grade(session: Session, brand_id: str, grade: Grade, state: str, why: str, by: str, now: datetime) -> None:
    """An operator's explicit word, with a reason. The count of audits begins anew."""
    lock_brand(session, brand_id)
    grades.set_grade_state(session, brand_id, grade, state, by, now, why, restart=True)
    log.warning("brand %s: grade %s is %s from now on: %s", brand_id, grade.value, state, why)


def release(session: Session, brand_id: str, rules: CertificateRules, now: datetime) -> int:
    """Send back to routing what was held and whose grade may act now; returns how many posts."""
    acting = [grade.value for grade in ACTING if may_act(session, brand_id, grade, rules, now).acts]
    gates = cast(MatchRow.gates, String)
    was_held = gates.contains('"shadow"') | gates.contains('"suspended"')
    waiting = select(MatchRow.post_id).where(
        MatchRow.brand_id == brand_id, MatchRow.review == "waiting", MatchRow.grade.in_(acting), was_held
    )
    again = update(PostRow).where(PostRow.id.in_(waiting), PostRow.stage == "routed").values(stage="read")
    return int(session.execute(again.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]
