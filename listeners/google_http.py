"""Google's APIs by google-api-python-client: the library builds each call, the listener judges the answer itself.

Left alone the library has no deadline, sleeps between tries, breaks on errors of another shape and writes the
API key into the address, where every log keeps it. Here it never sees an answer, and what opens the access
goes into a header (`X-Goog-Api-Key`, docs.cloud.google.com/docs/authentication/api-keys-use; `Authorization`).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from domain.post import Batch, Cursor
from listeners.api import SHORTEST_SECONDS, checked_base_url, host_of, http_client, parsed, refusal, utc_now
from listeners.waits import DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS, wait_seconds
from listeners.walk import NewestFirst, Place
from listeners.wire import Answer, NoAnswer, fetch

QUOTA_ZONE = "America/Los_Angeles"  # a day of quota ends at midnight there

_DAY_IS_SPENT = frozenset({"dailyLimitExceeded", "quotaExceeded"})
_TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})
_BAD_KEY = frozenset({"API_KEY_INVALID", "keyExpired", "keyInvalid"})
_NOT_SWITCHED_ON = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
_PASSING = frozenset({"backendError", "internalError", "processingFailure"})
_STALE = frozenset({"invalidPageToken"})
_SOMEWHERE = "https://googleapis.invalid/"

Headers = Callable[[float], Mapping[str, str]]  # for a request that has so many seconds


class QuotaSpent(Transient):
    """The day's quota is used up; it comes back at midnight Pacific Time."""


class StalePage(Transient):
    """The network no longer knows where a walk was; what is below must be reached from the newest page again."""


def from_the_top(walk: NewestFirst, cursor: Cursor | None) -> Iterator[Batch]:
    """The walk; once more from its newest page where the network has forgotten the place in the cursor."""
    try:
        yield from walk.run(cursor)
    except StalePage:
        yield from walk.run(Place(Place.read(cursor).since).cursor())


@cache
def _resource(service: str, version: str) -> Any:
    """The library's object for a service. It knows no server and holds no connection: `execute` is given both.

    Reading the library takes 0.8 s, so that it waits for the first question: most commands ask none.
    """
    from googleapiclient.discovery import build

    return build(
        service,
        version,
        http=object(),
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": _SOMEWHERE},
    )


class GoogleApi:
    """One service at one address; `headers` open the access."""

    def __init__(
        self,
        service: str,
        version: str,
        base_url: str,
        headers: Headers,
        *,
        timeout_seconds: float = 20.0,
        now: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        self._base_url = checked_base_url(base_url, f"https://{service}.googleapis.com")
        self.who = host_of(base_url)
        self._service, self._version, self._headers = service, version, headers
        self._timeout_seconds, self._now = timeout_seconds, now
        self.client = client or http_client()

    def ask(self, call: Callable[[Any], Any], seconds_left: float | None = None) -> Answer:
        """The answer to `call(resource)`, whatever its status. Raises `Transient` when there is none in time."""
        seconds = self._timeout_seconds if seconds_left is None else min(self._timeout_seconds, seconds_left)
        exchange = _Exchange(self.client, self._base_url, self._headers, max(seconds, SHORTEST_SECONDS))
        try:
            call(_resource(self._service, self._version)).execute(http=exchange, num_retries=0)
        except NoAnswer as error:
            raise Transient(f"{self.who} {error}") from None
        if exchange.answer is None:
            raise Transient(f"{self.who} could not be asked")
        return exchange.answer

    def told(self, answer: Answer, what: str) -> dict[str, Any]:
        """The object in a good answer; `what` says in messages what was asked for. Raises as `refusal` says."""
        if not answer.ok:
            raise self.refusal(answer, what)
        told = parsed(answer, self.who)
        if not isinstance(told, dict) or "error" in told:
            raise Transient(f"{self.who} answered something that is not what was asked for")
        return told

    def refusal(self, answer: Answer, what: str) -> VigieError:
        """What a bad status means, by Google's own reason where it gives one."""
        told, now = reasons(answer), self._now()
        if told & _STALE:
            return StalePage(f"{self.who} no longer knows the page that comes next in {what}")
        if told & _DAY_IS_SPENT:
            return QuotaSpent(f"{self.who}: the day's quota is used up", until_quota_returns(now))
        if told & _TOO_FAST:
            wait = wait_seconds(answer.headers, now)
            return Transient(f"{self.who} asks to wait", DEFAULT_WAIT_SECONDS if wait is None else wait)
        if told & _PASSING:
            return Transient(f"{self.who} could not work on {what} this time")
        if told & _BAD_KEY:
            return Permanent(f"{self.who} refuses {what}: the API key is wrong, revoked or expired")
        if told & _NOT_SWITCHED_ON:
            return Permanent(f"{self.who} refuses {what}: this API is not enabled in the Google Cloud project")
        return refusal(answer, self.who, what, now)

    def close(self) -> None:
        """Let the connections go."""
        self.client.close()


class _Exchange:
    """Stands in for the library's `httplib2.Http` in one call, and keeps the answer."""

    def __init__(self, client: httpx.Client, base_url: str, headers: Headers, seconds: float) -> None:
        self._client, self._base_url, self._headers, self._seconds = client, base_url, headers, seconds
        self.answer: Answer | None = None

    def request(self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Any:
        """What the library calls; it is told of success without content."""
        from httplib2 import Response

        wanted = {name: value for name, value in (headers or {}).items() if name in ("accept", "content-type")}
        wanted |= {"user-agent": "vigie (gzip)", **self._headers(self._seconds)}
        url = f"{self._base_url}/{uri.removeprefix(_SOMEWHERE)}"
        self.answer = fetch(self._client, url, self._seconds, method, headers=wanted, content=body)
        return Response({"status": 200}), b"{}"


def reasons(answer: Answer) -> frozenset[str]:
    """Every reason that an error of a Google API names; none where it is no such error."""
    try:
        error = answer.json()["error"]
    except (ValueError, LookupError, TypeError):
        return frozenset()
    if not isinstance(error, dict):
        return frozenset()
    given = [error.get("status")]
    for name in ("errors", "details"):
        rows = error.get(name)
        given += [row.get("reason") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return frozenset(reason for reason in given if isinstance(reason, str))


def until_quota_returns(now: datetime) -> float:
    """Seconds until midnight Pacific Time, at most the longest wait."""
    there = now.astimezone(ZoneInfo(QUOTA_ZONE))
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return min((midnight.astimezone(UTC) - now).total_seconds(), LONGEST_WAIT_SECONDS)


# --- service accounts ------------------------------------------------------------------------------


class ServiceAccount:
    """A Google service account, as its key file tells it; gives out the header that opens the access.

    The library would try a failing token endpoint again and sleep in between, so its answer is judged before
    the library sees it. Raises `Misconfigured` when `info` is no service account's key.
    """

    def __init__(self, info: Any, scope: str) -> None:
        from google.auth.exceptions import GoogleAuthError
        from google.oauth2 import service_account

        credentials: Any = service_account.Credentials
        try:
            self._credentials = credentials.from_service_account_info(info, scopes=[scope])
        except (GoogleAuthError, AttributeError, TypeError, ValueError):
            raise Misconfigured(
                "this is no key of a Google service account: download its JSON file from the Google Cloud console"
            ) from None
        self._host = host_of(str(info.get("token_uri")))

    def headers(self, client: httpx.Client, seconds: float, now: datetime) -> Mapping[str, str]:
        """With a token that is good for some minutes more. Raises `Transient`, `Permanent`."""
        if not self._credentials.valid:
            self._credentials.refresh(lambda **asked: self._token(client, seconds, now, asked))
        return {"authorization": f"Bearer {self._credentials.token}"}

    def forget(self) -> None:
        """The service refused the token: take a new one next time."""
        self._credentials.token = None

    def _token(self, client: httpx.Client, seconds: float, now: datetime, asked: Mapping[str, Any]) -> "_Token":
        try:
            answer = fetch(
                client, asked["url"], seconds, asked["method"], headers=asked["headers"], content=asked["body"]
            )
        except NoAnswer as error:
            raise Transient(f"{self._host} {error}") from None
        if answer.status_code in (400, 401, 403):
            raise Permanent(f"{self._host} refuses the service account: its key was revoked, or this clock is wrong")
        if not answer.ok:
            raise refusal(answer, self._host, "a token", now)
        told = parsed(answer, self._host)
        seconds_valid = told.get("expires_in") if isinstance(told, dict) else None
        if type(seconds_valid) is not int or not isinstance(told.get("access_token"), str):
            raise Transient(f"{self._host} answered something that is no token")
        return _Token(answer)


class _Token:
    """An answer in the shape that google-auth reads."""

    status = 200

    def __init__(self, answer: Answer) -> None:
        self.headers, self.data = answer.headers, answer.content
