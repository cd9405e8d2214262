"""Doubts: posts of which the model is unsure, and what people say of readings."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from console import actions
from console.case import BIGGEST_ID
from console.labels import head_labels
from console.mask import local_path
from console.web import Acting, Looking, PageError, Viewer, agent, go_to, note_view, page, page_number, web_of
from storage.corrections import PAGE, Outdated, doubts
from storage.tables import PostRow

router = APIRouter()
Label = Annotated[str, Form(max_length=40)]


@router.get("/doubts")
def doubts_page(
    request: Request, looking: Looking, number: Annotated[str, Query(alias="page", max_length=20)] = "1"
) -> HTMLResponse:
    web, here = web_of(request), agent(looking, looking.brand_id)
    place = page_number(number)
    with web.database.read() as session:
        found = doubts(session, here.brand_id, web.about_brand, web.accounts(here.brand_id), place)
    note_view(web, here, "doubts", {"posts": [doubt.post.id for doubt in found]})
    more = len(found) == PAGE
    return page(request, here, "doubts.html", lines=found, heads=head_labels(), place=place, more=more)


@router.post("/posts/{post_id}/reading")
def say(
    request: Request,
    acting: Acting,
    post_id: int,
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
    language: Label = "",
    sentiment: Label = "",
    intent: Label = "",
    urgency: Label = "",
    complaint: Label = "",
    about_brand: Label = "",
    ironic: Label = "",
    escalation: Label = "",
    back: Annotated[str, Form(max_length=500)] = "/doubts",
) -> Response:
    """What a person says of a reading; a head that is left empty is left as it is."""
    choices = {"language": language, "sentiment": sentiment, "intent": intent, "urgency": urgency}
    flags = {"complaint": complaint, "about_brand": about_brand, "ironic": ironic, "escalation": escalation}
    labels = {head: label for head, label in (choices | flags).items() if label}
    if any(label not in head_labels()[head] for head, label in labels.items()):
        raise PageError(422)
    web, who = web_of(request), _at_post(request, acting, post_id)
    threshold = web.settings.reading.complaint_threshold
    try:
        with web.database.begin() as session:
            actions.correct_reading(session, post_id, version, labels, who.user.email, web.now(), threshold)
    except Outdated:
        raise PageError(409, "labels.outdated") from None
    return go_to(local_path(back))


def _at_post(request: Request, acting: Viewer, post_id: int) -> Viewer:
    if not 0 < post_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        return agent(acting, _brand_of(session, post_id))


def _brand_of(session: Session, post_id: int) -> str | None:
    return session.scalar(select(PostRow.brand_id).where(PostRow.id == post_id))
