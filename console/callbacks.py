"""Calls back: which customers wait for a call, when, with what to say; taken by one person, reached or missed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, cast

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from config.wiring import App
from console.web import Acting, Looking, PageError, Viewer, Web, agent, go_to, note_view, page, web_of
from domain.case import CaseState
from routing.channels.phone import PhoneChannel, PhoneSettings
from storage import audit, callbacks
from storage.brands import lock_brand
from storage.tables import CallbackRow, MessageRow

router = APIRouter()
OUTCOME_MAX = 2000
BIGGEST_ID = 2**63 - 1
Act = Callable[[Session, CallbackRow, Viewer], bool]
AFTER = {"ours": CaseState.WAITING_US, "customer": CaseState.WAITING_CUSTOMER, "resolved": CaseState.RESOLVED}


@router.get("/callbacks")
def callbacks_page(
    request: Request, looking: Looking, done: Annotated[str, Query(pattern="^(yes|)$")] = ""
) -> HTMLResponse:
    web, here = web_of(request), agent(looking, looking.brand_id)
    with web.database.read() as session:
        calls = callbacks.listed(session, here.brand_id, bool(done))
    note_view(web, here, "callbacks", {"callbacks": [call.row.id for call in calls]})
    return page(
        request,
        here,
        "callbacks.html",
        calls=calls,
        done=bool(done),
        outcome_max=OUTCOME_MAX,
        after=list(AFTER),
    )


@router.post("/callbacks/{number}/take")
def take(request: Request, acting: Acting, number: int) -> Response:
    def act(session: Session, row: CallbackRow, who: Viewer) -> bool:
        return callbacks.take(session, row, who.user.email, web_of(request).now())

    return _do(request, acting, number, "taken", act)


@router.post("/callbacks/{number}/reached")
def reached(
    request: Request,
    acting: Acting,
    number: int,
    after: Annotated[str, Form(pattern="^(ours|customer|resolved)$")],
    outcome: Annotated[str, Form(max_length=OUTCOME_MAX)] = "",
) -> Response:
    words = outcome.replace("\r\n", "\n").replace("\x00", "").strip()

    def act(session: Session, row: CallbackRow, who: Viewer) -> bool:
        return callbacks.reached(session, row, words, AFTER[after], who.user.email, web_of(request).now())

    return _do(request, acting, number, "reached", act)


@router.post("/callbacks/{number}/missed")
def missed(request: Request, acting: Acting, number: int) -> Response:
    web = web_of(request)

    def act(session: Session, row: CallbackRow, who: Viewer) -> bool:
        phone = _phone(web)
        message = session.get(MessageRow, row.message_key) if row.message_key else None
        again = None if message is None else phone.slot(session, message)
        return callbacks.missed(session, row, again, phone.tries, who.user.email, web.now())

    return _do(request, acting, number, "missed", act)


def _do(request: Request, acting: Viewer, number: int, what: str, act: Act) -> Response:
    """Act on a call in one transaction; 409 where somebody was faster."""
    web = web_of(request)
    if not 0 < number <= BIGGEST_ID:
        raise PageError(404)
    with web.database.read() as session:
        row = session.get(CallbackRow, number)
    who = agent(acting, None if row is None else row.brand_id)
    with web.database.begin() as session:
        lock_brand(session, who.brand_id)
        row = session.get_one(CallbackRow, number, with_for_update=True)
        if not act(session, row, who):
            raise PageError(409, "callbacks.too_late")
        audit.record(session, who.brand_id, who.user.email, f"callback {what}", f"case:{row.case_id}", web.now())
    return go_to("/callbacks", **({"brand": who.brand_id} if len(who.user.rights) > 1 else {}))


def _phone(web: Web) -> PhoneChannel:
    """The rules of calls back, also while the channel is off."""
    table = cast(PhoneSettings, web.settings.channels.tables()[PhoneChannel.name])
    around = replace(App(web.settings, web.now).surroundings(), database=lambda: web.database)
    return PhoneChannel.make(table, around)
