"""The web application put together: routes, guards, and what happens when something goes wrong."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from config.settings import Settings
from console import (
    ask,
    callbacks,
    case,
    channels,
    claims,
    doubts,
    drafts,
    health,
    hooks,
    listening,
    messages,
    moves,
    preferences,
    public_reply,
    quality,
    queue,
    receipts,
    resolutions,
    reviews,
    signin,
    surveys,
    team,
    trends,
)
from console.mask import local_path
from console.pace import Paced
from console.security import Guard
from console.throttle import Throttle
from console.web import STATIC, PageError, SignInNeeded, go_to, make_web, plain_page, web_of
from domain.errors import Misconfigured, Transient
from storage.database import Database

log = logging.getLogger("vigie.console")
API = "/api/"
PAGES = (
    signin,
    queue,
    case,
    public_reply,
    resolutions,
    drafts,
    moves,
    reviews,
    doubts,
    messages,
    callbacks,
    channels,
    team,
    trends,
    listening,
    quality,
    ask,
    claims,
    surveys,
    preferences,
)


class HashedFiles(StaticFiles):
    """Files whose address holds their hash: they may be kept for a year."""

    async def get_response(self, path: str, scope: Any) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer


def create_app(database: Database, settings: Settings, now: Callable[[], datetime]) -> FastAPI:
    """The console over one database. `now` gives aware times; nothing is opened before the first request."""
    app = FastAPI(
        title="Vigie",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(turn_away)],
        redirect_slashes=False,
    )
    app.state.web = make_web(database, settings, now)
    app.state.hook_tries = Throttle()
    app.include_router(health.router)
    app.include_router(hooks.router)
    app.include_router(receipts.router)
    for pages in PAGES:
        app.include_router(pages.router)
    app.mount("/static", HashedFiles(directory=STATIC), name="static")
    app.add_middleware(Paced, prefix="/c/", seconds=settings.claims.answer_seconds)
    app.add_middleware(Guard, secure=settings.console.secure_cookie)
    _handle_errors(app)
    return app


def turn_away(request: Request) -> None:
    """Refuse what the guard found to be forged or too large."""
    refused = getattr(request.state, "refusal", None)
    if refused is not None:
        raise PageError(refused)


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(PageError, _page_error)
    app.add_exception_handler(SignInNeeded, _sign_in_needed)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_values)
    for busy in (Transient, Misconfigured, PoolTimeout):
        app.add_exception_handler(busy, _busy)
    app.add_exception_handler(Exception, _unexpected)


def _page_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)  # noqa: S101 - registered for this type only
    return _answer(request, error.status, error.why)


def _sign_in_needed(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)  # noqa: S101 - registered for this type only
    if request.url.path.startswith(API):
        return _answer(request, 401)
    path = local_path(error.path)
    return go_to("/sign-in", **({"next": path} if path != "/" else {}))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return _answer(request, error.status_code)


def _bad_values(request: Request, _error: Exception) -> Response:
    in_path = request.method == "GET"
    return _answer(request, 404 if in_path and not request.url.path.startswith(API) else 422)


def _busy(request: Request, error: Exception) -> Response:
    log.warning("not available: %s", error)
    answer = _answer(request, 503)
    answer.headers["Retry-After"] = str(int(getattr(error, "retry_after", None) or 5))
    return answer


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("failed: %s %s", request.method, request.url.path, exc_info=error)
    return _answer(request, 500)


def _answer(request: Request, status: int, why: str | None = None) -> Response:
    """A problem document (RFC 9457) under /api/, a readable page elsewhere."""
    words = web_of(request).words()
    shown = status if status in (400, 403, 404, 405, 409, 413, 422, 429, 500, 503) else 400
    title, explain = words(f"error.{shown}"), words(why or f"error.{shown}_why")
    if request.url.path.startswith(API):
        body = {"type": "about:blank", "title": title, "status": status, "detail": explain}
        return JSONResponse(body, status, media_type="application/problem+json")
    return plain_page(web_of(request), "error.html", status, code=status, title=title, explain=explain)
