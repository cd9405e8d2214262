"""The pages behind a claim link: no login, and nothing of any customer or case before the visitor has proven who he is.

    /c/TOKEN            what is asked and why; e-mail address, telephone number, or customer and order number
    /c/TOKEN/identify   a code goes out, or not: the answer is the same, and leaves before anybody is looked up
    /c/TOKEN/code       the code typed
    /c/TOKEN/agree      what was shown is agreed to, with a channel if he likes; then, at a link that everybody could
                        open, the word that the account has to post
    /c/TOKEN/refuse     "not me", "do not link me"

A form carries a token bound to the visitor's cookie; the guard (`console/security.py`) asks for the origin besides.
Opening a link changes nothing, so that the crawlers of networks, which follow every link, use none up.
"""

import hashlib
import hmac
import logging
import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from config.wiring import App
from console.mask import mask_address
from console.visitors import network_of
from console.web import Web, web_of
from console.words import LANGUAGES, Words
from domain.claim import CODE_DIGITS, CODE_TEMPLATE, ClaimState, Delivery, Stage, language_of
from domain.errors import VigieError
from routing import claims
from routing.claim_asking import recheck_claim
from routing.claim_rules import ClaimRules
from routing.claims import Visit
from routing.outbox import Cancel, deliver
from storage.customers import current_points
from storage.database import Database
from storage.tables import CustomerRow, MessageRow
from storage.throttles import hit

router = APIRouter()
log = logging.getLogger("vigie.claims")
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
# Requests for codes in an hour: of one link from one address, of one link; forms from one address in a quarter.
PER_VISITOR, PER_TOKEN, PER_ADDRESS = 12, 60, 40
OWN = "yes"  # the box "this account is mine"
PROVEN = (Stage.REVIEW, Stage.WORD, Stage.DONE)
Typed = Annotated[str, Form()]


class Turned(Exception):
    """The visitor gets a page with a few words instead; `key` names them."""

    def __init__(self, key: str, status: int) -> None:
        super().__init__(key)
        self.key, self.status = key, status


class Visitor:
    """Who looks, as far as a request tells: a cookie, a language, an address."""

    def __init__(self, request: Request, token: str) -> None:
        self.web, self.token = web_of(request), token
        self.known = request.cookies.get(self.cookie_name, "")
        self.cookie = self.known or secrets.token_urlsafe(32)
        self.language = language_of(
            request.headers.get("accept-language", ""), LANGUAGES, self.web.settings.console.language
        )
        self.address = network_of(request.client.host if request.client else "")

    @property
    def cookie_name(self) -> str:
        return "__Host-vigie-claim" if self.web.settings.console.secure_cookie else "vigie_claim"

    @property
    def csrf(self) -> str:
        return hashlib.sha256(f"form\n{self.cookie}".encode()).hexdigest()

    def rules(self, brand_id: str) -> ClaimRules | None:
        """The rules of the link's brand; None where the settings no longer have it."""
        brands = {brand.id: brand for brand in self.web.settings.all_brands()}
        return App(self.web.settings).claim_rules(brands[brand_id]) if brand_id in brands else None

    def look(self, session: Session, *, lock: bool = False) -> tuple[Visit, ClaimRules]:
        """What the link opens for this visitor. Raises Turned, with the same words whatever the reason."""
        found = claims.visit(session, self.token, self.cookie, self.web.now(), lock=lock)
        rules = None if found is None else self.rules(found.claim.brand_id)
        if found is None or rules is None:
            raise Turned("closed", 404)
        return found, rules

    def check_form(self, csrf: str) -> None:
        """Raises Turned where the form is not from a page that this visitor saw, or comes too often."""
        if not self.known or not hmac.compare_digest(csrf.encode("utf-8", "replace"), self.csrf.encode()):
            raise Turned("form_expired", 403)
        with self.web.database.begin() as session:
            within = hit(session, f"claim address {self.address}", PER_ADDRESS, QUARTER, self.web.now())
        if not within:
            raise Turned("too_many", 429)

    def check_codes(self) -> None:
        """Raises Turned where this link was asked for too many codes, by this visitor's network or by all."""
        limits = {f"claim token {self.token} {self.address}": PER_VISITOR, f"claim token {self.token}": PER_TOKEN}
        with self.web.database.begin() as session:
            within = [hit(session, name, limit, HOUR, self.web.now()) for name, limit in limits.items()]
        if not all(within):
            raise Turned("too_many", 429)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page in the visitor's language, with the cookie that its forms are bound to."""
        words = Words(self.language, self.web.settings.brand.timezone)
        frame = {"t": words, "csrf": self.csrf, "here": f"/c/{self.token}", "brand": ""}
        body = self.web.templates.get_template(template).render({**frame, **values})
        answer = HTMLResponse(body, status)
        secure = self.web.settings.console.secure_cookie
        age = int(timedelta(hours=self.web.settings.claims.hours).total_seconds())
        answer.set_cookie(
            self.cookie_name, self.cookie, max_age=age, path="/", secure=secure, httponly=True, samesite="lax"
        )
        return answer

    def notice(self, key: str, status: int = 200, *, again: bool = False) -> HTMLResponse:
        """A page with a few words."""
        return self.page("claim_notice.html", status, notice=key, again=again)

    def turned(self, why: Turned) -> HTMLResponse:
        """The page of a visitor who was turned away."""
        return self.notice(why.key, why.status, again=why.key == "form_expired")


@router.get("/c/{token}")
def show(request: Request, token: str) -> Response:
    here = Visitor(request, token)
    try:
        with here.web.database.read() as session:
            return _page(session, here, *here.look(session))
    except Turned as why:
        return here.turned(why)


@router.post("/c/{token}/identify")
def identify(request: Request, token: str, who: Typed = "", order: Typed = "", csrf: Typed = "") -> Response:
    here = Visitor(request, token)
    try:
        here.check_form(csrf)
        here.check_codes()
        with here.web.database.begin() as session:
            found, rules = here.look(session, lock=True)
            if found.stage in (Stage.WORD, Stage.DONE):
                raise Turned("closed", 404)
            number = claims.ask_code(session, found, here.cookie, rules, here.web.now())
            brand_id = found.claim.brand_id
    except Turned as why:
        return here.turned(why)
    # Whom it means is looked up when the answer is on its way: its time tells nothing.
    later = BackgroundTask(send_code, here.web, brand_id, number, who, order)
    return RedirectResponse(f"/c/{token}", 303, background=later)


@router.post("/c/{token}/code")
def code(request: Request, token: str, typed: Typed = "", csrf: Typed = "") -> Response:
    here = Visitor(request, token)
    try:
        here.check_form(csrf)
        with here.web.database.begin() as session:
            found, _ = here.look(session, lock=True)
            right = found.stage in PROVEN or claims.confirm_code(session, found, typed[:40], here.web.now())
            brand_id = found.claim.brand_id
    except Turned as why:
        return here.turned(why)
    if right:
        return RedirectResponse(f"/c/{token}", 303)
    return here.page("claim_code.html", 422, wrong=True, **_common(here.web, brand_id))


@router.post("/c/{token}/agree")
def agree(request: Request, token: str, channel: Typed = "", own: Typed = "", csrf: Typed = "") -> Response:
    here = Visitor(request, token)
    try:
        here.check_form(csrf)
        with here.web.database.begin() as session:
            found, rules = here.look(session, lock=True)
            state = claims.agree(session, found, channel[:40], rules, here.web.now()) if own == OWN else None
    except Turned as why:
        return here.turned(why)
    if state is ClaimState.CONFLICT:
        return here.notice("conflict")
    return RedirectResponse(f"/c/{token}", 303)  # his word, the end, or, where nothing can be agreed to, the beginning


@router.post("/c/{token}/refuse")
def refuse(
    request: Request, token: str, what: Annotated[Literal["not_me", "do_not_link"], Form()], csrf: Typed = ""
) -> Response:
    here = Visitor(request, token)
    try:
        here.check_form(csrf)
        with here.web.database.begin() as session:
            found, _ = here.look(session, lock=True)
            if what == "not_me":
                claims.refuse_account(session, found, here.web.now())
            else:
                claims.refuse_linking(session, found, here.web.now())
    except Turned as why:
        return here.turned(why)
    return here.notice(f"noted_{what}")


def send_code(web: Web, brand_id: str, number: int, who: str, order: str) -> None:
    """Look up whom a request means, and hand its code over; what dies in between, the next run of `contact` sends."""
    app = App(web.settings)
    brand = app.brand(brand_id)
    try:
        with web.database.begin() as session:
            rules = app.claim_rules(brand)
            sent = rules.contact_on and claims.answer_request(session, brand, number, who, order, rules, web.now())
        if sent:
            _hand_over(web.database, app, web)
    except VigieError as error:
        log.warning("a code waits: %s", error)


def _hand_over(database: Database, app: App, web: Web) -> None:
    def recheck(session: Session, message: MessageRow) -> Cancel | None:
        refused = recheck_claim(session, message, web.now())
        return Cancel(refused) if refused else None

    work = app.settings.work
    deliver(
        database,
        app.carriers(),
        recheck,
        web.now,
        lease_seconds=work.lease_seconds,
        max_attempts=app.settings.contact.max_attempts,
        template=CODE_TEMPLATE,
    )


def _page(session: Session, here: Visitor, found: Visit, rules: ClaimRules) -> HTMLResponse:
    values = {**_common(here.web, found.claim.brand_id), "network": found.claim.network}
    values["direct"] = found.claim.delivery == Delivery.DIRECT
    if found.stage is Stage.CODE:
        return here.page("claim_code.html", wrong=False, **values)
    if found.stage is Stage.WORD:
        until = found.claim.expires_at
        return here.page(
            "claim_word.html", word=claims.word(session, found), until=until, handle=_handle(found), **values
        )
    customer = claims.customer_of(session, found)
    shown = {} if customer is None else _proven(session, here.web, found, customer, rules)
    if found.stage is Stage.DONE:
        return here.page("claim_done.html", shown=bool(shown), **values, **shown)
    if not shown:
        return here.page("claim_start.html", **values)
    return here.page("claim_review.html", **values, **shown)


def _common(web: Web, brand_id: str) -> dict[str, Any]:
    name = next((brand.name for brand in web.settings.all_brands() if brand.id == brand_id), None)
    minutes = f"{web.settings.claims.code_minutes:.0f}"
    return {"brand": name or "", "minutes": minutes, "digits": CODE_DIGITS}


def _proven(session: Session, web: Web, found: Visit, customer: CustomerRow, rules: ClaimRules) -> dict[str, Any]:
    """What only the customer himself gets to see: which account, which message, himself masked."""
    points = current_points(session, customer.id)
    return {
        "handle": _handle(found),
        "posted_at": found.post.created_at or found.post.heard_at,
        "initials": " ".join(f"{word[0].upper()}." for word in customer.name.split()[:3]),
        "points": [mask_address(point.kind, point.value) for point in points if point.kind != "address"],
        "channels": claims.channels_of(session, customer, rules),
        "until": web.now() + rules.identity_lifetime,
    }


def _handle(found: Visit) -> str:
    """The account as its network shows it."""
    return (found.author.handle or found.author.name or found.author.native_id)[:80]
