"""Server-sent events, read so that neither a silent nor an endless server holds anybody.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Mastodon.py has a reader for them, too; that one
takes its bytes one by one, ends at the first event that it cannot read, and waits without a limit.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import httpx

from domain.errors import Transient
from listeners.api import refusal
from listeners.wire import Answer

LARGEST_EVENT_BYTES = 1024 * 1024
EVENTS_AT_ONCE = 200
WAITING_EVENTS = 1000
IDLE_SECONDS = 60.0
LONGEST_PUT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """One server-sent event."""

    name: str
    data: bytes


class _Endless(Exception):
    """An event larger than any event is."""


class Feed:
    """One connection, read by a thread of its own. `who` names the server in messages.

    It is over when the server cuts it off, or says nothing for `idle_seconds`, not even a comment.
    """

    def __init__(
        self, client: httpx.Client, url: str, headers: Mapping[str, str], who: str, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._client, self._url, self._headers, self._who = client, url, dict(headers), who
        self._idle_seconds = idle_seconds
        self._items: queue.Queue[Told | httpx.Response | None] = queue.Queue(WAITING_EVENTS)
        self._closed = threading.Event()
        self._over = False
        self._end = "cut its stream off"
        self._response: httpx.Response | None = None
        self._alive_at = time.monotonic()

    def open(self, seconds: float, now: Callable[[], datetime]) -> None:
        """Connect within so many seconds. Raises `Transient`, and what a bad status means."""
        threading.Thread(target=self._read, args=(seconds,), daemon=True, name="listener-stream").start()
        try:
            response = self._items.get(timeout=seconds)
        except queue.Empty:
            raise Transient(f"{self._who} did not open its stream in time") from None
        if not isinstance(response, httpx.Response):
            raise Transient(f"{self._who} {self._end}")
        if response.status_code != httpx.codes.OK:
            raise refusal(Answer(response.status_code, b"", response.headers), self._who, "its stream", now())
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise Transient(f"{self._who} answered something that is no stream")

    def next(self, seconds: float) -> list[Told]:
        """What is told: at once what is there, nothing after so many seconds. Raises `Transient` when it is over."""
        told: list[Told] = []
        try:
            while len(told) < EVENTS_AT_ONCE and not self._over:
                item = self._items.get(timeout=0 if told else seconds)
                if isinstance(item, Told):
                    told.append(item)
                else:
                    self._over = True
        except queue.Empty:
            pass
        if not told and self._over:
            raise Transient(f"{self._who} {self._end}")
        if not told and time.monotonic() - self._alive_at > self._idle_seconds:
            raise Transient(f"{self._who} {self._silence}")
        return told

    def close(self) -> None:
        """End the connection, also in the middle of a wait."""
        self._closed.set()
        stream = self._response.extensions.get("network_stream") if self._response is not None else None
        connection = stream.get_extra_info("socket") if stream is not None else None
        if connection is not None:
            with suppress(OSError):  # the server was quicker
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def _silence(self) -> str:
        return f"said nothing for {self._idle_seconds:g} s"

    def _read(self, seconds: float) -> None:
        asked = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "User-Agent": "vigie"}
        timeout = httpx.Timeout(seconds, read=self._idle_seconds)
        try:
            with self._client.stream(
                "GET", self._url, headers={**self._headers, **asked}, timeout=timeout, follow_redirects=False
            ) as response:
                self._alive_at = time.monotonic()
                self._response = response
                self._put(response)
                if response.is_success and not self._closed.is_set():
                    self._pass_on(response)
        except _Endless:
            self._end = f"told an event of more than {LARGEST_EVENT_BYTES // 2**20} MB"
        except httpx.TimeoutException:
            self._end = self._silence
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, RuntimeError, ValueError) as error:
            self._end = f"cut its stream off ({type(error).__name__})"
        finally:
            self._put(None)

    def _pass_on(self, response: httpx.Response) -> None:
        for told in self._events(response.iter_bytes()):
            self._put(told)
            if self._closed.is_set():
                return

    def _put(self, item: Told | httpx.Response | None) -> None:
        """Wait for room, so that a flood waits with its sender."""
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=LONGEST_PUT_SECONDS)
            except queue.Full:
                continue
            return

    def _events(self, parts: Iterator[bytes]) -> Iterator[Told]:
        name, size = "", 0
        data: list[bytes] = []
        for line in self._lines(parts):
            if not line:
                if data:
                    yield Told(name, b"\n".join(data))
                name, data, size = "", [], 0
                continue
            size += len(line)
            if size > LARGEST_EVENT_BYTES:
                raise _Endless
            field, _, value = line.partition(b":")
            if field == b"event":
                name = value.strip().decode("utf-8", "replace")
            elif field == b"data":
                data.append(value.removeprefix(b" "))

    def _lines(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for part in parts:
            *lines, rest = (rest + part).split(b"\n")
            if len(rest) > LARGEST_EVENT_BYTES:
                raise _Endless
            for line in lines:
                self._alive_at = time.monotonic()
                yield line.removesuffix(b"\r")
