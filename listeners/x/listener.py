"""X, by tweepy: recent search, the mentions of the brand's own accounts, and the filtered stream.

Every post and every user that is read costs money, so that nothing is read twice that need not be, and a page is
asked for only where there is enough left for the dearest one (`listeners/x/pull.py`). What is never pushed is asked
again by `verify`: X tells of deletions nobody but its largest customers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import Field

from domain.errors import BadInput, Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Post
from listeners.api import http_client, utc_now
from listeners.base import SAME_NETWORK, Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.query import Query
from listeners.walk import Place
from listeners.x.api import BASE_URL, XApi
from listeners.x.names import Generation
from listeners.x.posts import ID, NETWORK, post_of
from listeners.x.prices import Prices
from listeners.x.pull import Pull, Question, find_account
from listeners.x.query import HANDLE, native
from listeners.x.rules import Rules, rules_of
from listeners.x.stream import STREAM, Limits, Stream, seconds_to_midnight

MENTIONS = "mentions:@"
ASKED_AT_ONCE = 100

_GONE = ("/resource-not-found", "/not-authorized-for-resource")


class XSettings(ListenerSettings):
    """X. Off without `token_env`, the environment variable that holds the app's bearer token.

    Money is in USD; a price is that of one read, as X's price list had it on `prices_read_on`. What may be taken in
    one UTC day (`posts_a_day`, `cost_a_day`) holds for all that the token is used for.
    """

    token_env: str = ""
    base_url: str = BASE_URL
    queries: tuple[str, ...] = ()
    search: bool = True
    mentions: bool = True
    stream: bool = False
    field_names: Generation = "tweet"
    authors: bool = True
    user_ids: dict[str, str] = Field(default_factory=dict)
    posts_a_day: int = Field(500, ge=0, le=10_000_000)
    cost_a_day: float = Field(5.0, ge=0, le=1_000_000)
    verify_a_day: int = Field(200, ge=0, le=10_000_000)
    price_post: float = Field(0.005, ge=0, le=100)
    price_user: float = Field(0.010, ge=0, le=100)
    price_mention: float = Field(0.001, ge=0, le=100)
    prices_read_on: str = "2026-11-21"
    first_run_days: float = Field(1.0, gt=0, le=7)
    page_size: int = Field(100, ge=10, le=100)
    query_characters: int = Field(512, ge=50, le=600)
    rule_characters: int = Field(1024, ge=50, le=2048)
    idle_seconds: float = Field(30.0, gt=0, le=600)
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)


class XListener:
    """One token. `own` are the brand's handles on X, `rules` those of its stream; `clock` dates deletions and runs.

    A query is a search in X's own syntax, `mentions:@handle`, or `stream`.
    """

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "x"
    Settings: ClassVar[type[ListenerSettings]] = XSettings
    name = "x"

    def __init__(
        self,
        token: str,
        settings: XSettings,
        *,
        own: Iterable[str] = (),
        brand: str = "default",
        rules: Iterable[str] = (),
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._own = frozenset(handle.lower() for handle in own)
        self._http = client or http_client()
        self._api = XApi(token, self._http, clock, settings.base_url, settings.field_names, settings.timeout_seconds)
        self._prices = Prices(settings.price_post, settings.price_user, settings.price_mention, settings.authors)
        limits = Limits(settings.posts_a_day, settings.cost_a_day)
        told = Rules(self._api, brand, rules)
        self._stream = Stream(self._api, told, self._prices, limits, self._own, clock, settings.idle_seconds)
        self._verified: tuple[datetime, int] = (clock(), 0)

    # --- what is asked -----------------------------------------------------------------------------

    @classmethod
    def sources(cls, settings: XSettings, around: Around) -> Iterator[Source]:
        """Searches for every query, the mentions of every own account, and one stream of everything."""
        if not settings.token_env:
            return
        token = (around.secret(settings.token_env) or "").strip()
        if not token:
            raise Misconfigured(f"[listeners.x] token_env: there is no environment variable {settings.token_env}")
        queries = tuple(around.parse(text) for text in settings.queries) or around.queries
        rules = rules_of(queries, settings.rule_characters) if settings.stream else ()
        own = _own_handles(around.brand.accounts)
        listener = cls(token, settings, own=own, brand=around.brand.id, rules=rules, clock=around.now)
        for name, query, wanted in cls._asked(settings, queries, own, bool(rules)):
            yield Source(
                name=name,
                query=query,
                listener=listener,
                budget=Budget(max_requests=settings.max_requests),
                wanted=wanted,
                account=f"x:{settings.token_env}",
                posts_a_day=settings.posts_a_day,
                cost_a_day=settings.cost_a_day,
                verify_cost=settings.price_post,
                live=query == STREAM,
            )

    @staticmethod
    def _asked(
        settings: XSettings, queries: tuple[Query, ...], own: tuple[str, ...], streams: bool
    ) -> Iterator[tuple[str, str, Query | None]]:
        if settings.search:
            for query in queries:
                yield from (("x search", text, query) for text in native(query, settings.query_characters))
        if settings.mentions:
            yield from (("x mentions", f"{MENTIONS}{handle}", None) for handle in own)
        if streams:
            yield "x stream", STREAM, Query.any_of(queries)

    # --- the listener ------------------------------------------------------------------------------

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        question = Question(query)
        if query.startswith(MENTIONS):
            handle = query.removeprefix(MENTIONS)
            account = self._known_account(handle, cursor)
            if account is None:
                meter = Meter(budget)
                if meter.spent or meter.cost_left < self._prices.user:
                    return
                account = find_account(self._api, handle, meter)
                cursor = {**(cursor or Place(None).cursor()), "user": account}
                yield Batch((), cursor_after=cursor, cost=self._prices.user)
                budget = _rest(budget, meter, self._prices.user)
            question = Question(query, account)
        elif not query.strip() or query == STREAM:
            raise BadInput(f"{query!r} is no search; give words in X's syntax")
        first_run, size = timedelta(days=self._settings.first_run_days), self._settings.page_size
        pull = Pull(self._api, question, self._prices, budget, size, first_run, self._own, self._clock)
        yield from pull.run(cursor)

    def _known_account(self, handle: str, cursor: Cursor | None) -> str | None:
        """The id of an own account, of the settings or as it was looked up once."""
        given = {name.lstrip("@").lower(): id_ for name, id_ in self._settings.user_ids.items()}
        id_ = given.get(handle.lower()) or (cursor or {}).get("user")
        return id_ if isinstance(id_, str) and ID.fullmatch(id_) else None

    def stream(self, query: str, cursor: Cursor | None) -> Iterator[Batch]:
        """Posts as they match the rules. Its cursor holds when it was last alive, and what this day has taken."""
        if query != STREAM:
            raise BadInput(f"{query!r} is no stream of X")
        yield from self._stream.run(cursor)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Which posts X no longer shows. Each one that it still shows is a read that is paid for.

        Raises `Transient` before it asks for more than `verify_a_day`, counted since this listener was made.
        """
        left = list(ids)
        while left:
            some, left = left[:ASKED_AT_ONCE], left[ASKED_AT_ONCE:]
            asked = {str(known.attributes.get("version_id") or known.id): known.id for known in some}
            asked = {version: id_ for version, id_ in asked.items() if ID.fullmatch(version)}
            if asked:
                self._count_verified(len(asked))
                yield from (Delete(NETWORK, asked[gone], self._clock()) for gone in self._gone(list(asked)))

    def _gone(self, versions: list[str]) -> list[str]:
        answer = self._api.read(
            lambda client: client.get_tweets(versions, tweet_fields=["id"]), "a look at stored posts"
        )
        data, errors = answer.get("data"), answer.get("errors")
        if not isinstance(data, list) and not isinstance(errors, list):
            raise Transient(f"{self._api.host} answered something that is no list of posts")
        shown = {str(item.get("id")) for item in data or () if isinstance(item, Mapping)}
        told = [error for error in errors or () if isinstance(error, Mapping)]
        gone = {str(error.get("resource_id")) for error in told if str(error.get("type")).endswith(_GONE)}
        return [version for version in versions if version in gone - shown]

    def _count_verified(self, count: int) -> None:
        now, (day, before) = self._clock(), self._verified
        before = before if day.astimezone(UTC).date() == now.astimezone(UTC).date() else 0
        if before + count > self._settings.verify_a_day:
            raise Transient(f"verify_a_day: {before} posts of X were looked at again today", seconds_to_midnight(now))
        self._verified = (now, before + count)

    def check(self) -> str:
        """Asks for the rules of the stream, which X gives for nothing."""
        count = len(self._stream.rules.known())
        return f"answers; {count} rules of the stream" if count else "answers"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """Raises `BadRow`."""
        return post_of(raw)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()


def _rest(budget: Budget, meter: Meter, cost: float) -> Budget:
    """What is left of it after the look-up of an account."""
    requests, seconds = budget.max_requests - meter.requests, meter.seconds_left
    return replace(budget, max_requests=requests, deadline_seconds=seconds, max_cost=budget.max_cost - cost)


def _own_handles(accounts: Iterable[str]) -> tuple[str, ...]:
    """The brand's handles on X, without @."""
    found = []
    for account in accounts:
        network, _, handle = account.partition(":")
        name = HANDLE.fullmatch(handle.strip())
        if SAME_NETWORK.get(network.lower(), network.lower()) == NETWORK and name is not None:
            found.append(name[1])
    return tuple(dict.fromkeys(found))


LISTENER = XListener
