"""Taking what a desk says into the case: its state, its comments, its deliveries. All in the caller's transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.case import CaseState
from routing.desks import words
from routing.desks._agree import Here, agree
from routing.desks.base import Comment, Desk, DeskState, Remote, Told
from routing.desks.words import DeskRules
from routing.plain import plain_text
from storage import cases, desks
from storage.brands import lock_brand
from storage.tables import CaseRow, DeskCommentRow, DeskTicketRow

WHY = "said in the desk"
IN_VAIN = "the case and the ticket cannot agree: its life forbids what the desk says"


def take(session: Session, desk: Desk, told: Told, rules: DeskRules, now: datetime) -> int:
    """Believe a genuine delivery of a desk that cannot be read, or note that a ticket is worth a look.

    Returns how many tickets it spoke of. One that is older than the last is passed over, but for its comments.
    """
    if desk.readable or told.remote is None:
        return desks.nudge(session, desk.name, [told.remote_id])
    found = desks.named(session, desk.name, told.remote_id)
    for row in found:
        lock_brand(session, row.brand_id)
        session.refresh(row)
        case = session.get_one(CaseRow, row.case_id)
        for comment in told.comments:
            take_comment(session, row, case, desk, rules, comment, now)
        at = told.remote.changed_at
        if row.pulled_at is None or (at is not None and at > row.pulled_at):
            settle(session, row, case, desk, told.remote, now)
            row.pulled_at = min(at, now) if at is not None else now
    return len(found)


def settle(
    session: Session, row: DeskTicketRow, case: CaseRow, desk: Desk, remote: Remote, now: datetime
) -> DeskState | None:
    """Bring case and ticket to agree, as far as that is done here; returns the state that the desk is to be told."""
    last = desks.standing(session, case)
    by_person = "@" in last.actor or case.state == CaseState.REOPENED
    known = None if row.remote_state is None else DeskState(row.remote_state)
    here = Here(CaseState(case.state), last.at, by_person)
    found = agree(here, remote.state, remote.changed_at, known, desk.shown)
    actor, in_step = f"desk:{desk.name}", case.revision == row.pushed_revision
    for state in found.steps:
        cases.step(session, case, state, now, actor, WHY)
        case.snoozed_until = None
    if found.refused:
        cases.add_event(session, case, "desk_refused", now, actor, desk=desk.name, state=str(remote.state), why=IN_VAIN)
    if found.tell is None and remote.state is not None:
        row.remote_state = remote.state.value
    if found.steps and in_step:
        row.pushed_revision = case.revision
    return found.tell


def take_comment(
    session: Session, row: DeskTicketRow, case: CaseRow, desk: Desk, rules: DeskRules, comment: Comment, now: datetime
) -> bool:
    """Keep a comment of the desk as a note, once; our own are known by their number or by their last line."""
    known = desks.comments_of(session, row.id)
    if any(one.remote_id == comment.remote_id for one in known):
        return False
    event_id = words.marked(comment.text, case, rules)
    own = next((one for one in known if one.event_id == event_id and one.remote_id is None), None)
    if own is not None:
        own.remote_id = comment.remote_id
        return False
    described = event_id == 0 and not any(one.event_id is None for one in known)
    entry = DeskCommentRow(
        brand_id=row.brand_id,
        ticket_key=row.id,
        remote_id=comment.remote_id,
        direction="out" if described else "in",
        at=now,
    )
    text = plain_text(comment.text).strip()[: words.LONGEST_NOTE]
    if not described and text and not desks.is_erased(case):
        entry.event_id = cases.add_note(session, case, text, now, f"desk:{desk.name}").id
        if comment.public:
            cases.hold_contact(session, case, "an agent answered in the desk")
    session.add(entry)
    session.flush()
    return entry.event_id is not None
