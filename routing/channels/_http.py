"""Channels whose step of no return is one HTTP request: everything before it is `stage`, the request is `hand_over`.

    what happens                                            not idempotent     idempotent by our id
    no connection (name, refused, TLS)                      Unavailable        Unavailable
    silence or a cut once the connection stood              Uncertain          Unanswered
    408 425 429                                             Unavailable, as long as Retry-After says
    401 403, 3xx 404 405                                    Misconfigured      Misconfigured
    any other 4xx                                           Permanent          Permanent
    5xx                                                     Uncertain          Unanswered

A channel that knows its provider's codes better says so first (`judge`): a bad address, a closed window.
Error texts hold the provider's host and the status, never an address, a credential or a text.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.errors import BadInput, Misconfigured, Permanent, Transient, Uncertain, VigieError
from listeners.api import TRY_LATER, checked_base_url, host_of, http_client
from listeners.waits import DEFAULT_WAIT_SECONDS, wait_seconds
from listeners.wire import Answer, NoAnswer, fetch
from routing.channels.base import Channel, Delivery, Handed, Unanswered, Unavailable

Judge = Callable[[Answer], VigieError | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One request that is ready to go. `options` are those of httpx: json, data, content, headers, auth, params."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Provider:
    """Whom requests go to. `section` is the table of its settings; `base_url` has no slash at its end."""

    section: str
    base_url: str
    timeout_seconds: float
    now: Callable[[], datetime]
    idempotent: bool = False

    @classmethod
    def at(
        cls, section: str, base_url: str, timeout_seconds: float, now: Callable[[], datetime], idempotent: bool = False
    ) -> "Provider":
        """A provider whose address was looked at. Raises Misconfigured."""
        try:
            checked = checked_base_url(base_url, "https://api.example.org")
        except Misconfigured as error:
            raise Misconfigured(f"{section}.base_url: {error}") from None
        return cls(section, checked, timeout_seconds, now, idempotent)

    @property
    def who(self) -> str:
        """The provider's host, for messages."""
        return host_of(self.base_url)

    def ask(self, call: Call, judge: Judge | None = None) -> Answer:
        """A request that changes nothing, such as a check of the access. Raises Unavailable, Misconfigured …"""
        try:
            answer = self._fetch(call)
        except NoAnswer as error:
            raise Unavailable(f"{self.who} {error}") from None
        if answer.ok:
            return answer
        if answer.status_code >= 500:
            raise Unavailable(f"{self.who} is in trouble ({answer.status_code})", self._wait(answer))
        raise (judge and judge(answer)) or self.refusal(answer)

    def send(self, call: Call, judge: Judge | None = None) -> Answer:
        """The request that counts, made once; the answer is a good one."""
        try:
            answer = self._fetch(call)
        except NoAnswer as error:
            if error.unsent:
                raise Unavailable(f"{self.who} {error}") from None
            raise self._unknown(f"{self.who} {error}") from None
        if answer.ok:
            return answer
        raise (judge and judge(answer)) or self.refusal(answer)

    def refusal(self, answer: Answer) -> VigieError:
        """What a bad status means where the channel does not know better."""
        status = answer.status_code
        if status in TRY_LATER:
            wait = self._wait(answer)
            return Unavailable(f"{self.who} asks to wait ({status})", DEFAULT_WAIT_SECONDS if wait is None else wait)
        if status in (401, 403):
            return Misconfigured(f"{self.who} refuses our credentials ({status}): see {self.section}")
        if 300 <= status < 400 or status in (404, 405):
            return Misconfigured(f"{self.who} does not know this address ({status}): see {self.section}.base_url")
        if status >= 500:
            return self._unknown(f"{self.who} is in trouble ({status})", self._wait(answer))
        return Permanent(f"{self.who} refused the message ({status})")

    def _fetch(self, call: Call) -> Answer:
        with http_client() as client:  # no connection is kept, so that none can have gone stale
            return fetch(client, call.url, self.timeout_seconds, call.method, **call.options)

    def _wait(self, answer: Answer) -> float | None:
        return wait_seconds(answer.headers, self.now())

    def _unknown(self, words: str, retry_after: float | None = None) -> Transient | Uncertain:
        return Unanswered(words, retry_after) if self.idempotent else Uncertain(words)


class HttpChannel(Channel):
    """A channel whose handing over is one request to its provider."""

    _provider: Provider

    @property
    def hand_over_seconds(self) -> float:
        """One request."""
        return self._provider.timeout_seconds


@dataclass(frozen=True, slots=True)
class StagedCall:
    """A request that waits for the last word. `taken` reads the provider's name for the message from its answer."""

    provider: Provider
    call: Call
    taken: Callable[[Answer], str]
    judge: Judge | None = None

    def hand_over(self) -> Handed:
        """Make the request, once."""
        return Handed(self.taken(self.provider.send(self.call, self.judge))[:300])


def told(answer: Answer) -> Mapping[str, Any]:
    """The JSON object of an answer; empty where there is none (a good status is enough to have been taken)."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def json_of(delivery: Delivery) -> Any:
    """The JSON of a delivery. Raises BadInput for what is none."""
    try:
        return json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise BadInput("the delivery is no JSON") from None


def moment(text: str) -> datetime | None:
    """`2026-11-16T09:30:00.000Z`, also with a space before its zone; a time without zone is UTC, None is no time."""
    try:
        found = datetime.fromisoformat(text.replace(" +0000", "Z"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def text_at(body: Any, *path: str | int) -> str:
    """The word at a place of a JSON body such as `text_at(body, "messages", 0, "id")`, "" where there is none."""
    for step in path:
        if isinstance(step, int) and isinstance(body, list) and -len(body) <= step < len(body):
            body = body[step]
        elif isinstance(step, str) and isinstance(body, Mapping):
            body = body.get(step)
        else:
            return ""
    return str(body) if isinstance(body, str | int) and not isinstance(body, bool) else ""
