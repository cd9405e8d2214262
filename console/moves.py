"""A case's steps, and putting cases together or apart: by a person, with a reason, and each can be taken back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from console import actions
from console.case import BIGGEST_ID, Seen, at_case, conflict
from console.web import Acting, PageError, Viewer, Web, agent, go_to, page, web_of
from domain.case import CaseState
from storage import audit, case_moves
from storage.brands import lock_brand
from storage.tables import CaseMoveRow, CaseRow

router = APIRouter()
LONGEST_SLEEP = timedelta(days=366)
ELSEWHERE = (CaseState.NEW, CaseState.MERGED, CaseState.RESOLVED)  # that is not chosen, or has a form of its own
Number = Annotated[int, Form(ge=1, le=BIGGEST_ID)]
Words = Annotated[str, Form(max_length=actions.NOTE_MAX)]


@router.post("/cases/{case_id}/step")
def step(
    request: Request,
    acting: Acting,
    case_id: int,
    revision: Seen,
    state: Annotated[CaseState, Form()],
    last_event: Seen = 0,
    why: Words = "",
    until: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Any step of a case's life that a person may choose."""
    who = _agent_at(request, acting, case_id)
    web = web_of(request)
    if state in ELSEWHERE:
        raise PageError(409, "error.not_allowed")
    end = _end_of_sleep(web, who, until) if state is CaseState.SNOOZED else None
    try:
        with web.database.begin() as session:
            actions.move(session, case_id, revision, state, who.user.email, web.now(), _plain(why), end)
    except actions.Conflict:
        return conflict(request, who, case_id, last_event)
    return go_to(f"/cases/{case_id}")


@router.post("/cases/{case_id}/merge")
def merge(
    request: Request,
    acting: Acting,
    case_id: int,
    revision: Seen,
    other: Number,
    last_event: Seen = 0,
    why: Words = "",
) -> Response:
    """This case goes up in the other one."""

    def act(session: Session, case: CaseRow, who: Viewer) -> int:
        target = session.get(CaseRow, other, with_for_update=True, populate_existing=True)
        if target is None or target.brand_id != case.brand_id:
            raise case_moves.CannotMove("no_such_case")
        now = web_of(request).now()
        case_moves.put_together(session, case, target, who.user.email, now, _plain(why))
        _audit(session, case, "case.merge", who, now, into=target.id)
        return target.id

    return _move(request, acting, case_id, revision, last_event, act)


@router.post("/cases/{case_id}/split")
def split(
    request: Request,
    acting: Acting,
    case_id: int,
    revision: Seen,
    post: Annotated[list[int], Form(max_length=500)] = [],  # noqa: B006 - FastAPI copies it
    last_event: Seen = 0,
    why: Words = "",
) -> Response:
    """These posts become a case of their own."""

    def act(session: Session, case: CaseRow, who: Viewer) -> int:
        now = web_of(request).now()
        apart = case_moves.split_off(session, case, post, who.user.email, now, _plain(why))
        _audit(session, case, "case.split", who, now, into=apart.id)
        return apart.id

    return _move(request, acting, case_id, revision, last_event, act)


@router.post("/cases/{case_id}/undo")
def undo(
    request: Request,
    acting: Acting,
    case_id: int,
    revision: Seen,
    move: Number,
    last_event: Seen = 0,
    why: Words = "",
) -> Response:
    """Take a merge or a split of this case back."""

    def act(session: Session, case: CaseRow, who: Viewer) -> int:
        found = session.get(CaseMoveRow, move, with_for_update=True, populate_existing=True)
        if found is None or case.id not in (found.source, found.target):
            raise PageError(404)
        now = web_of(request).now()
        case_moves.undo(session, found, who.user.email, now, _plain(why))
        _audit(session, case, f"case.{found.kind}_undone", who, now, move=move)
        return found.source

    return _move(request, acting, case_id, revision, last_event, act)


def _move(
    request: Request,
    acting: Viewer,
    case_id: int,
    revision: int,
    last_event: int,
    act: Callable[[Session, CaseRow, Viewer], int],
) -> Response:
    """Act under the brand's lock and show the case that it led to, or say why not."""
    who = _agent_at(request, acting, case_id)
    try:
        with web_of(request).database.begin() as session:
            lock_brand(session, who.brand_id)
            leads_to = act(session, actions.locked(session, case_id, revision), who)
    except actions.Conflict:
        return conflict(request, who, case_id, last_event)
    except case_moves.CannotMove as refused:
        return page(request, who, "move_refused.html", 409, case_id=case_id, why=refused.why, other=refused.case)
    return go_to(f"/cases/{leads_to}")


def _agent_at(request: Request, acting: Viewer, case_id: int) -> Viewer:
    who = at_case(request, acting, case_id)
    return agent(who, who.brand_id)


def _plain(words: str) -> str:
    return words.replace("\r\n", "\n").replace("\x00", "").strip()


def _end_of_sleep(web: Web, who: Viewer, until: str) -> datetime:
    """A local time of the brand, as browsers send it (`2026-11-16T09:00`), in UTC."""
    try:
        local = datetime.fromisoformat(until)
    except ValueError:
        raise PageError(422, "moves.until_needed") from None
    zone = ZoneInfo(web.words(who.brand_id).timezone)
    end = (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    if not web.now() < end <= web.now() + LONGEST_SLEEP:
        raise PageError(422, "moves.until_needed")
    return end


def _audit(session: Session, case: CaseRow, action: str, who: Viewer, now: datetime, **detail: int) -> None:
    audit.record(session, case.brand_id, who.user.email, action, f"case:{case.id}", now, detail)
