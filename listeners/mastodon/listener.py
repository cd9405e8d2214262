"""Mastodon and the servers that speak its API (Pleroma, GoToSocial, snac, Pixelfed …), by Mastodon.py.

Paging is newest first (`listeners/walk.py`) by `max_id`, taken from the Link header or, where there is none,
from the last status of the page. `since_id` is not sent, so that edits of recent statuses are heard too.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import quote

import httpx

from domain.errors import Misconfigured, Transient, VigieError
from domain.post import Batch, Cursor, Delete
from listeners.api import GONE, Recorder, checked_base_url, host_of, http_client, parsed, refusal, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.mastodon import status as mastodon_status
from listeners.mastodon.feed import IDLE_SECONDS, Feed
from listeners.mastodon.query import PAGE_SIZE, Question
from listeners.mastodon.settings import MastodonInstance, MastodonSettings
from listeners.mastodon.status import NETWORK, Statuses, own_id
from listeners.mastodon.stream import QUIET_SECONDS, Channel, Ear, streaming_address
from listeners.values import SHORT_LIMIT, BadRow, parse_time
from listeners.walk import NewestFirst, Page
from listeners.wire import Answer

if TYPE_CHECKING:
    from mastodon import Mastodon

__all__ = ["PAGE_SIZE", "MastodonInstance", "MastodonListener", "MastodonSettings", "Patience"]

_CATCH_UP = Budget(max_requests=200, deadline_seconds=120.0)
_CASTING_ERRORS = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Patience:
    """Of a stream: an empty batch after so much silence; cut off when not even a sign of life comes."""

    quiet_seconds: float = QUIET_SECONDS
    idle_seconds: float = IDLE_SECONDS


def _client(base_url: str, token: str | None, session: Recorder) -> "Mastodon":
    """Mastodon.py without the questions that it asks about the server before each call."""
    from mastodon import Mastodon

    class Client(Mastodon):
        def timeline_is_available(self, *_: Any, **__: Any) -> bool:
            return True

        def verify_minimum_version(self, *_: Any, **__: Any) -> bool:
            return True

    return Client(
        api_base_url=base_url,
        access_token=token,
        ratelimit_method="throw",
        session=cast("Any", session),
        user_agent="vigie",
    )


# --- the listener --------------------------------------------------------------------------------


class MastodonListener:
    """One server, listened to with or without a token. Several servers are several listeners.

    `clock` dates deletions and says how far back a first run goes; `client` makes the requests, where the
    caller has one with guards of its own. `streaming_url` is for servers that do not say where they stream.
    """

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "mastodon"
    Settings: ClassVar[type[ListenerSettings]] = MastodonSettings

    def __init__(
        self,
        base_url: str,
        access_token: str | None = None,
        *,
        timeout_seconds: float = 20.0,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
        streaming_url: str = "",
        patience: Patience = Patience(),
    ) -> None:
        self._base_url = checked_base_url(base_url, "https://mastodon.social")
        self._streaming_url = streaming_url and checked_base_url(streaming_url, "https://streaming.mastodon.social")
        self._token = (access_token or "").strip() or None
        if self._token is not None and not re.fullmatch(r"[!-~]+", self._token):
            raise Misconfigured(f"the token for {self._base_url} holds characters that no token has")
        self.host = host_of(self._base_url)
        self.name = f"{NETWORK}:{self.host}"
        self._timeout_seconds = timeout_seconds
        self._first_run = timedelta(days=first_run_days)
        self._clock = clock
        self._patience = patience
        self._http = client or http_client()
        self._session = Recorder(self._http, hides=True)
        self._client = _client(self._base_url, self._token, self._session)

    @classmethod
    def sources(cls, settings: MastodonSettings, around: Around) -> Iterator[Source]:
        """Every query and every stream of every server."""
        budget = Budget(max_requests=settings.max_requests)
        for instance in settings.instances:
            listener = cls(
                instance.base_url,
                instance.token(around),
                timeout_seconds=settings.timeout_seconds,
                clock=around.now,
                streaming_url=instance.streaming_url,
            )
            name = f"mastodon {instance.base_url}"
            for words, wanted in instance.asked(around):
                yield Source(name, words, listener, budget, wanted, account=listener.name)
            for channel, wanted in instance.streamed(around):
                yield Source(f"{name} stream", channel, listener, budget, wanted, account=listener.name, live=True)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    remap = staticmethod(mastodon_status.remap)

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        return self._walk(Question.read(query), cursor, budget, {})

    def _walk(self, question: Question, cursor: Cursor | None, budget: Budget, uris: dict[str, str]) -> Iterator[Batch]:
        meter = Meter(budget)

        def page(below: str | None, since: datetime) -> Page:
            return self._page(question, below, meter, uris)

        ordered = not question.searches
        return NewestFirst(NETWORK, page, meter, self._clock, self._first_run, ordered).run(cursor)

    def _page(self, question: Question, below: str | None, meter: Meter, uris: dict[str, str]) -> Page:
        meter.requests += 1
        answer = self._ask(lambda: question.ask(self._client, below), meter.seconds_left)
        if not answer.ok:
            raise self._refusal(answer, f"the query {question.words!r}")
        statuses = question.statuses(parsed(answer, self.host))
        if statuses is None:
            raise Transient(f"{self.host} answered something that is no list of posts")
        told = Statuses(statuses, self.host, uris)
        ids = [id_ for id_ in map(own_id, statuses) if id_ is not None]
        times = [moment for moment in map(_time_of, statuses) if moment is not None]
        following = question.next_below(below, ids, len(statuses), answer.headers.get("link"))
        return Page(told.events, told.rejected, ids, times, following)

    def stream(self, query: str, cursor: Cursor | None) -> Iterator[Batch]:
        """`public`, `public:local` or `hashtag:name`, after what was said since the cursor. Ends with `Transient`."""
        channel, ear = Channel.read(query), Ear(self.host, self._clock)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        feed = Feed(self._http, self._streams_at() + channel.path, headers, self.host, self._patience.idle_seconds)
        try:
            feed.open(self._timeout_seconds, self._clock)
            if cursor is None:
                yield ear.opened()
            else:
                for batch in self._walk(Question(channel.timeline), cursor, _CATCH_UP, ear.uris):
                    ear.moves = batch.complete
                    yield batch
            yield from ear.hear(feed, self._patience.quiet_seconds)
        finally:
            feed.close()

    def _streams_at(self) -> str:
        """As the settings say, or else the server itself (version 2 of its description, or 1)."""
        if self._streaming_url:
            return self._streaming_url
        for describe in (self._client.instance_v2, self._client.instance_v1):
            answer = self._ask(describe, self._timeout_seconds)
            address = streaming_address(_json(answer), self._base_url) if answer.ok else None
            if address is not None:
                return address
        return self._base_url

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Of the posts that this server showed, those that it no longer shows (404, 410).

        Posts that another server showed are left to its listener. Before the first deletion the server must
        prove to be itself, so that a misplaced web server does not delete everything.
        """
        proven = False
        for known in ids:
            id_ = known.attributes.get("instance_id")
            if known.attributes.get("instance") != self.host or not isinstance(id_, str):
                continue
            if self._is_gone(id_):
                proven = proven or self._prove()
                yield Delete(NETWORK, known.id, self._clock())

    def _is_gone(self, id_: str) -> bool:
        answer = self._ask(lambda: self._client.status(quote(id_, safe="")), self._timeout_seconds)
        if answer.status_code in GONE:
            return True
        if not answer.ok:
            raise self._refusal(answer, f"a look at post {id_}")
        return False

    def _prove(self) -> bool:
        answer = self._ask(lambda: self._client.timeline_public(limit=1), self._timeout_seconds)
        if answer.status_code not in GONE:
            told = parsed(answer, self.host)
            if isinstance(told, list) or (isinstance(told, dict) and "error" in told):
                return True
        raise Transient(f"{self.host} does not answer as a Mastodon server; nothing is taken for deleted")

    def check(self) -> str:
        """Who the token speaks for; without one, that the server shows its public posts."""
        if self._token is None:
            answer = self._ask(lambda: self._client.timeline_public(limit=1), self._timeout_seconds)
            if not answer.ok:
                raise self._refusal(answer, "its public timeline")
            return "answers without a token"
        account = self._ask(self._client.account_verify_credentials, self._timeout_seconds)
        if account.ok:
            return f"answers to @{_named(parsed(account, self.host), 'acct')}@{self.host}"
        app = self._ask(self._client.app_verify_credentials, self._timeout_seconds)
        if app.ok:
            return f"answers to the application {_named(parsed(app, self.host), 'name')}"
        raise self._refusal(account, "the token")

    def _ask(self, call: Callable[[], object], seconds_left: float) -> Answer:
        """Make the call, and take the answer as it came. Raises `Transient` when there is none."""
        from mastodon.errors import MastodonError

        self._session.start(min(self._timeout_seconds, max(seconds_left, 0.05)))
        try:
            call()
        except (MastodonError, *_CASTING_ERRORS):
            pass  # the answer itself is judged
        if self._session.answer is None:
            raise Transient(f"{self.host} {self._session.failure or 'could not be asked'}")
        return self._session.answer

    def _refusal(self, answer: Answer, what: str) -> VigieError:
        return refusal(answer, self.host, what, self._clock())


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _named(told: Any, name: str) -> str:
    value = told.get(name) if isinstance(told, Mapping) else None
    return value[:SHORT_LIMIT] if isinstance(value, str) and value.isprintable() else "?"


def _time_of(status: Any) -> datetime | None:
    try:
        return parse_time(status["created_at"], "created_at")
    except (BadRow, KeyError, TypeError):
        return None


LISTENER = MastodonListener
