"""What is remembered of a feed from one pull to the next, and which addresses of others may be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from json import dumps
from typing import Any
from urllib.parse import urlsplit

from domain.errors import BadInput
from domain.post import Cursor
from listeners.api import host_of
from listeners.wire import Answer


@dataclass(frozen=True, slots=True)
class Memory:
    """What the cursor keeps of a feed beside the walk.

    `entries` holds for each entry shown a short hash, and when it was first told where it has no date of
    publication; `waits` counts how often the server said "unchanged" since the feed was last sent.
    """

    entries: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    waits: int = 0

    @classmethod
    def read(cls, cursor: Cursor | None) -> "Memory":
        """Raises `BadInput`."""
        told = (cursor or {}).get("feed") or {}
        try:
            return cls(dict(told.get("entries", {})), dict(told.get("marks", {})), int(told.get("waits", 0)))
        except (AttributeError, TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of a feed is broken ({error!r}); remove it") from error

    def compare(self, id_: str, entry: Any) -> tuple[str, str, str, str]:
        """The entry's key and hash; the hash that was told before, and when it was first told, or empty."""
        key, said = _short_hash(id_), _short_hash(dumps(entry, sort_keys=True, default=str))
        before, _, first = self.entries.get(key, "").partition(" ")
        return key, said, before, first

    def conditions(self) -> dict[str, str]:
        """What makes a server answer 304 where nothing has changed."""
        asked = {"If-None-Match": self.marks.get("etag"), "If-Modified-Since": self.marks.get("last-modified")}
        return {name: value for name, value in asked.items() if value}

    def as_dict(self) -> dict[str, Any]:
        return {"entries": dict(self.entries), "marks": dict(self.marks), "waits": self.waits}


def _short_hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def key_of(url: str) -> str:
    """What a feed is called in ids and names: its address, with a hash for its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{host_of(url)}{parts.path}{f'?{_short_hash(parts.query)[:8]}' if parts.query else ''}"


def marks_of(answer: Answer) -> dict[str, str]:
    """By what the server will know this answer again."""
    given = {name: answer.headers.get(name, "") for name in ("etag", "last-modified")}
    return {name: value for name, value in given.items() if value and len(value) <= 500}


def is_outside(host: str) -> bool:
    """Whether a host is on the public internet, as far as its name says."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.lower().endswith((".localhost", ".local", ".internal"))
