"""Reviews of the brand's own business units on Trustpilot, by its API. Its webhooks come in by `webhook.py`."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from pydantic import Field

from domain.errors import Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Post, Rejected, Upsert
from listeners.api import GONE, Api, checked_base_url, host_of, http_client, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.trustpilot.reviews import NETWORK, lenient_time, review_post
from listeners.values import BadRow, as_identifier
from listeners.walk import NewestFirst, Page

PAGE_SIZE = 100
RAW_LIMIT = 10_000
BASE_URL = "https://api.trustpilot.com"


class TrustpilotSettings(ListenerSettings):
    """The brand's own business units, by their ids. The API key comes from the environment variable named here.

    `brand` says whose they are, where an installation has several brands.
    """

    units: tuple[str, ...] = ()
    brand: str = ""
    api_key_env: str = ""
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)


class TrustpilotListener:
    """One access to the API; the query is the id of a business unit. `clock` dates deletions."""

    name: ClassVar[str] = NETWORK
    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "trustpilot"
    Settings: ClassVar[type[ListenerSettings]] = TrustpilotSettings

    def __init__(
        self,
        api_key: str,
        base_url: str = BASE_URL,
        *,
        units: Iterable[str] = (),
        timeout_seconds: float = 20.0,
        first_run_days: float = 30.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._base_url = checked_base_url(base_url, BASE_URL)
        self._headers = {"apikey": api_key.strip(), "Accept": "application/json"}
        self._units = tuple(units)
        self._first_run = timedelta(days=first_run_days)
        self._clock = clock
        self._http = client or http_client()
        self._api = Api(self._http, host_of(base_url), timeout_seconds, clock)

    @classmethod
    def sources(cls, settings: TrustpilotSettings, around: Around) -> Iterator[Source]:
        """Every business unit. Raises `Misconfigured` without a key."""
        if not settings.units or settings.brand not in ("", around.brand.id):
            return
        key = (around.secret(settings.api_key_env) if settings.api_key_env else None) or ""
        if not key.strip().isascii() or not key.strip().isprintable() or not key.strip():
            raise Misconfigured("listeners.trustpilot.api_key_env names no environment variable that holds an API key")
        listener = cls(
            key,
            settings.base_url,
            units=settings.units,
            timeout_seconds=settings.timeout_seconds,
            clock=around.now,
        )
        for unit in settings.units:
            yield Source(cls.name, unit, listener, Budget(max_requests=settings.max_requests))

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def check(self) -> str:
        """Whether the key opens the first business unit."""
        for unit in self._units[:1]:
            self._unit(unit)
        return "answers"

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`; what was yielded before may be stored all the same."""
        meter = Meter(budget)

        def page(below: str | None, since: datetime) -> Page:
            return self._page(query, below or "1", meter)

        yield from NewestFirst(NETWORK, page, meter, self._clock, self._first_run).run(cursor)

    def _page(self, unit: str, number: str, meter: Meter) -> Page:
        meter.requests += 1
        asked = {"orderBy": "createdat.desc", "perPage": PAGE_SIZE, "page": number}
        told = self._get(f"business-units/{quote(unit, safe='')}/reviews", unit, meter.seconds_left, asked)
        reviews = told.get("reviews") if isinstance(told, dict) else None
        if not isinstance(reviews, list):
            raise Transient(f"{self._api.who} answered something that is no list of reviews")
        events, rejected = read_reviews(reviews)
        ids = [id_ for id_ in map(_id_of, reviews) if id_ is not None]
        times = [at for at in map(_time_of, reviews) if at is not None]
        # How many a page holds is the server's to say: only an empty one is the end.
        return Page(events, rejected, ids, times, str(int(number) + 1) if reviews else None)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Those that are gone (404, 410), once a business unit has shown that it is Trustpilot who says so."""
        proven = False
        for known in ids:
            answer = self._api.ask(f"{self._base_url}/v1/reviews/{quote(known.id, safe='')}", headers=self._headers)
            if answer.status_code in GONE:
                proven = proven or self._prove()
                yield Delete(NETWORK, known.id, self._clock())
            elif not answer.ok:
                raise self._api.refusal(answer, f"a look at review {known.id}")

    def _prove(self) -> bool:
        for unit in self._units:
            if isinstance(self._unit(unit), dict):
                return True
        raise Transient(f"{self._api.who} does not show the brand's own page; nothing is taken for deleted")

    def _unit(self, unit: str) -> Any:
        return self._get(f"business-units/{quote(unit, safe='')}", unit)

    def _get(
        self, path: str, unit: str, seconds_left: float | None = None, asked: Mapping[str, Any] | None = None
    ) -> Any:
        url, what = f"{self._base_url}/v1/{path}", f"the business unit {unit!r}"
        return self._api.get(url, what, seconds_left, headers=self._headers, params=dict(asked or {}))

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored review, whether the API showed it or a webhook sent it. Raises `BadRow`."""
        post = review_post(raw)
        if post is None:
            raise BadRow("a review without words")
        return post


LISTENER = TrustpilotListener


def read_reviews(reviews: Iterable[Any]) -> tuple[list[Upsert], list[Rejected]]:
    """The good ones and the bad ones; those that say nothing are neither."""
    events, rejected = [], []
    for review in reviews:
        try:
            post = review_post(review)
        except BadRow as error:
            rejected.append(Rejected(NETWORK, str(error), json.dumps(review, default=str)[:RAW_LIMIT]))
        else:
            if post is not None:
                events.append(Upsert(post, review))
    return events, rejected


def _id_of(review: Any) -> str | None:
    try:
        return as_identifier(review.get("id"), "id") if isinstance(review, Mapping) else None
    except BadRow:
        return None


def _time_of(review: Any) -> datetime | None:
    return lenient_time(review.get("createdAt")) if isinstance(review, Mapping) else None
