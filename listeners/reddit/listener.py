"""Reddit by praw: what is new in subreddits, and what its search finds among submissions.

Access needs Reddit's approval (since November 2025), for commercial use a contract; until it is configured this
listener is off. Listings page downwards by `after`, never by `before`, because a deleted anchor breaks that one,
and end after about 1,000 things: what lies below is told as a gap.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

import httpx
from pydantic import Field

from domain.errors import Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Event, Gap
from listeners.api import checked_base_url, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.query import Query
from listeners.reddit import posts as reddit_posts
from listeners.reddit.access import APPROVAL, Access, App
from listeners.reddit.posts import NETWORK, events, fullname, has_no_author, is_gone, written_at
from listeners.reddit.query import Question, listings, searches
from listeners.walk import NewestFirst, Page

PAGE_SIZE = 100
LISTING_ENDS = 900  # Reddit says "about 1,000"
ANCHORS = 3

_FULLNAME = re.compile(r"t[13]_\w+", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]{7,300}")


class RedditSettings(ListenerSettings):
    """An application that Reddit has approved, and what it hears. Secrets come from the variables named here.

    `subreddits` are heard whole; of `filtered_subreddits` only what a query asks for; searches go through
    `search_subreddits`, or all of Reddit.
    """

    client_id: str = ""
    client_secret_env: str = ""
    refresh_token_env: str = ""
    user_agent: str = ""
    subreddits: tuple[str, ...] = ()
    filtered_subreddits: tuple[str, ...] = ()
    search: bool = True
    search_subreddits: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    base_url: str = "https://oauth.reddit.com"
    reddit_url: str = "https://www.reddit.com"
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)

    def app(self, around: Around) -> App:
        """Raises `Misconfigured` for what is missing."""
        missing = [name for name in ("client_id", "client_secret_env", "user_agent") if not getattr(self, name)]
        if missing:
            raise Misconfigured(f"[listeners.reddit] needs {', '.join(missing)}: {APPROVAL}")
        token = self._secret("refresh_token_env", around) if self.refresh_token_env else None
        return App(self.client_id, self._secret("client_secret_env", around), self.user_agent, token)

    def _secret(self, name: str, around: Around) -> str:
        variable: str = getattr(self, name)
        value = around.secret(variable)
        if not value:
            raise Misconfigured(f"[listeners.reddit] {name}: there is no environment variable {variable}")
        return value.strip()

    @property
    def is_on(self) -> bool:
        """Whether anything of it is set."""
        return bool(self.client_id or self.subreddits or self.filtered_subreddits or self.queries)

    def asked(self, queries: tuple[Query, ...]) -> Iterator[tuple[str, Query | None]]:
        """Every question, with what is wanted of the answers."""
        whole = list(listings(self.subreddits))
        yield from ((question, None) for question in whole)
        if not queries:
            return
        wanted = Query.any_of(queries)
        yield from ((question, wanted) for question in listings(self.filtered_subreddits) if question not in whole)
        if self.search:
            yield from searches(queries, self.search_subreddits).items()


class RedditListener:
    """Reddit, for one approved application. `clock` dates deletions and says how far back a first run goes."""

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "reddit"
    Settings: ClassVar[type[ListenerSettings]] = RedditSettings
    name = NETWORK
    remap = staticmethod(reddit_posts.remap)

    def __init__(
        self,
        app: App,
        *,
        base_url: str = "https://oauth.reddit.com",
        reddit_url: str = "https://www.reddit.com",
        timeout_seconds: float = 20.0,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        if not _PRINTABLE.fullmatch(app.user_agent):
            raise Misconfigured("[listeners.reddit] user_agent: write it as server:our-app:v1.0 (by /u/our-name)")
        base_url = checked_base_url(base_url, "https://oauth.reddit.com")
        reddit_url = checked_base_url(reddit_url, "https://www.reddit.com")
        self._access = Access(app, base_url, reddit_url, timeout_seconds, clock, client)
        self._first_run = timedelta(days=first_run_days)
        self._clock = clock

    @classmethod
    def sources(cls, settings: RedditSettings, around: Around) -> Iterator[Source]:
        """Every subreddit and every search, all through one application."""
        if not settings.is_on:
            return
        listener = cls(
            settings.app(around),
            base_url=settings.base_url,
            reddit_url=settings.reddit_url,
            timeout_seconds=settings.timeout_seconds,
            clock=around.now,
        )
        queries = tuple(around.parse(text) for text in settings.queries) or around.queries
        budget = Budget(max_requests=settings.max_requests)
        for question, wanted in settings.asked(queries):
            yield Source(NETWORK, question, listener, budget, wanted, account=f"{NETWORK}:{settings.client_id}")

    def close(self) -> None:
        """Let the connections go."""
        self._access.close()

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        question, meter = Question.read(query), Meter(budget)

        def page(below: str | None, since: datetime) -> Page:
            return self._page(question, query, below, since, meter)

        return NewestFirst(NETWORK, page, meter, self._clock, self._first_run).run(cursor)

    def _page(self, question: Question, query: str, below: str | None, since: datetime, meter: Meter) -> Page:
        """`below` is how many things were above, and the last of them: should one be deleted, the one before helps."""
        seen, *anchors = (below or "0").split()
        things: list[Any] = []
        after, asked = None, 0
        for anchor in anchors or [""]:
            meter.requests += 1
            asked += 1
            parameters = {**dict(question.parameters), "limit": str(PAGE_SIZE)} | ({"after": anchor} if anchor else {})
            told = self._access.get(question.path, parameters, f"{query!r}", meter.seconds_left)
            things, after = _listing(told, self._access.host)
            if things:
                break
        heard, rejected = events(things, self._clock())
        names = [name for name in map(fullname, things) if name is not None]
        times = [moment for moment in map(written_at, things) if moment is not None]
        count = int(seen) + len(things)
        lost = _cut_off(count, since, times) if after is None else []
        last = [name for name in dict.fromkeys([after or "", *reversed(names)]) if _FULLNAME.fullmatch(name)]
        following = " ".join([str(count), *last[:ANCHORS]]) if after is not None and last else None
        return Page([*heard, *lost], rejected, names, times, following, cost=asked)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Of these posts those whose words, or whose author's account, are gone from Reddit; 100 a request.

        Before all posts of a request are taken for gone, Reddit must prove that it shows posts at all.
        """
        waiting, proven = (known for known in ids if _FULLNAME.fullmatch(known.id)), False
        while chunk := list(islice(waiting, PAGE_SIZE)):
            shown = self._shown([known.id for known in chunk])
            proven = proven or bool(shown) or self._prove()
            yield from (Delete(NETWORK, known.id, self._clock()) for known in chunk if _is_lost(known, shown))

    def _shown(self, names: list[str]) -> dict[str, Any]:
        told = self._access.get("/api/info", {"id": ",".join(names)}, "a look at known posts")
        things, _ = _listing(told, self._access.host)
        return {name: thing for thing in things if (name := fullname(thing)) in names and name is not None}

    def _prove(self) -> bool:
        newest, _ = _listing(self._access.get("/r/all/new", {"limit": "1"}, "its newest post"), self._access.host)
        name = fullname(newest[0]) if newest else None
        if name is None or not self._shown([name]):
            raise Transient(f"{self._access.host} shows no post at all; nothing is taken for deleted")
        return True

    def check(self) -> str:
        """Whether the application gets a token and an answer, and how many requests it has left."""
        _listing(self._access.get("/api/info", {"id": "t3_1"}, "a look at one post"), self._access.host)
        left = self._access.requests_left
        return "answers" if left is None else f"answers; {left:.0f} requests left in this window"


def _listing(told: Any, who: str) -> tuple[list[Any], str | None]:
    """The things of a listing, and after which one it goes on. Raises `Transient` when it is none."""
    data = told.get("data") if isinstance(told, dict) and told.get("kind") == "Listing" else None
    things = data.get("children") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(things, list):
        raise Transient(f"{who} answered something that is no list of posts")
    after = data.get("after")
    return things, after if isinstance(after, str) and after else None


def _cut_off(count: int, since: datetime, times: list[datetime]) -> list[Event]:
    """The gap, where a listing ends because it is as long as any gets, and not because there is no more."""
    if count < LISTING_ENDS or not times or min(times) <= since:
        return []
    return [Gap(NETWORK, since, min(times), f"Reddit shows no more than the newest {count} things")]


def _is_lost(known: Known, shown: dict[str, Any]) -> bool:
    """What Reddit does not name at all is gone; so is what it names without words, or without the author it had."""
    thing = shown.get(known.id)
    return thing is None or is_gone(thing) or (has_no_author(thing) and known.attributes.get("account") is not None)


LISTENER = RedditListener
