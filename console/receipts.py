"""Doors for receipts and answers of providers: no session, no form; each delivery shows by its signature who sent it.

`/receipts/NAME`, NAME being a carrier that is switched on. Whether it is, or the signature is wrong, the answer is the
same. What a provider says is answered with 200 only after it is committed, so that it says it again otherwise.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.wiring import App
from console.hooks import problem, raw_body, refuse
from console.security import RECEIPTS
from console.web import Web, web_of
from domain.errors import BadInput, Misconfigured
from routing.channels.base import Channel, Delivery, Forged, Heard
from routing.receipts import Taken, take

Proven = tuple[Channel, list[str], Heard]  # an account, the brands that write by it, what a delivery told it
log = logging.getLogger("vigie.console")
router = APIRouter()


@router.get(RECEIPTS + "{name}")
def greet(name: str, request: Request) -> Response:
    """The handshake with which some providers prove a door."""
    return _hear(request, name, b"")


@router.post(RECEIPTS + "{name}")
def hear(name: str, request: Request, body: Annotated[bytes, Depends(raw_body)]) -> Response:
    """Take what a provider says, whole."""
    return _hear(request, name, body)


def _hear(request: Request, name: str, body: bytes) -> Response:
    web = web_of(request)
    try:
        proven = _proven(web, name, _delivery(web, request, body))
    except BadInput as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    if not proven:
        return refuse(request, web, f"receipts:{name}")
    if any(heard.receipts or heard.replies for _, _, heard in proven):
        with web.database.begin() as session:
            done = sum((_take(session, told, web.now()) for told in _sorted_out(proven)), Taken())
        log.info("%s: %d receipts, %d answers, %d early", name, done.receipts, done.replies, done.early)
    answer = proven[0][2]
    return Response(answer.answer, media_type=answer.media_type)


def _proven(web: Web, name: str, delivery: Delivery) -> list[Proven]:
    """What it told each of the accounts whose signature it has. Raises BadInput."""
    found = []
    for carrier, brands in _accounts(web, name):
        try:
            found.append((carrier, brands, carrier.hear(delivery)))
        except Forged:
            continue
    return found


def _sorted_out(proven: list[Proven]) -> Iterator[Proven]:
    """Each answer once, for the brands it may be for: one signature may be that of several brands' accounts."""
    for carrier, brands, heard in proven:
        yield carrier, brands, Heard(heard.receipts)
    answers = {reply.event_id: reply for _, _, heard in proven for reply in heard.replies}
    for reply in answers.values():
        took = [one for one in proven if any(known.event_id == reply.event_id for known in one[2].replies)]
        asked = [one for one in took if reply.to and one[0].sender == reply.to] or took
        yield asked[0][0], [id_ for _, brands, _ in asked for id_ in brands], Heard(replies=(reply,))


def _take(session: Session, told: Proven, now: datetime) -> Taken:
    carrier, brands, heard = told
    return take(session, brands, carrier.name, carrier.channel, heard, now)


def _accounts(web: Web, name: str) -> list[tuple[Channel, list[str]]]:
    try:
        return App(web.settings, web.now).accounts(name)
    except Misconfigured as error:
        log.warning("the door of a channel cannot be opened: %s", error)
        return []


def _delivery(web: Web, request: Request, body: bytes) -> Delivery:
    """The request as its sender made it: by the public address, for a proxy may stand in front."""
    public = web.settings.claims.base_url
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{public}{request.url.path}{query}" if public else str(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Delivery(request.method, url, headers, dict(request.query_params), body)
