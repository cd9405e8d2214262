"""Channels: how each stands, and the switch that stops one or all of them. Only admins throw it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from config.wiring import App
from console.web import Acting, Looking, PageError, Viewer, Web, go_to, page, web_of
from domain.errors import Misconfigured
from routing.channels.base import SHADOW, find_channels
from storage import switches
from storage.switches import ALL

router = APIRouter()
SHOWN = timedelta(days=1)
REASON_MAX = 300


@router.get("/channels")
def channels_page(request: Request, looking: Looking) -> HTMLResponse:
    web = web_of(request)
    with web.database.read() as session:
        states = switches.overview(session, looking.brand_id, _names(), web.now() - SHOWN)
    carriers, broken = _carriers(web, looking.brand_id, [state.channel for state in states])
    return page(
        request,
        looking,
        "channels.html",
        states=[state for state in states if state.channel != ALL],
        everything=next((state.switch for state in states if state.channel == ALL), None),
        carriers=carriers,
        broken=broken,
        may_switch=_may_switch(looking),
        reason_max=REASON_MAX,
    )


@router.post("/channels/{name}/switch")
def throw(
    request: Request,
    acting: Acting,
    name: str,
    to: Annotated[str, Form(pattern="^(on|off)$")],
    reason: Annotated[str, Form(max_length=REASON_MAX)] = "",
) -> Response:
    web, reason = web_of(request), " ".join(reason.split())
    if not _may_switch(acting):
        raise PageError(403)
    if name not in {*_names(), ALL}:
        raise PageError(404)
    if not reason:
        raise PageError(422, "channels.no_reason")
    change = switches.shut_channel if to == "off" else switches.open_channel
    with web.database.begin() as session:
        change(session, acting.brand_id, name, reason, acting.user.email, web.now())
    return go_to("/channels", **({"brand": acting.brand_id} if len(acting.user.rights) > 1 else {}))


def _may_switch(viewer: Viewer) -> bool:
    return viewer.right.role == "admin"


def _names() -> set[str]:
    return {kind.channel for kind in find_channels().values()} - {SHADOW}


def _carriers(web: Web, brand_id: str, channels: Iterable[str]) -> tuple[dict[str, str], str | None]:
    """channel → who carries it, "" for nobody; what is wrong with the settings, if anything."""
    try:
        carriers = App(web.settings, web.now).carriers().of_brand(brand_id)
    except Misconfigured as error:
        return {}, str(error)
    return {channel: carriers.name_of(channel) for channel in channels}, None
