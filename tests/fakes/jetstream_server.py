"""A Jetstream on a real socket: both wires, replay from a cursor, and what goes wrong with streams.

with JetstreamServer(version=2) as server:
    server.post("3k1", "colis perdu")
    server.cut()
    Jetstream(server.url, 2, wanted)
"""

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.sync.server import ServerConnection, serve

from tests.fakes.bluesky_server import ALICE

START_US = 1_793_613_600_000_000  # 2026-11-02 10:00 UTC
FIRST_TIME_CURSOR = 10**15  # smaller ones are numbers
POSTS, LIKES = "app.bsky.feed.post", "app.bsky.feed.like"
METHOD = "network.bsky.jetstream.subscribeEvents"


@dataclass
class Happened:
    """One event: `seq` and `time_us` place it, `frame` is what is sent."""

    seq: int
    time_us: int
    frame: bytes
    collection: str | None


@dataclass
class Refusal:
    """An answer to the handshake instead of a stream."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class JetstreamServer:
    """Events live in `events`. Those with a number below `floor` are no longer replayed. `asked` are the queries."""

    def __init__(self, version: int = 2) -> None:
        self.version = version
        self.events: list[Happened] = []
        self.asked: list[dict[str, str]] = []
        self.refusals: list[Refusal] = []
        self.floor = 0
        self.ignores_cursor = False
        self.next_seq = 1
        self.next_us = START_US
        self.step_us = 1_000_000
        self._news = threading.Condition()
        self._open: set[ServerConnection] = set()

    def __enter__(self) -> Self:
        self._server = serve(self._handle, "127.0.0.1", 0, process_request=self._admit, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._server.shutdown()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    @property
    def listeners(self) -> int:
        """How many connections are open."""
        return len(self._open)

    # --- what happens on the network ---------------------------------------------------------------

    def post(self, rkey: str, text: str = "colis perdu", did: str = ALICE, **changes: Any) -> None:
        """Somebody posts; unknown fields of later versions included."""
        self._commit("create", rkey, did, {"$type": POSTS, "text": text, "langs": ["fr"], "via": "x"} | changes)

    def update(self, rkey: str, text: str, did: str = ALICE) -> None:
        self._commit("update", rkey, did, {"$type": POSTS, "text": text})

    def delete(self, rkey: str, did: str = ALICE) -> None:
        self._commit("delete", rkey, did, None)

    def like(self, rkey: str, did: str = ALICE) -> None:
        subject = {"uri": f"at://{ALICE}/{POSTS}/3k", "cid": "bafyrei"}
        self._commit("create", rkey, did, {"$type": LIKES, "subject": subject}, LIKES)

    def account(self, active: bool, status: str | None = None, did: str = ALICE) -> None:
        self.tell(
            "account", did, None, {"active": active, "did": did, "seq": 9} | ({"status": status} if status else {})
        )

    def identity(self, handle: str | None, did: str = ALICE) -> None:
        self.tell("identity", did, None, {"did": did, "seq": 9} | ({"handle": handle} if handle else {}))

    def pass_time(self, seconds: float) -> None:
        """Nothing happens for so long."""
        self.next_us += int(seconds * 1_000_000)

    def say(self, frame: bytes) -> None:
        """Send exactly this."""
        self._add(frame, None)

    def info(self, name: str) -> bytes:
        """What the server says of a cursor."""
        payload = {"$type": f"{METHOD}#info", "name": name, "message": "…"}
        return json.dumps({"$type": "message", "payload": payload}, separators=(",", ":")).encode()

    def cut(self) -> None:
        """All connections break without a goodbye."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
            self._open.discard(connection)
        with self._news:
            self._news.notify_all()

    def _commit(self, operation: str, rkey: str, did: str, record: Any, collection: str = POSTS) -> None:
        body = {"rev": "3kabc", "operation": operation, "collection": collection, "rkey": rkey}
        if record is not None:
            record["createdAt"] = _iso(self.next_us)
            body |= {"record": record, "cid": f"bafyrei{self.next_seq}"}
        self.tell("commit", did, collection, body)

    def tell(self, kind: str, did: str, collection: str | None, body: dict[str, Any]) -> None:
        """An event of any kind; `body` is what is inside of it."""
        at = _iso(self.next_us)
        if self.version == 1:
            message: dict[str, Any] = {"did": did, "time_us": self.next_us, "kind": kind, kind: body}
        else:
            inside = body if kind == "commit" else {kind: {**body, "time": at}}
            place = {"did": did, "seq": self.next_seq, "time": at, "witnessedAt": at}
            message = {"$type": "message", "payload": {"$type": f"{METHOD}#{kind}", **place, **inside}}
        self._add(json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str).encode(), collection)

    def _add(self, frame: bytes, collection: str | None) -> None:
        with self._news:
            self.events.append(Happened(self.next_seq, self.next_us, frame, collection))
            self.next_seq += 1
            self.next_us += self.step_us
            self._news.notify_all()

    # --- answers -----------------------------------------------------------------------------------

    def _admit(self, _: ServerConnection, request: Request) -> Response | None:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}
        self.asked.append({"path": urlsplit(request.path).path, **asked})
        refusal = self.refusals.pop(0) if self.refusals else None
        cursor = int(asked.get("cursor", -1))
        if self.version == 2 and 0 <= cursor < min(self.floor, FIRST_TIME_CURSOR) and refusal is None:
            body = json.dumps({"error": "CursorTooOld", "message": f"cursor {cursor} is below the floor"})
            refusal = Refusal(400, body.encode(), {"Content-Type": "application/json"})
        if refusal is None:
            return None
        status = HTTPStatus(refusal.status)
        headers = Headers({**refusal.headers, "Content-Length": str(len(refusal.body))})
        return Response(status.value, status.phrase, headers, refusal.body)

    def _handle(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        try:
            for frame in self._frames(connection):
                connection.send(frame, text=True)
        except (ConnectionClosed, OSError):
            pass  # whoever listened is gone
        finally:
            self._open.discard(connection)

    def _frames(self, connection: ServerConnection) -> Any:
        path = connection.request.path if connection.request is not None else ""
        asked = parse_qs(urlsplit(path).query)
        wanted = asked.get("wantedCollections" if self.version == 1 else "collections", [])
        cursor = int(asked.get("cursor", ["-1"])[0])
        yield from self._notices(cursor)
        number = self._start(cursor)
        while connection in self._open and connection.state is State.OPEN:
            with self._news:
                fresh = self.events[number:]
                number += len(fresh)
                if not fresh:
                    self._news.wait(0.05)
            yield from (event.frame for event in fresh if event.collection is None or event.collection in wanted)

    def _notices(self, cursor: int) -> Any:
        if self.version == 1 or cursor < 0 or self.ignores_cursor:
            return
        if cursor >= FIRST_TIME_CURSOR:
            oldest = next((event for event in self.events if event.seq >= self.floor), None)
            if self.floor and oldest is not None and cursor < oldest.time_us:
                yield self.info("OutdatedCursor")
        elif cursor > self.next_seq:
            yield self.info("FutureCursor")

    def _start(self, cursor: int) -> int:
        if self.ignores_cursor:
            return 0
        if cursor < 0 or (cursor > self.next_seq and cursor < FIRST_TIME_CURSOR):
            return len(self.events)
        for number, event in enumerate(self.events):
            place = event.time_us if cursor >= FIRST_TIME_CURSOR else event.seq
            if event.seq >= self.floor and place >= cursor:
                return number
        return len(self.events)


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def wait_for(condition: Any, seconds: float = 5.0) -> None:
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)
