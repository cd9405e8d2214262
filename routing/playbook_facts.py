"""What rules may ask of cases: the stories of many cases, and the facts of one at any instant of its story.

One function for now and for then: the flow asks for the facts of now, `vigie replay` for those of every instant at
which something happened. What is not dated (intent, severity, priority, the customer file) is told as it is now.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.message import SENT_STATES
from routing.playbooks import CaseFactsForRules
from storage.bulk import among
from storage.tables import (
    CaseEventRow,
    CasePostRow,
    CaseRow,
    CustomerRow,
    CustomerSegmentRow,
    InteractionRow,
    MessageRow,
    PostRow,
    RuptureRow,
    SurveyRow,
)

TOLD = ("state", "assigned", "unassigned", "team_changed", "customer_answered")
HOUR = timedelta(hours=1)
Dated = tuple[datetime, Any]


@dataclass(slots=True)
class Story:
    """One case with what happened in it, as it was read at `read_at`; every list is in order of time.

    `assigned` tells when, to whom (nobody: None) and by whom.
    """

    case: CaseRow
    read_at: datetime
    posts: list[datetime] = field(default_factory=list)
    came_in: list[datetime] = field(default_factory=list)
    went_out: list[datetime] = field(default_factory=list)
    states: list[tuple[datetime, str, str]] = field(default_factory=list)
    teams: list[tuple[datetime, str, str]] = field(default_factory=list)
    assigned: list[tuple[datetime, str | None, str]] = field(default_factory=list)
    surveys: list[tuple[datetime, int, str, int]] = field(default_factory=list)
    ruptures: list[Dated] = field(default_factory=list)
    segments: list[Dated] = field(default_factory=list)
    customer: CustomerRow | None = None

    def instants(self) -> set[datetime]:
        """Every time at which something happened, or was due."""
        dues = (self.case.due_first_answer_at, self.case.due_resolution_at)
        dated = (self.states, self.teams, self.assigned, self.surveys, self.ruptures)
        told = {entry[0] for entries in dated for entry in entries}
        return {self.case.opened_at, *self.posts, *self.came_in, *self.went_out, *filter(None, dues), *told}


def stories(session: Session, cases: Sequence[CaseRow], now: datetime) -> list[Story]:
    """The stories of these cases, by a few queries for all of them."""
    told = {case.id: Story(case, now) for case in cases}
    ids = sorted(told)
    _add_posts(session, told, ids)
    _add_messages(session, told, ids)
    _add_events(session, told, ids)
    _add_surveys(session, told, ids)
    _add_customers(session, told)
    for story in told.values():
        if story.case.first_answer_at is not None:
            story.went_out.append(story.case.first_answer_at)
        for times in (story.posts, story.came_in, story.went_out):
            times.sort()
    return list(told.values())


def facts_at(story: Story, at: datetime, segments: Iterable[str] | None = None) -> CaseFactsForRules:
    """The facts at an instant; the time of reading itself is told from the case as it stands.

    `segments` takes the place of those that the customer is known to be in.
    """
    case, live = story.case, at >= story.read_at
    last_in, last_out = _last(story.came_in, at), _last(story.went_out, at)
    silent = max(filter(None, (last_in, last_out)), default=None)
    missed = _missed(case, at)
    survey = next((row for row in reversed(story.surveys) if row[0] <= at), None)
    reopened = case.reopened if live else sum(at_ <= at and new == "reopened" for at_, _, new in story.states)
    reopened = max(reopened, sum(at_ <= at and new == "reopened" for at_, _, new in story.states))
    ruptures = [(at_, kind) for at_, kind in story.ruptures if at_ <= at]
    customer = story.customer
    return CaseFactsForRules(
        brand=case.brand_id,
        intent=case.intent,
        severity=case.severity,
        moment=case.moment,
        network=case.network,
        language=case.language,
        grade=case.grade,
        team=case.team if live else _then(story.teams, at, case.team),
        state=case.state if live else _then(story.states, at, case.state),
        contact=case.contact_state,
        country=customer.country if customer else None,
        segments=frozenset(name for since, name in story.segments if since <= at)
        if segments is None
        else frozenset(segments),
        stated_segment=customer.segment if customer else None,
        ruptures=frozenset(kind for _, kind in ruptures),
        customer=customer is not None,
        assigned=case.assignee is not None if live else _assigned(story, at),
        addressed=case.addressed_brand,
        posts=sum(time <= at for time in story.posts),
        priority=case.priority,
        value=customer.value if customer else None,
        escalation=case.escalation,
        reopened=reopened,
        age_hours=_hours(case.opened_at, at) or 0.0,
        silent_hours=_hours(silent, at),
        customer_silent_hours=_hours(last_out, at) if last_out and silent == last_out != last_in else None,
        our_silent_hours=_hours(last_in, at) if last_in and silent == last_in else None,
        deadlines=frozenset(missed),
        due_in_hours=_due_in(case, at),
        survey=survey[2] if survey else None,
        survey_score=survey[3] if survey else None,
        occasions={
            "escalation": str(case.escalation),
            "reopened": str(reopened),
            "silence": _stamp(silent),
            "customer_silence": _stamp(last_out),
            "our_silence": _stamp(last_in),
            "due": _stamp(_next_due(case, at)),
            "survey": str(survey[1]) if survey else "",
            **{name: _stamp(due) for name, due in missed.items()},
            **{kind: _stamp(time) for time, kind in ruptures},
        },
    )


def _add_posts(session: Session, told: Mapping[int, Story], ids: Sequence[int]) -> None:
    """Copies are other people's words."""
    query = (
        select(CasePostRow.case_id, PostRow.created_at, PostRow.heard_at)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .where(among(session, CasePostRow.case_id, ids), CasePostRow.role != "copy")
    )
    for case_id, created_at, heard_at in session.execute(query):
        told[case_id].posts.append(created_at or heard_at)
        told[case_id].came_in.append(created_at or heard_at)


def _add_messages(session: Session, told: Mapping[int, Story], ids: Sequence[int]) -> None:
    sent = MessageRow.state.in_(SENT_STATES) & MessageRow.handed_over_at.is_not(None)
    query = select(MessageRow.case_id, MessageRow.handed_over_at).where(among(session, MessageRow.case_id, ids), sent)
    for case_id, at in session.execute(query):
        if at is not None:
            told[case_id].went_out.append(at)


def _add_events(session: Session, told: Mapping[int, Story], ids: Sequence[int]) -> None:
    query = select(CaseEventRow).where(among(session, CaseEventRow.case_id, ids), CaseEventRow.kind.in_(TOLD))
    for event in session.scalars(query.order_by(CaseEventRow.at, CaseEventRow.id)):
        story = told[event.case_id]
        if event.kind == "customer_answered":
            story.came_in.append(event.at)
        elif event.kind in ("assigned", "unassigned"):
            story.assigned.append((event.at, event.detail.get("to"), event.actor))
        else:
            moves = story.states if event.kind == "state" else story.teams
            moves.append((event.at, str(event.detail.get("old")), str(event.detail.get("new"))))


def _add_surveys(session: Session, told: Mapping[int, Story], ids: Sequence[int]) -> None:
    surveys = select(SurveyRow).where(among(session, SurveyRow.case_id, ids), SurveyRow.answered_at.is_not(None))
    for row in session.scalars(surveys.order_by(SurveyRow.answered_at, SurveyRow.id)):
        if row.answered_at is not None and row.score is not None:
            told[row.case_id].surveys.append((row.answered_at, row.id, row.kind, row.score))
    ruptures = select(RuptureRow).where(among(session, RuptureRow.case_id, ids))
    for rupture in session.scalars(ruptures.order_by(RuptureRow.at, RuptureRow.id)):
        told[rupture.case_id or 0].ruptures.append((rupture.at, rupture.kind))


def _add_customers(session: Session, told: Mapping[int, Story]) -> None:
    """The customer's record, his segments, and what his brand's other systems saw of him since the case was opened."""
    by_customer: dict[int, list[Story]] = defaultdict(list)
    for story in told.values():
        if story.case.customer_key is not None:
            by_customer[story.case.customer_key].append(story)
    keys = sorted(by_customer)
    named: dict[str, list[Story]] = {}
    brands = {story.case.brand_id for story in told.values()}
    for row in session.scalars(select(CustomerRow).where(among(session, CustomerRow.id, keys))):
        named[row.customer_id] = by_customer[row.id]
        for story in by_customer[row.id]:
            story.customer = row
    inside = select(CustomerSegmentRow).where(among(session, CustomerSegmentRow.customer_key, keys))
    for member in session.scalars(inside.order_by(CustomerSegmentRow.since)):
        for story in by_customer[member.customer_key]:
            story.segments.append((member.since, member.segment))
    query = select(InteractionRow.customer_id, InteractionRow.direction, InteractionRow.at).where(
        InteractionRow.brand_id.in_(brands), among(session, InteractionRow.customer_id, sorted(named))
    )
    for customer_id, direction, at in session.execute(query):
        for story in named[customer_id]:
            if story.case.opened_at <= at <= story.read_at:
                (story.came_in if direction == "in" else story.went_out).append(at)


def _then(moves: Sequence[tuple[datetime, str, str]], at: datetime, current: str) -> str:
    before = [new for time, _, new in moves if time <= at]
    return before[-1] if before else (moves[0][1] if moves else current)


def _assigned(story: Story, at: datetime) -> bool:
    before = [to for time, to, _ in story.assigned if time <= at]
    return bool(before and before[-1])


def _missed(case: CaseRow, at: datetime) -> dict[str, datetime]:
    """The deadlines that have passed without what they ask for."""
    dues = (
        ("first_answer_missed", case.due_first_answer_at, case.first_answer_at or case.resolved_at),
        ("resolution_missed", case.due_resolution_at, case.resolved_at),
    )
    return {name: due for name, due, done in dues if due and due <= at and not (done and done <= at)}


def _next_due(case: CaseRow, at: datetime) -> datetime | None:
    """The next deadline that is still ahead."""
    answered = case.first_answer_at is not None and case.first_answer_at <= at
    dues = [case.due_resolution_at] if answered else [case.due_first_answer_at, case.due_resolution_at]
    return min((due for due in dues if due and due > at), default=None)


def _due_in(case: CaseRow, at: datetime) -> float | None:
    due = _next_due(case, at)
    return None if due is None else (due - at) / HOUR


def _last(times: Sequence[datetime], at: datetime) -> datetime | None:
    return max((time for time in times if time <= at), default=None)


def _hours(since: datetime | None, at: datetime) -> float | None:
    return None if since is None else (at - since) / HOUR


def _stamp(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
