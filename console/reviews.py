"""Reviews: a person decides who wrote a post where proof is missing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from console import actions
from console.case import BIGGEST_ID, conflict
from console.mask import local_path
from console.web import Acting, Looking, PageError, Viewer, agent, go_to, note_view, page, page_number, web_of
from storage.queue import REVIEW_PAGE, CasePost, candidates, reviews
from storage.tables import MatchRow

router = APIRouter()


@router.get("/reviews")
def reviews_page(
    request: Request, looking: Looking, number: Annotated[str, Query(alias="page", max_length=20)] = "1"
) -> HTMLResponse:
    web, here = web_of(request), agent(looking, looking.brand_id)
    place = page_number(number)
    with web.database.read() as session:
        found = reviews(session, here.brand_id, place)
        matches = [match for match, _, _ in found]
        records = candidates(session, here.brand_id, matches)
        refused = {match.id: actions.refused_candidates(session, match) for match in matches}
    note_view(web, here, "reviews", {"matches": [match.id for match in matches]})
    lines: list[tuple[CasePost, int | None]] = [(post, None if case is None else case.id) for _, post, case in found]
    return page(
        request,
        here,
        "reviews.html",
        lines=lines,
        candidates=records,
        refused=refused,
        place=place,
        more=len(found) == REVIEW_PAGE,
    )


@router.post("/matches/{match_id}/{decision}")
def decide(
    request: Request,
    acting: Acting,
    match_id: int,
    decision: Literal["confirm", "refuse", "unsure"],
    customer_id: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(max_length=500)] = "/reviews",
    last_event: Annotated[int, Form(ge=0, le=BIGGEST_ID)] = 0,
) -> Response:
    web, who = web_of(request), _at_match(request, acting, match_id)
    try:
        with web.database.begin() as session:
            case_id = _decided(session, match_id, decision, customer_id, who.user.email, request)
    except actions.Conflict:
        return conflict(request, who, _case_id(request, match_id), last_event)
    return go_to(f"/cases/{case_id}" if back.startswith("/cases/") and case_id else local_path(back))


def _decided(
    session: Session, match_id: int, decision: str, customer_id: str, actor: str, request: Request
) -> int | None:
    match, now = actions.open_match(session, match_id), web_of(request).now()
    if decision == "confirm":
        return actions.confirm(session, match, customer_id, actor, now)
    if decision == "refuse":
        return actions.refuse(session, match, customer_id, actor, now)
    return actions.unsure(session, match, actor, now)


def _at_match(request: Request, acting: Viewer, match_id: int) -> Viewer:
    if not 0 < match_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        match = session.get(MatchRow, match_id)
    return agent(acting, None if match is None else match.brand_id)


def _case_id(request: Request, match_id: int) -> int:
    with web_of(request).database.read() as session:
        return actions.case_id_of(session, match_id)
