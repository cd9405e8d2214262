"""Reviews: a person decides who wrote a post where proof is missing, and looks again at what was decided."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from config.wiring import App
from console import actions, verdicts
from console.case import BIGGEST_ID, conflict
from console.mask import local_path
from console.verdicts import Decision, Reviewer
from console.web import Acting, Looking, PageError, Viewer, Web, agent, go_to, note_view, page, page_number, web_of
from routing.matching.certificate import AUDITED, may_act
from routing.matters import join_matters
from storage.link_events import last_words
from storage.queue import candidates
from storage.reviews import review_page
from storage.tables import LinkEventRow, MatchRow

router = APIRouter()
UNDO_FOR, UNDO_SHOWN = timedelta(days=1), 5


@router.get("/reviews")
def reviews_page(
    request: Request, looking: Looking, number: Annotated[str, Query(alias="page", max_length=20)] = "1"
) -> HTMLResponse:
    web, here = web_of(request), agent(looking, looking.brand_id)
    place, who = page_number(number), here.user.email
    with web.database.read() as session:
        asked, more = review_page(session, here.brand_id, who, _is_admin(here), web.now(), place)
        matches = [one.match for one in asked]
        records = candidates(session, here.brand_id, matches, every=True)
        refused = {match.id: actions.refused_candidates(session, match) for match in matches}
        mine = last_words(session, here.brand_id, who, web.now() - UNDO_FOR, UNDO_SHOWN)
        states = {grade: may_act(session, here.brand_id, grade, web.certificate, web.now()) for grade in AUDITED}
    note_view(web, here, "reviews", {"matches": [match.id for match in matches]})
    return page(
        request,
        here,
        "reviews.html",
        lines=asked,
        candidates=records,
        refused=refused,
        mine=mine,
        in_shadow=[grade for grade, found in states.items() if found.state == "shadow"],
        place=place,
        more=more,
    )


@router.post("/matches/{match_id}/unlink")
def unlink(
    request: Request, acting: Acting, match_id: int, last_event: Annotated[int, Form(ge=0, le=BIGGEST_ID)] = 0
) -> Response:
    """The case is another person's."""
    web, who = web_of(request), _at_match(request, acting, match_id)
    try:
        with web.database.begin() as session:
            case_id = verdicts.unlink(session, match_id, _reviewer(request, who))
    except actions.Conflict:
        return conflict(request, who, _case_id(request, match_id), last_event)
    return go_to("/reviews" if case_id is None else f"/cases/{case_id}")


@router.post("/matches/{match_id}/{decision}")
def decide(
    request: Request,
    acting: Acting,
    match_id: int,
    decision: Decision,
    customer_id: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(max_length=500)] = "/reviews",
    last_event: Annotated[int, Form(ge=0, le=BIGGEST_ID)] = 0,
) -> Response:
    web, who = web_of(request), _at_match(request, acting, match_id)
    try:
        with web.database.begin() as session:
            case_id = verdicts.answer(session, match_id, decision, customer_id, _reviewer(request, who))
            if case_id is not None and decision == verdicts.YES:
                case_id = _with_the_rest(session, web, who.brand_id, match_id)
    except actions.Conflict:
        return conflict(request, who, _case_id(request, match_id), last_event)
    return go_to(f"/cases/{case_id}" if back.startswith("/cases/") and case_id else local_path(back))


@router.post("/links/{event_id}/undo")
def undo(request: Request, acting: Acting, event_id: int) -> Response:
    """Take back a word of one's own."""
    if not 0 < event_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        word = session.get(LinkEventRow, event_id)
    who = agent(acting, None if word is None else word.brand_id)
    try:
        with web_of(request).database.begin() as session:
            verdicts.take_back(session, event_id, who.brand_id, _reviewer(request, who))
    except actions.Conflict:
        raise PageError(409) from None
    return go_to("/reviews")


def _with_the_rest(session: Session, web: Web, brand_id: str, match_id: int) -> int:
    """Whom somebody confirmed may have said the same elsewhere: he is to see one case of it, not two until the next
    routing. Returns the case in which the words lie now.
    """
    app, match = App(web.settings), session.get_one(MatchRow, match_id)
    if match.customer_key is not None:
        join_matters(session, app.brand(brand_id), app.intake_rules(), match.customer_key, web.now())
    return actions.case_id_of(session, match_id)


def _reviewer(request: Request, who: Viewer) -> Reviewer:
    web = web_of(request)
    return Reviewer(who.user.email, _is_admin(who), web.certificate, web.now())


def _is_admin(who: Viewer) -> bool:
    return who.right.role == "admin"


def _at_match(request: Request, acting: Viewer, match_id: int) -> Viewer:
    if not 0 < match_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        match = session.get(MatchRow, match_id)
    return agent(acting, None if match is None else match.brand_id)


def _case_id(request: Request, match_id: int) -> int:
    with web_of(request).database.read() as session:
        return actions.case_id_of(session, match_id)
