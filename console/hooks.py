"""Doors for deliveries from outside: no session, no form; each delivery shows by its signature who sent it.

Whether a door has this name or the signature is wrong, the answer is the same. A good signature is always let
in: who sends bad ones from the same address cannot shut the door on the sender.
"""

import logging
import os
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from config.wiring import desk_rules
from console.throttle import Throttle
from console.web import PageError, Web, web_of
from domain.errors import BadInput, Misconfigured
from listeners.webhook.listener import PATH, Door, WebhookListener, WebhookSettings
from routing.desks.base import Desk, desks_of
from routing.desks.taking import take
from storage.listening import store_batch

log = logging.getLogger("vigie.console")
router = APIRouter()
REFUSED = "There is no such door, or the signature is missing, wrong or too old."


async def raw_body(request: Request) -> bytes:
    """The body as it was signed; 413 where the guard has cut it off."""
    body = await request.body()
    if getattr(request.state, "refusal", None) is not None:
        raise PageError(request.state.refusal)
    return body


@router.post(PATH + "{name}")
def deliver(name: str, request: Request, body: Annotated[bytes, Depends(raw_body)]) -> Response:
    """Store a delivery whole, together with the time at which the door was last used; 202 with what it changed."""
    web = web_of(request)
    door = _door(web, name)
    listener = None if door is None else WebhookListener(door, os.environ.get(door.secret_env))
    if door is None or listener is None or not listener.is_genuine(body, request.headers):
        return refuse(request, web, name)
    try:
        batch = listener.read(body, web.now())
    except BadInput as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    brand_id, keep_raw = _brand(web, door), web.settings.listeners.keep_raw
    with web.database.begin() as session:
        stored = store_batch(session, brand_id, batch, web.now(), listener.name, door.name, keep_raw=keep_raw)
    return JSONResponse(asdict(stored), HTTPStatus.ACCEPTED)


@router.post(PATH + "desks/{name}")
def desk_told(name: str, request: Request, body: Annotated[bytes, Depends(raw_body)]) -> Response:
    """A desk says that a ticket changed; 202 with how many of ours it spoke of.

    Of a desk that can be read nothing is believed: its tickets are looked at again. So a delivery that comes twice,
    late or in another order changes nothing.
    """
    web = web_of(request)
    desk = _desk(web, name)
    if desk is None or not desk.is_genuine(body, request.headers):
        return refuse(request, web, f"desk {name}")
    try:
        found = desk.told(body)
    except BadInput as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    rules = desk_rules(web.settings, name)
    with web.database.begin() as session:
        ours = sum(take(session, desk, told, rules, web.now()) for told in found)
    return JSONResponse({"tickets": ours}, HTTPStatus.ACCEPTED)


def problem(status: HTTPStatus, detail: str, **headers: str) -> JSONResponse:
    """A problem document (RFC 9457)."""
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _desk(web: Web, name: str) -> Desk | None:
    """The desk of this name, if it is on and delivers. Raises `Misconfigured`."""
    table = web.settings.desks.tables().get(name)
    desk = None if table is None or not table.on else desks_of({name: table}, web.now)[name]
    return desk if desk is not None and desk.delivers else None


def _door(web: Web, name: str) -> Door | None:
    settings = cast(WebhookSettings, web.settings.listeners.of(WebhookListener.section))
    return next((door for door in settings.doors if door.name == name), None)


def _brand(web: Web, door: Door) -> str:
    """Whose posts they are. Raises `Misconfigured`."""
    brands = [brand.id for brand in web.settings.all_brands()]
    if door.brand in brands:
        return door.brand
    if door.brand or len(brands) > 1:
        raise Misconfigured(f"listeners.webhook: brand of door {door.name!r} must be one of {', '.join(brands)}")
    return brands[0]


def refuse(request: Request, web: Web, name: str) -> Response:
    """A delivery that nobody signed: 401, and 429 for who does not stop."""
    address, now = request.client.host if request.client else "", web.now()
    tries = cast(Throttle, request.app.state.hook_tries)
    wait = tries.wait(name, address, now)
    tries.failed(name, address, now)
    if wait is not None:
        return problem(HTTPStatus.TOO_MANY_REQUESTS, REFUSED, **{"Retry-After": str(int(wait.total_seconds()) + 1)})
    log.warning("a delivery was refused: its signature is wrong")
    return problem(HTTPStatus.UNAUTHORIZED, REFUSED, **{"WWW-Authenticate": "Signature"})
