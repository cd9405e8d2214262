"""The access to X by tweepy, guarded: bounded, never sleeping, its answers judged here, its host and names ours.

tweepy has no time-out, sleeps on rate limits, cannot be given another host and writes tokens into its debug log.
"""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from listeners.api import SHORTEST_SECONDS, Recorder, checked_base_url, host_of, parsed, refusal
from listeners.base import Meter
from listeners.values import BadRow, clean
from listeners.waits import wait_seconds
from listeners.wire import Answer
from listeners.x.names import FIELD_PARAMETERS, Generation, other, sent

if TYPE_CHECKING:
    from tweepy import Client, StreamingClient

    AnyClient = TypeVar("AnyClient", Client, StreamingClient)

BASE_URL = "https://api.x.com"
DETAIL_LIMIT = 300

_TWEEPY_HOST = "https://api.twitter.com"
_SAYS_NOTHING_NEW = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Refused(Permanent):
    """X does not take a question as it is. `parameters` are those that it names."""

    def __init__(self, message: str, parameters: frozenset[str]) -> None:
        super().__init__(message)
        self.parameters = parameters

    @property
    def names_fields(self) -> bool:
        """Whether X does not know the parameter that asks for fields."""
        return not self.parameters.isdisjoint(FIELD_PARAMETERS)


class _Session(Recorder):
    """What tweepy takes for its `requests` session."""

    def __init__(self, client: httpx.Client, base_url: str, generation: Generation, methods: frozenset[str]) -> None:
        super().__init__(client, methods, hides=True)
        self._base_url, self.generation = base_url, generation

    def request(self, method: str, url: str, **options: Any) -> Any:
        """The answer as the context that tweepy enters."""
        params = sent(options.pop("params", None) or {}, self.generation)
        url = self._base_url + url.removeprefix(_TWEEPY_HOST)
        return nullcontext(super().request(method, url, params=params, **options))


class XApi:
    """One token at one server. `generation` is that of the names that are sent: the other where X knows them not."""

    def __init__(
        self,
        token: str,
        http: httpx.Client,
        now: Callable[[], datetime],
        base_url: str = BASE_URL,
        generation: Generation = "tweet",
        timeout_seconds: float = 20.0,
    ) -> None:
        self.base_url = checked_base_url(base_url, BASE_URL)
        if not re.fullmatch(r"[!-~]+", token):
            raise Misconfigured("the token for X holds characters that no token has")
        self.host, self.http, self.token = host_of(self.base_url), http, token
        self._now, self.timeout_seconds = now, timeout_seconds
        self._first_generation = generation
        self._session = _Session(http, self.base_url, generation, frozenset({"GET"}))
        self._client: Client | None = None

    @property
    def generation(self) -> Generation:
        return self._session.generation

    def use_other_names(self) -> bool:
        """Send the other generation of names from now on; False when that was tried already."""
        if self.generation != self._first_generation:
            return False
        self._session.generation = other(self.generation)
        return True

    def read(self, call: "Callable[[Client], object]", what: str, meter: Meter | None = None) -> Mapping[str, Any]:
        """The JSON object that X answers. `what` names the question. Raises `Transient`, `Permanent`, `Refused`."""
        if self._client is None:
            from tweepy import Client

            self._client = self.stands_in(Client(self.token, return_type=dict, wait_on_rate_limit=False), self._session)
        client = self._client
        try:
            return self.judged(lambda: call(client), self._session, what, meter)
        except Refused as error:
            if not error.names_fields or not self.use_other_names():
                raise
        return self.judged(lambda: call(client), self._session, what, meter)

    def rules_client(self) -> "tuple[StreamingClient, _Session]":
        """tweepy's client of the stream's rules, the only thing that is ever written to X."""
        from tweepy import StreamingClient

        session = _Session(self.http, self.base_url, self.generation, frozenset({"GET", "POST"}))
        return self.stands_in(StreamingClient(self.token, return_type=dict), session), session

    @staticmethod
    def stands_in(client: "AnyClient", session: _Session) -> "AnyClient":
        logging.getLogger("tweepy").setLevel(logging.WARNING)  # its debug lines hold the token
        client.session.close()
        client.session = cast("Any", session)
        return client

    def judged(
        self, call: Callable[[], object], session: _Session, what: str, meter: Meter | None = None
    ) -> Mapping[str, Any]:
        """The answer to a call of tweepy's, which is judged here and not there."""
        answer = self._asked(call, session, self.timeout_seconds if meter is None else meter.seconds_left)
        if meter is not None:
            meter.requests += 1
        if not answer.ok:
            raise self.refusal(answer, what)
        told = parsed(answer, self.host)
        if not isinstance(told, Mapping):
            raise Transient(f"{self.host} answered something that is no answer of X")
        return told

    def _asked(self, call: Callable[[], object], session: _Session, seconds_left: float) -> Answer:
        from tweepy.errors import TweepyException

        session.start(min(self.timeout_seconds, max(seconds_left, SHORTEST_SECONDS)))
        try:
            call()
        except (TweepyException, *_SAYS_NOTHING_NEW):
            pass  # the answer itself is judged
        except Exception:
            if session.failure is None:
                raise
        if session.answer is None:
            raise Transient(f"{self.host} {session.failure or 'could not be asked'}")
        return session.answer

    def refusal(self, answer: Answer, what: str) -> VigieError:
        """What a bad status means (docs.x.com/x-api/fundamentals/response-codes-and-errors)."""
        problem = _problem(answer)
        kind, title = str(problem.get("type", "")), str(problem.get("title", ""))
        if answer.status_code == 402 or title == "CreditsDepleted":
            return Permanent(
                f"{self.host}: no credits are left ({answer.status_code}); buy some in X's developer console"
            )
        if kind.endswith("/usage-capped") or title == "UsageCapExceeded":
            return Permanent(
                f"{self.host}: the account's cap is used up ({answer.status_code}: {_detail(problem)}); "
                "raise it in X's console or wait for the next period"
            )
        if kind.endswith("/streaming-connection"):
            wait = wait_seconds(answer.headers, self._now())
            return Transient(f"{self.host}: another connection hears this token's stream already", wait)
        if answer.status_code == 400:
            return Refused(f"{self.host} does not take {what} (400): {_detail(problem)}", _parameters(problem))
        return refusal(answer, self.host, what, self._now())


def _problem(answer: Answer) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) else {}


def _errors(problem: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = problem.get("errors")
    return [error for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else []


def _parameters(problem: Mapping[str, Any]) -> frozenset[str]:
    """The parameters that X says are wrong; it names them as keys or in brackets."""
    told = [error.get("parameters") for error in _errors(problem)]
    keys = {str(name) for parameters in told if isinstance(parameters, Mapping) for name in parameters}
    messages = " ".join(str(error.get("message", "")) for error in _errors(problem))
    return frozenset(keys | set(re.findall(r"parameter \[([\w.]+)\]", messages)))


def _detail(problem: Mapping[str, Any]) -> str:
    """In X's words, on one line."""
    messages = [error.get("message") for error in _errors(problem)] or [problem.get("detail") or problem.get("title")]
    said = "; ".join(message for message in messages if isinstance(message, str)) or "without a reason"
    try:
        return " ".join(str(clean(said[:DETAIL_LIMIT], "detail")).split())
    except BadRow:
        return "without a reason"
