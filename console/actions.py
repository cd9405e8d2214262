"""What a care agent can do, one function a use case. Each is a case event and a line of audit, or nothing at all.

All take an open write transaction; the case is locked in it, so that of two people who save at once the
second gets a Conflict instead of overwriting the first.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.web import PageError
from domain.case import CaseState, may_step
from domain.evidence import Action, Grade
from domain.team import Staff
from routing.notices import tell
from storage import audit, cases, corrections, desks, messages
from storage.assignees import give, hand_to_team, take_back
from storage.staff import may_act
from storage.tables import CaseEventRow, CasePostRow, CaseRow, CustomerRow, MatchRow, MessageRow, PostRow

NOTE_MAX = 5000
TWICE = timedelta(minutes=1)
SHOWN_CANDIDATES = 2


class Conflict(Exception):
    """Somebody else changed the case since the page was made."""


def assign(session: Session, case_id: int, revision: int, actor: str, now: datetime) -> None:
    """Take a case over; a new one is open from then on."""
    case = locked(session, case_id, revision)
    if not give(session, case, actor, actor, now):
        return
    if case.state == CaseState.NEW:
        cases.step(session, case, CaseState.OPEN, now, actor)
    _audit(session, case, "case.assign", actor, now)


def hand_over(session: Session, case_id: int, revision: int, to: str, actor: str, now: datetime, staff: Staff) -> None:
    """Let another person who may act in the brand have the case, and tell her."""
    case = locked(session, case_id, revision)
    if to not in may_act(session, case.brand_id):
        raise PageError(422, "case.nobody_of_that_name")
    if give(session, case, to, actor, now):
        tell(session, staff, case, "assigned", f"assigned:{case.revision}", to, now)
        _audit(session, case, "case.hand_over", actor, now)


def hand_to(session: Session, case_id: int, revision: int, team: str, actor: str, now: datetime) -> None:
    """Let another team have the case; it gives it to one of its people."""
    case = locked(session, case_id, revision)
    if hand_to_team(session, case, team, actor, now):
        _audit(session, case, "case.hand_over", actor, now)


def give_back(session: Session, case_id: int, revision: int, actor: str, now: datetime) -> None:
    """Let nobody have the case, so that it is given anew."""
    case = locked(session, case_id, revision)
    if take_back(session, case, actor, now):
        _audit(session, case, "case.give_back", actor, now)


def move(
    session: Session,
    case_id: int,
    revision: int,
    state: CaseState,
    actor: str,
    now: datetime,
    words: str = "",
    until: datetime | None = None,
) -> None:
    """Any step that a case's life allows; opening it again wants a reason in words, a sleep its end."""
    case = locked(session, case_id, revision)
    if not may_step(CaseState(case.state), state):
        raise PageError(409, "error.not_allowed")
    if state is CaseState.REOPENED and not words:
        raise PageError(422, "moves.why_needed")
    cases.step(session, case, state, now, actor, words=words, until=until)
    _audit(session, case, f"case.{state}", actor, now)


def add_note(session: Session, case_id: int, text: str, actor: str, now: datetime) -> None:
    """Add an internal note. No revision is asked: notes only add, and none may get lost.

    The same note twice within a minute is a double click, not two notes.
    """
    case = session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True)
    query = select(CaseEventRow).where(CaseEventRow.case_id == case_id, CaseEventRow.actor == actor)
    last = session.scalars(query.order_by(CaseEventRow.id.desc()).limit(1)).one_or_none()
    if last is not None and now - last.at < TWICE and cases.notes_of(session, case_id).get(last.id) == text:
        return
    cases.add_note(session, case, text, now, actor)
    _audit(session, case, "case.note", actor, now)


def retry_desk(session: Session, case_id: int, desk: str, actor: str, now: datetime) -> None:
    """Have a ticket in an outside desk tried again; what has no problem is left alone."""
    case = session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True)
    ticket = next((row for row in desks.tickets_of(session, case_id) if row.desk == desk), None)
    if ticket is None:
        raise PageError(404)
    if ticket.problem is None:
        return
    desks.retry(session, ticket, actor, now)
    _audit(session, case, "desk.retry", actor, now)


def confirm(session: Session, match: MatchRow, customer_id: str, actor: str, now: datetime) -> int | None:
    """This customer wrote it. Returns the case that the post lives in now.

    The proof becomes `stated`: a click never makes a declared account.
    """
    customer = shown_customer(session, match, customer_id)
    match.action, match.customer_key, match.review = Action.LINK, customer.id, "confirmed"
    match.grade = Grade.STATED if match.grade in (Grade.SUGGESTED, Grade.NONE) else match.grade
    match.decided_by, match.decided_at = actor, now
    case = _case_of(session, match)
    _decided(session, match, case, "match_confirmed", customer, actor, now)
    if case is None:
        return None
    session.flush()
    return cases.link_customer(session, case.id, customer.id, actor, now, match.grade).id


def refuse(session: Session, match: MatchRow, customer_id: str, actor: str, now: datetime) -> int | None:
    """This customer did not write it. The match is refused once every candidate that was shown is."""
    customer = shown_customer(session, match, customer_id)
    case = _case_of(session, match)
    _decided(session, match, case, "match_refused", customer, actor, now)
    session.flush()
    if set(shown_candidates(match)) <= set(refused_candidates(session, match)):
        match.review, match.action, match.customer_key = "refused", Action.NONE, None
        match.decided_by, match.decided_at = actor, now
    return None if case is None else case.id


def unsure(session: Session, match: MatchRow, actor: str, now: datetime) -> int | None:
    """Nobody can tell: it stays in the reviews, after the others."""
    match.review, match.decided_by, match.decided_at = "unsure", actor, now
    case = _case_of(session, match)
    _decided(session, match, case, "match_unsure", None, actor, now)
    return None if case is None else case.id


def shown_candidates(match: MatchRow) -> list[str]:
    """The customers whom a reviewer sees: the likeliest and the runner-up."""
    return [str(candidate["customer_id"]) for candidate in match.candidates[:SHOWN_CANDIDATES]]


def refused_candidates(session: Session, match: MatchRow) -> dict[str, str]:
    """customer id → who refused it. The audit remembers, whatever the matcher writes later."""
    lines = audit.of_subject(session, match.brand_id, f"match:{match.id}")
    by_key: dict[int, str] = {}
    for line in reversed(lines):
        if line.action == "match_refused":
            by_key[line.detail["customer_key"]] = line.actor
        elif line.action == "match_undone":
            by_key.pop(line.detail["customer_key"], None)
    held = session.scalars(select(CustomerRow).where(CustomerRow.id.in_(by_key)))
    return {customer.customer_id: by_key[customer.id] for customer in held}


def case_id_of(session: Session, match_id: int) -> int:
    """The case in which the post of a match lies; a plain 409 where it lies in none."""
    query = select(CasePostRow.case_id).join(MatchRow, MatchRow.post_id == CasePostRow.post_id)
    case_id = session.scalar(query.where(MatchRow.id == match_id))
    if case_id is None:
        raise PageError(409)
    return case_id


def correct_reading(
    session: Session,
    post_id: int,
    version: int,
    labels: corrections.Labels,
    actor: str,
    now: datetime,
    threshold: float,
) -> None:
    """A person says what a post means. What says nothing new is no act. Raises `corrections.Outdated`."""
    said = corrections.correct(session, post_id, version, labels, actor, now, threshold)
    if not said:
        return
    post = session.get_one(PostRow, post_id)
    found = cases.case_of_post(session, post_id)
    if found is not None:
        cases.add_event(session, found[0], "reading_corrected", now, actor, post=post_id, heads=sorted(said))
    detail = {"version": version, "labels": dict(said)}
    audit.record(session, post.brand_id, actor, "reading.correct", f"post:{post_id}", now, detail)


def settle_message(session: Session, message: MessageRow, was_sent: bool, actor: str, now: datetime) -> None:
    """A person found out whether an unconfirmed message went out: it is marked sent, or goes again."""
    if not messages.resolve_unconfirmed(session, message.message_id, was_sent, actor, now):
        raise Conflict
    action = "message.was_sent" if was_sent else "message.send_again"
    audit.record(session, message.brand_id, actor, action, f"message:{message.message_id}", now)


def shown_customer(session: Session, match: MatchRow, customer_id: str) -> CustomerRow:
    """The candidate, as long as he is held and a reviewer sees him."""
    held = (CustomerRow.brand_id == match.brand_id) & (CustomerRow.customer_id == customer_id)
    customer = session.scalar(select(CustomerRow).where(held))
    if customer is None or customer_id not in shown_candidates(match):
        raise PageError(409, "match.gone")
    return customer


def locked(session: Session, case_id: int, revision: int) -> CaseRow:
    """The case, held until the end of the transaction; Conflict if it is no longer as the page showed it."""
    case = session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True)
    if case.revision != revision:
        raise Conflict
    return case


def _case_of(session: Session, match: MatchRow) -> CaseRow | None:
    query = select(CaseRow).join(CasePostRow, CasePostRow.case_id == CaseRow.id)
    return session.scalar(query.where(CasePostRow.post_id == match.post_id).with_for_update())


def _decided(
    session: Session,
    match: MatchRow,
    case: CaseRow | None,
    kind: str,
    customer: CustomerRow | None,
    actor: str,
    now: datetime,
) -> None:
    """Events and audit cannot be erased: they hold our own number of a customer, which means nobody once he is gone."""
    detail = {"match": match.id, "customer_key": customer.id if customer else None}
    if case is not None:
        cases.add_event(session, case, kind, now, actor, **detail)
    audit.record(session, match.brand_id, actor, kind, f"match:{match.id}", now, detail)


def _audit(session: Session, case: CaseRow, action: str, actor: str, now: datetime) -> None:
    audit.record(session, case.brand_id, actor, action, f"case:{case.id}", now)
