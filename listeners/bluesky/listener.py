"""Bluesky: its search by polling, and its stream of every post (Jetstream), by the official client atproto.

Signed in with an app password the search shows all its pages; signed out the first one, where the server allows
that at all. Paging is newest first (`listeners/walk.py`). Posts that vanished are found by asking for them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar, Literal

import httpx
from pydantic import Field

from domain.errors import BadInput, Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Gap, Post
from listeners.api import checked_base_url, host_of, http_client, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.bluesky.posts import NETWORK, Views, post_of
from listeners.bluesky.query import parameters, questions
from listeners.bluesky.session import Access, Account
from listeners.bluesky.stream import Jetstream
from listeners.query import Query
from listeners.walk import NewestFirst, Page

PAGE_SIZE = 100
VERIFIED_AT_ONCE = 24  # a question takes 25 addresses, or 25 authors: these and our own account
SIGNED_IN, SIGNED_OUT = "https://bsky.social", "https://public.api.bsky.app"
STREAM = "jetstream"

_SEARCH, _POSTS, _PROFILES = "app.bsky.feed.searchPosts", "app.bsky.feed.getPosts", "app.bsky.actor.getProfiles"
_SESSION = "com.atproto.server.getSession"
_BLOCKS = ("blockedBy", "blocking", "blockedByList", "blockingByList")


class BlueskySettings(ListenerSettings):
    """Bluesky. `search` asks for what the queries name, `jetstream` hears everything and keeps what they name.

    The app password comes from the environment variable named here. `base_url` is where `handle` signs in, or
    without a handle the server that is asked signed out.
    """

    search: bool = False
    handle: str = ""
    password_env: str = ""
    base_url: str = ""
    queries: tuple[str, ...] = ()
    jetstream: str = ""
    jetstream_version: Literal[1, 2] = 2
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)
    posts_a_day: int | None = Field(None, ge=1)


class BlueskyListener:
    """One server, signed in or signed out, and one stream.

    `clock` dates deletions and says how far back a first run goes; `client` makes the requests, where the
    caller has one with guards of its own.
    """

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "bluesky"
    Settings: ClassVar[type[ListenerSettings]] = BlueskySettings

    def __init__(
        self,
        base_url: str,
        account: Account | None = None,
        *,
        jetstream: Jetstream | None = None,
        timeout_seconds: float = 20.0,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        base_url = checked_base_url(base_url, SIGNED_IN)
        self.name = f"{NETWORK}:{host_of(base_url)}"
        self._http = client or http_client()
        self._access = Access(base_url, account, self._http, timeout_seconds, clock)
        self._jetstream = jetstream
        self._first_run = timedelta(days=first_run_days)
        self._clock = clock

    @classmethod
    def sources(cls, settings: BlueskySettings, around: Around) -> Iterator[Source]:
        """A question for every clause of every query, and the stream. Raises `Misconfigured`."""
        if not settings.search and not settings.jetstream:
            return
        queries = tuple(map(around.parse, settings.queries)) or around.queries
        if not queries:
            raise Misconfigured("listeners.bluesky is on and there is nothing to hear: set listeners.queries")
        base_url = checked_base_url(settings.base_url or (SIGNED_IN if settings.handle else SIGNED_OUT), SIGNED_IN)
        wanted = Query.any_of(queries)
        jetstream = _stream(settings, wanted, around.now) if settings.jetstream else None
        listener = cls(
            base_url,
            _account(settings, base_url, around),
            jetstream=jetstream,
            timeout_seconds=settings.timeout_seconds,
            clock=around.now,
        )
        if settings.search:
            yield from _searches(settings, listener, queries)
        if jetstream is not None:
            yield Source(f"{NETWORK} {jetstream.host}", STREAM, listener, wanted=wanted, live=True)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    # --- search ----------------------------------------------------------------------------------

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        if not query.strip():
            raise BadInput("an empty query; give words to search for")
        meter, asked = Meter(budget), parameters(query)

        def page(below: str | None, since: datetime) -> Page:
            return self._page(asked, below, meter, since if cursor else None)

        yield from NewestFirst(NETWORK, page, meter, self._clock, self._first_run).run(cursor)

    def _page(self, asked: Mapping[str, str], below: str | None, meter: Meter, since: datetime | None) -> Page:
        meter.requests += 1
        wanted: dict[str, Any] = {**asked, "limit": min(PAGE_SIZE, max(1, meter.posts_left))}
        wanted |= {} if below is None else {"cursor": below}
        answer = self._access.ask(_SEARCH, wanted, f"the query {asked['q']!r}", meter.seconds_left)
        told = Views.read(self._list(answer, "posts"))
        following = answer.get("cursor")
        following = following if isinstance(following, str) and following not in ("", below) else None
        if following is not None and self._access.account is None:
            following = None
            told.events.extend(self._only_one_page(told, since))
        return Page(told.events, told.rejected, told.ids, told.times, following)

    def _only_one_page(self, told: Views, since: datetime | None) -> Iterator[Gap]:
        oldest = min(told.times, default=None)
        if since is not None and oldest is not None and oldest > since:
            yield Gap(NETWORK, since, oldest, "signed out, the search shows its first page only: set a handle")

    def _list(self, answer: Any, name: str) -> list[Any]:
        found = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise Transient(f"{self._access.host} answered something that is no list of {name}")
        return found

    # --- what is gone ----------------------------------------------------------------------------

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Those that the server no longer shows.

        A post is not taken for gone where its author and the signed-in account block each other: that hides it
        from this account alone.
        """
        rest = (known.id for known in ids if known.id.startswith("at://"))
        while uris := list(islice(rest, VERIFIED_AT_ONCE)):
            posts = self._list(self._access.ask(_POSTS, {"uris": uris}, "posts by their addresses"), "posts")
            alive = {view["uri"] for view in posts if isinstance(view, dict) and isinstance(view.get("uri"), str)}
            if not alive <= set(uris):
                raise Transient(f"{self._access.host} answers with posts that nobody asked for; none is taken for gone")
            missing = [uri for uri in uris if uri not in alive]
            hidden = self._blocked(missing) if missing else frozenset()
            yield from (Delete(NETWORK, uri, self._clock()) for uri in missing if _author(uri) not in hidden)

    def _blocked(self, uris: Sequence[str]) -> frozenset[str]:
        """The authors among those who block this account or are blocked by it.

        The server must show the account itself, to prove that it shows accounts at all.
        """
        own = [self._access.did] if self._access.did is not None else []
        actors = [*own, *dict.fromkeys(map(_author, uris))]
        answer = self._access.ask(_PROFILES, {"actors": actors}, "the authors of posts")
        profiles = [profile for profile in self._list(answer, "profiles") if isinstance(profile, dict)]
        viewed = [(profile.get("did"), profile.get("viewer")) for profile in profiles]
        if not {did for did, _ in viewed if isinstance(did, str)}.issuperset(own):
            raise Transient(f"{self._access.host} does not show its own account; nothing is taken for gone")
        return frozenset(
            did
            for did, viewer in viewed
            if isinstance(did, str) and isinstance(viewer, dict) and any(viewer.get(block) for block in _BLOCKS)
        )

    def check(self) -> str:
        """Whom the session speaks for, or that the server lets itself be searched signed out; and the stream."""
        said = [self._jetstream.check()] if self._jetstream is not None else []
        if self._access.account is not None:
            session = self._access.ask(_SESSION, {}, "the session")
            handle = session.get("handle") if isinstance(session, dict) else None
            return ", ".join([f"signed in as {handle or self._access.account.handle}", *said])
        if self._jetstream is None:
            answer = self._access.ask(_SEARCH, {"q": NETWORK, "limit": 1}, "its search, signed out")
            self._list(answer, "posts")
            said.append("can be searched signed out, first page only")
        return ", ".join(said)

    # --- stream ----------------------------------------------------------------------------------

    def stream(self, query: str, cursor: Cursor | None) -> Iterator[Batch]:
        """Everything that the queries name, as it happens. Raises `Transient`, `Permanent`, `BadInput`."""
        if self._jetstream is None or query != STREAM:
            raise BadInput(f"the stream of Bluesky is called {STREAM!r} and needs listeners.bluesky.jetstream")
        return self._jetstream.stream(cursor)

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post that `raw` tells of. Raises `BadRow`."""
        return post_of(raw)


def _author(uri: str) -> str:
    return uri.removeprefix("at://").partition("/")[0]


def _account(settings: BlueskySettings, base_url: str, around: Around) -> Account | None:
    if not settings.handle:
        return None
    password = around.secret(settings.password_env) if settings.password_env else None
    if not password:
        raise Misconfigured(
            f"listeners.bluesky.handle needs an app password: the environment variable "
            f"{settings.password_env or 'named by listeners.bluesky.password_env'} is empty"
        )
    return Account.of(settings.handle.removeprefix("@"), password, base_url, around.path(".vigie"))


def _stream(settings: BlueskySettings, wanted: Query, now: Callable[[], datetime]) -> Jetstream:
    return Jetstream(settings.jetstream, settings.jetstream_version, wanted, settings.timeout_seconds, clock=now)


def _searches(settings: BlueskySettings, listener: BlueskyListener, queries: Sequence[Query]) -> Iterator[Source]:
    budget = Budget(max_requests=settings.max_requests)
    for words, wanted in questions(queries).items():
        account = f"{listener.name}:{settings.handle.removeprefix('@')}"
        yield Source(listener.name, words, listener, budget, wanted, account=account, posts_a_day=settings.posts_a_day)


LISTENER = BlueskyListener
