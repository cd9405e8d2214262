"""Cases in outside desks: which are to be told, how far both sides know of each other, whose words are whose."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from domain.case import OPEN_STATES, CaseState
from storage.cases import add_event
from storage.tables import (
    AuthorRow,
    CaseEventRow,
    CasePostRow,
    CaseRow,
    CustomerRow,
    DeskCommentRow,
    DeskTicketRow,
    NoteRow,
    PostRow,
)

OPENED, MERGED, NOTE = "desk_opened", "merged", "note"
ERASED = "erased:%"
ERASED_HERE = "the customer was erased here: what was shared must be removed in the desk"


@dataclass(frozen=True, slots=True)
class Word:
    """An event of a case that a desk is to be told as a comment; `text` is the note, empty for what is no note."""

    event_id: int
    kind: str
    text: str
    into: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when a case stands where it stands, and by whom."""

    at: datetime
    actor: str


def unopened(session: Session, brand_id: str, desk: str, severities: Collection[str], limit: int) -> Sequence[CaseRow]:
    """Open cases that this desk has never been told of, the most pressing first."""
    known = exists(select(DeskTicketRow.id).where(DeskTicketRow.case_id == CaseRow.id, DeskTicketRow.desk == desk))
    query = select(CaseRow).where(
        CaseRow.brand_id == brand_id,
        CaseRow.state.in_(OPEN_STATES),
        CaseRow.severity.in_(severities),
        CaseRow.subject.not_like(ERASED),
        ~known,
    )
    return session.scalars(query.order_by(CaseRow.priority.desc(), CaseRow.id).limit(limit)).all()


def begin(session: Session, case: CaseRow, desk: str, now: datetime) -> DeskTicketRow:
    """Note that a case is to have a ticket in this desk."""
    row = DeskTicketRow(brand_id=case.brand_id, case_id=case.id, desk=desk, created_at=now)
    session.add(row)
    session.flush()
    return row


def waiting(
    session: Session,
    brand_id: str,
    desk: str,
    now: datetime,
    kinds: Collection[str],
    without: Collection[int],
    limit: int,
) -> list[int]:
    """Tickets with something to do, the longest known first: not made yet, to be looked at, or not told everything.

    `kinds` are the kinds of events that are told as comments; `without` are tickets to leave.
    """
    query = (
        select(DeskTicketRow.id)
        .join(CaseRow, CaseRow.id == DeskTicketRow.case_id)
        .where(
            DeskTicketRow.brand_id == brand_id,
            DeskTicketRow.desk == desk,
            or_(DeskTicketRow.retry_at.is_(None), DeskTicketRow.retry_at <= now),
            or_(
                DeskTicketRow.remote_id.is_(None),
                DeskTicketRow.pulled_at.is_(None),
                and_(
                    CaseRow.subject.not_like(ERASED),
                    or_(
                        CaseRow.revision > DeskTicketRow.pushed_revision,
                        and_(CaseRow.state != CaseState.CLOSED, _has_words(kinds)),
                    ),
                ),
            ),
        )
    )
    if without:
        query = query.where(DeskTicketRow.id.not_in(without))
    return list(session.scalars(query.order_by(DeskTicketRow.id).limit(limit)))


def _has_words(kinds: Collection[str]) -> ColumnElement[bool]:
    told = exists(
        select(DeskCommentRow.id)
        .where(
            DeskCommentRow.ticket_key == DeskTicketRow.id,
            DeskCommentRow.event_id == CaseEventRow.id,
            DeskCommentRow.remote_id.is_not(None),
        )
        .correlate(DeskTicketRow, CaseEventRow)
    )
    mine = and_(CaseEventRow.case_id == DeskTicketRow.case_id, CaseEventRow.kind.in_(kinds), ~told)
    return exists(select(CaseEventRow.id).where(mine, _is_for(DeskTicketRow.desk)).correlate(DeskTicketRow))


def _is_for(desk: InstrumentedAttribute[str] | str) -> ColumnElement[bool]:
    """An opening is told only to the desk that it names; a note without words any more is told to nobody."""
    of_desk = CaseEventRow.detail["desk"].as_string() == desk
    kept = exists(select(NoteRow.id).where(NoteRow.event_id == CaseEventRow.id).correlate(CaseEventRow))
    return and_(or_(CaseEventRow.kind != OPENED, of_desk), or_(CaseEventRow.kind != NOTE, kept))


def words(session: Session, ticket: DeskTicketRow, kinds: Collection[str]) -> list[Word]:
    """What the desk is to be told of this case and has not taken yet, in the order in which it happened."""
    told = select(DeskCommentRow.event_id).where(
        DeskCommentRow.ticket_key == ticket.id,
        DeskCommentRow.remote_id.is_not(None),
        DeskCommentRow.event_id.is_not(None),
    )
    query = (
        select(CaseEventRow, NoteRow.text)
        .join(NoteRow, NoteRow.event_id == CaseEventRow.id, isouter=True)
        .where(
            CaseEventRow.case_id == ticket.case_id,
            CaseEventRow.kind.in_(kinds),
            CaseEventRow.id.not_in(told),
            _is_for(ticket.desk),
        )
        .order_by(CaseEventRow.id)
    )
    return [
        Word(event.id, event.kind, text or "", event.detail.get("into")) for event, text in session.execute(query).all()
    ]


def comments_of(session: Session, ticket_key: int) -> Sequence[DeskCommentRow]:
    """The comments of a ticket that both sides know, or that were about to be told."""
    return session.scalars(select(DeskCommentRow).filter_by(ticket_key=ticket_key)).all()


def standing(session: Session, case: CaseRow) -> Standing:
    """Who brought the case to where it stands, and when."""
    query = select(CaseEventRow).where(CaseEventRow.case_id == case.id, CaseEventRow.kind.in_(("state", MERGED)))
    last = session.scalars(query.order_by(CaseEventRow.id.desc()).limit(1)).one_or_none()
    return Standing(case.opened_at, "") if last is None else Standing(last.at, last.actor)


def nudge(session: Session, desk: str, remote_ids: Collection[str], brand_id: str | None = None) -> int:
    """Have these tickets looked at; returns how many are ours."""
    mine = (DeskTicketRow.desk == desk) & DeskTicketRow.remote_id.in_(remote_ids)
    if brand_id is not None:
        mine &= DeskTicketRow.brand_id == brand_id
    return int(session.execute(update(DeskTicketRow).where(mine).values(pulled_at=None)).rowcount)  # type: ignore[attr-defined]


def named(session: Session, desk: str, remote_id: str) -> Sequence[DeskTicketRow]:
    """The tickets of this number, one a brand at most."""
    return session.scalars(select(DeskTicketRow).filter_by(desk=desk, remote_id=remote_id)).all()


def tickets_of(session: Session, case_id: int) -> Sequence[DeskTicketRow]:
    """A case's tickets in outside desks."""
    return session.scalars(select(DeskTicketRow).filter_by(case_id=case_id).order_by(DeskTicketRow.desk)).all()


def problems(session: Session, brand_id: str, limit: int = 200) -> Sequence[DeskTicketRow]:
    """Tickets that a person has to look at."""
    query = select(DeskTicketRow).where(DeskTicketRow.brand_id == brand_id, DeskTicketRow.problem.is_not(None))
    return session.scalars(query.order_by(DeskTicketRow.id).limit(limit)).all()


def retry(session: Session, ticket: DeskTicketRow, actor: str, now: datetime) -> None:
    """A person says: try again now. Where nobody knew whether the ticket was made, it says that it was not."""
    ticket.retry_at = ticket.problem = ticket.pulled_at = None
    if ticket.remote_id is None:
        ticket.pushed_at = None
    add_event(session, session.get_one(CaseRow, ticket.case_id), "desk_retried", now, actor, desk=ticket.desk)


def adopt(session: Session, ticket: DeskTicketRow, remote_id: str, url: str | None, actor: str, now: datetime) -> None:
    """This is the case's ticket."""
    ticket.remote_id, ticket.url = remote_id, url or None
    ticket.problem, ticket.retry_at, ticket.pulled_at = None, None, None
    case = session.get_one(CaseRow, ticket.case_id)
    add_event(session, case, OPENED, now, actor, desk=ticket.desk, ticket=remote_id)
    session.flush()


def is_erased(case: CaseRow) -> bool:
    """Whether the case has lost its person: nothing of it is told any more."""
    return case.subject.startswith("erased:")


def is_open(case: CaseRow) -> bool:
    """Whether there is work on the case."""
    return CaseState(case.state) in OPEN_STATES


def customer_erased(session: Session, case_ids: Collection[int]) -> int:
    """Have a person remove from the desks what was shared of these cases; returns how many tickets.

    Cases that went up in them are to be among them.
    """
    mine = DeskTicketRow.case_id.in_(case_ids) & DeskTicketRow.remote_id.is_not(None)
    marked = update(DeskTicketRow).where(mine).values(problem=ERASED_HERE)
    return int(session.execute(marked).rowcount)  # type: ignore[attr-defined]


def customer_of(session: Session, case: CaseRow) -> CustomerRow | None:
    """The customer of a case."""
    return None if case.customer_key is None else session.get(CustomerRow, case.customer_key)


def posts_of(session: Session, case: CaseRow, limit: int = 20) -> list[tuple[PostRow, AuthorRow | None]]:
    """What was said in public, oldest first, without what its author took back."""
    query = (
        select(PostRow, AuthorRow)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .join(AuthorRow, AuthorRow.id == PostRow.author_id, isouter=True)
        .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy", PostRow.text.is_not(None))
    )
    found = session.execute(query.order_by(PostRow.created_at, PostRow.id).limit(limit)).all()
    return [(post, author) for post, author in found]
