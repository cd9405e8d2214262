"""One bounded HTTP request: a deadline for the whole answer, a cap on its size.

A socket's time-out begins anew with every byte, so that a server that sends one byte a second holds its
client for ever. Here the whole exchange has one deadline.
"""

import json
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

LARGEST_ANSWER_BYTES = 20 * 1024 * 1024
_GRACE_SECONDS = 0.05


class NoAnswer(Exception):
    """The exchange did not come to its end; the message says why, without address or credentials.

    `unsent`: there was not even a connection, so nobody can have read the request.
    """

    def __init__(self, message: str, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Its shape is the part of `requests.Response` that the networks' clients use."""

    status_code: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for; redirections are not followed, so they are not."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The parsed body. Raises `ValueError`, for too much depth as well."""
        try:
            return json.loads(self.content)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def fetch(client: httpx.Client, url: str, seconds: float, method: str = "GET", **options: Any) -> Answer:
    """Ask for `url` within so many seconds, from the look-up of the name to the last byte. Raises `NoAnswer`.

    It runs in a thread of its own, which is left to end by itself when it overruns: nothing else bounds the
    look-up of a name, or headers that come byte by byte.
    """
    end = time.monotonic() + seconds
    results: queue.SimpleQueue[Answer | NoAnswer] = queue.SimpleQueue()

    def work() -> None:
        results.put(_exchange(client, method, url, end, options))

    threading.Thread(target=work, daemon=True, name="listener-request").start()
    try:
        result = results.get(timeout=seconds + _GRACE_SECONDS)
    except queue.Empty:
        raise NoAnswer("did not answer in time") from None
    if isinstance(result, NoAnswer):
        raise result
    return result


def _exchange(client: httpx.Client, method: str, url: str, end: float, options: dict[str, Any]) -> Answer | NoAnswer:
    left = max(end - time.monotonic(), _GRACE_SECONDS)
    try:
        with client.stream(method, url, timeout=left, follow_redirects=False, **options) as response:
            body = _body(response, end)
            return Answer(response.status_code, body, response.headers, response.reason_phrase)
    except NoAnswer as error:
        return error
    except (httpx.ConnectTimeout, httpx.PoolTimeout):
        return NoAnswer("did not answer in time", unsent=True)
    except httpx.TimeoutException:
        return NoAnswer("did not answer in time")
    except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        return NoAnswer(f"broke off ({type(error).__name__})", unsent=True)
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError, ValueError) as error:
        return NoAnswer(f"broke off ({type(error).__name__})")


def _body(response: httpx.Response, end: float) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > LARGEST_ANSWER_BYTES:
            raise NoAnswer(f"answered more than {LARGEST_ANSWER_BYTES // 2**20} MB")
        if time.monotonic() > end:
            raise NoAnswer("did not finish its answer in time")
        parts.append(part)
    return b"".join(parts)
