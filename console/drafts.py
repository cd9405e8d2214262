"""Sending a draft that a playbook prepared."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from config.wiring import App
from console.case import BIGGEST_ID
from console.web import Acting, PageError, agent, go_to, web_of
from routing.drafts import draft_of, send_draft
from storage import audit
from storage.queue import brand_of_case

router = APIRouter()


@router.post("/cases/{case_id}/drafts/{event_id}/send")
def send(request: Request, acting: Acting, case_id: int, event_id: int) -> Response:
    """Send a draft by the checks of every message; where they say no, the case tells why."""
    web = web_of(request)
    if not (0 < case_id <= BIGGEST_ID and 0 < event_id <= BIGGEST_ID):
        raise PageError(404)
    with web.database.read() as session:
        brand_id = brand_of_case(session, case_id)
    who = agent(acting, brand_id)
    app = App(web.settings)
    brand = app.brand(who.brand_id)
    with web.database.begin() as session:
        event = draft_of(session, case_id, event_id)
        if event is None:
            raise PageError(409, "draft.gone")
        send_draft(session, brand, event, app.contact_rules(brand), who.user.email, web.now())
        audit.record(session, who.brand_id, who.user.email, "draft.send", f"case:{case_id}", web.now())
    return go_to(f"/cases/{case_id}")
