"""Bluesky's stream of every post, by Jetstream (github.com/bluesky-social/jetstream), from any cursor on.

    cursor = {"version": 1, "wire": 2, "host": "jetstream…", "seq": 81, "time_us": 1795321234000000}

The client of the official library sleeps between its own reconnects and hands frames to a callback; here a
broken connection ends the stream with `Transient`, and whoever listens comes back with the stored cursor. Replay
begins with the cursor's own event: some events come twice, none is lost. Numbers (`seq`) are one server's own:
towards another server, or one that no longer knows the number, the time is the cursor.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from domain.errors import BadInput, Misconfigured, Transient, VigieError
from domain.post import Batch, Cursor, Event, Gap, Rejected
from listeners.api import host_of, refusal, utc_now
from listeners.bluesky.frames import FrameFilter, Spot, StreamError
from listeners.bluesky.posts import COLLECTION, NETWORK, rejection
from listeners.query import Query
from listeners.values import BadRow
from listeners.wire import Answer

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

CURSOR_VERSION = 1
REWIND = timedelta(seconds=5)  # server clocks differ, and one server's times are not strictly in order
KEPT_BY_WIRE_1 = timedelta(hours=24)  # the least that its servers keep; what is older they leave out in silence
CLOSE_SECONDS = 0.2
SMALLEST_GAP = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
LARGEST_FRAME_BYTES = 2**20
LARGEST_MESSAGE_BYTES = 16 * 2**20

_PATHS = {1: "/subscribe", 2: "/xrpc/network.bsky.jetstream.subscribeEvents"}
_FILTERS: dict[int, list[tuple[str, str]]] = {
    1: [("wantedCollections", COLLECTION)],
    2: [("collections", COLLECTION), *(("kinds", kind) for kind in ("commit", "identity", "account"))],
}


@dataclass(frozen=True, slots=True)
class Pace:
    """When a batch is handed on: so many events, so many seconds after its first one, or after none at all.

    A stream without a single frame for `silent_seconds` counts as cut off.
    """

    events: int = 500
    seconds: float = 2.0
    idle_seconds: float = 10.0
    silent_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class _Place:
    """What has been handed on of a stream."""

    host: str
    wire: int
    spot: Spot

    def cursor(self) -> dict[str, Any]:
        spot = {"seq": self.spot.seq, "time_us": self.spot.time_us}
        return {"version": CURSOR_VERSION, "wire": self.wire, "host": self.host, **spot}

    @classmethod
    def read(cls, cursor: Cursor | None) -> "_Place | None":
        """Where the stored cursor stands, None without one. Raises `BadInput`."""
        if not cursor:
            return None
        try:
            seq = None if cursor["seq"] is None else int(cursor["seq"])
            place = cls(str(cursor["host"]), int(cursor["wire"]), Spot(seq, int(cursor["time_us"])))
            place.spot.at  # noqa: B018  raises where it is no time
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise BadInput(f"the stored cursor of a stream is broken ({error!r}); remove it") from error
        return place


class _OtherArchive(Exception):
    """The server does not have the number of the cursor; its time may do. `is_lost`: but it leaves a gap."""

    def __init__(self, is_lost: bool) -> None:
        super().__init__()
        self.is_lost = is_lost


@dataclass(slots=True)
class _Gathering:
    """The batch that is being filled. `lost_since` is set while something is missing and nobody knows until when."""

    frames: FrameFilter
    pace: Pace
    place: _Place | None
    lost_since: datetime | None = None
    events: list[Event] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    last: bytes = b""
    due: float = field(init=False)
    heard: float = field(init=False)

    def __post_init__(self) -> None:
        self.heard = time.monotonic()
        self.due = self.heard + self.pace.idle_seconds

    @property
    def is_due(self) -> bool:
        return len(self.events) >= self.pace.events or time.monotonic() >= self.due

    @property
    def is_silent(self) -> bool:
        return time.monotonic() - self.heard > self.pace.silent_seconds

    def add(self, frame: bytes) -> None:
        """Raises `StreamError`."""
        self.heard = time.monotonic()
        is_first = not self.events and not self.rejected
        if self.lost_since is not None:
            self._tell_gap(frame, self.lost_since)
        try:
            if len(frame) > LARGEST_FRAME_BYTES:
                raise BadRow(f"a frame of {len(frame):,} bytes; at most {LARGEST_FRAME_BYTES:,} are read")
            self.events += self.frames.events(frame)
        except BadRow as error:
            self.rejected.append(rejection(str(error), frame))
        self.last = frame
        if is_first and (self.events or self.rejected):
            self.due = self.heard + self.pace.seconds

    def _tell_gap(self, frame: bytes, since: datetime) -> None:
        """The first event after a cursor that is too old shows how much is missing."""
        spot = self.frames.spot(frame)
        if spot is None:
            return
        self.lost_since = None
        if spot.at - since > SMALLEST_GAP:
            self.events.append(Gap(NETWORK, since, spot.at, "the stream no longer has what is older"))

    def take(self, host: str, wire: int) -> Batch:
        """What was gathered, and the cursor behind it, which never goes back."""
        spot = self.frames.spot(self.last) if self.last else None
        if spot is not None and (self.place is None or _is_after(spot, self.place.spot)):
            self.place = _Place(host, wire, spot)
        batch = Batch(self.events, self.rejected, None if self.place is None else self.place.cursor())
        self.events, self.rejected, self.last = [], [], b""
        self.due = time.monotonic() + self.pace.idle_seconds
        return batch


def _is_after(spot: Spot, other: Spot) -> bool:
    if spot.seq is not None and other.seq is not None:
        return spot.seq > other.seq
    return spot.time_us >= other.time_us


class Jetstream:
    """One server's stream, of which the posts that `wanted` matches are heard. Holds no connection by itself."""

    def __init__(
        self,
        url: str,
        version: int,
        wanted: Query,
        timeout_seconds: float = 20.0,
        *,
        pace: Pace = Pace(),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not host_of(url):
            raise Misconfigured(f"{url!r} is no stream's address; write it as wss://jetstream.us-east.bsky.network")
        self.host = host_of(url)
        path = parts.path if parts.path not in ("", "/") else _PATHS[version]
        self._url = f"{parts.scheme}://{parts.netloc}{path}"
        self._version, self._timeout_seconds, self._pace, self._clock = version, timeout_seconds, pace, clock
        self._frames = FrameFilter(wanted, version)

    def check(self) -> str:
        """Whether it lets itself be heard. Raises as `stream` does."""
        self._connect(None).close()
        return f"the stream of {self.host} answers"

    def stream(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Without end, from the cursor on or from now. Raises `Transient`, `Permanent`, `BadInput`."""
        place = _Place.read(cursor)
        if place is not None and (place.host, place.wire) != (self.host, self._version):
            place = replace(place, spot=Spot(None, place.spot.time_us))
        lost_since = self._may_be_lost(place) if place is not None else None
        if place is not None and place.spot.seq is not None:
            try:
                yield from self._listen(place, place.spot.seq, None)
            except _OtherArchive as reason:
                place = replace(place, spot=Spot(None, place.spot.time_us))
                lost_since = place.spot.at if reason.is_lost else None
        rewound = None if place is None else max(0, place.spot.time_us - REWIND // MICROSECOND)
        yield from self._listen(place, rewound, lost_since)

    def _may_be_lost(self, place: _Place) -> datetime | None:
        """Servers of wire 1 leave out in silence what they no longer have."""
        is_old = self._version == 1 and self._clock() - place.spot.at > KEPT_BY_WIRE_1
        return place.spot.at if is_old else None

    def _listen(self, place: _Place | None, at: int | None, lost_since: datetime | None) -> Iterator[Batch]:
        gathering = _Gathering(self._frames, self._pace, place, lost_since)
        with closing(self._connect(at)) as connection:
            end: Transient | None = None
            while end is None:
                try:
                    self._hear(connection, gathering)
                except Transient as error:
                    end = error
                if end is not None or gathering.is_due:
                    yield gathering.take(self.host, self._version)
            raise end

    def _hear(self, connection: "ClientConnection", gathering: _Gathering) -> None:
        """Wait for one frame, no longer than the batch can. Raises `Transient` at the end of the stream."""
        from websockets.exceptions import ConnectionClosed

        try:
            frame = connection.recv(timeout=gathering.due - time.monotonic(), decode=False)
            notice = self._frames.notice(frame)
            if notice is None:
                gathering.add(frame)
            elif gathering.place is not None:
                self._note(notice, gathering.place, gathering)
        except TimeoutError:
            if gathering.is_silent:
                raise Transient(f"{self.host} has been silent for too long") from None
        except ConnectionClosed as error:
            raise Transient(f"{self.host} ended the stream ({error.rcvd.code if error.rcvd else 'cut'})") from None
        except StreamError as error:
            raise Transient(f"{self.host} ended the stream ({error})") from None

    def _note(self, notice: str, place: _Place, gathering: _Gathering) -> None:
        if notice == "FutureCursor" and place.spot.seq is not None:
            raise _OtherArchive(is_lost=False)
        if notice in ("FutureCursor", "OutdatedCursor"):
            gathering.lost_since = place.spot.at

    def _connect(self, cursor: int | None) -> "ClientConnection":
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        asked = [*_FILTERS[self._version], ("maxMessageSizeBytes", str(LARGEST_FRAME_BYTES))]
        asked += [] if cursor is None else [("cursor", str(cursor))]
        try:
            return connect(
                f"{self._url}?{urlencode(asked)}",
                subprotocols=[Subprotocol("xrpc.v1.json")] if self._version == 2 else None,
                compression=None,
                user_agent_header="vigie",
                open_timeout=self._timeout_seconds,
                close_timeout=CLOSE_SECONDS,
                max_size=LARGEST_MESSAGE_BYTES,
            )
        except InvalidStatus as error:
            response = error.response
            raise self._refusal(Answer(response.status_code, bytes(response.body or b""), response.headers)) from None
        except (OSError, WebSocketException) as error:
            raise Transient(f"{self.host} cannot be reached ({type(error).__name__})") from None

    def _refusal(self, answer: Answer) -> VigieError | _OtherArchive:
        if answer.status_code == 400 and b'"CursorTooOld"' in answer.content:
            return _OtherArchive(is_lost=True)
        return refusal(answer, self.host, "its stream", self._clock())
