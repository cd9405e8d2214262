"""What the frames of a Jetstream say, most of them thrown away before they are read.

Both wires are understood: 1 (`/subscribe`, of every Jetstream since 2024) and 2 (`subscribeEvents`, since 2026).
A stream tells of every post of the network, so that a frame must cost little: a look for the collection's name,
a typed decoding that skips what it does not know, a search for the queries' words in the text. Only what may be
wanted is read as a whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.post import Author, AuthorChanged, AuthorGone, Delete, Event, Upsert
from listeners.bluesky.posts import COLLECTION, NETWORK, NO_HANDLE, post_of
from listeners.query import Prefilter, Query
from listeners.values import DEPTH_LIMIT, TEXT_LIMIT, BadRow, clean, parse_time

# Accounts of which nothing may be shown. `throttled` and `desynchronized` speak of a server's troubles.
GONE = frozenset({"deactivated", "deleted", "suspended", "takendown"})

_METHOD = "network.bsky.jetstream.subscribeEvents"
_NAME = b'"' + COLLECTION.encode() + b'"'
_COMMITS = {1: b'"kind":"commit"', 2: b'#commit"'}
_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")


class _Record(msgspec.Struct):
    text: Any = None


class _Commit(msgspec.Struct):
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    cid: str | None = None
    record: _Record | None = None


class _Identity(msgspec.Struct):
    handle: str | None = None


class _Account(msgspec.Struct):
    active: bool = True
    status: str | None = None


class _Frame1(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None
    identity: _Identity | None = None
    account: _Account | None = None


class _Payload(_Commit, rename={"type": "$type", "witnessed_at": "witnessedAt"}):
    type: str = ""
    did: str = ""
    seq: int | None = None
    time: str = ""
    witnessed_at: str = ""
    identity: _Identity | None = None
    account: _Account | None = None
    name: str = ""


class _Frame2(msgspec.Struct, rename={"type": "$type"}):
    type: str
    payload: _Payload | None = None
    error: str = ""


_ANYTHING = msgspec.json.Decoder(Any)


class StreamError(Exception):
    """The server says that the stream ends, and why."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in its stream a frame stands: its number (wire 2), and when the server saw it, in unix microseconds."""

    seq: int | None
    time_us: int

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.time_us / 1e6, UTC)


@dataclass(frozen=True, slots=True)
class _Told:
    """A frame of either wire."""

    kind: str
    did: str
    when: int | str
    commit: _Commit | None
    identity: _Identity | None
    account: _Account | None

    @property
    def at(self) -> datetime:
        """When the server saw it. Raises `BadRow`."""
        if isinstance(self.when, str):
            return parse_time(self.when, "time")
        try:
            return datetime.fromtimestamp(self.when / 1e6, UTC)
        except (OverflowError, ValueError, OSError):
            raise BadRow("time_us is no time") from None


class FrameFilter:
    """The events that frames tell, of posts only what may be wanted: holds no state between frames."""

    def __init__(self, wanted: Query, version: int = 2) -> None:
        self._wanted = wanted
        needles = wanted.needles()
        self._prefilter = Prefilter(needles) if needles else None
        self._commit = _COMMITS[version]
        self._read = self._read_1 if version == 1 else self._read_2
        self._frame_1 = msgspec.json.Decoder(_Frame1)
        self._frame_2 = msgspec.json.Decoder(_Frame2)
        self._version = version

    def events(self, frame: bytes) -> list[Event]:
        """What the frame tells. Raises `BadRow` for what is no frame, `StreamError` for the server's last words.

        New posts are those that the query matches. Edits are told whatever they say: they may take out the
        words by which their post was found, and only who stores posts knows which were.
        """
        if self._commit in frame and _NAME not in frame:
            return []
        told = self._read(frame)
        if told.kind == "commit" and told.commit is not None:
            return list(self._commits(told, told.commit, frame))
        if told.kind == "account" and told.account is not None and not told.account.active:
            return [AuthorGone(NETWORK, told.did, told.at, True)] if told.account.status in GONE else []
        if told.kind == "identity" and told.identity is not None:
            return list(_renamed(told.did, told.identity.handle))
        return []

    def spot(self, frame: bytes) -> Spot | None:
        """Where the frame stands; None for what has no place, or is no frame."""
        try:
            if self._version == 1:
                return Spot(None, self._frame_1.decode(frame).time_us)
            payload = self._frame_2.decode(frame).payload
            if payload is None or payload.seq is None:
                return None
            seen = parse_time(payload.witnessed_at or payload.time, "time")
        except (msgspec.DecodeError, BadRow, RecursionError):
            return None
        return Spot(payload.seq, int(seen.timestamp() * 1_000_000))

    def notice(self, frame: bytes) -> str | None:
        """What the server says of the cursor that it was given: OutdatedCursor or FutureCursor (wire 2)."""
        if self._version == 1 or b'#info"' not in frame:
            return None
        try:
            payload = self._frame_2.decode(frame).payload
        except (msgspec.DecodeError, RecursionError):
            return None
        return payload.name if payload is not None and payload.type.endswith("#info") else None

    # --- one frame -------------------------------------------------------------------------------

    def _read_1(self, frame: bytes) -> _Told:
        told = _decoded(self._frame_1, frame)
        return _Told(told.kind, told.did, told.time_us, told.commit, told.identity, told.account)

    def _read_2(self, frame: bytes) -> _Told:
        told = _decoded(self._frame_2, frame)
        if told.type == "error":
            raise StreamError(told.error[:80])
        payload = told.payload
        if told.type != "message" or payload is None:
            raise BadRow(f"a frame of the type {told.type[:80]!r}")
        kind = payload.type.removeprefix(f"{_METHOD}#")
        return _Told(kind, payload.did, payload.time, payload, payload.identity, payload.account)

    def _commits(self, told: _Told, commit: _Commit, frame: bytes) -> Iterator[Event]:
        if commit.collection != COLLECTION:
            return
        if not _KEY.fullmatch(commit.rkey) or not _KEY.fullmatch(told.did):
            raise BadRow("the commit names no post")
        if commit.operation == "delete":
            yield Delete(NETWORK, f"at://{told.did}/{COLLECTION}/{commit.rkey}", told.at, only_known=True)
        elif commit.operation == "update" or (commit.operation == "create" and self._may_be_wanted(commit)):
            raw = self._whole(told, commit, frame)
            post = post_of(raw)
            if post.text and (post.edited_at is not None or self._wanted.matches(post)):
                yield Upsert(post, raw)

    def _may_be_wanted(self, commit: _Commit) -> bool:
        text = commit.record.text if commit.record is not None else None
        if not isinstance(text, str):
            raise BadRow("record.text is no text")
        return self._prefilter is None or not text or self._prefilter.hits(text)

    def _whole(self, told: _Told, commit: _Commit, frame: bytes) -> dict[str, Any]:
        """What is kept of the frame: the mapper's raw item."""
        message = _decoded(_ANYTHING, frame)
        raw = {
            "did": told.did,
            "rkey": commit.rkey,
            "cid": commit.cid,
            "record": message["commit" if self._version == 1 else "payload"].get("record"),
            "time": told.at.isoformat(),
            "edited": commit.operation == "update",
        }
        if _may_be_unclean(frame):
            clean(raw, "post")
        return raw


def _may_be_unclean(frame: bytes) -> bool:
    """Whether it can hold what `clean` refuses; of most frames that is seen without a look at every value."""
    return b"\\u0000" in frame or len(frame) > TEXT_LIMIT or frame.count(b"{") + frame.count(b"[") > DEPTH_LIMIT


def _decoded(decoder: "msgspec.json.Decoder[Any]", frame: bytes) -> Any:
    try:
        return decoder.decode(frame)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRow(f"no frame of a Jetstream: {str(error)[:200]}") from None


def _renamed(did: str, handle: str | None) -> Iterator[Event]:
    if handle and handle != NO_HANDLE and _KEY.fullmatch(handle):
        yield AuthorChanged(NETWORK, Author(did, handle=handle), only_known=True)
