"""What is heard: posts, their authors, and the events that a listener yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

REPOST_PREFIX = "RT @"


@dataclass(frozen=True, slots=True)
class Author:
    """An account on a network. `id` is the network's own and never changes; the handle may."""

    id: str
    handle: str | None = None
    name: str | None = None
    bio: str | None = None
    location: str | None = None
    links: tuple[str, ...] = ()
    followers: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One public post as its network tells it. All times are aware."""

    network: str
    id: str
    text: str
    created_at: datetime
    author: Author | None = None
    url: str | None = None
    lang: str | None = None
    edited_at: datetime | None = None
    reply_to: str | None = None
    conversation: str | None = None
    repost_of: str | None = None
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_repost(self) -> bool:
        """Whether it only passes on what somebody else said."""
        return self.repost_of is not None or self.text.startswith(REPOST_PREFIX)


@dataclass(frozen=True, slots=True)
class Upsert:
    """A post was created or edited. `raw` is what the network told, from which its mapper draws the post again."""

    post: Post
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """A post is gone from its network. It may be heard before the post itself.

    `only_known` is for streams that tell of every deletion on a network, each after its post: one whose post
    was never stored leaves no trace.
    """

    network: str
    id: str
    at: datetime
    only_known: bool = False


@dataclass(frozen=True, slots=True)
class AuthorGone:
    """An account was deleted or suspended; its posts go with it. `only_known` as for `Delete`."""

    network: str
    author_id: str
    at: datetime
    only_known: bool = False


@dataclass(frozen=True, slots=True)
class AuthorChanged:
    """An account has a new handle, name or bio; its id stays. `only_known` as for `Delete`."""

    network: str
    author: Author
    only_known: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """The listener knows that it missed something between two times."""

    network: str
    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that is not what its source promised; kept with the reason."""

    network: str
    reason: str
    raw: str
    line: int | None = None


Event = Upsert | Delete | AuthorGone | AuthorChanged | Gap
Cursor = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step of a listener heard, and where it may go on once this is stored.

    `cursor_after` is None while a newest-first run is incomplete: the old cursor stays valid.
    `cost` is in the unit of the listener's account (requests, quota units, money).
    """

    events: Sequence[Event]
    rejected: Sequence[Rejected] = ()
    cursor_after: Cursor | None = None
    complete: bool = False
    cost: float = 0.0
