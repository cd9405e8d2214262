"""What every listener is, what it may spend, what its settings make, and how listener files are found.

A listener is asked a plain string that it understands: a path for files, an address for feeds, and for
networks that can be searched what it compiled itself out of a query (`listeners/query/`).
"""

import pkgutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

import listeners
from domain.brand import Brand
from domain.errors import Misconfigured
from domain.post import Batch, Cursor, Delete, Post
from listeners.query import Query

_NETWORKS = """
    amazon app_store app-store appstore blog bluesky chat discord discourse email e-mail facebook file forum
    google google_business google_maps google_play google-play google_reviews googleplay hacker_news hackernews
    instagram lemmy linkedin mail mastodon news pinterest pixelfed play_store playstore reddit review reviews rss
    atom sms snapchat stack_exchange stack_overflow stackexchange stackoverflow telegram threads tiktok
    trip_advisor tripadvisor trust_pilot trustpilot twitch twitter web website whatsapp x yelp youtube
"""
KNOWN_NETWORKS = frozenset(_NETWORKS.split())
SAME_NETWORK: Mapping[str, str] = MappingProxyType({"twitter": "x"})


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one pull may take; whichever is reached first ends it. The cursor keeps the place.

    `max_cost` is in the unit of the listener's account. A pull stops before it would go over it.
    """

    max_requests: int = 40
    max_posts: int = 10_000
    deadline_seconds: float = 300.0
    max_cost: float = inf


class Meter:
    """What one pull has taken of its budget so far."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._end = time.monotonic() + budget.deadline_seconds
        self.requests = 0
        self.posts = 0
        self.cost = 0.0

    @property
    def seconds_left(self) -> float:
        """Until the deadline; zero or less when it has passed."""
        return self._end - time.monotonic()

    @property
    def posts_left(self) -> int:
        """How many more posts may be taken."""
        return max(0, self._budget.max_posts - self.posts)

    @property
    def cost_left(self) -> float:
        """How much more may be spent."""
        return max(0.0, self._budget.max_cost - self.cost)

    @property
    def spent(self) -> bool:
        """Whether the pull must end here."""
        budget = self._budget
        return (
            self.requests >= budget.max_requests
            or self.posts >= budget.max_posts
            or self.seconds_left <= 0
            or self.cost >= budget.max_cost
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A stored post, as `verify` needs it. `attributes` are those that the listener itself gave."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class ListenerSettings(BaseModel):
    """A listener's table in `vigie.toml`: no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Around:
    """What a listener's sources are made with, beside its settings.

    `secret` gives the value of a named environment variable, None where there is none; `path` a path of the
    settings. `queries` are those of `[listeners] queries`; a listener with queries of its own hears those.
    """

    brand: Brand
    now: Callable[[], datetime]
    secret: Callable[[str], str | None]
    path: Callable[[str], Path]
    queries: tuple[Query, ...] = ()
    parse: Callable[[str], Query] = Query.everything


class Listener(Protocol):
    """One source of posts. `name` is unique among listeners, `network` is on every post.

    Whoever calls stores a batch and its `cursor_after` in one transaction; a batch without one leaves the
    stored cursor as it is. A pull that starts again from any stored cursor loses nothing: what it tells
    twice is the same post by network and id.

    Errors: `Transient(retry_after)` for what may work later, `Permanent` for what pauses this listener
    (a revoked token), `BadInput` or `Misconfigured` for what a person must mend. No listener sleeps.
    Client libraries are imported when a listener is made, not with its file: every command reads all files.
    """

    network: ClassVar[str]
    section: ClassVar[str]  # its table is [listeners.SECTION]
    Settings: ClassVar[type[ListenerSettings]]

    @property
    def name(self) -> str: ...

    @classmethod
    def sources(cls, settings: Any, around: Around) -> Iterator["Source"]:
        """What its table asks for, with listeners ready to be asked; none where it is off."""
        ...

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """What is new since the cursor, batch by batch."""
        ...

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Which of these posts are gone from their network."""
        ...

    def check(self) -> str:
        """A question that costs nothing: what its access is worth, in a few words. Raises as `pull` does."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A listener that can also be told as things happen."""

    def stream(self, query: str, cursor: Cursor | None) -> Generator[Batch, None, None]:
        """Without end; an empty batch at least every 15 s while nothing happens. Ends with `Transient` when cut off.

        Closing the iterator closes the connection.
        """
        ...


@runtime_checkable
class Remapping(Protocol):
    """A listener whose posts can be drawn again from the stored `Upsert.raw`, after a fault of its mapper."""

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post that `raw` tells of. Raises `BadRow`."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """One question to one listener. `name` and `query` name its cursor.

    Of what it hears only what `wanted` matches is stored. `account` is the credential that it spends;
    `posts_a_day` and `cost_a_day` are what all sources of that account may take in one UTC day, and
    `verify_cost` what it costs to ask for one stored post again.
    `live` sources are streams, heard by `vigie listen` and not by `collect`. `verifies` is False where nobody
    can be asked whether a post is still there.
    """

    name: str
    query: str
    listener: Listener
    budget: Budget = Budget()
    wanted: Query | None = None
    account: str = ""
    posts_a_day: int | None = None
    cost_a_day: float | None = None
    verify_cost: float = 0.0
    live: bool = False
    verifies: bool = True


def find_listeners() -> dict[str, type[Listener]]:
    """The listener class of each network: `LISTENER` in every file of this package that has one.

    Raises `Misconfigured` naming the file when one cannot be imported, or two serve one network.
    """
    found: dict[str, type[Listener]] = {}
    for module in pkgutil.iter_modules(listeners.__path__):
        _add(found, module.name)
    return found


def _add(found: dict[str, type[Listener]], name: str) -> None:
    listener = getattr(_load(name), "LISTENER", None)
    if listener is None:
        return
    network = listener.network
    if network in found:
        raise Misconfigured(f"listeners/{name}.py: the network {network!r} already has a listener")
    found[network] = listener


def _load(name: str) -> object:
    try:
        return import_module(f"listeners.{name}")
    except Exception as error:
        raise Misconfigured(f"listeners/{name}.py cannot be imported: {type(error).__name__}: {error}") from error
