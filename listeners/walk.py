"""Reading a source that shows its newest posts first, so that neither a crash nor a spent budget loses a page.

    cursor = {"version": 1,
              "since": {"ids": [...], "at": "2026-11-02T10:00:00+00:00"},  # newest of the last whole run
              "walk": {"high": {"ids": …, "at": …}, "below": "117…"}}      # a run that is not at its end, or null

`since` moves only when the last page of a run is stored. Until then `walk` says where that run goes on.
Ids are never compared or computed, because not every source counts them upwards: where the last run ended
is known by the ids and times of its newest posts. The newest page is always read whole, so that edits of
recent posts are heard too; the walk downwards ends at the first page that shows a post of the last run.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.errors import BadInput, Transient
from domain.post import Batch, Cursor, Event, Gap, Rejected
from listeners.base import Meter

MARK_IDS = 40
CURSOR_VERSION = 1


@dataclass(frozen=True, slots=True)
class Page:
    """One page as its network showed it. `ids` and `times` are of its items, good ones and bad ones alike.

    `below` asks for the following page; None where there is none.
    """

    events: Sequence[Event]
    rejected: Sequence[Rejected] = ()
    ids: Sequence[str] = ()
    times: Sequence[datetime] = ()
    below: str | None = None
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest posts of a page, as the source ordered them. `at` is never later than it was read."""

    ids: tuple[str, ...]
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "at": self.at.isoformat()}

    @classmethod
    def read(cls, value: Any) -> "Mark | None":
        return None if value is None else cls(tuple(value["ids"]), datetime.fromisoformat(value["at"]))


@dataclass(frozen=True, slots=True)
class Place:
    """Of a run from the newest page (`high`) down to `since`: now below a token; before its first page, below none."""

    since: Mark | None
    high: Mark | None = None
    below: str | None = None

    def cursor(self) -> dict[str, Any]:
        """To go on from here."""
        walk = {"high": self.high.as_dict(), "below": self.below} if self.high and self.below else None
        return {"version": CURSOR_VERSION, "since": self.since and self.since.as_dict(), "walk": walk}

    @classmethod
    def read(cls, cursor: Cursor | None) -> "Place":
        """Where the stored cursor stands. Raises `BadInput`."""
        try:
            since = Mark.read((cursor or {}).get("since"))
            walk = (cursor or {}).get("walk") or {"high": None, "below": None}
            return cls(since, Mark.read(walk["high"]), walk["below"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of a listener is broken ({error!r}); remove it") from error

    def finished(self) -> "Place":
        """The next run: down to where this one began."""
        return Place(self.high or self.since)


@dataclass(slots=True)
class NewestFirst:
    """Walks a source. `page(below, since)` asks for the newest page (below None) or the one below a token.

    `since` is the time that the walk goes down to, for sources that can be asked for no older posts.
    `ordered` is False for sources that promise no order (a search by relevance): then an id met again ends
    nothing. `page` counts its own requests on the meter and raises the listener's errors.
    """

    network: str
    page: Callable[[str | None, datetime], Page]
    meter: Meter
    now: Callable[[], datetime]
    first_run: timedelta = timedelta(days=7)
    ordered: bool = True
    _seen: set[str] = field(default_factory=set)

    def run(self, cursor: Cursor | None) -> Iterator[Batch]:
        """End the run that the cursor is in, then run from the newest page down to where the last one began."""
        place = Place.read(cursor)
        if place.below is not None:
            place = yield from self._run(place, resumed=True)
        if place.below is None and not self.meter.spent:
            yield from self._run(place, resumed=False)

    def _run(self, place: Place, resumed: bool) -> Generator[Batch, None, Place]:
        """Page after page until the run or the budget ends; returns where it stands then."""
        self._seen = set()
        while not self.meter.spent:
            try:
                step = self._step(place)
            except Transient:
                if self._seen and self.meter.seconds_left <= 0:
                    break  # it is the budget's deadline that cut this page off; the next pull begins with it
                raise
            place = step.after
            yield Batch(step.events, step.rejected, place.cursor(), complete=step.ends and not resumed, cost=step.cost)
            if step.ends:
                break
        return place

    def _step(self, place: Place) -> "_Step":
        oldest_wanted = place.since.at if place.since is not None else self.now() - self.first_run
        page = self.page(place.below, oldest_wanted)
        repeated = bool(page.ids) and self._seen.issuperset(page.ids)
        self._seen.update(page.ids)
        self.meter.posts += len(page.events)
        high = place.high or self._mark(page)
        arrived = self._arrived(place.since, page, oldest_wanted)
        if arrived or repeated or page.below is None:
            lost = [] if arrived else self._gap(place, page, repeated)
            return _Step([*page.events, *lost], page.rejected, Place(place.since, high).finished(), True, page.cost)
        return _Step(page.events, page.rejected, Place(place.since, high, page.below), False, page.cost)

    def _mark(self, page: Page) -> Mark | None:
        """Of the newest page. A post dated in the future must not hide everything that comes before its day."""
        now = self.now()
        newest = max((moment for moment in page.times if moment <= now), default=now)
        return Mark(tuple(page.ids[:MARK_IDS]), newest) if page.ids else None

    def _arrived(self, since: Mark | None, page: Page, oldest_wanted: datetime) -> bool:
        """Whether this page reaches down to the last run, or on a first run far enough back."""
        if since is not None and self.ordered and not set(since.ids).isdisjoint(page.ids):
            return True
        return bool(page.times) and max(page.times) < oldest_wanted

    def _gap(self, place: Place, page: Page, repeated: bool) -> list[Event]:
        """The news that something was missed: the source shows no older page, though there must be one."""
        if place.since is None or not (repeated or (place.below is not None and not page.times)):
            return []
        until = min(page.times, default=place.high.at if place.high else place.since.at)
        return [Gap(self.network, place.since.at, max(until, place.since.at), "the source shows no older page")]


@dataclass(frozen=True, slots=True)
class _Step:
    """What one page brought, and where the run stands after it."""

    events: Sequence[Event]
    rejected: Sequence[Rejected]
    after: Place
    ends: bool
    cost: float
