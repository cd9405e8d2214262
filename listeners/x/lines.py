"""The lines of an endless answer, read by a thread, so that neither a silent nor a slow server holds anybody."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx

from domain.errors import Transient
from listeners.wire import Answer

LARGEST_LINE_BYTES = 1024 * 1024
LARGEST_REFUSAL_BYTES = 64 * 1024
WAITING_LINES = 1000
LONGEST_PUT_SECONDS = 0.5

_CUT_OFF = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, RuntimeError, ValueError)


class Cut(Transient):
    """The connection is over, or never came to be."""


class Lines:
    """One connection. It is over when the server ends it, or for `idle_seconds` sends no line, not even an empty one.

    `who` names the server in messages.
    """

    def __init__(self, client: httpx.Client, url: str, who: str, idle_seconds: float, **options: Any) -> None:
        self._client, self._url, self._who, self._options = client, url, who, options
        self._idle_seconds = idle_seconds
        self._items: queue.Queue[bytes | Answer | None] = queue.Queue(WAITING_LINES)
        self._closed = threading.Event()
        self._is_over = False
        self._end = "ended its stream"
        self._response: httpx.Response | None = None
        self._alive_at = time.monotonic()

    def open(self, seconds: float) -> Answer:
        """Connect within so many seconds; the head of the answer, with its body where it is a refusal. Raises `Cut`."""
        threading.Thread(target=self._read, args=(seconds,), daemon=True, name="listener-stream").start()
        try:
            answer = self._items.get(timeout=seconds)
        except queue.Empty:
            raise Cut(f"{self._who} did not open its stream in time") from None
        if not isinstance(answer, Answer):
            raise Cut(f"{self._who} {self._end}")
        return answer

    def next(self, seconds: float, most: int) -> list[bytes]:
        """At most so many lines: at once what is there, nothing after so many seconds. Raises `Cut` when it is over."""
        lines: list[bytes] = []
        with suppress(queue.Empty):
            while len(lines) < most and not self._is_over:
                item = self._items.get(timeout=seconds) if not lines else self._items.get_nowait()
                if isinstance(item, bytes):
                    lines.append(item)
                else:
                    self._is_over = True
        if lines:
            return lines
        if self._is_over:
            raise Cut(f"{self._who} {self._end}")
        if time.monotonic() - self._alive_at > self._idle_seconds:
            raise Cut(f"{self._who} said nothing for {self._idle_seconds:g} s")
        return []

    def close(self) -> None:
        """End the connection, also in the middle of a wait."""
        self._closed.set()
        stream = self._response.extensions.get("network_stream") if self._response is not None else None
        connection = stream.get_extra_info("socket") if stream is not None else None
        if connection is not None:
            with suppress(OSError):  # the server was quicker
                connection.shutdown(socket.SHUT_RDWR)

    # --- in the thread -----------------------------------------------------------------------------

    def _read(self, seconds: float) -> None:
        timeout = httpx.Timeout(seconds, read=max(seconds, self._idle_seconds))
        try:
            with self._client.stream(
                "GET", self._url, timeout=timeout, follow_redirects=False, **self._options
            ) as response:
                self._response, self._alive_at = response, time.monotonic()
                body = b"" if response.is_success else _start_of(response)
                self._put(Answer(response.status_code, body, response.headers, response.reason_phrase))
                for line in self._lines(response.iter_bytes()) if response.is_success else ():
                    self._put(line)
                    if self._closed.is_set():
                        return
        except httpx.TimeoutException:
            self._end = "said nothing for too long"
        except _CUT_OFF as error:
            self._end = f"cut its stream off ({type(error).__name__})"
        finally:
            self._put(None)

    def _lines(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for part in parts:
            *lines, rest = (rest + part).split(b"\n")
            if len(rest) > LARGEST_LINE_BYTES:
                raise ValueError("endless line")
            if lines:
                self._alive_at = time.monotonic()
            yield from (line.removesuffix(b"\r") for line in lines)

    def _put(self, item: bytes | Answer | None) -> None:
        """Wait for room, so that a flood waits with its sender."""
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=LONGEST_PUT_SECONDS)
            except queue.Full:
                continue
            return


def _start_of(response: httpx.Response) -> bytes:
    body = b""
    for part in response.iter_bytes():
        body += part
        if len(body) > LARGEST_REFUSAL_BYTES:
            break
    return body
