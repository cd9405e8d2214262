"""Cases: found, opened, joined, merged, linked. Every step is an event with who, when, why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState, may_step
from domain.claim import CLAIM_TEMPLATES
from domain.errors import Permanent
from domain.message import MessageState
from storage.tables import CaseEventRow, CaseMoveRow, CasePostRow, CaseRow, MessageRow, NoteRow, PostRow, ReadingRow

SYSTEM = "vigie"
UNSENT = (MessageState.RESERVED, MessageState.CANCELLED, MessageState.FAILED)
MOVED = (
    *("state", "state_since", "resolved_at", "snoozed_until", "reopened", "subject", "network", "thread"),
    *("author_id", "customer_key", "grade", "contact_state", "contact_at", "last_post_at"),
)


def add_event(
    session: Session, case: CaseRow, kind: str, now: datetime, actor: str = SYSTEM, **detail: Any
) -> CaseEventRow:
    """Append to a case's history. `detail` holds ids and reasons, never a person's words or addresses."""
    event = CaseEventRow(brand_id=case.brand_id, case_id=case.id, at=now, actor=actor, kind=kind, detail=detail)
    session.add(event)
    return event


def add_note(session: Session, case: CaseRow, text: str, now: datetime, actor: str) -> CaseEventRow:
    """Keep what an agent wrote; it can be erased, the event beside it cannot. Returns that event."""
    event = add_event(session, case, "note", now, actor)
    session.flush()
    session.add(NoteRow(brand_id=case.brand_id, event_id=event.id, case_id=case.id, text=text))
    return event


def notes_of(session: Session, case_id: int) -> dict[int, str]:
    """The notes of a case by the id of their event."""
    return {note.event_id: note.text for note in session.scalars(select(NoteRow).filter_by(case_id=case_id))}


def say(session: Session, event: CaseEventRow, words: str) -> None:
    """Keep a person's reason beside an event: it can be erased, the event cannot."""
    if words:
        session.flush()
        session.add(NoteRow(brand_id=event.brand_id, event_id=event.id, case_id=event.case_id, text=words))


def step(
    session: Session,
    case: CaseRow,
    state: CaseState,
    now: datetime,
    actor: str = SYSTEM,
    why: str = "",
    words: str = "",
    until: datetime | None = None,
) -> None:
    """Move a case to another state; `words` are a person's reason, `until` the end of its sleep.

    Raises Permanent where the life of a case forbids it.
    """
    old = CaseState(case.state)
    if old is state:
        return
    if not may_step(old, state):
        raise Permanent(f"case {case.id} cannot go from {old} to {state}")
    case.state, case.state_since = state, now
    case.snoozed_until = until if state is CaseState.SNOOZED else None
    case.revision += 1
    if state is CaseState.RESOLVED:
        case.resolved_at = now
    elif state is CaseState.REOPENED:
        case.resolved_at = None
        case.reopened += 1
    event = add_event(session, case, "state", now, actor, old=old.value, new=state.value, why=why)
    say(session, event, words)


def case_of_post(session: Session, post_id: int) -> tuple[CaseRow, CasePostRow] | None:
    """The case that a post lies in, merges followed, and the place it has there."""
    query = (
        select(CaseRow, CasePostRow)
        .join(CasePostRow, CasePostRow.case_id == CaseRow.id)
        .where(CasePostRow.post_id == post_id)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (living(session, found[0]), found[1])


def find_case(session: Session, brand_id: str, subject: str, network: str, thread: str) -> CaseRow | None:
    """The case of a subject in a thread, merges followed."""
    query = select(CaseRow).filter_by(brand_id=brand_id, subject=subject, network=network, thread=thread)
    case = session.scalars(query).one_or_none()
    return None if case is None else living(session, case)


def living(session: Session, case: CaseRow) -> CaseRow:
    while case.merged_into is not None:
        case = session.get_one(CaseRow, case.merged_into)
    return case


def add_post(session: Session, case: CaseRow, post: PostRow, role: str, now: datetime) -> bool:
    """Put a post into a case, or move it there; True if that changed anything."""
    place = session.scalars(select(CasePostRow).filter_by(post_id=post.id)).one_or_none()
    if place is not None and place.case_id == case.id:
        place.role = role
        return False
    if place is None:
        session.add(CasePostRow(brand_id=case.brand_id, case_id=case.id, post_id=post.id, role=role))
    else:
        place.case_id, place.role = case.id, role
    if post.created_at is not None:
        case.last_post_at = max(case.last_post_at, post.created_at)
    session.flush()
    return True


def complaints_of(session: Session, case_id: int) -> list[tuple[PostRow, ReadingRow]]:
    """The living complaints of a case with their present reading, oldest first."""
    query = (
        select(PostRow, ReadingRow)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .join(ReadingRow, (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version))
        .where(CasePostRow.case_id == case_id, CasePostRow.role == "complaint")
        .where(PostRow.stage.in_(("read", "routed")))
        .order_by(PostRow.created_at, PostRow.network, PostRow.native_id)
    )
    return [(post, reading) for post, reading in session.execute(query)]


def has_posts(session: Session, case_id: int) -> bool:
    """Whether any post lies in this case, tombstones included."""
    return session.scalar(select(CasePostRow.id).where(CasePostRow.case_id == case_id).limit(1)) is not None


def merge(
    session: Session,
    source: CaseRow,
    target: CaseRow,
    now: datetime,
    why: str,
    actor: str = SYSTEM,
    words: str = "",
    moved: Sequence[int] = (),
) -> CaseMoveRow | None:
    """Let one case go up in another: its posts move, its history and messages stay readable from there.

    What is needed to undo it is kept (`storage.case_moves`); `moved` are posts of it that lie in the target already.
    `words` are a person's reason.
    """
    if source.id == target.id:
        return None
    session.flush()
    before = {"source": snapshot(source), "target": snapshot(target)}
    posts = [*moved, *session.scalars(select(CasePostRow.post_id).where(CasePostRow.case_id == source.id))]
    kept: dict[str, Any] = {"place": session.scalar(select(func.max(CasePostRow.id)))}
    absorb(session, source, target, now, actor, why)
    after = {"after": snapshot(target)}
    move = CaseMoveRow(brand_id=source.brand_id, kind="merge", source=source.id, target=target.id, posts=sorted(posts))
    move.before, move.why, move.by, move.at = {**before, **after, **kept}, why, actor, now
    session.add(move)
    session.flush()
    add_event(session, source, "merged", now, actor, into=target.id, why=why, move=move.id)
    say(session, add_event(session, target, "absorbed", now, actor, merged=source.id, why=why, move=move.id), words)
    session.flush()
    return move


def absorb(session: Session, source: CaseRow, target: CaseRow, now: datetime, actor: str, why: str) -> None:
    """The posts, the subject and what is still to be said go over; the source has come to its end."""
    if source.state in OPEN_STATES and target.state in (CaseState.RESOLVED, CaseState.CLOSED):
        step(session, target, CaseState.REOPENED, now, actor, why)
    session.execute(update(CasePostRow).where(CasePostRow.case_id == source.id).values(case_id=target.id))
    engaged = contact_engaged(session, source.id)
    if engaged and target.contact_state in ("pending", "held"):
        target.contact_state, target.contact_at = "planned", None
    cancel_reserved(session, source.id, "case merged")
    source.state, source.state_since, source.merged_into = CaseState.MERGED, now, target.id
    source.contact_state, source.contact_at = "never", None
    source.subject = f"merged:{source.id}"
    source.customer_key, source.snoozed_until = None, None
    source.revision += 1
    target.revision += 1
    target.last_post_at = max(target.last_post_at, source.last_post_at)
    session.flush()


def snapshot(case: CaseRow) -> dict[str, Any]:
    """What merging changes of a case, as JSON keeps it: times as ISO 8601."""
    told = {name: getattr(case, name) for name in MOVED}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


def free_subject(session: Session, case: CaseRow, subject: str, network: str, thread: str) -> str:
    """The subject under which a case can stand in a thread; its own, where people keep two of one subject apart."""
    own = f"{subject}:{case.id}"
    if (case.subject, case.network, case.thread) == (own, network, thread):
        return own
    taken = select(CaseRow.id).filter_by(brand_id=case.brand_id, subject=subject, network=network, thread=thread)
    return subject if session.scalar(taken.where(CaseRow.id != (case.id or 0))) is None else own


def contact_engaged(session: Session, case_id: int) -> bool:
    """Whether a message of this case has left, is leaving, or may have; asking who somebody is does not count."""
    query = select(MessageRow.id).where(
        MessageRow.case_id == case_id,
        MessageRow.state.not_in(UNSENT),
        MessageRow.template.not_in(CLAIM_TEMPLATES),
    )
    return session.scalar(query.limit(1)) is not None


def cancel_reserved(session: Session, case_id: int, reason: str) -> int:
    """Take back what was reserved and not yet begun; returns how many."""
    cancelled = (
        update(MessageRow)
        .where(MessageRow.case_id == case_id, MessageRow.state == MessageState.RESERVED)
        .values(state=MessageState.CANCELLED, reason=reason)
    )
    return int(session.execute(cancelled).rowcount)  # type: ignore[attr-defined]


def hold_contact(session: Session, case: CaseRow, why: str) -> None:
    """Let nothing go out to the customer of a case by itself until it is decided again."""
    cancel_reserved(session, case.id, why)
    if case.customer_key is not None and case.contact_state in ("pending", "held"):
        case.contact_state, case.contact_at = "person", None
        case.revision += 1


def link_customer(
    session: Session, case_id: int, customer_key: int, actor: str, now: datetime, grade: str = "stated"
) -> CaseRow:
    """A person confirmed whose case it is. Returns the case it lives in now (merged if he had one there)."""
    case = living(session, session.get_one(CaseRow, case_id))
    subject = f"customer:{customer_key}"
    other = find_case(session, case.brand_id, subject, case.network, case.thread)
    if other is not None and other.id != case.id and not (is_pinned(session, case.id) and is_pinned(session, other.id)):
        merge(session, case, other, now, "same customer and thread", actor)
        route_again(session, other.id)
        return other
    case.subject = free_subject(session, case, subject, case.network, case.thread)
    case.customer_key, case.grade = customer_key, grade
    case.revision += 1
    if case.contact_state != "planned":
        case.contact_state, case.contact_at = "pending", None
    add_event(session, case, "linked", now, actor, grade=grade)
    route_again(session, case.id)
    return case


def is_pinned(session: Session, case_id: int) -> bool:
    """Whether a person put any post where it is in this case."""
    pinned = select(CasePostRow.id).where(CasePostRow.case_id == case_id, CasePostRow.pinned)
    return session.scalar(pinned.limit(1)) is not None


def route_again(session: Session, case_id: int) -> None:
    """Let the next routing look at a case: what it weighs, and whether the customer has another about the same."""
    session.flush()
    inside = select(CasePostRow.post_id).where(CasePostRow.case_id == case_id, CasePostRow.role != "copy")
    routed = update(PostRow).where(PostRow.id.in_(inside), PostRow.stage == "routed")
    session.execute(routed.values(stage="read"), execution_options={"synchronize_session": "fetch"})
