"""What every listener is, what it may spend, and how listener files are found.

A query is a plain string that the listener understands: a path for files; `#hashtag`, `public` or
words to search for on Mastodon.
"""

import pkgutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

import listeners
from domain.errors import Misconfigured
from domain.post import Batch, Cursor, Delete

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
    """The most that one pull may take; whichever is reached first ends it. The cursor keeps the place."""

    max_requests: int = 40
    max_posts: int = 10_000
    deadline_seconds: float = 300.0


class Meter:
    """What one pull has taken of its budget so far."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._end = time.monotonic() + budget.deadline_seconds
        self.requests = 0
        self.posts = 0

    @property
    def seconds_left(self) -> float:
        """Until the deadline; zero or less when it has passed."""
        return self._end - time.monotonic()

    @property
    def spent(self) -> bool:
        """Whether the pull must end here."""
        budget = self._budget
        return self.requests >= budget.max_requests or self.posts >= budget.max_posts or self.seconds_left <= 0


@dataclass(frozen=True, slots=True)
class Known:
    """A stored post, as `verify` needs it. `attributes` are those that the listener itself gave."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Listener(Protocol):
    """One source of posts. `name` is unique among listeners, `network` is on every post.

    Whoever calls stores a batch and its `cursor_after` in one transaction; a batch without one leaves the
    stored cursor as it is. A pull that starts again from any stored cursor loses nothing: what it tells
    twice is the same post by network and id.

    Errors: `Transient(retry_after)` for what may work later, `Permanent` for what pauses this listener
    (a revoked token), `BadInput` or `Misconfigured` for what a person must mend. No listener sleeps.
    """

    @property
    def name(self) -> str: ...

    @property
    def network(self) -> str: ...

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """What is new since the cursor, batch by batch."""
        ...

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Which of these posts are gone from their network."""
        ...


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
