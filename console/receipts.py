"""Doors for receipts and answers of providers: no session, no form; each delivery shows by its signature who sent it.

`/receipts/NAME`, NAME being a carrier that is switched on. Whether it is, or the signature is wrong, the answer is the
same. What a provider says is answered with 200 only after it is committed, so that it says it again otherwise.
"""

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from config.wiring import App
from console.hooks import problem, raw_body, refuse
from console.security import RECEIPTS
from console.web import Web, web_of
from domain.errors import BadInput, Misconfigured
from routing.channels.base import Channel, Delivery, Forged
from routing.receipts import take

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
    carrier = _carrier(web, name)
    try:
        if carrier is None:
            raise Forged("there is no such door")
        heard = carrier.hear(_delivery(web, request, body))
    except Forged:
        return refuse(request, web, f"receipts:{name}")
    except BadInput as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    if heard.receipts or heard.replies:
        brand_id = web.settings.all_brands()[0].id
        with web.database.begin() as session:
            done = take(session, brand_id, carrier.name, carrier.channel, heard, web.now())
        log.info("%s: %d receipts, %d answers, %d early", carrier.name, done.receipts, done.replies, done.early)
    return Response(heard.answer, media_type=heard.media_type)


def _carrier(web: Web, name: str) -> Channel | None:
    try:
        return App(web.settings, web.now).carrier(name)
    except Misconfigured as error:
        log.warning("the door of a channel cannot be opened: %s", error)
        return None


def _delivery(web: Web, request: Request, body: bytes) -> Delivery:
    """The request as its sender made it: by the public address, for a proxy may stand in front."""
    public = web.settings.claims.base_url
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{public}{request.url.path}{query}" if public else str(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Delivery(request.method, url, headers, dict(request.query_params), body)
