"""Messages: what went out, what waits, and what nobody is sure of."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from console import actions
from console.case import BIGGEST_ID, conflict
from console.mask import local_path
from console.web import Acting, Looking, PageError, agent, go_to, note_view, page, page_number, web_of
from domain.message import MessageState
from storage.queue import MESSAGE_ORDER, PAGE, message_counts, messages
from storage.tables import MessageRow

router = APIRouter()


@router.get("/messages")
def messages_page(
    request: Request,
    looking: Looking,
    state: Annotated[str, Query(max_length=30)] = "",
    number: Annotated[str, Query(alias="page", max_length=20)] = "1",
) -> HTMLResponse:
    web, here = web_of(request), agent(looking, looking.brand_id)
    if state and state not in list(MessageState):
        raise PageError(404)
    place = page_number(number)
    with web.database.read() as session:
        counts = message_counts(session, here.brand_id)
        rows = messages(session, here.brand_id, state, place)
    note_view(web, here, "messages", {"messages": [message.message_id for message, _, _ in rows]})
    states = [(name.value, counts[name]) for name in MESSAGE_ORDER if name in counts]
    return page(
        request,
        here,
        "messages.html",
        rows=rows,
        states=states,
        chosen=state,
        total=sum(counts.values()),
        place=place,
        more=len(rows) == PAGE,
    )


@router.post("/messages/{message_id}/settle")
def settle(
    request: Request,
    acting: Acting,
    message_id: int,
    was_sent: Annotated[bool, Form()],
    back: Annotated[str, Form(max_length=500)] = "/messages",
    last_event: Annotated[int, Form(ge=0, le=BIGGEST_ID)] = 0,
) -> Response:
    web = web_of(request)
    if not 0 < message_id <= BIGGEST_ID:
        raise PageError(404)
    with web.database.read() as session:
        message = session.get(MessageRow, message_id)
    who = agent(acting, None if message is None else message.brand_id)
    if message is None:
        raise PageError(404)
    try:
        with web.database.begin() as session:
            actions.settle_message(session, message, was_sent, who.user.email, web.now())
    except actions.Conflict:
        return conflict(request, who, message.case_id, last_event)
    return go_to(local_path(back))
