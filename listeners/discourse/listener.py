"""Discourse forums: everything that is said there, or what their search finds.

`/posts.json` shows the newest 50 posts of the whole forum, and with `before` those below a number; until 2025
`before` counted itself in and looked at 50 numbers only, so that a page could be empty though older posts exist.
`/search.json` shows one post a topic and only extracts, at most ten pages of 50, so that each find is asked
for by itself; ten finds are one page here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import Field

from domain.errors import BadInput, Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Event, Post, Rejected, Upsert
from listeners.api import GONE, Api, checked_base_url, host_of, http_client, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.discourse import posts as posts
from listeners.discourse.posts import NETWORK
from listeners.forum_query import questions, written
from listeners.query import Clause, Query
from listeners.values import BadRow
from listeners.walk import NewestFirst, Page
from listeners.wire import Answer

EVERYTHING = "posts"
SEARCH = "search:"
PAGE_SIZE = 50
FINDS_A_PAGE = 10
LAST_SEARCH_PAGE = 10
OVERLAP = timedelta(days=1)

_SECRET = re.compile(r"[!-~]+")
_SHUT = GONE | {403}  # a topic that became private is gone from the public


class DiscourseForum(ListenerSettings):
    """One forum. With `search` its search is asked for each query; without, all that is said there is read."""

    base_url: str
    api_key_env: str = ""
    api_username: str = ""
    queries: tuple[str, ...] = ()
    search: bool = False


class DiscourseSettings(ListenerSettings):
    """Discourse forums."""

    forums: tuple[DiscourseForum, ...] = ()
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)


def words_of(clause: Clause) -> str:
    """An alternative as the search knows it: words, `"phrases"` and `@author`; a beginning stands for itself."""
    words = [written(term) for term in clause.must]
    if "from" in clause.fields:
        words.append(f"@{clause.fields['from'].removeprefix('@')}")
    return " ".join(words)


class DiscourseListener:
    """One forum. `clock` dates deletions and says how far back a first run goes."""

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "discourse"
    Settings: ClassVar[type[ListenerSettings]] = DiscourseSettings

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        api_username: str = "",
        *,
        timeout_seconds: float = 20.0,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._base = checked_base_url(base_url, "https://forum.example")
        if not all(_SECRET.fullmatch(value) for value in (api_key, api_username) if value):
            raise Misconfigured(f"the key or the user for {self._base} holds characters that neither has")
        self._headers = {"Api-Key": api_key, "Api-Username": api_username or "system"} if api_key else {}
        self.name = f"{NETWORK}:{host_of(self._base)}"
        self._clock, self._first_run = clock, timedelta(days=first_run_days)
        self._http = client or http_client()
        self._api = Api(self._http, host_of(self._base), timeout_seconds, clock)

    @classmethod
    def sources(cls, settings: DiscourseSettings, around: Around) -> Iterator[Source]:
        """All that is said on each forum, or every alternative of every query where its search is asked."""
        budget = Budget(max_requests=settings.max_requests)
        for forum in settings.forums:
            key = around.secret(forum.api_key_env) if forum.api_key_env else None
            if forum.api_key_env and not key:
                raise Misconfigured(f"[listeners.discourse] api_key_env: the variable {forum.api_key_env} is not set")
            listener = cls(
                forum.base_url, key, forum.api_username, timeout_seconds=settings.timeout_seconds, clock=around.now
            )
            queries = tuple(map(around.parse, forum.queries)) or around.queries
            if not forum.search:
                wanted = Query.any_of(queries) if queries else None
                yield Source(listener.name, EVERYTHING, listener, budget, wanted=wanted)
                continue
            for words, wanted in questions(queries, NETWORK, words_of).items():
                yield Source(listener.name, f"{SEARCH}{words}", listener, budget, wanted=wanted)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        if query != EVERYTHING and not query.startswith(SEARCH):
            raise BadInput(f"a forum is asked for {EVERYTHING!r} or {SEARCH}WORDS, not {query[:80]!r}")
        meter = Meter(budget)

        def page(below: str | None, since: datetime) -> Page:
            if query == EVERYTHING:
                return self._newest(below, meter)
            return self._found(query.removeprefix(SEARCH), below, since, meter)

        yield from NewestFirst(NETWORK, page, meter, self._clock, self._first_run).run(cursor)

    # --- everything ----------------------------------------------------------------------------

    def _newest(self, below: str | None, meter: Meter) -> Page:
        told = self._get("/posts.json", "its newest posts", meter, {"before": below} if below else {})
        items = told.get("latest_posts") if isinstance(told, Mapping) else None
        if not isinstance(items, list):
            raise Transient(f"{self._api.who} answered something that is no list of posts")
        items = _without_bound(items, below)
        return self._page(items, _next_number(items, below))

    def _page(self, items: Sequence[Any], below: str | None, shown: Sequence[Any] | None = None) -> Page:
        """`items` in full; `shown` are those that the page listed, where that is more."""
        events, rejected = self._mapped(items)
        listed = items if shown is None else shown
        ids = [id_ for id_ in map(posts.id_of, listed) if id_ is not None]
        times = [moment for moment in map(posts.time_of, listed) if moment is not None]
        return Page(events, rejected, ids, times, below)

    def _mapped(self, items: Sequence[Any]) -> tuple[list[Event], list[Rejected]]:
        events: list[Event] = []
        rejected = []
        places = {place: id_ for item in items if (place := posts.place_of(item)) and (id_ := posts.id_of(item))}
        for item in items:
            try:
                events += self._events(item, places)
            except BadRow as error:
                rejected.append(Rejected(NETWORK, str(error), repr(item)[:10_000]))
        return events, rejected

    def _events(self, item: Any, places: Mapping[tuple[str, str], str]) -> list[Event]:
        if not isinstance(item, Mapping) or posts.id_of(item) is None:
            raise BadRow("not a post with an id")
        if posts.is_gone(item):
            return [Delete(NETWORK, posts.key_of(self._base, str(item["id"])), self._clock(), only_known=True)]
        if not posts.is_said(item):
            return []
        parent = posts.parent_of(item)
        raw = posts.as_raw(item, self._base, places.get(parent) if parent else None)
        post = posts.post_of(raw)
        return [Upsert(post, raw)] if post.text else []

    # --- search --------------------------------------------------------------------------------

    def _found(self, words: str, below: str | None, since: datetime, meter: Meter) -> Page:
        number, start = _place(below)
        asked = {"q": f"{words} after:{since - OVERLAP:%Y-%m-%d} order:latest", "page": str(number)}
        told = self._get("/search.json", "its search", meter, asked)
        results = told.get("grouped_search_result") if isinstance(told, Mapping) else None
        if not isinstance(results, Mapping) or not isinstance(told.get("posts"), list) or results.get("error"):
            raise Transient(f"{self._api.who} answered something that is no list of finds")
        finds = told["posts"][start : start + FINDS_A_PAGE]
        items = [item for find in finds if (item := self._whole(find, since, meter)) is not None]
        more = len(told["posts"]) > start + FINDS_A_PAGE
        following = f"{number}:{start + FINDS_A_PAGE}" if more else None
        if not more and results.get("more_full_page_results") and number < LAST_SEARCH_PAGE:
            following = f"{number + 1}:0"
        return self._page(items, following, finds)

    def _whole(self, find: Any, since: datetime, meter: Meter) -> Any:
        """The post of an extract; None for what was told before or is no longer shown."""
        number, written_at = posts.id_of(find), posts.time_of(find)
        if number is None or not number.isdecimal() or written_at is None:
            return find  # its mapper says what is wrong with it
        if written_at < since - OVERLAP:
            return None
        meter.requests += 1
        return self._shown(number, meter.seconds_left)

    def _shown(self, number: str, seconds_left: float | None = None) -> Mapping[str, Any] | None:
        """A post in full, None where the forum does not show it (any more)."""
        answer = self._ask(f"/posts/{number}.json", seconds_left)
        if answer.status_code in _SHUT:
            return None
        if not answer.ok:
            raise self._api.refusal(answer, f"a look at post {number}")
        told = self._api.json(answer)
        if not isinstance(told, Mapping) or posts.id_of(told) != number:
            raise Transient(f"{self._api.who} answered something that is not the post")
        return told

    # --- what is gone, and requests ------------------------------------------------------------

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Of this forum's posts those that it shows as deleted or no longer shows; one request each.

        Before the first deletion the forum must prove to show posts at all.
        """
        proven = False
        for known in ids:
            number = known.attributes.get("number")
            if known.id != posts.key_of(self._base, str(number)) or not str(number).isdecimal():
                continue
            item = self._shown(str(number))
            if item is None or posts.is_gone(item):
                if not proven:
                    self._newest(None, Meter(Budget()))
                    proven = True
                yield Delete(NETWORK, known.id, self._clock())

    def check(self) -> str:
        """Whether the forum shows its posts."""
        shown = self._newest(None, Meter(Budget()))
        return f"answers, {'with a key' if self._headers else 'without a key'}; {len(shown.ids)} newest posts"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored item. Raises `BadRow`."""
        return posts.post_of(raw)

    def _get(self, path: str, what: str, meter: Meter, params: Mapping[str, str]) -> Any:
        meter.requests += 1
        answer = self._ask(path, meter.seconds_left, params=dict(params))
        if not answer.ok:
            raise self._api.refusal(answer, what)
        return self._api.json(answer)

    def _ask(self, path: str, seconds_left: float | None, **options: Any) -> Answer:
        return self._api.ask(f"{self._base}{path}", seconds_left, headers=self._headers, **options)


def _number(item: Any) -> int | None:
    id_ = posts.id_of(item)
    return int(id_) if id_ is not None and id_.isdecimal() else None


def _without_bound(items: list[Any], below: str | None) -> list[Any]:
    """Without the post that the page before ended with, which older versions show again."""
    if below is None or not below.isdecimal() or any((_number(item) or 0) > int(below) for item in items):
        return items
    return [item for item in items if _number(item) != int(below)]


def _next_number(items: Sequence[Any], below: str | None) -> str | None:
    """The number below which the next page lies; of an empty page 50 below, as far as there are numbers."""
    if below is not None and not below.isdecimal():
        raise BadInput(f"the stored cursor of a listener is broken ({below[:40]!r}); remove it")
    numbers = [number for number in map(_number, items) if number is not None]
    lowest = min(numbers, default=0 if below is None else int(below) - PAGE_SIZE)
    return str(lowest) if lowest > 1 else None


def _place(below: str | None) -> tuple[int, int]:
    """The page of the search, and where on it. Raises `BadInput` for a token that is none."""
    number, _, start = (below or "1:0").partition(":")
    if not (number.isdecimal() and start.isdecimal()):
        raise BadInput(f"the stored cursor of a listener is broken ({str(below)[:40]!r}); remove it")
    return int(number), int(start)


LISTENER = DiscourseListener
