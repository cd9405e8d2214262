"""Asking a network's API: bounded requests, and what an answer that is none means for the listener.

`Api` is for listeners that make their own requests; `Recorder` stands in for the `requests` session of a
network's client library, so that the library builds the call and the listener judges the answer itself.
Client libraries hide what is wrong with one item, lose whole pages to it, sleep on rate limits or know no
time-out: here none of that happens.
"""

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from listeners.waits import DEFAULT_WAIT_SECONDS, wait_in_body, wait_seconds
from listeners.wire import Answer, NoAnswer, fetch

TRY_LATER = frozenset({408, 425, 429})
GONE = frozenset({404, 410})
SHORTEST_SECONDS = 0.05


def utc_now() -> datetime:
    """The machine's clock, for a listener that was given none."""
    return datetime.now(UTC)


@cache
def _trusted() -> ssl.SSLContext:
    """The machine's authorities, read once: every listener needs them and reading takes 50 ms."""
    return ssl.create_default_context()


def http_client(kept: int | None = 20) -> httpx.Client:
    """A client for one listener; close it with the listener. `kept` is how many idle connections stay open."""
    return httpx.Client(verify=_trusted(), limits=httpx.Limits(max_keepalive_connections=kept))


def host_of(base_url: str) -> str:
    """Host and port of an address, in lower case; empty where it has none."""
    try:
        return urlsplit(base_url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def checked_base_url(base_url: str, example: str) -> str:
    """The address without a slash at its end. Raises `Misconfigured` when it is none."""
    if not base_url.lower().startswith(("http://", "https://")) or not host_of(base_url):
        raise Misconfigured(f"{base_url!r} is no server's address; write it as {example}")
    return base_url.rstrip("/")


class Api:
    """One server's API. `who` names it in messages; it must hold no secret."""

    def __init__(
        self, client: httpx.Client, who: str, timeout_seconds: float = 20.0, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._client, self.who, self._timeout_seconds, self._now = client, who, timeout_seconds, now

    def ask(self, url: str, seconds_left: float | None = None, method: str = "GET", **options: Any) -> Answer:
        """The answer, whatever its status. Raises `Transient` when there is none in time."""
        seconds = self._timeout_seconds if seconds_left is None else min(self._timeout_seconds, seconds_left)
        try:
            return fetch(self._client, url, max(seconds, SHORTEST_SECONDS), method, **options)
        except NoAnswer as error:
            raise Transient(f"{self.who} {error}") from None

    def get(self, url: str, what: str, seconds_left: float | None = None, **options: Any) -> Any:
        """The JSON of a good answer; `what` says in messages what was asked for. Raises `Transient`, `Permanent`."""
        answer = self.ask(url, seconds_left, **options)
        if not answer.ok:
            raise self.refusal(answer, what)
        return self.json(answer)

    def json(self, answer: Answer) -> Any:
        """The parsed body. Raises `Transient`: what is no JSON is a proxy's page or half an answer."""
        return parsed(answer, self.who)

    def refusal(self, answer: Answer, what: str) -> VigieError:
        """What a bad status means."""
        return refusal(answer, self.who, what, self._now())


def parsed(answer: Answer, who: str) -> Any:
    """The JSON of an answer. Raises `Transient`."""
    try:
        return answer.json()
    except ValueError:
        raise Transient(f"{who} answered something that is not JSON, or only a part of it") from None


def refusal(answer: Answer, who: str, what: str, now: datetime) -> VigieError:
    """What a bad status means: wait, mend the access, or mend the address."""
    status, wait = answer.status_code, wait_seconds(answer.headers, now)
    if wait is None:
        wait = wait_in_body(answer.content, now)
    if status in TRY_LATER:
        return Transient(f"{who} asks to wait ({status})", DEFAULT_WAIT_SECONDS if wait is None else wait)
    if status >= 500:
        return Transient(f"{who} is in trouble ({status})", wait)
    if status in (401, 403):
        return Permanent(f"{who} refuses {what} ({status}): the token is missing, revoked or too narrow")
    if 300 <= status < 400:
        return Permanent(f"{who} has moved ({status}): set base_url to its new address")
    return Permanent(f"{who} does not know {what} ({status})")


class Recorder:
    """Stands in for the `requests.Session` of a client library: bounded, and keeping each answer as it came.

    `methods` are those that the library may use. The library is given the answer itself, or `null` where
    `hides` is set, for libraries whose types break on what they do not know.
    """

    def __init__(self, client: httpx.Client, methods: frozenset[str] = frozenset({"GET"}), hides: bool = False) -> None:
        self._client, self._methods, self._hides = client, methods, hides
        self.headers: dict[str, str] = {}
        self.start(0.0)

    def start(self, seconds: float) -> None:
        """Forget the last answer; the next one has so many seconds."""
        self._seconds = seconds
        self.answer: Answer | None = None
        self.failure: str | None = None

    def request(self, method: str, url: str, **options: Any) -> Answer:
        """What the library calls."""
        if method.upper() not in self._methods:
            raise ValueError(f"a listener only reads, it sends no {method}")
        wanted = {name: value for name, value in options.items() if name in ("params", "headers", "json", "data")}
        headers: Mapping[str, str] = {**self.headers, **(wanted.pop("headers", None) or {})}
        try:
            self.answer = fetch(self._client, url, self._seconds, method.upper(), headers=headers, **wanted)
        except NoAnswer as error:
            self.failure = str(error)
            raise
        return Answer(self.answer.status_code, b"null", reason=self.answer.reason) if self._hides else self.answer
