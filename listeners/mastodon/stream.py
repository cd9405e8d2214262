"""What a server of the Mastodon kind tells as it happens (https://docs.joinmastodon.org/methods/streaming).

    event: update            a status that is new       event: delete      the server's own id of one
    event: status.update     one that was edited        :thump             a sign of life, every 15 s

A stream cannot be taken up where it ended: what was said meanwhile is read from the timeline that shows the
same posts, and the cursor is that timeline's (`listeners/walk.py`).
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from domain.errors import BadInput
from domain.post import Batch, Cursor, Delete, Event, Rejected
from listeners.mastodon.feed import Feed, Told
from listeners.mastodon.query import PUBLIC, PUBLIC_LOCAL
from listeners.mastodon.status import NETWORK, RAW_LIMIT, Statuses, own_id
from listeners.walk import MARK_IDS, Mark, Place

REMEMBERED_IDS = 50_000
QUIET_SECONDS = 10.0

_HASHTAG_CHANNEL = re.compile(r"hashtag:(\w+)")
_TELLS_A_STATUS = frozenset({"update", "status.update"})


@dataclass(frozen=True, slots=True)
class Channel:
    """A stream by its name in the settings: where it is, and the timeline that shows the same posts."""

    path: str
    timeline: str

    @classmethod
    def read(cls, name: str) -> "Channel":
        """`public`, `public:local` or `hashtag:colis`. Raises `BadInput`."""
        if name in (PUBLIC, PUBLIC_LOCAL):
            return cls(f"/api/v1/streaming/{name.replace(':', '/')}", name)
        tag = _HASHTAG_CHANNEL.fullmatch(name)
        if tag is None:
            raise BadInput(f"{name!r} is no stream of a server; give public, public:local or hashtag:name")
        return cls(f"/api/v1/streaming/hashtag?tag={quote(tag[1])}", f"#{tag[1]}")


def streaming_address(instance: Any, base_url: str) -> str | None:
    """Where the server says that it streams (of `/api/v2/instance` or `/api/v1/instance`), as an HTTP address.

    The token goes there: a server that is asked over TLS is streamed over TLS.
    """
    newer = _inside(_inside(instance, "configuration"), "urls").get("streaming")
    named = newer or _inside(instance, "urls").get("streaming_api")
    try:
        parts = urlsplit(named if isinstance(named, str) else "")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        return None
    is_safe = parts.scheme in ("https", "wss") or base_url.startswith("https:")
    return f"{'https' if is_safe else 'http'}://{parts.netloc.rpartition('@')[2]}"


def _inside(value: Any, name: str) -> Mapping[str, Any]:
    inner = value.get(name) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


@dataclass(slots=True)
class Ear:
    """Turns what a stream tells into batches. `moves` says whether they carry the cursor on.

    Deletions name a status by the server's own id only: those of posts that were not heard on this connection
    cannot be named, and are left to `verify`. `uris` keeps the ids of those that were heard.
    """

    host: str
    now: Callable[[], datetime]
    heard_until: datetime | None = None
    moves: bool = True
    uris: dict[str, str] = field(default_factory=dict)
    _newest: deque[str] = field(default_factory=lambda: deque(maxlen=MARK_IDS))

    def opened(self) -> Batch:
        """The first batch of a stream that was never heard before: from here on nothing is missed."""
        self.heard_until = self.now()
        return Batch([], cursor_after=self._cursor(), cost=1)

    def hear(self, feed: Feed, quiet_seconds: float = QUIET_SECONDS) -> Iterator[Batch]:
        """Without end; an empty batch after every `quiet_seconds` of silence. Raises `Transient`."""
        while True:
            yield self.batch(feed.next(quiet_seconds))

    def batch(self, told: list[Told]) -> Batch:
        """Everything that some events tell of posts."""
        events: list[Event] = []
        rejected: list[Rejected] = []
        for event in told:
            if event.name in _TELLS_A_STATUS:
                self._status(event, events, rejected)
            elif event.name == "delete":
                events.extend(self._deletion(event))
        while len(self.uris) > REMEMBERED_IDS:
            del self.uris[next(iter(self.uris))]
        return Batch(events, rejected, self._cursor() if events else None)

    def _status(self, told: Told, events: list[Event], rejected: list[Rejected]) -> None:
        try:
            status = json.loads(told.data)
        except (ValueError, RecursionError):
            rejected.append(Rejected(NETWORK, f"{told.name} is not JSON", repr(told.data[:RAW_LIMIT])))
            return
        page = Statuses([status], self.host, self.uris)
        events.extend(page.events)
        rejected.extend(page.rejected)
        id_ = own_id(status)
        if page.events and id_ is not None and told.name == "update":
            self._newest.appendleft(id_)
            self._move(page.events[-1].post.created_at)

    def _deletion(self, told: Told) -> list[Delete]:
        uri = self.uris.get(told.data.decode("utf-8", "replace").strip().strip('"'))
        return [Delete(NETWORK, uri, self.now(), only_known=True)] if uri is not None else []

    def _move(self, at: datetime) -> None:
        """A post dated in the future must not hide what comes before its day."""
        if at <= self.now() and (self.heard_until is None or at > self.heard_until):
            self.heard_until = at

    def _cursor(self) -> Cursor | None:
        if not self.moves or self.heard_until is None:
            return None
        return Place(Mark(tuple(self._newest), self.heard_until)).cursor()
