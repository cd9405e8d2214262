"""Asking Reddit by praw, with limits that praw does not have.

praw fetches tokens and builds requests; it also sleeps when few requests are left, and tries again and sleeps
when one fails. So it is shown its tokens and nothing else: every other answer is kept and judged here, with the
rate limit (`X-Ratelimit-Remaining`, `-Reset` in seconds) as a reason to come back later.
"""

import base64
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpx

from domain.errors import Permanent, Transient, VigieError
from listeners.api import SHORTEST_SECONDS, Recorder, host_of, http_client, parsed, refusal
from listeners.waits import wait_seconds
from listeners.wire import Answer

if TYPE_CHECKING:
    from praw import Reddit

TOKEN_PATH = "/api/v1/access_token"  # noqa: S105  an address
_TOKEN_ERRORS = ("invalid_client", "invalid_grant", "unauthorized_client")  # RFC 6749, 5.2
_CASTING_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
APPROVAL = "Reddit gives access only to applications that it has approved (docs/listeners.md)"


@dataclass(frozen=True, slots=True)
class App:
    """An application that Reddit has approved. Without a refresh token it speaks for itself, reading only."""

    client_id: str
    client_secret: str
    user_agent: str
    refresh_token: str | None = None


class _Exchange(Recorder):
    """Stands in for the session of praw: answers to token requests are shown to it, all others are kept."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(client, frozenset({"GET", "POST"}))

    def start(self, seconds: float) -> None:
        super().start(seconds)
        self._end = time.monotonic() + seconds
        self.asked_for_token = False
        self.made_token = False

    def request(self, method: str, url: str, **options: Any) -> Answer:
        self._seconds = max(self._end - time.monotonic(), SHORTEST_SECONDS)
        self.answer = None
        self.asked_for_token = url.endswith(TOKEN_PATH)
        if not self.asked_for_token:
            super().request(method, url, headers=options.get("headers"), params=options.get("params"))
            return Answer(200, b"null")
        self.made_token = True
        headers = {**options["headers"], "Authorization": _basic(*options["auth"])}
        return super().request(method, url, headers=headers, data=dict(options["data"]))


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _praw(app: App, base_url: str, reddit_url: str, session: _Exchange) -> "Reddit":
    """praw by these words alone: neither a praw.ini nor the environment says anything."""
    from praw import Reddit

    return Reddit(
        "DEFAULT",
        client_id=app.client_id,
        client_secret=app.client_secret,
        refresh_token=app.refresh_token,
        user_agent=app.user_agent,
        username=None,
        password=None,
        redirect_uri=None,
        oauth_url=base_url,
        reddit_url=reddit_url,
        check_for_updates=False,
        check_for_async=False,
        requestor_kwargs={"session": cast("Any", session)},
    )


class Access:
    """One application before Reddit's API. `base_url` answers, `reddit_url` gives tokens."""

    def __init__(
        self,
        app: App,
        base_url: str,
        reddit_url: str,
        timeout_seconds: float,
        now: Callable[[], datetime],
        client: httpx.Client | None = None,
    ) -> None:
        self.host = host_of(base_url)
        self._timeout_seconds, self._now = timeout_seconds, now
        self._http = client or http_client()
        self._exchange = _Exchange(self._http)
        self._new_praw = partial(_praw, app, base_url, reddit_url, self._exchange)
        self._reddit = self._new_praw()
        self._token_host = host_of(reddit_url)
        self._free_at: datetime | None = None
        self.requests_left: float | None = None

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def get(self, path: str, parameters: Mapping[str, str], what: str, seconds_left: float | None = None) -> Any:
        """The JSON of a good answer; `what` says in messages what was asked for. Raises `Transient`, `Permanent`."""
        if self._free_at is not None and self._free_at > self._now():
            wait = (self._free_at - self._now()).total_seconds()
            raise Transient(f"{self.host} has no requests left for this application", wait)
        answer = self._ask(path, parameters, seconds_left)
        if answer.status_code == httpx.codes.UNAUTHORIZED and not self._exchange.made_token:
            self._reddit = self._new_praw()  # which has no token yet; the old one was revoked
            answer = self._ask(path, parameters, seconds_left)
        if not answer.ok:
            raise self._refusal(answer, what)
        return parsed(answer, self.host)

    def _ask(self, path: str, parameters: Mapping[str, str], seconds_left: float | None) -> Answer:
        from praw.exceptions import PRAWException
        from prawcore.exceptions import PrawcoreException

        seconds = self._timeout_seconds if seconds_left is None else min(self._timeout_seconds, seconds_left)
        self._exchange.start(max(seconds, SHORTEST_SECONDS))
        with suppress(PRAWException, PrawcoreException, *_CASTING_ERRORS):  # the answer itself is judged
            self._reddit.request(method="GET", path=path, params=dict(parameters))
        answer = self._exchange.answer
        if self._exchange.asked_for_token:
            raise self._no_token(answer)
        if answer is None:
            raise Transient(f"{self.host} {self._exchange.failure or 'could not be asked'}")
        self._note_limits(answer)
        return answer

    def _no_token(self, answer: Answer | None) -> VigieError:
        """Why there is no token, so that nothing else was asked."""
        who = self._token_host
        if answer is None:
            return Transient(f"{who} {self._exchange.failure or 'could not be asked'}")
        try:
            told = answer.json()
        except ValueError:
            told = None
        error = told.get("error") if isinstance(told, Mapping) else None
        if answer.ok and not error:
            return Transient(f"{who} answered something that is no token")
        if answer.ok or answer.status_code in (400, 401, 403):
            reason = (
                error if error in ("invalid_grant", "unauthorized_client", "invalid_client") else answer.status_code
            )
            return Permanent(f"{who} gives no token ({reason}): the credentials are wrong or revoked; {APPROVAL}")
        return refusal(answer, who, "the credentials", self._now())

    def _note_limits(self, answer: Answer) -> None:
        """How many requests are left until the window ends; what cannot be read is not said."""
        try:
            self.requests_left = float(answer.headers.get("x-ratelimit-remaining", ""))
        except ValueError:
            self.requests_left = None
        wait = wait_seconds(answer.headers, self._now())
        is_spent = self.requests_left is not None and self.requests_left < 1 and wait is not None
        self._free_at = self._now() + timedelta(seconds=wait or 0.0) if is_spent else None

    def _refusal(self, answer: Answer, what: str) -> VigieError:
        if answer.status_code in (401, 403):
            return Permanent(f"{self.host} refuses {what} ({answer.status_code}): it is private, or {APPROVAL}")
        if 300 <= answer.status_code < 400:  # Reddit sends those who ask for an unknown subreddit to its search
            return Permanent(f"{self.host} does not know {what} ({answer.status_code})")
        return refusal(answer, self.host, what, self._now())
