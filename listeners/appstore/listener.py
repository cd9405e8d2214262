"""Reviews of the brand's own apps on the App Store, by the App Store Connect API (read 2026-11-21).

developer.apple.com/documentation/appstoreconnectapi/get-v1-apps-_id_-customerreviews
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import Field, field_validator

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from domain.post import Batch, Cursor, Delete, Post
from listeners.api import Api, checked_base_url, host_of, http_client, utc_now
from listeners.appstore import reviews as appstore_reviews
from listeners.appstore.reviews import NETWORK, Told, mark_of, time_of
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.walk import NewestFirst, Page, Place
from listeners.wire import Answer

BASE_URL = "https://api.appstoreconnect.apple.com"
AUDIENCE = "appstoreconnect-v1"
PAGE_SIZE = 200
TOKEN_SECONDS = 15 * 60  # Apple takes 20 minutes at most
TOKEN_SPARE_SECONDS = 5 * 60
HOUR_IS_SPENT_SECONDS = 600.0
REQUESTS_KEPT = 20  # of an hour's, for whatever else uses this key

_APP = re.compile(r"\d{5,15}")
_LEFT = re.compile(r"user-hour-rem:(\d{1,9})")


class AppStoreSettings(ListenerSettings):
    """Own apps by their Apple IDs. The private key (.p8) is a file, or the text of a variable.

    An individual key has no issuer: leave `issuer_id` empty.
    """

    apps: tuple[str, ...] = ()
    key_id: str = ""
    issuer_id: str = ""
    key_file: str = ""
    key_env: str = ""
    first_run_days: float = Field(30.0, gt=0, le=10_000)
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)

    @field_validator("apps")
    @classmethod
    def _apps(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for app in given:
            if not _APP.fullmatch(app):
                raise ValueError(f"{app!r} is no Apple ID of an app: the number after 'id' in its App Store address")
        return given


class AppStoreKey:
    """Signs the tokens of the API. Raises `Misconfigured` when the text is no private key for ES256."""

    def __init__(self, text: str, key_id: str, issuer_id: str = "") -> None:
        self._text, self._key_id, self._issuer_id = text, key_id, issuer_id
        self._token, self._until = "", utc_now()
        self.headers()

    def headers(self) -> dict[str, str]:
        """What opens the API, good for some minutes more by this machine's clock."""
        if self._until - utc_now() < timedelta(seconds=TOKEN_SPARE_SECONDS):
            self._token, self._until = self._signed(utc_now())
        return {"authorization": f"Bearer {self._token}", "accept": "application/json"}

    def _signed(self, now: datetime) -> tuple[str, datetime]:
        import jwt

        until = now + timedelta(seconds=TOKEN_SECONDS)
        who = {"iss": self._issuer_id} if self._issuer_id else {"sub": "user"}
        claims = {**who, "iat": int(now.timestamp()), "exp": int(until.timestamp()), "aud": AUDIENCE}
        try:
            return jwt.encode(claims, self._text, "ES256", headers={"kid": self._key_id}), until
        except (jwt.PyJWTError, TypeError, ValueError):
            raise Misconfigured("the key of listeners.appstore is no private key (.p8) of App Store Connect") from None


class AppStoreListener:
    """One key of App Store Connect. A query is the Apple ID of an app. `clock` dates deletions."""

    name: ClassVar[str] = NETWORK
    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "appstore"
    Settings: ClassVar[type[ListenerSettings]] = AppStoreSettings

    def __init__(
        self,
        key: AppStoreKey,
        base_url: str = BASE_URL,
        *,
        apps: Iterable[str] = (),
        timeout_seconds: float = 20.0,
        first_run_days: float = 30.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._key, self._apps = key, tuple(apps)
        self._base_url = checked_base_url(base_url, BASE_URL)
        self._first_run, self._clock = timedelta(days=first_run_days), clock
        self._http = client or http_client()
        self._api = Api(self._http, host_of(base_url), timeout_seconds, clock)
        self._left: int | None = None  # of the hour's requests, as this pull was last told

    @classmethod
    def sources(cls, settings: AppStoreSettings, around: Around) -> Iterator[Source]:
        """Every app. Raises `Misconfigured` without a key."""
        if not settings.apps:
            return
        listener = cls(
            _key(settings, around),
            settings.base_url,
            apps=settings.apps,
            timeout_seconds=settings.timeout_seconds,
            first_run_days=settings.first_run_days,
            clock=around.now,
        )
        for app in settings.apps:
            yield Source(cls.name, app, listener, Budget(max_requests=settings.max_requests))

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def check(self) -> str:
        """Whether the key may read the reviews of every app."""
        for app in self._apps:
            self._told(self._ask(f"{_reviews_of(app)}?limit=1"), app)
        return "answers"

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`; what was yielded before may be stored all the same."""
        meter, self._left = Meter(budget), None

        def page(below: str | None, since: datetime) -> Page:
            return self._page(query, below, meter)

        walk = NewestFirst(NETWORK, page, meter, self._clock, self._first_run)
        try:
            yield from walk.run(cursor)
        except _StalePage:
            yield from walk.run(Place(Place.read(cursor).since).cursor())

    def _page(self, app: str, below: str | None, meter: Meter) -> Page:
        """Some requests of the hour are left to whatever else uses the key."""
        if self._left is not None and self._left < REQUESTS_KEPT:
            raise Transient(f"{self._api.who}: the hour's requests are used up", HOUR_IS_SPENT_SECONDS)
        meter.requests += 1
        meter.cost += 1
        path = _reviews_of(app)
        newest = f"{path}?sort=-createdDate&limit={PAGE_SIZE}&include=response"
        answer = self._ask(below or newest, meter.seconds_left)
        left = _LEFT.search(answer.headers.get("x-rate-limit", ""))
        self._left = int(left.group(1)) if left else None
        if below is not None and answer.status_code == 400:
            raise _StalePage(f"{self._api.who} no longer knows the next page of reviews")
        told = self._told(answer, app)
        reviews = told["data"]
        if not isinstance(reviews, list):
            raise Transient(f"{self._api.who} answered something that is no list of reviews")
        heard = Told(reviews, told.get("included"), app)
        marks = [mark for mark in map(mark_of, reviews) if mark is not None]
        times = [at for at in map(time_of, reviews) if at is not None]
        return Page(heard.events, heard.rejected, marks, times, self._following(told, path))

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Those that are gone: Apple says so in its own words, and still shows the app."""
        proven: set[str] = set()
        for known in ids:
            app = known.attributes.get("app_id")
            if app not in self._apps:
                continue
            answer = self._ask(f"/v1/customerReviews/{quote(known.id, safe='')}")
            if answer.status_code != 404:
                self._told(answer, app)
                continue
            if not _codes(answer):
                raise Transient(f"{self._api.who} does not answer as App Store Connect; nothing is taken for deleted")
            if app not in proven:
                self._told(self._ask(f"{_reviews_of(app)}?limit=1"), app)
                proven.add(app)
            yield Delete(NETWORK, known.id, self._clock())

    def _ask(self, path: str, seconds_left: float | None = None) -> Answer:
        return self._api.ask(f"{self._base_url}{path}", seconds_left, headers=self._key.headers())

    def _told(self, answer: Answer, app: str) -> dict[str, Any]:
        if not answer.ok:
            raise self._refusal(answer, f"the reviews of app {app}")
        told = self._api.json(answer)
        if not isinstance(told, dict) or "data" not in told:
            raise Transient(f"{self._api.who} answered something that is not what was asked for")
        return told

    def _refusal(self, answer: Answer, what: str) -> VigieError:
        if any(code.startswith("FORBIDDEN.REQUIRED_AGREEMENTS") for code in _codes(answer)):
            return Permanent(f"{self._api.who} waits until the account holder accepts its new agreement")
        return self._api.refusal(answer, what)

    def _following(self, told: Mapping[str, Any], path: str) -> str | None:
        """Path and query of the next page. Raises `Transient` where it would lead to another server."""
        links = told.get("links")
        link = links.get("next") if isinstance(links, dict) else None
        if link is None:
            return None
        try:
            parts = urlsplit(link)
        except (AttributeError, TypeError, ValueError):
            parts = urlsplit("")
        if f"{parts.scheme}://{parts.netloc}" != self._base_url or parts.path != path:
            raise Transient(f"{self._api.who} names a next page that is not its own")
        return f"{parts.path}?{parts.query}"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored review. Raises `BadRow`."""
        return appstore_reviews.review_post(raw)


class _StalePage(Transient):
    """The API no longer knows the page that the walk would go on with."""


def _reviews_of(app: str) -> str:
    return f"/v1/apps/{quote(app, safe='')}/customerReviews"


def _codes(answer: Answer) -> list[str]:
    """The codes of an error as Apple writes it; none where it is no such error."""
    try:
        errors = answer.json()["errors"]
    except (ValueError, LookupError, TypeError):
        return []
    codes = [error.get("code") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return [code for code in codes if isinstance(code, str)]


def _key(settings: AppStoreSettings, around: Around) -> AppStoreKey:
    if not settings.key_id or not (settings.key_file or settings.key_env):
        raise Misconfigured("listeners.appstore needs key_id, and key_file or key_env with the private key (.p8)")
    try:
        if settings.key_file:
            text = around.path(settings.key_file).read_text(encoding="utf-8")
        else:
            text = around.secret(settings.key_env) or ""
    except OSError as error:
        raise Misconfigured(f"listeners.appstore.key_file {settings.key_file!r}: {error.strerror}") from None
    except ValueError:
        text = ""
    return AppStoreKey(text.replace("\\n", "\n"), settings.key_id, settings.issuer_id)


LISTENER = AppStoreListener
