"""Listening: what is heard where, what is paused and why, what was missed."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from console.web import Looking, page, web_of
from storage.listening import gaps_since, heard_by, listener_states, quarantined, spending

router = APIRouter()
SHOWN = timedelta(days=7)


@router.get("/listening")
def listening_page(request: Request, looking: Looking) -> HTMLResponse:
    web = web_of(request)
    now = web.now()
    with web.database.read() as session:
        states = listener_states(session, looking.brand_id)
        return page(
            request,
            looking,
            "listening.html",
            states=states,
            paused=sum(state.paused is not None for state in states),
            networks=heard_by(session, looking.brand_id, now - timedelta(days=1), now - SHOWN),
            gaps=gaps_since(session, looking.brand_id, now - SHOWN),
            refused=quarantined(session, looking.brand_id, now - SHOWN),
            spending=spending(session, now),
        )
