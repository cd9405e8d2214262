"""Mastodon and the servers that speak its API (Pleroma, GoToSocial, snac, Pixelfed …), by Mastodon.py.

Paging is newest first by `max_id`, taken from the Link header or, where there is none, from the last
status of the page. Ids are never compared or computed, because not every server counts them upwards;
where the last run ended is known by the ids and times of its newest statuses. `since_id` is not sent: the
newest page is always read whole, so that edits of recent statuses are heard too, and the walk downwards
ends at the first page that shows a status known from the last run.

    cursor = {"version": 1,
              "since": {"ids": [...], "at": "2026-11-02T10:00:00+00:00"},  # newest of the last whole run
              "walk": {"high": {"ids": …, "at": …}, "below": "117…"}}      # a run that is not at its end, or null

`since` moves only when the last page of a run is stored. Until then `walk` says where that run goes on,
so that neither a crash nor a spent budget loses a page or begins again.
"""

import re
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, cast
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from mastodon import Mastodon
from mastodon.errors import MastodonError

from domain.errors import BadInput, Misconfigured, Permanent, Transient, VigieError
from domain.post import Batch, Cursor, Delete, Event, Gap, Rejected
from listeners.base import Budget, Known, Meter
from listeners.mastodon_status import NETWORK, Page, host_of, own_id
from listeners.values import BadRow, parse_time
from listeners.waits import DEFAULT_WAIT_SECONDS, wait_seconds
from listeners.wire import Answer, NoAnswer, fetch

PAGE_SIZE = 40
MARK_IDS = 40
CURSOR_VERSION = 1

_HASHTAG = re.compile(r"#\w+")
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_CASTING_ERRORS = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_TRY_LATER = frozenset({408, 425, 429})
_GONE = frozenset({404, 410})


@cache
def _trusted() -> ssl.SSLContext:
    """The machine's authorities, read once: every listener needs them and reading takes 50 ms."""
    return ssl.create_default_context()


def _utc_now() -> datetime:
    return datetime.now(UTC)


# --- where a run stands --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest statuses of a page, as the server ordered them. `at` is never later than it was read."""

    ids: tuple[str, ...]
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "at": self.at.isoformat()}

    @classmethod
    def read(cls, value: Any) -> "Mark | None":
        return None if value is None else cls(tuple(value["ids"]), datetime.fromisoformat(value["at"]))


@dataclass(frozen=True, slots=True)
class Walk:
    """A run from the newest page (`high`) down to `since`, now below a token; before its first page, below none."""

    since: Mark | None
    high: Mark | None = None
    below: str | None = None

    def cursor(self) -> dict[str, Any]:
        """To go on from here."""
        walk = {"high": self.high.as_dict(), "below": self.below} if self.high and self.below else None
        return {"version": CURSOR_VERSION, "since": self.since and self.since.as_dict(), "walk": walk}

    @classmethod
    def read(cls, cursor: Cursor | None) -> "Walk":
        """Where the stored cursor stands. Raises `BadInput`."""
        try:
            since = Mark.read((cursor or {}).get("since"))
            walk = (cursor or {}).get("walk") or {"high": None, "below": None}
            return cls(since, Mark.read(walk["high"]), walk["below"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of a Mastodon listener is broken ({error!r}); remove it") from error

    def finished(self) -> "Walk":
        """The next run: down to where this one began."""
        return Walk(self.high or self.since)


# --- what is asked -------------------------------------------------------------------------------


class _Client(Mastodon):
    """Mastodon.py without the questions that it asks about the server before each call."""

    def timeline_is_available(self, *_: Any, **__: Any) -> bool:
        return True

    def verify_minimum_version(self, *_: Any, **__: Any) -> bool:
        return True


class _Session:
    """The session that Mastodon.py sends by: bounded, and keeping the answer as it came.

    Mastodon.py builds the call and is told only the status. Its types cost 3 ms a status and hide what is
    wrong with one, and it gives up a good page when it cannot read a rate header of it.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.start(0.0)

    def start(self, seconds: float) -> None:
        """Forget the last answer; the next one has so many seconds."""
        self._seconds = seconds
        self.answer: Answer | None = None
        self.failure: str | None = None

    def request(self, method: str, url: str, **options: Any) -> Answer:
        """What Mastodon.py calls."""
        if method != "GET":
            raise ValueError(f"a listener only reads, it sends no {method}")
        wanted = {name: options.get(name) for name in ("params", "headers")}
        try:
            self.answer = fetch(self._client, url, self._seconds, **wanted)
        except NoAnswer as error:
            self.failure = str(error)
            raise
        return Answer(self.answer.status_code, b"null", reason=self.answer.reason)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a query asks a server for, page by page; `below` is what `next_below` gave for the page before."""

    words: str

    @classmethod
    def read(cls, query: str) -> "_Question":
        """`public`, `public:local`, `#hashtag`, or words to search for. Raises `BadInput`."""
        if not query.strip():
            raise BadInput("an empty query; give public, #hashtag, or words to search for")
        return cls(query.strip())

    @property
    def searches(self) -> bool:
        """Search pages by offset, and promises no order; timelines page by id, newest first."""
        return self.words not in ("public", "public:local") and not _HASHTAG.fullmatch(self.words)

    def ask(self, client: Mastodon, below: str | None) -> None:
        if self.searches:
            client.search_v2(
                self.words,
                resolve=False,
                result_type="statuses",
                offset=int(below or 0),
                exclude_unreviewed=False,
                limit=PAGE_SIZE,
            )
        elif self.words.startswith("#"):
            client.timeline_hashtag(self.words[1:], max_id=below, limit=PAGE_SIZE)
        else:
            client.timeline_public(max_id=below, limit=PAGE_SIZE, local=self.words.endswith(":local"))

    def statuses(self, answer: Any) -> list[Any] | None:
        """The page in an answer, or None where there is none."""
        page = answer.get("statuses") if self.searches and isinstance(answer, dict) else answer
        return page if isinstance(page, list) else None

    def next_below(self, below: str | None, ids: list[str], count: int, link: str | None) -> str | None:
        """Where the following page begins: as the Link header says, else below the last status."""
        if self.searches:
            return str(int(below or 0) + count) if count else None
        if link is not None:
            return _max_id(link)
        return ids[-1] if ids else None


def _max_id(link: str) -> str | None:
    """The `max_id` of the next page in a Link header (RFC 8288); None where it names no next page."""
    for address, parameters in _LINK.findall(link):
        if re.search(r'rel="?next\b', parameters):
            return next(iter(parse_qs(urlsplit(address).query).get("max_id", [])), None)
    return None


# --- the listener --------------------------------------------------------------------------------


class MastodonListener:
    """One server, listened to with or without a token. Several servers are several listeners.

    `clock` dates deletions and says how far back a first run goes; `client` makes the requests, where the
    caller has one with guards of its own.
    """

    network: ClassVar[str] = NETWORK

    def __init__(
        self,
        base_url: str,
        access_token: str | None = None,
        *,
        timeout_seconds: float = 20.0,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = _utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        if urlsplit(base_url).scheme not in ("http", "https") or not host_of(base_url):
            raise Misconfigured(f"{base_url!r} is no server's address; write it as https://mastodon.social")
        token = (access_token or "").strip() or None
        if token is not None and not re.fullmatch(r"[!-~]+", token):
            raise Misconfigured(f"the token for {base_url} holds characters that no token has")
        self.host = host_of(base_url)
        self.name = f"{NETWORK}:{self.host}"
        self._timeout_seconds = timeout_seconds
        self._first_run = timedelta(days=first_run_days)
        self._clock = clock
        self._http = client or httpx.Client(verify=_trusted())
        self._session = _Session(self._http)
        self._client = _Client(
            api_base_url=base_url,
            access_token=token,
            ratelimit_method="throw",
            session=cast("Any", self._session),
            user_agent="vigie",
        )

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """End the run that the cursor is in, then run from the newest page down to where the last one began.

        Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same.
        """
        question, meter, walk = _Question.read(query), Meter(budget), Walk.read(cursor)
        uris: dict[str, str] = {}
        if walk.below is not None:
            walk = yield from self._run(question, walk, meter, uris, resumed=True)
        if walk.below is None and not meter.spent:
            yield from self._run(question, walk, meter, uris, resumed=False)

    def _run(
        self, question: _Question, walk: Walk, meter: Meter, uris: dict[str, str], resumed: bool
    ) -> Generator[Batch, None, Walk]:
        """Page after page until the run or the budget ends; returns where it stands then."""
        seen: set[str] = set()
        while not meter.spent:
            try:
                step = self._step(question, walk, meter, uris, seen)
            except Transient:
                if seen and meter.seconds_left <= 0:
                    break  # it is the budget's deadline that cut this page off; the next pull begins with it
                raise
            walk = step.after
            yield Batch(step.events, step.rejected, walk.cursor(), complete=step.ends and not resumed, cost=1.0)
            if step.ends:
                break
        return walk

    def _step(self, question: _Question, walk: Walk, meter: Meter, uris: dict[str, str], seen: set[str]) -> "_Step":
        statuses, link = self._page(question, walk.below, meter)
        page = Page(statuses, self.host, uris)
        ids = [id_ for id_ in map(own_id, statuses) if id_ is not None]
        repeated = bool(statuses) and seen.issuperset(ids)
        seen.update(ids)
        meter.posts += len(page.events)
        times = [moment for moment in map(_time_of, statuses) if moment is not None]
        high = walk.high or self._mark(ids, times)
        below = question.next_below(walk.below, ids, len(statuses), link)
        arrived = self._arrived(question, walk.since, ids, times)
        if arrived or repeated or below is None:
            lost = _gap(walk, times, repeated) if not arrived else []
            return _Step([*page.events, *lost], page.rejected, Walk(walk.since, high).finished(), True)
        return _Step(page.events, page.rejected, Walk(walk.since, high, below), False)

    def _mark(self, ids: list[str], times: list[datetime]) -> Mark | None:
        """Of the newest page. A post dated in the future must not hide everything that comes before its day."""
        now = self._clock()
        newest = max((moment for moment in times if moment <= now), default=now)
        return Mark(tuple(ids[:MARK_IDS]), newest) if ids else None

    def _arrived(self, question: _Question, since: Mark | None, ids: list[str], times: list[datetime]) -> bool:
        """Whether this page reaches down to the last run, or on a first run far enough back."""
        if since is not None and not question.searches and not set(since.ids).isdisjoint(ids):
            return True
        oldest_wanted = since.at if since is not None else self._clock() - self._first_run
        return bool(times) and max(times) < oldest_wanted

    def _page(self, question: _Question, below: str | None, meter: Meter) -> tuple[list[Any], str | None]:
        meter.requests += 1
        answer = self._ask(lambda: question.ask(self._client, below), meter.seconds_left)
        if not answer.ok:
            raise self._refusal(answer, f"the query {question.words!r}")
        statuses = question.statuses(self._json(answer))
        if statuses is None:
            raise Transient(f"{self.host} answered something that is no list of posts")
        return statuses, answer.headers.get("link")

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
        if answer.status_code in _GONE:
            return True
        if not answer.ok:
            raise self._refusal(answer, f"a look at post {id_}")
        return False

    def _prove(self) -> bool:
        answer = self._ask(lambda: self._client.timeline_public(limit=1), self._timeout_seconds)
        if answer.status_code not in _GONE:
            told = self._json(answer)
            if isinstance(told, list) or (isinstance(told, dict) and "error" in told):
                return True
        raise Transient(f"{self.host} does not answer as a Mastodon server; nothing is taken for deleted")

    def _ask(self, call: Callable[[], object], seconds_left: float) -> Answer:
        """Make the call, and take the answer as it came. Raises `Transient` when there is none."""
        self._session.start(min(self._timeout_seconds, max(seconds_left, 0.05)))
        try:
            call()
        except (MastodonError, *_CASTING_ERRORS):
            pass  # the answer itself is judged
        if self._session.answer is None:
            raise Transient(f"{self.host} {self._session.failure or 'could not be asked'}")
        return self._session.answer

    def _json(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise Transient(f"{self.host} answered something that is not JSON, or only a part of it") from None

    def _refusal(self, answer: Answer, what: str) -> VigieError:
        status, wait = answer.status_code, wait_seconds(answer.headers, self._clock())
        if status in _TRY_LATER:
            return Transient(f"{self.host} asks to wait ({status})", DEFAULT_WAIT_SECONDS if wait is None else wait)
        if status >= 500:
            return Transient(f"{self.host} is in trouble ({status})", wait)
        if status in (401, 403):
            return Permanent(f"{self.host} refuses {what} ({status}): the token is missing, revoked or too narrow")
        if 300 <= status < 400:
            return Permanent(f"{self.host} has moved ({status}): set base_url to its new address")
        return Permanent(f"{self.host} does not know {what} ({status})")


@dataclass(frozen=True, slots=True)
class _Step:
    """What one page brought, and where the run stands after it."""

    events: Sequence[Event]
    rejected: Sequence[Rejected]
    after: Walk
    ends: bool


def _gap(walk: Walk, times: list[datetime], repeated: bool) -> list[Event]:
    """The news that something was missed: the server shows no older page, though there must be one."""
    if walk.since is None or not (repeated or (walk.below is not None and not times)):
        return []
    until = min(times, default=walk.high.at if walk.high else walk.since.at)
    return [Gap(NETWORK, walk.since.at, max(until, walk.since.at), "the server shows no older page")]


def _time_of(status: Any) -> datetime | None:
    try:
        return parse_time(status["created_at"], "created_at")
    except (BadRow, KeyError, TypeError):
        return None


LISTENER = MastodonListener
