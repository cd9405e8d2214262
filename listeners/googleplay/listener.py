"""Reviews of the brand's own apps on Google Play, by the Google Play Developer API.

The API shows only reviews with words that were written or changed in the last week, the last changed first
(developers.google.com/android-publisher/reply-to-reviews, read 2026-11-21).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import Field, field_validator

from domain.errors import BadInput, Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Event, Gap, Post
from listeners.api import utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.google_http import GoogleApi, ServiceAccount, StalePage, from_the_top
from listeners.googleplay import reviews as googleplay_reviews
from listeners.googleplay.reviews import NETWORK, Told, mark_of, time_of
from listeners.values import BadRow, parse_time
from listeners.walk import NewestFirst, Page
from listeners.wire import Answer

BASE_URL = "https://androidpublisher.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
SHOWN_FOR = timedelta(days=7)
PAGE_SIZE = 100
REQUESTS_A_DAY = 24 * 200  # of each app 200 an hour

_PACKAGE = re.compile(r"[A-Za-z]\w*(\.\w+)+", re.ASCII)


class GooglePlaySettings(ListenerSettings):
    """Own apps by their package names. The service account's key is a file, or the text of a variable."""

    packages: tuple[str, ...] = ()
    key_file: str = ""
    key_env: str = ""
    requests_a_day: int = Field(REQUESTS_A_DAY, ge=1)
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)

    @field_validator("packages")
    @classmethod
    def _packages(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for name in given:
            if not _PACKAGE.fullmatch(name):
                raise ValueError(f"{name!r} is no package name, such as com.example.app")
        return given


class GooglePlayListener:
    """One service account. A query is the package name of an app. `clock` dates deletions."""

    name: ClassVar[str] = NETWORK
    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "googleplay"
    Settings: ClassVar[type[ListenerSettings]] = GooglePlaySettings

    def __init__(
        self,
        key: Mapping[str, Any],
        base_url: str = BASE_URL,
        *,
        packages: Iterable[str] = (),
        timeout_seconds: float = 20.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._account = ServiceAccount(key, SCOPE)
        self._api = GoogleApi(
            "androidpublisher",
            "v3",
            base_url,
            lambda seconds: self._account.headers(self._api.client, seconds, clock()),
            timeout_seconds=timeout_seconds,
            now=clock,
            client=client,
        )
        self._packages, self._clock = tuple(packages), clock

    @classmethod
    def sources(cls, settings: GooglePlaySettings, around: Around) -> Iterator[Source]:
        """Every app. Raises `Misconfigured` without a key."""
        if not settings.packages:
            return
        listener = cls(
            _key(settings, around),
            settings.base_url,
            packages=settings.packages,
            timeout_seconds=settings.timeout_seconds,
            clock=around.now,
        )
        for package in settings.packages:
            yield Source(
                cls.name,
                package,
                listener,
                Budget(max_requests=settings.max_requests),
                account=f"{NETWORK}:{package}",
                cost_a_day=settings.requests_a_day,
            )

    def close(self) -> None:
        """Let the connections go."""
        self._api.close()

    def check(self) -> str:
        """Whether the service account may read the reviews of every app; takes one request of each."""
        for package in self._packages:
            self._prove(package)
        return "answers"

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`; what was yielded before may be stored all the same.

        `cursor["asked"]` is when the last whole run began: reviews that Google no longer showed then are a gap.
        """
        meter, began, asked = Meter(budget), self._clock(), _asked(cursor)

        def page(below: str | None, since: datetime) -> Page:
            return self._page(query, below, meter)

        lost: list[Event] = []
        if asked is not None and began - asked > SHOWN_FOR:
            lost.append(Gap(NETWORK, asked, began - SHOWN_FOR, "Google Play shows only the reviews of the last week"))
        for batch in from_the_top(NewestFirst(NETWORK, page, meter, self._clock, SHOWN_FOR), cursor):
            asked = began if batch.complete else asked
            told = {**(batch.cursor_after or {}), "asked": asked and asked.isoformat()}
            gap, lost = (lost, []) if batch.complete else ([], lost)
            yield replace(batch, events=[*batch.events, *gap], cursor_after=told)

    def _page(self, package: str, below: str | None, meter: Meter) -> Page:
        meter.requests += 1
        meter.cost += 1
        answer = self._list(package, below, meter.seconds_left)
        if below is not None and answer.status_code == 400:
            raise StalePage(f"{self._api.who} no longer knows the next page of reviews")
        told = self._told(answer, f"the reviews of {package}")
        reviews = told.get("reviews", [])  # an app without reviews has an empty object
        if not isinstance(reviews, list):
            raise Transient(f"{self._api.who} answered something that is no list of reviews")
        heard = Told(reviews, package)
        paging = told.get("tokenPagination")
        following = paging.get("nextPageToken") if isinstance(paging, dict) else None
        marks = [mark for mark in map(mark_of, reviews) if mark is not None]
        times = [at for at in map(time_of, reviews) if at is not None]
        following = following if isinstance(following, str) and following else None
        return Page(heard.events, heard.rejected, marks, times, following)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Those of the last week that are gone. Google does not promise to show older ones, so none is asked for.

        Before the first deletion the app itself must be shown, so that a lost right is no deletion.
        """
        proven: set[str] = set()
        for known in ids:
            package, at = known.attributes.get("app_id"), _time(known.attributes.get("modified_at"))
            if package not in self._packages or at is None or self._clock() - at >= SHOWN_FOR:
                continue
            if self._is_gone(package, known.id):
                if package not in proven:
                    self._prove(package)
                    proven.add(package)
                yield Delete(NETWORK, known.id, self._clock())

    def _is_gone(self, package: str, id_: str) -> bool:
        answer = self._api.ask(lambda play: play.reviews().get(packageName=package, reviewId=id_))
        if answer.status_code == 404:
            return True
        self._told(answer, f"a look at review {id_}")
        return False

    def _list(self, package: str, token: str | None, seconds_left: float | None, count: int = PAGE_SIZE) -> Answer:
        asked: dict[str, Any] = {"packageName": package, "maxResults": count}
        asked |= {"token": token} if token else {}
        return self._api.ask(lambda play: play.reviews().list(**asked), seconds_left)

    def _prove(self, package: str) -> None:
        self._told(self._list(package, None, None, count=1), f"the reviews of {package}")

    def _told(self, answer: Answer, what: str) -> dict[str, Any]:
        if answer.status_code == 401:
            self._account.forget()
        return self._api.told(answer, what)

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored review. Raises `BadRow`."""
        return googleplay_reviews.review_post(raw)


def _asked(cursor: Cursor | None) -> datetime | None:
    told = (cursor or {}).get("asked")
    try:
        return datetime.fromisoformat(told) if told else None
    except (TypeError, ValueError) as error:
        raise BadInput(f"the stored cursor of a listener is broken ({error!r}); remove it") from error


def _time(value: Any) -> datetime | None:
    try:
        return parse_time(value, "modified_at")
    except BadRow:
        return None


def _key(settings: GooglePlaySettings, around: Around) -> Mapping[str, Any]:
    """The JSON of the service account's key."""
    try:
        if settings.key_file:
            text = around.path(settings.key_file).read_text(encoding="utf-8")
        else:
            text = (around.secret(settings.key_env) if settings.key_env else None) or ""
        if not text.strip():
            raise Misconfigured("listeners.googleplay needs the key of a service account: set key_file or key_env")
        key = json.loads(text)
    except OSError as error:
        raise Misconfigured(f"listeners.googleplay.key_file {settings.key_file!r}: {error.strerror}") from None
    except ValueError:
        raise Misconfigured("the key of listeners.googleplay is not JSON, as Google gives it out") from None
    if not isinstance(key, dict):
        raise Misconfigured("the key of listeners.googleplay is not a service account's, as Google gives it out")
    return key


LISTENER = GooglePlayListener
