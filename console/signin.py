"""Signing in and out."""

import secrets
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from console.mask import local_path
from console.web import Acting, PageError, Web, go_to, plain_page, web_of
from storage import users

router = APIRouter()
# Each password check takes 32 MB and a third of a second of one core: a few at once, the others wait.
_CHECKS = BoundedSemaphore(3)


@router.get("/sign-in")
def form(request: Request, after: Annotated[str, Query(alias="next", max_length=2000)] = "") -> HTMLResponse:
    return _form(web_of(request), after)


@router.post("/sign-in")
def sign_in(
    request: Request,
    email: Annotated[str, Form(max_length=400)],
    password: Annotated[str, Form(max_length=2000)],
    csrf: Annotated[str, Form()] = "",
    after: Annotated[str, Form(alias="next", max_length=2000)] = "",
) -> Response:
    web = web_of(request)
    if not csrf or not secrets.compare_digest(csrf.encode(), request.cookies.get(web.form_cookie, "").encode()):
        return _form(web, after, email, 403, web.words()("signin.expired"))
    who, address = users.normal_email(email), request.client.host if request.client else ""
    wait = web.throttle.wait(who, address, web.now())
    if wait is not None:
        minutes = int(wait.total_seconds() // 60) + 1
        return _form(web, after, email, 429, web.words()("signin.throttled", minutes=minutes))
    with _CHECKS:
        secret = _open(web, who, password)
    if secret is None:
        web.throttle.failed(who, address, web.now())
        return _form(web, after, email, 401, web.words()("signin.wrong"))
    web.throttle.succeeded(who, address)
    return _with_cookie(web, go_to(local_path(after)), web.cookie, secret)


@router.post("/sign-out")
def sign_out(request: Request, acting: Acting) -> RedirectResponse:
    web = web_of(request)
    with web.database.begin() as session:
        users.close_session(session, acting.secret, web.now())
    answer = go_to("/sign-in")
    answer.delete_cookie(web.cookie, secure=web.settings.console.secure_cookie, httponly=True)
    return answer


@router.get("/sign-out")
def no_sign_out() -> None:
    raise PageError(405)


def _open(web: Web, email: str, password: str) -> str | None:
    """A fresh session's secret, None for a wrong password. The check runs outside of any write transaction."""
    with web.database.read() as session:
        user = users.authenticate(session, email, password)
    if user is None:
        return None
    with web.database.begin() as session:
        secret = users.open_session(session, user.id, web.now())
        users.audit_sign_in(session, user.id, user.email, web.now())
    return secret


def _form(web: Web, after: str, email: str = "", status: int = 200, error: str = "") -> HTMLResponse:
    token = secrets.token_urlsafe(32)
    answer = plain_page(
        web, "signin.html", status, csrf=token, after=local_path(after) if after else "", email=email, error=error
    )
    _with_cookie(web, answer, web.form_cookie, token)
    return answer


def _with_cookie(web: Web, answer: RedirectResponse | HTMLResponse, name: str, value: str) -> Response:
    secure = web.settings.console.secure_cookie
    answer.set_cookie(name, value, path="/", secure=secure, httponly=True, samesite="lax")
    return answer
