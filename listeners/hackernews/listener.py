"""Hacker News: stories and comments found by words through its search (hn.algolia.com/api).

The search shows the newest first and at most 1,000 hits of one question, so that pages are asked for by time
(`created_at_i<=…`); a token `TIME:PAGE` counts pages only within one second. What is gone is told by the
network's own API (github.com/HackerNews/API), item by item.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import Field

from domain.errors import BadInput, Transient
from domain.post import Batch, Cursor, Delete, Post, Rejected, Upsert
from listeners.api import Api, checked_base_url, host_of, http_client, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.forum_query import questions, written
from listeners.hackernews.posts import NETWORK, as_raw, id_of, post_of, time_of
from listeners.query import Clause
from listeners.values import BadRow
from listeners.walk import NewestFirst, Page

PAGE_SIZE = 100
OVERLAP = timedelta(days=1)  # the search knows some comments late; an edit is allowed for two hours

_AUTHOR = re.compile(r"(?:^|\s)author:([\w-]+)")
_BELOW = re.compile(r"\d{9,10}:\d{1,4}")


class HackerNewsSettings(ListenerSettings):
    """Hacker News. Where it is on it hears the common queries; where it has queries, those."""

    on: bool = False
    queries: tuple[str, ...] = ()
    base_url: str = "https://hn.algolia.com/api/v1"
    items_url: str = "https://hacker-news.firebaseio.com/v0"
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)


def words_of(clause: Clause) -> str:
    """An alternative as the search knows it: words, `"phrases"`, `-exclusions`, and `author:NAME` for this file."""
    words = [written(term) for term in clause.must] + [
        f"-{written(term)}" for term in clause.without if not term.prefix
    ]
    if clause.must and "from" in clause.fields:
        words.append(f"author:{clause.fields['from'].removeprefix('@')}")
    return " ".join(words) if clause.must else ""


@dataclass(frozen=True, slots=True)
class _Question:
    """What a compiled query asks for, page by page."""

    words: str
    author: str | None

    @classmethod
    def read(cls, query: str) -> "_Question":
        found = _AUTHOR.search(query)
        return cls(_AUTHOR.sub("", query).strip(), found.group(1) if found else None)

    def params(self, below: str | None, since: datetime) -> dict[str, str]:
        """Of one page. Raises `BadInput` for a token that is none."""
        if below is not None and not _BELOW.fullmatch(below):
            raise BadInput(f"the stored cursor of a listener is broken ({below[:40]!r}); remove it")
        until, _, page = (below or "").partition(":")
        bounds = [f"created_at_i>={int((since - OVERLAP).timestamp())}"] + [f"created_at_i<={until}"] * bool(until)
        return {
            "query": self.words,
            "tags": "(story,comment,poll)" + (f",author_{self.author}" if self.author else ""),
            "numericFilters": ",".join(bounds),
            "hitsPerPage": str(PAGE_SIZE),
            "page": page or "0",
            "advancedSyntax": "true",
            "queryType": "prefixAll",
            "typoTolerance": "false",
            "attributesToHighlight": "",
        }


class HackerNewsListener:
    """The whole of Hacker News. `clock` dates deletions and says how far back a first run goes."""

    name: ClassVar[str] = NETWORK
    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "hackernews"
    Settings: ClassVar[type[ListenerSettings]] = HackerNewsSettings

    def __init__(
        self,
        settings: HackerNewsSettings,
        *,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._search = checked_base_url(settings.base_url, "https://hn.algolia.com/api/v1")
        self._items = checked_base_url(settings.items_url, "https://hacker-news.firebaseio.com/v0")
        self._clock, self._first_run = clock, timedelta(days=first_run_days)
        self._http = client or http_client()
        self._api = Api(self._http, host_of(self._search), settings.timeout_seconds, clock)
        self._items_api = Api(self._http, host_of(self._items), settings.timeout_seconds, clock)

    @classmethod
    def sources(cls, settings: HackerNewsSettings, around: Around) -> Iterator[Source]:
        """Every alternative of every query."""
        if not (settings.on or settings.queries):
            return
        listener = cls(settings, clock=around.now)
        budget = Budget(max_requests=settings.max_requests)
        queries = tuple(map(around.parse, settings.queries)) or around.queries
        for words, wanted in questions(queries, NETWORK, words_of).items():
            yield Source(cls.name, words, listener, budget, wanted=wanted)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        question, meter = _Question.read(query), Meter(budget)

        def page(below: str | None, since: datetime) -> Page:
            meter.requests += 1
            return self._page(question.params(below, since), below, meter.seconds_left)

        yield from NewestFirst(NETWORK, page, meter, self._clock, self._first_run).run(cursor)

    def _page(self, params: dict[str, str], below: str | None, seconds_left: float) -> Page:
        told = self._api.get(f"{self._search}/search_by_date", "its search", seconds_left, params=params)
        hits = told.get("hits") if isinstance(told, Mapping) else None
        if not isinstance(hits, list):
            raise Transient(f"{self._api.who} answered something that is no list of hits")
        events, rejected = _mapped(hits)
        ids = [id_ for id_ in map(id_of, hits) if id_ is not None]
        times = [moment for moment in map(time_of, hits) if moment is not None]
        return Page(events, rejected, ids, times, _below(told.get("nbPages"), times, below))

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Those that the network calls deleted or dead (killed by its users or moderators), or no longer knows.

        One request each. Before the first deletion the network must prove to be itself.
        """
        proven = False
        for known in ids:
            if not known.id.isdecimal():
                continue
            item = self._items_api.get(f"{self._items}/item/{known.id}.json", f"a look at item {known.id}")
            if item is not None and not isinstance(item, Mapping):
                raise Transient(f"{self._items_api.who} answered something that is no item")
            if item is None or item.get("deleted") is True or item.get("dead") is True:
                proven = proven or self._prove()
                yield Delete(NETWORK, known.id, self._clock())

    def _prove(self) -> bool:
        newest = self._items_api.get(f"{self._items}/maxitem.json", "its newest item")
        if isinstance(newest, bool) or not isinstance(newest, int) or newest < 1:
            raise Transient(f"{self._items_api.who} does not answer as Hacker News; nothing is taken for deleted")
        return True

    def check(self) -> str:
        """Whether the search answers; it needs no account."""
        self._page(_Question("", None).params(None, self._clock()), None, 60.0)
        return "answers; needs no account"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored hit. Raises `BadRow`."""
        return post_of(raw)


def _mapped(hits: list[Any]) -> tuple[list[Upsert], list[Rejected]]:
    events, rejected = [], []
    for hit in hits:
        try:
            post = post_of(hit)
            if post.text:
                events.append(Upsert(post, as_raw(hit)))
        except BadRow as error:
            rejected.append(Rejected(NETWORK, str(error), repr(hit)[:10_000]))
    return events, rejected


def _below(pages: Any, times: list[datetime], here: str | None) -> str | None:
    """Where the next page begins: in the second in which this one ends, or on the next page of that second."""
    until, _, number = (here or "").partition(":")
    page = int(number or 0)
    if not times or (isinstance(pages, int) and pages <= page + 1):
        return None
    oldest, newest = int(min(times).timestamp()), int(max(times).timestamp())
    if oldest < newest:
        return f"{oldest}:0"
    return f"{oldest}:{page + 1 if until == str(oldest) else 1}"


LISTENER = HackerNewsListener
