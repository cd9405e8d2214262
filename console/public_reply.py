"""Replying in public: an agent writes under one post of a case, sees it as it will stand there, and sends it.

Looking at it sends nothing; the same form sent twice is one reply.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from config.wiring import App
from console.case import BIGGEST_ID
from console.web import Acting, Looking, PageError, Viewer, agent, go_to, note_view, page, web_of
from routing.public_reply import LONGEST, NoReply, Place, next_number, places, reserve_reply, why_not, wrong_with
from routing.public_reply import NotReplied as Refused
from storage.queue import brand_of_case
from storage.tables import CaseRow

router = APIRouter()
SHOWN = 10
Number = Annotated[int, Form(ge=1, le=BIGGEST_ID)]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent has written so far: where, and how it will stand there."""

    post_id: int
    text: str
    posted: str
    length: int
    limit: int | None
    wrong: NoReply | None
    goes_out: bool


@router.get("/cases/{case_id}/reply")
def reply_page(request: Request, looking: Looking, case_id: int) -> HTMLResponse:
    return _page(request, _at_case(request, looking, case_id), case_id)


@router.post("/cases/{case_id}/reply")
def reply(
    request: Request,
    acting: Acting,
    case_id: int,
    post: Number,
    number: Number,
    act: Annotated[Literal["look", "send"], Form()],
    text: Annotated[str, Form(max_length=2 * LONGEST)] = "",
) -> Response:
    who, web = _at_case(request, acting, case_id), web_of(request)
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if act == "look":
        return _page(request, who, case_id, post, text)
    app = App(web.settings)
    brand = app.brand(who.brand_id)
    try:
        with web.database.begin() as session:
            reserve_reply(
                session, brand, case_id, post, number, text, app.reply_rules(), who.user.email, web.now()
            )  # fmt: skip
    except Refused as refused:
        if refused.why in (NoReply.EMPTY, NoReply.TOO_LONG, NoReply.BETRAYS):
            return _page(request, who, case_id, post, text, 422)
        raise PageError(409, f"reply.why_{refused.why}") from None
    return go_to(f"/cases/{case_id}")


def _page(
    request: Request, who: Viewer, case_id: int, post_id: int | None = None, text: str = "", status: int = 200
) -> HTMLResponse:
    web = web_of(request)
    app = App(web.settings)
    rules = app.reply_rules()
    with web.database.read() as session:
        case = session.get_one(CaseRow, case_id)
        why, found = why_not(session, case, rules), places(session, case, rules)[:SHOWN]
        number = next_number(session, case_id)
        place = next((place for place in found if place.post.id == post_id), None)
        draft = None if place is None else _draft(session, case, place, text, app)
    note_view(web, who, f"case:{case_id}", {"reply": len(found)})
    told = {"case": case, "why": why, "places": found, "number": number, "draft": draft, "longest": LONGEST}
    return page(request, who, "public_reply.html", status, **told)


def _draft(session: Session, case: CaseRow, place: Place, text: str, app: App) -> Draft:
    return Draft(
        post_id=place.post.id,
        text=text,
        posted=place.posted(text),
        length=place.length(text),
        limit=place.limit,
        wrong=wrong_with(session, case, place, text),
        goes_out=app.is_switched_on(place.post.network, place.post.brand_id),
    )


def _at_case(request: Request, looking: Viewer, case_id: int) -> Viewer:
    if not 0 < case_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        return agent(looking, brand_of_case(session, case_id))
