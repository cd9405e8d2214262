"""One case: its timeline, its customer, and what an agent can do about it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from console import actions, around
from console.choices import choices
from console.labels import head_labels
from console.rules import ruled
from console.team import team_names
from console.timeline import timeline
from console.web import Acting, Looking, PageError, Viewer, agent, go_to, note_view, page, web_of
from domain.case import CaseState, may_step
from routing.assignment import nobody_because
from storage.assignees import in_charge
from storage.corrections import in_force
from storage.desks import tickets_of
from storage.queue import REVIEW_OPEN, Dossier, brand_of_case, dossier, events_after
from storage.staff import may_act

router = APIRouter()
BIGGEST_ID = 2**63 - 1
Seen = Annotated[int, Form(ge=0, le=BIGGEST_ID)]


@router.get("/cases/{case_id}")
def case_page(request: Request, looking: Looking, case_id: int) -> HTMLResponse:
    web, here = web_of(request), at_case(request, looking, case_id)
    with web.database.read() as session:
        found = dossier(session, here.brand_id, case_id)
        if found is None:
            raise PageError(404)
        refused = _refused(session, found)
        offered = choices(web, session, found)
        people = sorted(may_act(session, here.brand_id)) if here.may_act else []
        corrected = in_force(session, [post.post.id for post in found.posts])
        tickets = tickets_of(session, case_id)
        by_rule = ruled(session, found.case, found.notes, here.sees_people)
        nobody = nobody_because(session, found.case, web.staff, web.now()) if here.may_act else None
        beside = around.of_case(session, found, here.sees_people, web.now())
    note_view(web, here, f"case:{case_id}", {"customer": found.record is not None and here.sees_people})
    return page(
        request,
        here,
        "case.html",
        dossier=found,
        record=found.record if here.sees_people else None,
        timeline=timeline(found, here.sees_people, beside.ruptures),
        beside=beside,
        reviews=[post for post in found.posts if post.match and post.match.review in REVIEW_OPEN],
        links=[post.match for post in found.posts if post.match and post.match.action == "link"],
        refused=refused,
        corrected=corrected,
        tickets=tickets,
        heads=head_labels(),
        ruled=by_rule,
        last_event=max((event.id for event in found.events), default=0),
        may_resolve=may_step(CaseState(found.case.state), CaseState.RESOLVED),
        may_reopen=may_step(CaseState(found.case.state), CaseState.REOPENED),
        offered=offered,
        note_max=actions.NOTE_MAX,
        taken=in_charge(found.case),
        nobody=nobody,
        people=[person for person in people if person != found.case.assignee],
        teams=[team for team in team_names(web) if team != found.case.team],
    )


@router.post("/cases/{case_id}/assign")
def assign(request: Request, acting: Acting, case_id: int, revision: Seen, last_event: Seen = 0) -> Response:
    def act(session: Session, who: Viewer) -> None:
        actions.assign(session, case_id, revision, who.user.email, web_of(request).now())

    return _do(request, acting, case_id, act, last_event)


@router.post("/cases/{case_id}/hand-over")
def hand_over(
    request: Request,
    acting: Acting,
    case_id: int,
    revision: Seen,
    to: Annotated[str, Form(max_length=320)] = "",
    last_event: Seen = 0,
) -> Response:
    now, team = web_of(request).now(), to.removeprefix("team:")
    if team != to and team not in team_names(web_of(request)):
        raise PageError(422, "case.nobody_of_that_name")

    def act(session: Session, who: Viewer) -> None:
        if team != to:
            actions.hand_to(session, case_id, revision, team, who.user.email, now)
        else:
            actions.hand_over(session, case_id, revision, to, who.user.email, now, web_of(request).staff)

    return _do(request, acting, case_id, act, last_event)


@router.post("/cases/{case_id}/give-back")
def give_back(request: Request, acting: Acting, case_id: int, revision: Seen, last_event: Seen = 0) -> Response:
    def act(session: Session, who: Viewer) -> None:
        actions.give_back(session, case_id, revision, who.user.email, web_of(request).now())

    return _do(request, acting, case_id, act, last_event)


@router.post("/cases/{case_id}/resolve")
def resolve(request: Request, acting: Acting, case_id: int, revision: Seen, last_event: Seen = 0) -> Response:
    return _move(request, acting, case_id, revision, last_event, CaseState.RESOLVED)


@router.post("/cases/{case_id}/desk/retry")
def retry_desk(request: Request, acting: Acting, case_id: int, desk: Annotated[str, Form()] = "") -> Response:
    def act(session: Session, who: Viewer) -> None:
        actions.retry_desk(session, case_id, desk, who.user.email, web_of(request).now())

    return _do(request, acting, case_id, act)


@router.post("/cases/{case_id}/note")
def note(request: Request, acting: Acting, case_id: int, text: Annotated[str, Form()] = "") -> Response:
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text:
        raise PageError(422, "case.note_empty")
    if len(text) > actions.NOTE_MAX:
        raise PageError(422, "case.note_too_long")

    def act(session: Session, who: Viewer) -> None:
        actions.add_note(session, case_id, text, who.user.email, web_of(request).now())

    return _do(request, acting, case_id, act)


def _move(request: Request, acting: Viewer, case_id: int, revision: int, last_event: int, state: CaseState) -> Response:
    def act(session: Session, who: Viewer) -> None:
        actions.move(session, case_id, revision, state, who.user.email, web_of(request).now())

    return _do(request, acting, case_id, act, last_event)


def _do(
    request: Request,
    acting: Viewer,
    case_id: int,
    act: Callable[[Session, Viewer], None],
    last_event: int = 0,
) -> Response:
    """Act in one transaction and show the case again, or show what somebody else changed meanwhile."""
    who = at_case(request, acting, case_id)
    agent(who, who.brand_id)
    try:
        with web_of(request).database.begin() as session:
            act(session, who)
    except actions.Conflict:
        return conflict(request, who, case_id, last_event)
    return go_to(f"/cases/{case_id}")


def conflict(request: Request, who: Viewer, case_id: int, last_event: int, **values: Any) -> HTMLResponse:
    """409: nothing was saved; here is what happened since the page was made."""
    with web_of(request).database.read() as session:
        changes = events_after(session, case_id, last_event)
    return page(request, who, "conflict.html", 409, case_id=case_id, changes=changes, **values)


def at_case(request: Request, looking: Viewer, case_id: int) -> Viewer:
    """The person at the brand of a case; 404 without a right there."""
    if not 0 < case_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        return looking.at(brand_of_case(session, case_id))


def _refused(session: Session, found: Dossier) -> dict[int, dict[str, str]]:
    open_matches = [post.match for post in found.posts if post.match and post.match.review in REVIEW_OPEN]
    return {match.id: actions.refused_candidates(session, match) for match in open_matches}
