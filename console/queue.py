"""The queue: which case comes next."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from console.web import Looking, PageError, note_view, page, page_number, web_of
from domain.case import Severity
from domain.evidence import Grade
from storage import queue as store

router = APIRouter()
Value = Annotated[str, Query(max_length=200)]


@router.get("/")
def queue(
    request: Request,
    looking: Looking,
    view: Value = "open",
    intent: Value = "",
    network: Value = "",
    severity: Value = "",
    language: Value = "",
    grade: Value = "",
    team: Value = "",
    q: Value = "",
    number: Annotated[str, Query(alias="page", max_length=20)] = "1",
) -> HTMLResponse:
    if view not in store.VIEWS:
        raise PageError(404)
    web, now, user = web_of(request), web_of(request).now(), looking.user.email
    given = {"intent": intent, "network": network, "severity": severity, "language": language, "grade": grade}
    given |= {"team": team, "q": q}
    chosen = {name: value.replace("\x00", "").strip() for name, value in given.items()}
    words = {"text" if name == "q" else name: value for name, value in chosen.items()}
    filters = store.Filters(**words, people=looking.sees_people, own_teams=web.teams_of(user))
    with web.database.read() as session:
        counts = store.view_counts(session, looking.brand_id, filters, user, now)
        pages = max(1, -(-counts[view] // store.PAGE))
        place = min(page_number(number), pages)
        rows = store.queue_page(session, looking.brand_id, view, filters, user, now, place)
        choices = store.choices(session, looking.brand_id)
    note_view(web, looking, "queue", {"view": view, "cases": [row.case.id for row in rows]})
    return page(
        request,
        looking,
        "queue.html",
        rows=rows,
        counts=counts,
        view=view,
        views=store.VIEWS,
        chosen=chosen,
        filtered=any(chosen.values()),
        choices={**choices, "severity": list(Severity), "grade": list(Grade)},
        place=place,
        pages=pages,
    )
