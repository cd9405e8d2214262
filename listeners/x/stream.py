"""X's filtered stream: its rules are set, then every post that matches one is told as it happens.

docs.x.com/x-api/posts/filtered-stream (read 2026-11-21). One connection a token; a sign of life every 20 s. What was
said while nobody was connected is not told again: it is a gap, which the search fills.

    cursor = {"version": 1, "heard": "2026-11-02T10:00:00+00:00", "day": "2026-11-02", "posts": 12, "cost": 0.18}

`heard` is when the stream was last alive; the rest is what it took on that UTC day.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from math import inf
from typing import Any

from domain.errors import BadInput, Transient
from domain.post import Batch, Cursor, Event, Gap, Rejected
from listeners.x.api import Refused, XApi
from listeners.x.lines import Cut, Lines
from listeners.x.names import asked_for, sent, wire
from listeners.x.posts import NETWORK, Told, as_raw, told_by
from listeners.x.prices import Prices
from listeners.x.rules import Rules

STREAM = "stream"
MOST_AT_ONCE = 20
LONGEST_QUIET_SECONDS = 10.0


class Stream:
    """Hears the rules. `own` are the brand's handles in lower case; so many seconds without a line cut it off."""

    def __init__(
        self,
        api: XApi,
        rules: Rules,
        prices: Prices,
        limits: "Limits",
        own: Collection[str],
        now: Callable[[], datetime],
        idle_seconds: float = 30.0,
    ) -> None:
        self._api, self.rules, self._prices, self._limits = api, rules, prices, limits
        self._own, self._now, self._idle_seconds = own, now, idle_seconds
        self._backoff = Backoff()

    def run(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Without end. Ends with `Transient` when cut off, or before the post that the day's limits do not allow."""
        tally = Tally.read(cursor, self._now())
        self._stop_if_spent(tally)
        ours = self.rules.put()
        try:
            with closing(self._lines()) as lines:
                self._open(lines)
                yield from self._hear(lines, tally, ours)
        except Cut as error:
            raise Transient(str(error), self._backoff.network()) from None

    def _lines(self) -> Lines:
        params = sent(wire(asked_for(self._prices.authors)), self._api.generation)
        headers = {"Authorization": f"Bearer {self._api.token}", "User-Agent": "vigie", "Accept-Encoding": "identity"}
        url = f"{self._api.base_url}/2/tweets/search/stream"
        return Lines(self._api.http, url, self._api.host, self._idle_seconds, params=params, headers=headers)

    def _open(self, lines: Lines) -> None:
        answer = lines.open(self._api.timeout_seconds)
        if answer.ok:
            return
        error = self._api.refusal(answer, "its stream")
        if isinstance(error, Refused) and error.names_fields and self._api.use_other_names():
            raise Cut(f"{self._api.host} knows other names")
        if not isinstance(error, Transient):
            raise error
        wait = self._backoff.limited(error.retry_after) if answer.status_code == 429 else self._backoff.server()
        raise Transient(str(error), wait)

    def _hear(self, lines: Lines, tally: "Tally", ours: Collection[str]) -> Iterator[Batch]:
        tally, since = tally.alive(self._now()), tally.heard
        gaps = [] if since is None else [Gap(NETWORK, since, self._now(), "the stream was not connected")]
        yield Batch(gaps, cursor_after=tally.cursor())
        while True:
            heard = lines.next(min(LONGEST_QUIET_SECONDS, self._idle_seconds / 2), self._affordable(tally))
            if not heard:
                yield Batch(())
                continue
            self._backoff.rest()
            batch, tally, end = self._batch(heard, tally.alive(self._now()), ours)
            yield batch
            if end is not None:
                raise end
            self._stop_if_spent(tally)

    def _batch(
        self, lines: Sequence[bytes], tally: "Tally", ours: Collection[str]
    ) -> tuple[Batch, "Tally", Cut | None]:
        """What some lines tell, and whether X says in them that it ends the stream."""
        events: list[Event] = []
        rejected: list[Rejected] = []
        before, end = tally, None
        for line in filter(None, map(bytes.strip, lines)):
            message = _parsed(line)
            if message is None:
                rejected.append(Rejected(NETWORK, "a line of the stream is no JSON object", as_raw(repr(line))))
            elif isinstance(message.get("data"), Mapping):
                told = told_by(message, self._own)
                tally = tally.plus(told, self._prices.of(told, self._prices.post))
                rejected += told.rejected
                events += told.events if _is_ours(message, ours) else ()
                if not told.understood and self._api.use_other_names():
                    end = Cut(f"{self._api.host} knows other names")
            elif "errors" in message or "title" in message:
                end = Cut(f"{self._api.host} ended its stream: {_reason(message)}")
        return Batch(events, rejected, tally.cursor(), cost=tally.cost - before.cost), tally, end

    def _affordable(self, tally: "Tally") -> int:
        worst = self._prices.worst(self._prices.post, self._api.generation)
        money = inf if worst <= 0 else (self._limits.cost - tally.cost) / worst + 1e-9
        return int(min(MOST_AT_ONCE, self._limits.posts - tally.posts, money))

    def _stop_if_spent(self, tally: "Tally") -> None:
        if self._affordable(tally.on(self._now())) < 1:
            wait = seconds_to_midnight(self._now())
            raise Transient("the stream of X has taken what it may take today", wait)


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, Mapping) else None


def _is_ours(message: Mapping[str, Any], ours: Collection[str]) -> bool:
    """Whether one of our rules matched; a stream tells the posts of all rules of the app."""
    rules = message.get("matching_rules")
    if not isinstance(rules, list) or not rules or not ours:
        return True
    return any(isinstance(rule, Mapping) and str(rule.get("id")) in ours for rule in rules)


def _reason(message: Mapping[str, Any]) -> str:
    errors = message.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else message
    return " ".join(ascii(first.get("detail") or first.get("title"))[1:-1].split())[:300]


# --- what it may take, and when to try again -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be taken on one UTC day; money in USD."""

    posts: int
    cost: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What the stream took on one UTC day, and when it was last alive."""

    heard: datetime | None
    day: str
    posts: int = 0
    cost: float = 0.0

    @classmethod
    def read(cls, cursor: Cursor | None, now: datetime) -> "Tally":
        """Of the stored cursor. Raises `BadInput`."""
        if not cursor:
            return cls(None, _day(now))
        try:
            heard = datetime.fromisoformat(cursor["heard"])
            return cls(heard, str(cursor["day"]), int(cursor["posts"]), float(cursor["cost"])).on(now)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of X's stream is broken ({error!r}); remove it") from error

    def on(self, now: datetime) -> "Tally":
        """The same, begun anew with a new day."""
        return self if self.day == _day(now) else Tally(self.heard, _day(now))

    def alive(self, now: datetime) -> "Tally":
        return replace(self.on(now), heard=now)

    def plus(self, told: Told, cost: float) -> "Tally":
        return replace(self, posts=self.posts + told.posts, cost=self.cost + cost)

    def cursor(self) -> dict[str, Any]:
        heard = None if self.heard is None else self.heard.isoformat()
        return {"version": 1, "heard": heard, "day": self.day, "posts": self.posts, "cost": round(self.cost, 6)}


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def seconds_to_midnight(now: datetime) -> float:
    """Until the next UTC day."""
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return (tomorrow - now).total_seconds()


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next try (docs.x.com/x-api/fundamentals/handling-disconnections)."""

    _tries: dict[str, int] = field(default_factory=dict)

    def network(self) -> float:
        """250 ms more each time, up to 16 s."""
        return min(0.25 * self._again("network"), 16.0)

    def server(self) -> float:
        """From 5 s, doubled up to 320 s."""
        return min(5.0 * 2.0 ** (self._again("server") - 1), 320.0)

    def limited(self, asked: float | None) -> float:
        """From a minute, doubled up to an hour; longer where X asks for it."""
        return max(min(60.0 * 2.0 ** (self._again("limited") - 1), 3600.0), asked or 0.0)

    def rest(self) -> None:
        """It works again."""
        self._tries.clear()

    def _again(self, kind: str) -> int:
        self._tries[kind] = min(self._tries.get(kind, 0) + 1, 100)
        return self._tries[kind]
