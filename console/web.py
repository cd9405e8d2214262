"""What every page needs: the application's parts, who is looking, and how a page is made."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from console import mask
from console.throttle import Throttle
from console.words import Words
from domain.team import Staff
from insights.figures import reviews_waiting
from routing.matching.certificate import CertificateRules
from storage import audit, users
from storage.corrections import doubts_waiting
from storage.database import Database
from storage.grades import suspended_grades
from storage.queue import message_counts
from storage.reviews import second_looks_waiting
from storage.users import Right, SignedIn

HERE = Path(__file__).parent
STATIC = HERE / "static"
ACTING_ROLES = ("admin", "agent")


class PageError(Exception):
    """An answer other than the page asked for; `why` is a key of the texts, or None for the usual words."""

    def __init__(self, status: int, why: str | None = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.why = why


class SignInNeeded(Exception):
    """Nobody is signed in; `path` is where to go on afterwards."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True)
class Web:
    """The parts of one running console."""

    database: Database
    settings: Settings
    now: Callable[[], datetime]
    templates: Environment
    throttle: Throttle = field(default_factory=Throttle)

    @property
    def cookie(self) -> str:
        """`__Host-` binds the cookie to this host and to HTTPS."""
        return "__Host-vigie" if self.settings.console.secure_cookie else "vigie_session"

    @property
    def form_cookie(self) -> str:
        """Holds the token of the sign-in form, before there is a session."""
        return "__Host-vigie-form" if self.settings.console.secure_cookie else "vigie_form"

    @property
    def about_brand(self) -> float:
        """The probability from which a post is about the brand."""
        return self.settings.reading.about_brand_threshold

    @property
    def certificate(self) -> CertificateRules:
        """What decides which grades act by themselves."""
        return App(self.settings).certificate_rules()

    @cached_property
    def staff(self) -> Staff:
        """Teams and people of the settings."""
        return App(self.settings).staff()

    def teams_of(self, email: str) -> frozenset[str]:
        """The teams of a user."""
        person = self.staff.people.get(email)
        return person.teams if person else frozenset()

    def accounts(self, brand_id: str) -> tuple[str, ...]:
        """A brand's own accounts, as `network:handle`."""
        return next((brand.accounts for brand in self.settings.all_brands() if brand.id == brand_id), ())

    def words(self, brand_id: str | None = None) -> Words:
        """The words of the interface, with the times of a brand."""
        zones = {brand.id: brand.timezone for brand in self.settings.all_brands()}
        timezone = zones.get(brand_id or "", self.settings.brand.timezone)
        return Words(self.settings.console.language, timezone)


@dataclass(frozen=True)
class Viewer:
    """Who is looking, at which brand, with which right."""

    user: SignedIn
    right: Right
    secret: str

    @property
    def brand_id(self) -> str:
        return self.right.brand_id

    @property
    def may_act(self) -> bool:
        """Agents and admins work cases; analysts read."""
        return self.right.role in ACTING_ROLES

    @property
    def sees_people(self) -> bool:
        """Whether customers' data are shown. Analysts read posts and figures, not customers."""
        return self.may_act

    def at(self, brand_id: str | None) -> "Viewer":
        """The same person at another brand; 404 without a right there, as if it did not exist."""
        for right in self.user.rights:
            if right.brand_id == brand_id:
                return replace(self, right=right)
        raise PageError(404)


def make_web(database: Database, settings: Settings, now: Callable[[], datetime]) -> Web:
    """The parts put together; nothing is opened yet."""
    return Web(database, settings, now, templates())


@cache
def templates() -> Environment:
    """The pages, compiled once a process."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(
        mask_address=mask.mask_address,
        mask_text=mask.mask_text,
        has_direction_controls=mask.has_direction_controls,
        web_link=mask.web_link,
        max_shown=mask.MAX_SHOWN,
        static=_static_links(),
        logo=Markup((STATIC / "logo.svg").read_text(encoding="utf-8")),  # noqa: S704 - our own file
    )
    return found


def web_of(request: Request) -> Web:
    """The parts that `create_app` put into the application."""
    return cast(Web, request.app.state.web)


def viewer(request: Request) -> Viewer:
    """The signed-in person at the brand of `?brand=`, or at the first one of hers."""
    web = web_of(request)
    secret = request.cookies.get(web.cookie, "")
    user = _signed_in(web, secret) if secret else None
    if user is None:
        raise SignInNeeded(_path_and_query(request) if request.method == "GET" else "/")
    if not user.rights:
        raise PageError(403, "error.no_brand")
    found = Viewer(user, user.rights[0], secret)
    wanted = request.query_params.get("brand")
    return found.at(wanted) if wanted else found


Looking = Annotated[Viewer, Depends(viewer)]


def acting(looking: Looking, csrf: Annotated[str, Form()] = "") -> Viewer:
    """A person who posts a form of ours: the form carries the token of her session."""
    if not secrets.compare_digest(csrf.encode(), looking.user.csrf.encode()):
        raise PageError(403)
    return looking


Acting = Annotated[Viewer, Depends(acting)]


def agent(looking: Viewer, brand_id: str | None) -> Viewer:
    """The person at the brand of what she acts on; 404 without a right there, 403 for analysts."""
    here = looking.at(brand_id)
    if not here.may_act:
        raise PageError(403)
    return here


def page(request: Request, looking: Viewer, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page with the frame around it."""
    web = web_of(request)
    with web.database.read() as session:
        nav_counts = _waiting(web, session, looking.brand_id) if looking.sees_people else {}
        suspended = suspended_grades(session, looking.brand_id)
    frame = {
        "t": web.words(looking.brand_id),
        "now": web.now(),
        "viewer": looking,
        "section": template.split(".")[0],
        "nav_counts": nav_counts,
        "suspended": suspended,
        "link": _linker(looking),
        "path": request.url.path,
    }
    return HTMLResponse(web.templates.get_template(template).render(**frame, **values), status)


def _waiting(web: Web, session: Session, brand_id: str) -> dict[str, int]:
    """What waits for a person, by page."""
    return {
        "reviews": reviews_waiting(session, brand_id) + second_looks_waiting(session, brand_id),
        "doubts": doubts_waiting(session, brand_id, web.about_brand, web.accounts(brand_id)),
        "messages": message_counts(session, brand_id).get("unconfirmed", 0),
    }


def plain_page(web: Web, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page that needs neither a session nor the database."""
    return HTMLResponse(web.templates.get_template(template).render(t=web.words(), **values), status)


def go_to(path: str, **query: str | int) -> RedirectResponse:
    """See other: the answer to a form that was taken."""
    return RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), 303)


def note_view(web: Web, looking: Viewer, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Audit that personal data were shown. Without this line nothing is shown."""
    with web.database.begin() as session:
        audit.record(session, looking.brand_id, looking.user.email, "view", subject, web.now(), detail)


def page_number(text: str) -> int:
    """The page of a query string; anything odd is the first."""
    return min(int(text), 10_000) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1


def _signed_in(web: Web, secret: str) -> SignedIn | None:
    now, rules = web.now(), web.settings.console
    idle, whole = timedelta(hours=rules.idle_hours), timedelta(hours=rules.session_hours)
    with web.database.read() as session:
        user = users.signed_in(session, secret, now, idle, whole)
    if user is not None and now - user.seen_at > users.SEEN_STEP:
        with web.database.begin() as session:
            users.touch(session, secret, now)
    return user


def _linker(looking: Viewer) -> Callable[..., str]:
    """Links that keep the brand where the person has several, so that they stay true when shared."""
    several = len(looking.user.rights) > 1

    def link(path: str, **query: Any) -> str:
        kept = {name: value for name, value in query.items() if value not in ("", None)}
        if several:
            kept["brand"] = looking.brand_id
        return path + (f"?{urlencode(kept)}" if kept else "")

    return link


def _path_and_query(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _static_links() -> dict[str, str]:
    """name → address with the content's hash, so that browsers may keep the file for ever."""
    return {
        file.name: f"/static/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
        for file in sorted(STATIC.iterdir())
    }
