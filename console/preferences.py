"""The customer's own page, behind a signed link and without a login: how he likes to be reached.

    /p/TOKEN            his channels with masked addresses, quiet times, what he does not want
    /p/TOKEN/save       the form
    /p/TOKEN/stop       nothing at all any more, or again
    /p/TOKEN/unsubscribe    no more mail, as mail programs say it in one click (RFC 8058)

Works without a script. Opening the page changes nothing: crawlers and mail scanners follow every link. A form is bound
to the visitor's cookie, and the guard (`console/security.py`) asks for the origin besides. The one click has
neither, for mail providers send it: its signed address alone lets it in.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from console.mask import mask_address
from console.visitors import network_of
from console.web import web_of
from console.words import LANGUAGES, Words
from domain.claim import language_of
from domain.contact import QuietTime
from routing import preferences
from routing.preferences import Choice, Held
from storage.tables import CustomerRow
from storage.throttles import hit

router = APIRouter()
QUARTER = timedelta(minutes=15)
PER_ADDRESS, PER_LINK = 40, 60  # forms in a quarter of an hour
ADDRESSED = frozenset({"email", "sms", "whatsapp", "phone", "letter"})
DAYS = tuple(range(7))
Typed = Annotated[str, Form(max_length=200)]
Many = Annotated[list[str], Form(max_length=40)]


class Turned(Exception):
    """The visitor gets a page with a few words instead; `key` names them."""

    def __init__(self, key: str, status: int) -> None:
        super().__init__(key)
        self.key, self.status = key, status


class Guest:
    """Who looks, as far as a request tells: a cookie, a language, an address."""

    def __init__(self, request: Request, token: str) -> None:
        self.web, self.token = web_of(request), token
        self.known = request.cookies.get(self.cookie_name, "")
        self.cookie = self.known or secrets.token_urlsafe(32)
        self.asked = request.headers.get("accept-language", "")
        self.address = network_of(request.client.host if request.client else "")

    @property
    def cookie_name(self) -> str:
        return "__Host-vigie-preferences" if self.web.settings.console.secure_cookie else "vigie_preferences"

    @property
    def csrf(self) -> str:
        return hashlib.sha256(f"form\n{self.cookie}\n{self.token}".encode("utf-8", "replace")).hexdigest()

    def customer(self, session: Session) -> CustomerRow:
        """Whose page it is. Raises Turned, with the same words whatever the reason."""
        lifetime = timedelta(days=self.web.settings.preferences.link_days)
        found = preferences.customer_of(session, self.token, lifetime, self.web.now())
        if found is None or found.brand_id not in {brand.id for brand in self.web.settings.all_brands()}:
            raise Turned("closed", 404)
        return found

    def check_form(self, csrf: str) -> None:
        """Raises Turned where the form is not from a page that this visitor saw, or comes too often."""
        if not self.known or not hmac.compare_digest(csrf.encode("utf-8", "replace"), self.csrf.encode()):
            raise Turned("form_expired", 403)
        self.count({**self.by_address(), f"preferences link {self.token}": PER_LINK})

    def is_known(self) -> bool:
        """Whether the link opens anybody's page."""
        try:
            with self.web.database.read() as session:
                return bool(self.customer(session).id)
        except Turned:
            return False

    def by_address(self) -> Mapping[str, int]:
        """How often he may come, by where he comes from."""
        return {f"preferences address {self.address}": PER_ADDRESS}

    def count(self, limits: Mapping[str, int]) -> None:
        """Raises Turned where one of these comes too often."""
        with self.web.database.begin() as session:
            within = [hit(session, name, limit, QUARTER, self.web.now()) for name, limit in limits.items()]
        if not all(within):
            raise Turned("too_many", 429)

    def page(self, template: str, status: int = 200, language: str = "", **values: Any) -> HTMLResponse:
        """A page in the visitor's language, with the cookie that its forms are bound to."""
        console = self.web.settings.console
        otherwise = language if language in LANGUAGES else console.language
        words = Words(language_of(self.asked, LANGUAGES, otherwise), self.web.settings.brand.timezone)
        frame = {"t": words, "csrf": self.csrf, "here": f"/p/{self.token}", "brand": ""}
        body = self.web.templates.get_template(template).render({**frame, **values})
        answer = HTMLResponse(body, status)
        answer.set_cookie(
            self.cookie_name,
            self.cookie,
            max_age=int(timedelta(hours=2).total_seconds()),
            path="/",
            secure=console.secure_cookie,
            httponly=True,
            samesite="lax",
        )
        return answer

    def turned(self, why: Turned) -> HTMLResponse:
        """The page of a visitor who was turned away."""
        return self.page("preferences_notice.html", why.status, notice=why.key, again=why.key == "form_expired")


@router.get("/p/{token}")
def show(request: Request, token: str, saved: str = "") -> Response:
    guest = Guest(request, token)
    try:
        with guest.web.database.read() as session:
            return _page(session, guest, guest.customer(session), saved=saved == "yes")
    except Turned as why:
        return guest.turned(why)


@router.post("/p/{token}/save")
def save(
    request: Request,
    token: str,
    channel: Typed = "",
    shown: Many = [],  # noqa: B006 - read only
    allow: Many = [],  # noqa: B006 - read only
    day: Many = [],  # noqa: B006 - read only
    quiet_from: Typed = "",
    quiet_until: Typed = "",
    no_learning: Typed = "",
    no_public: Typed = "",
    csrf: Typed = "",
) -> Response:
    guest = Guest(request, token)
    try:
        guest.check_form(csrf)
        quiet = _quiet(quiet_from, quiet_until, day)
        wanted = Choice(
            channel=channel,
            shown=frozenset(shown),
            allowed=frozenset(allow),
            quiet=quiet,
            no_learning=bool(no_learning),
            no_public=bool(no_public),
        )
        with guest.web.database.begin() as session:
            customer = guest.customer(session)
            preferences.save(session, customer, wanted, _closed(guest), guest.web.now())
    except Turned as why:
        return guest.turned(why)
    except ValueError:
        with guest.web.database.read() as session:
            return _page(session, guest, guest.customer(session), status=422, wrong=True)
    return RedirectResponse(f"/p/{token}?saved=yes", 303)


@router.post("/p/{token}/stop")
def stop(request: Request, token: str, what: Annotated[Literal["stop", "again"], Form()], csrf: Typed = "") -> Response:
    guest = Guest(request, token)
    try:
        guest.check_form(csrf)
        with guest.web.database.begin() as session:
            preferences.stop_everything(session, guest.customer(session), what == "stop", guest.web.now())
    except Turned as why:
        return guest.turned(why)
    return RedirectResponse(f"/p/{token}?saved=yes", 303)


@router.get("/p/{token}/unsubscribe")
def ask_to_unsubscribe(token: str) -> Response:
    """Where a mail program opens the address instead: his page, on which nothing has changed yet."""
    return RedirectResponse(f"/p/{quote(token, safe='')}", 303)


@router.post("/p/{token}/unsubscribe")
def unsubscribe(request: Request, token: str, click: Annotated[str, Form(alias="List-Unsubscribe")] = "") -> Response:
    """One click in a mail program. Whole crowds come from a provider's few addresses, so only wrong links are counted
    by address.
    """
    guest = Guest(request, token)
    if f"List-Unsubscribe={click}" != preferences.ONE_CLICK_BODY:
        return Response(status_code=400)
    try:
        guest.count({f"preferences link {token}": PER_LINK} if guest.is_known() else guest.by_address())
        with guest.web.database.begin() as session:
            preferences.unsubscribe(session, guest.customer(session), guest.web.now())
    except Turned as why:
        return Response(status_code=why.status)
    return Response("")


def _page(
    session: Session,
    guest: Guest,
    customer: CustomerRow,
    status: int = 200,
    *,
    saved: bool = False,
    wrong: bool = False,
) -> HTMLResponse:
    known = preferences.held(session, customer, _closed(guest), guest.web.now())
    names = {brand.id: brand.name or "" for brand in guest.web.settings.all_brands()}
    return guest.page(
        "preferences.html",
        status,
        language=(customer.language or "")[:2].lower(),
        brand=names[customer.brand_id],
        channels=_rows(known),
        choice=known.choice,
        nothing_at_all=known.nothing_at_all,
        days=DAYS,
        saved=saved,
        wrong=wrong,
    )


def _rows(known: Held) -> list[dict[str, Any]]:
    """The channels, each with its addresses masked; the number of an account says nothing to who owns it."""
    return [
        {
            "name": channel,
            "addresses": [mask_address(channel, point.address) for point in points if channel in ADDRESSED],
            "allowed": channel in known.choice.allowed,
            "stopped": all(point.suppressed for point in points),
        }
        for channel, points in known.points.items()
    ]


def _closed(guest: Guest) -> frozenset[str]:
    return frozenset(guest.web.settings.contact.closed_channels)


def _quiet(start: str, end: str, days: list[str]) -> QuietTime | None:
    """The times that were typed; None where nothing was. Raises ValueError for what is none, or leaves no time at
    all.
    """
    if bool(start) != bool(end):
        raise ValueError("from when, and until when")
    if any(day not in map(str, DAYS) for day in days) or len(set(days)) == len(DAYS):
        raise ValueError("days")
    if not start and not days:
        return None
    times = (time.fromisoformat(start), time.fromisoformat(end)) if start else (time(0), time(0))
    if any(at.tzinfo for at in times):
        raise ValueError("a time of day has no zone")
    first, last = (at.replace(second=0, microsecond=0) for at in times)
    return QuietTime(first, last, frozenset(int(day) for day in days))
