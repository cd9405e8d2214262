"""Stack Exchange: questions of its sites found by words (api.stackexchange.com, version 2.3).

Pages are ordered by last activity, so that an edit or an answer shows a question anew, and asked for by time
(`max`); a token `TIME:PAGE` counts pages only within one second. `backoff` in a body, also of a good answer,
says how long the same method must be left alone: the pull ends there, once its page is stored.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import Field

from domain.errors import BadInput, Misconfigured, Permanent, Transient, VigieError
from domain.post import Batch, Cursor, Delete, Post, Rejected, Upsert
from listeners.api import Api, checked_base_url, host_of, http_client, utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.forum_query import questions, written
from listeners.query import Clause
from listeners.stackexchange.posts import NETWORK, active_at, as_raw, id_of, post_of
from listeners.values import BadRow
from listeners.waits import DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS, wait_in_body
from listeners.walk import NewestFirst, Page
from listeners.wire import Answer

PAGE_SIZE = 100
OVERLAP = timedelta(hours=1)  # the search knows some questions late
REQUESTS_A_DAY = {True: 9_000.0, False: 270.0}  # with and without a key: nine tenths of the quota

_BELOW = re.compile(r"\d{9,10}:\d{1,4}")
_SITE = re.compile(r"[a-z0-9.-]{2,60}")
_KEY = re.compile(r"[!-~]+")
_AVAILABLE_IN = re.compile(r"available in (\d{1,9}) seconds")
_LATER = frozenset({500, 502, 503})  # the API's own numbers of errors, not statuses; 502 is throttle_violation
_REFUSED = frozenset({401, 402, 403, 405, 406})


class StackExchangeSettings(ListenerSettings):
    """Sites by the names that the API gives them. `key_env` names the variable that holds an application's key."""

    sites: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    key_env: str = ""
    base_url: str = "https://api.stackexchange.com/2.3"
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)


def words_of(clause: Clause) -> str:
    """An alternative as the search knows it: words and `"phrases"`; a beginning stands for itself."""
    return " ".join(written(term) for term in clause.must)


class StackExchangeListener:
    """One site. `clock` dates deletions and says how far back a first run goes."""

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "stackexchange"
    Settings: ClassVar[type[ListenerSettings]] = StackExchangeSettings

    def __init__(
        self,
        site: str,
        key: str | None = None,
        settings: StackExchangeSettings | None = None,
        *,
        first_run_days: float = 7.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        settings = settings or StackExchangeSettings()
        if not _SITE.fullmatch(site):
            raise Misconfigured(f"{site!r} is no site of Stack Exchange; write it as stackoverflow")
        if key is not None and not _KEY.fullmatch(key):
            raise Misconfigured("the key for Stack Exchange holds characters that no key has")
        self.name = f"{NETWORK}:{site}"
        self._site, self._key = site, key
        self._base = checked_base_url(settings.base_url, "https://api.stackexchange.com/2.3")
        self._clock, self._first_run = clock, timedelta(days=first_run_days)
        self._http = client or http_client()
        self._api = Api(self._http, host_of(self._base), settings.timeout_seconds, clock)
        self._rests: dict[str, datetime] = {}

    @classmethod
    def sources(cls, settings: StackExchangeSettings, around: Around) -> Iterator[Source]:
        """Every alternative of every query on every site."""
        key = around.secret(settings.key_env) if settings.key_env else None
        if settings.sites and settings.key_env and not key:
            raise Misconfigured(f"[listeners.stackexchange] key_env: the variable {settings.key_env} is not set")
        budget = Budget(max_requests=settings.max_requests)
        queries = tuple(map(around.parse, settings.queries)) or around.queries
        for site in settings.sites:
            listener = cls(site, key, settings, clock=around.now)
            for words, wanted in questions(queries, NETWORK, words_of).items():
                yield Source(
                    listener.name,
                    words,
                    listener,
                    budget,
                    wanted=wanted,
                    account=NETWORK,
                    cost_a_day=REQUESTS_A_DAY[key is not None],
                    verify_cost=1 / PAGE_SIZE,
                )

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        meter = Meter(budget)

        def page(below: str | None, since: datetime) -> Page:
            meter.requests += 1
            meter.cost += 1
            return self._page(query, below, since, meter.seconds_left)

        walk = NewestFirst(NETWORK, page, meter, self._clock, self._first_run, ordered=False)
        for batch in walk.run(cursor):
            yield batch
            self._check_rest("search")

    def _page(self, words: str, below: str | None, since: datetime, seconds_left: float) -> Page:
        until, number = _place(below)
        params = {
            "q": words,
            "sort": "activity",
            "order": "desc",
            "min": str(int((since - OVERLAP).timestamp())),
            "page": str(number),
            "pagesize": str(PAGE_SIZE),
            "filter": "withbody",
        }
        told = self._ask("search", "/search/advanced", params | ({"max": until} if until else {}), seconds_left)
        items = told["items"]
        events, rejected = _mapped(items, self._site)
        ids = [id_ for id_ in map(id_of, items) if id_ is not None]
        times = [moment for moment in map(active_at, items) if moment is not None]
        following = _below(times, until, number) if told.get("has_more") is True else None
        return Page(events, rejected, ids, times, following)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Of this site's questions those that it no longer shows; a hundred a request.

        Before the first deletion the API must prove to know the site.
        """
        proven = False
        wanted = [known.id for known in ids if known.id.startswith(f"{self._site}:")]
        for start in range(0, len(wanted), PAGE_SIZE):
            asked = {id_.partition(":")[2]: id_ for id_ in wanted[start : start + PAGE_SIZE]}
            asked = {number: id_ for number, id_ in asked.items() if number.isdecimal()}
            shown = self._shown(list(asked)) if asked else set()
            for number in asked.keys() - shown:
                proven = proven or bool(shown) or self._prove()
                yield Delete(NETWORK, asked[number], self._clock())

    def _shown(self, numbers: Sequence[str]) -> set[str]:
        told = self._ask("posts", f"/posts/{';'.join(numbers)}", {"pagesize": str(PAGE_SIZE)})
        found = {str(item.get("post_id")) for item in told["items"] if isinstance(item, Mapping)}
        if told.get("has_more") is True or not found <= set(numbers):
            raise Transient(f"{self._api.who} answered other posts than it was asked for")
        return found

    def _prove(self) -> bool:
        told = self._ask("info", "/info", {})
        if any(isinstance(item, Mapping) and "total_questions" in item for item in told["items"]):
            return True
        raise Transient(f"{self._api.who} does not answer as Stack Exchange; nothing is taken for deleted")

    def check(self) -> str:
        """What is left of today's quota."""
        told = self._ask("info", "/info", {})
        return f"answers; {told.get('quota_remaining', '?')} of {told.get('quota_max', '?')} requests left today"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored question. Raises `BadRow`."""
        return post_of(raw.get("question"), str(raw.get("site")))

    # --- requests ------------------------------------------------------------------------------

    def _ask(
        self, method: str, path: str, params: Mapping[str, str], seconds_left: float | None = None
    ) -> Mapping[str, Any]:
        """A wrapper with its `items`. Raises `Transient`, `Permanent`."""
        self._check_rest(method)
        asked = {**params, "site": self._site} | ({"key": self._key} if self._key else {})
        answer = self._api.ask(f"{self._base}{path}", seconds_left, params=asked)
        if not answer.ok:
            raise self._refusal(answer)
        told = self._api.json(answer)
        if not isinstance(told, Mapping) or not isinstance(told.get("items"), list):
            raise Transient(f"{self._api.who} answered something that is no list of items")
        self._note_rest(method, told)
        return told

    def _note_rest(self, method: str, told: Mapping[str, Any]) -> None:
        wait = wait_in_body(told, self._clock())
        if told.get("quota_remaining") == 0:
            wait = LONGEST_WAIT_SECONDS  # it is filled up at midnight UTC
        if wait:
            self._rests[method] = self._clock() + timedelta(seconds=wait)

    def _check_rest(self, method: str) -> None:
        seconds = (self._rests.get(method, self._clock()) - self._clock()).total_seconds()
        if seconds > 0:
            raise Transient(f"{self._api.who} asks to leave {method} alone", seconds)

    def _refusal(self, answer: Answer) -> VigieError:
        """Errors come as 400 with a number of their own (api.stackexchange.com/docs/error-handling)."""
        try:
            told = answer.json()
        except ValueError:
            told = None
        number = told.get("error_id") if isinstance(told, Mapping) else None
        what = f"a question about {self._site}"
        if number in _LATER:
            return Transient(f"{self._api.who} asks to wait (error {number})", self._wait(told))
        if number in _REFUSED:
            return Permanent(f"{self._api.who} refuses {what} (error {number}): mend the key")
        return self._api.refusal(answer, what)

    def _wait(self, told: Mapping[str, Any]) -> float:
        """Of an error: its field, or what its message says (`more requests available in 17524 seconds`)."""
        wait = wait_in_body(told, self._clock())
        said = _AVAILABLE_IN.search(str(told.get("error_message")))
        if wait is None and said:
            wait = min(float(said.group(1)), LONGEST_WAIT_SECONDS)
        return DEFAULT_WAIT_SECONDS if wait is None else wait


def _place(below: str | None) -> tuple[str, int]:
    """Until when, and which page of that. Raises `BadInput` for a token that is none."""
    if below is not None and not _BELOW.fullmatch(below):
        raise BadInput(f"the stored cursor of a listener is broken ({below[:40]!r}); remove it")
    until, _, number = (below or ":1").partition(":")
    return until, int(number)


def _below(times: Sequence[datetime], until: str, number: int) -> str | None:
    """Where the next page begins: in the second in which this one ends, or on the next page of that second."""
    if not times:
        return None
    oldest, newest = str(int(min(times).timestamp())), str(int(max(times).timestamp()))
    if oldest != newest:
        return f"{oldest}:1"
    return f"{oldest}:{number + 1 if until == oldest else 2}"


def _mapped(items: Sequence[Any], site: str) -> tuple[list[Upsert], list[Rejected]]:
    events, rejected = [], []
    for item in items:
        try:
            post = post_of(item, site)
            if post.text:
                events.append(Upsert(post, as_raw(item, site)))
        except BadRow as error:
            rejected.append(Rejected(NETWORK, str(error), repr(item)[:10_000]))
    return events, rejected


LISTENER = StackExchangeListener
