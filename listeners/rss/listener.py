"""Feeds: RSS, RDF, Atom and JSON Feed, of forums, reviews, news and blogs.

A feed is a window on what is newest, so that an entry which it no longer shows is not taken for deleted. What
has changed is known by a hash of each entry, because dates often stay as they were; what the server calls
unchanged (`ETag`, `Last-Modified`) is asked for in full now and then, because some servers keep an ETag after
an edit. Older entries are read on the addresses that the feed names as following (RFC 5005).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from domain.errors import Misconfigured, Permanent, Transient
from domain.post import Batch, Cursor, Delete, Gap, Post, Rejected, Upsert
from listeners.api import GONE, TRY_LATER, Api, checked_base_url, host_of, http_client, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.query import Query
from listeners.rss.entries import Told
from listeners.rss.feed import Feed, NotAFeed, joined, read_feed
from listeners.rss.memory import Memory, is_outside, key_of, marks_of
from listeners.rss.posts import first_of, id_of, post_of, told_of
from listeners.values import BadRow, as_network, required
from listeners.walk import NewestFirst, Page
from listeners.wire import Answer

NETWORK = "rss"
MOST_REDIRECTIONS = 3

_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_UNCHANGED = 304
_HEADERS = {
    "User-Agent": "vigie",
    "Accept": "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5",
}


class RssFeed(ListenerSettings):
    """One feed. `network` says what kind of place it tells of; `queries` what is wanted of it, if not all."""

    url: str
    network: str = NETWORK
    language: str = ""
    queries: tuple[str, ...] = ()
    verify_links: bool = False


class RssSettings(ListenerSettings):
    """Feeds. Every `full_every`-th time a feed is fetched whatever its ETag says."""

    feeds: tuple[RssFeed, ...] = ()
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    full_every: int = Field(10, ge=1, le=1000)
    max_requests: int = Field(40, ge=1, le=10000)


class RssListener:
    """One feed. `clock` says when an entry without a date was first heard, and when a post was found gone."""

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "rss"
    Settings: ClassVar[type[ListenerSettings]] = RssSettings

    def __init__(
        self,
        feed: RssFeed,
        *,
        timeout_seconds: float = 20.0,
        full_every: int = 10,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        checked_base_url(feed.url, "https://blog.example/feed.xml")
        try:
            self.posts_network = as_network(feed.network)
        except BadRow as error:
            raise Misconfigured(f"the feed {host_of(feed.url)}: {error}") from None
        self.feed, self.full_every = feed, full_every
        self.clock, self._first_run = clock, timedelta(days=first_run_days)
        self.url, self.key = feed.url, key_of(feed.url)
        self.name = f"{NETWORK}:{self.key}"[:80]
        self._http = client or http_client()
        self.api = Api(self._http, host_of(feed.url), timeout_seconds, clock)

    @classmethod
    def sources(cls, settings: RssSettings, around: Around) -> Iterator[Source]:
        """Every feed; all of it is wanted unless the feed has queries of its own."""
        for feed in settings.feeds:
            listener = cls(
                feed, timeout_seconds=settings.timeout_seconds, full_every=settings.full_every, clock=around.now
            )
            wanted = Query.any_of(map(around.parse, feed.queries)) if feed.queries else None
            budget = Budget(max_requests=settings.max_requests)
            yield Source(listener.name, feed.url, listener, budget, wanted, verifies=feed.verify_links)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        run = _Run(self, query, Memory.read(cursor), Meter(budget), bool((cursor or {}).get("walk")))
        for batch in NewestFirst(self.posts_network, run.page, run.meter, self.clock, self._first_run).run(cursor):
            yield replace(batch, cursor_after=run.cursor(batch.cursor_after or {}))

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Where `verify_links` is set: the posts of this feed whose page answers that it is gone (404, 410).

        One request each. Before the first deletion the feed must prove to be there.
        """
        proven = False
        for known in ids if self.feed.verify_links else ():
            link = known.attributes.get("link")
            if known.attributes.get("feed") != self.key or not isinstance(link, str) or not self.may_ask(link):
                continue
            answer, _ = self.fetch(link, {})
            if answer.status_code in TRY_LATER or answer.status_code >= 500:
                raise self.api.refusal(answer, "the page of an entry")
            if answer.status_code in GONE:
                if not proven:
                    self.check()
                    proven = True
                yield Delete(self.posts_network, known.id, self.clock())

    def check(self) -> str:
        """Whether it is a feed."""
        answer, url = self.fetch(self.url, {})
        feed = self.read(answer, url)
        return f"answers; {len(feed.entries)} entries"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored entry. Raises `BadRow`."""
        return required(post_of(raw), "a post")

    # --- requests ------------------------------------------------------------------------------

    def fetch(self, url: str, headers: Mapping[str, str], seconds_left: float | None = None) -> tuple[Answer, str]:
        """The answer behind at most three redirections, and where it stands. Raises `Transient`, `Permanent`."""
        for _ in range(MOST_REDIRECTIONS + 1):
            answer = self.api.ask(url, seconds_left, headers={**_HEADERS, **headers})
            if answer.status_code not in _REDIRECTIONS:
                return answer, url
            target = joined(url, answer.headers.get("location", ""))
            if target is None or not self.may_ask(target):
                raise Permanent(f"{self.api.who} sends on to an address that is none for a feed")
            url = target
        raise Transient(f"{self.api.who} sends on more than {MOST_REDIRECTIONS} times")

    def may_ask(self, url: str) -> bool:
        """Whether an address that others wrote may be asked: not inside of this network, unless the feed is there."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        return (
            parts.scheme in ("http", "https") and bool(host) and (host_of(url) == host_of(self.url) or is_outside(host))
        )

    def read(self, answer: Answer, url: str) -> Feed:
        """Raises `Transient`, `Permanent`."""
        if not answer.ok:
            raise self.api.refusal(answer, "its feed")
        try:
            return read_feed(answer.content, url, answer.headers.get("content-type", ""))
        except NotAFeed as error:
            raise Transient(f"{self.api.who} answered {error}") from None


# --- one run ---------------------------------------------------------------------------------------


class _Run:
    """One pull. `was_underway`: it begins in the middle, so that the server must not say "unchanged"."""

    def __init__(self, listener: RssListener, url: str, memory: Memory, meter: Meter, was_underway: bool) -> None:
        self._listener, self._url, self._memory, self.meter = listener, url, memory, meter
        self._conditional = not was_underway and memory.waits + 1 < listener.full_every
        self._shown: dict[str, str] = {}
        self._marks: Mapping[str, str] | None = None
        self._unchanged = False

    def page(self, below: str | None, since: datetime) -> Page:
        """One page of the feed; an empty one where nothing has changed."""
        self.meter.requests += 1
        headers = self._memory.conditions() if below is None and self._conditional else {}
        answer, url = self._listener.fetch(below or self._url, headers, self.meter.seconds_left)
        if answer.status_code == _UNCHANGED and headers:
            self._unchanged = True
            return Page(())
        feed = self._listener.read(answer, url)
        if below is None:
            self._marks = marks_of(answer)
        following = feed.following if feed.following and self._listener.may_ask(feed.following) else None
        page = self._told(feed, following)
        if below is None and following is None and self._has_moved_on(page):
            lost = Gap(
                self._listener.posts_network, since, max(since, min(page.times)), "the feed shows only newer ones"
            )
            return replace(page, events=[*page.events, lost])
        return page

    def cursor(self, walk: Cursor) -> dict[str, Any]:
        """To go on from here. What the feed no longer shows is forgotten when a run is at its end."""
        memory = self._memory
        if self._unchanged:
            return {**walk, "feed": replace(memory, waits=memory.waits + 1).as_dict()}
        is_over = walk.get("walk") is None
        entries = self._shown if is_over else {**memory.entries, **self._shown}
        marks = self._marks if is_over and self._marks is not None else {}
        return {**walk, "feed": Memory(entries, marks).as_dict()}

    def _has_moved_on(self, page: Page) -> bool:
        """Whether a feed shows nothing of what it showed before: what lay between was missed."""
        known = self._memory.entries.keys()
        return bool(known and page.times) and known.isdisjoint(self._shown)

    def _told(self, feed: Feed, following: str | None) -> Page:
        events, rejected, ids, times = [], [], [], []
        for entry in feed.entries:
            try:
                raw = self._raw(feed, entry)
                told = told_of(raw)
                if told is None:
                    continue
                id_ = id_of(told, self._listener.key)
                upsert = self._upsert(id_, raw, told)
            except BadRow as error:
                rejected.append(Rejected(self._listener.posts_network, str(error), str(entry)[:10_000]))
                continue
            ids.append(id_)
            times += [moment for moment in (told.published or told.updated,) if moment is not None]
            events += [upsert] if upsert else []
        return Page(events, rejected, ids, times, following)

    def _raw(self, feed: Feed, entry: Any) -> dict[str, Any]:
        listener = self._listener
        return {
            "format": feed.format,
            "network": listener.posts_network,
            "feed": listener.key,
            "language": feed.language or listener.feed.language or None,
            "entry": entry,
        }

    def _upsert(self, id_: str, raw: dict[str, Any], told: Told) -> Upsert | None:
        """The post, if it is new or says something else than before."""
        key, said, before, first = self._memory.compare(id_, raw["entry"])
        raw["first"] = first or first_of(told, self._listener.clock())
        post = post_of(raw)
        self._shown[key] = said if told.published else f"{said} {raw['first']}"
        return Upsert(post, raw) if post is not None and post.text and before != said else None


LISTENER = RssListener
