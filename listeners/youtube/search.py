"""What a search finds on YouTube: videos as posts, and the comments under them for some weeks.

    cursor = {…as in listeners/walk.py, of the search…,
              "again": "2026-11-02T11:00:00+00:00",   # no search before
              "videos": {"dQw…": {"published": …, "title": …, "whole": true, "asked": …, "place": {…}}}}

A video is told and followed when its title and description match the query; YouTube finds more than that. When
its title alone matches, it is about what is searched for, and all its comments are told; else those that match.
A followed video is asked for comments the less often the older it is: after a 24th of its age.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from domain.errors import BadInput, Transient, VigieError
from domain.post import Batch, Cursor, Event, Rejected, Upsert
from listeners.base import Meter
from listeners.google_http import QuotaSpent, from_the_top
from listeners.query import Query
from listeners.waits import LONGEST_WAIT_SECONDS
from listeners.walk import NewestFirst, Page, Place
from listeners.youtube.api import YouTube
from listeners.youtube.comments import CommentWalk
from listeners.youtube.posts import NETWORK, Told, id_of, part, time_of

SEARCH_COST = 2  # the search, and a look at what it found
OFTENEST = timedelta(minutes=15)
LATE_FINDS = timedelta(days=1)  # a video may be found only some time after it was published
PLACE_IDS = 5
FLUSH_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Following:
    """How found videos are followed: so many, for so long. `between_searches`: the time from one to the next."""

    videos: int = 100
    for_time: timedelta = timedelta(days=30)
    between_searches: timedelta = timedelta(hours=1)
    first_search: timedelta = timedelta(days=7)


@dataclass(slots=True)
class Followed:
    """A found video. `whole`: all its comments are told; `asked`: when they were last heard to their end."""

    published: datetime
    title: str
    whole: bool
    asked: datetime | None = None
    place: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Followed":
        asked = told["asked"] and datetime.fromisoformat(told["asked"])
        return cls(datetime.fromisoformat(told["published"]), told["title"], told["whole"], asked, told["place"])

    def cursor(self) -> dict[str, Any]:
        """The place with few ids: there are many videos, and one id is enough to know a page again."""
        place = dict(self.place)
        if place.get("since"):
            place["since"] = {**place["since"], "ids": place["since"]["ids"][:PLACE_IDS]}
        asked = self.asked and self.asked.isoformat()
        return {**self._told(), "asked": asked, "place": place}

    def _told(self) -> dict[str, Any]:
        return {"published": self.published.isoformat(), "title": self.title, "whole": self.whole}

    def due(self, now: datetime) -> bool:
        """Whether it is time to ask for its comments."""
        return self.asked is None or now - self.asked >= max(OFTENEST, (self.asked - self.published) / 24)


class SearchWalk:
    """One pull: the search if it is time for it, then the comments of the followed videos that are due."""

    def __init__(
        self,
        youtube: YouTube,
        words: str,
        wanted: Query,
        meter: Meter,
        now: Callable[[], datetime],
        following: Following,
    ) -> None:
        self._youtube, self._words, self._wanted = youtube, words, wanted
        self._meter, self._now, self._following = meter, now, following
        self._place: Cursor = {}
        self._again: datetime | None = None
        self._videos: dict[str, Followed] = {}

    def run(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`. A day's last search does not end the hearing of comments."""
        self._read(cursor or {})
        spent: QuotaSpent | None = None
        if Place.read(self._place).below is not None or self._again is None or self._now() >= self._again:
            try:
                yield from self._searches()
            except QuotaSpent as error:
                spent, wait = error, error.retry_after or LONGEST_WAIT_SECONDS
                self._again = self._now() + timedelta(seconds=wait)
        yield from self._visits(searched=spent is None)
        if spent is not None:
            raise spent

    def _read(self, cursor: Cursor) -> None:
        try:
            self._place = {name: cursor[name] for name in ("version", "since", "walk") if name in cursor}
            self._again = datetime.fromisoformat(cursor["again"]) if cursor.get("again") else None
            self._videos = {id_: Followed.read(told) for id_, told in (cursor.get("videos") or {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of a listener is broken ({error!r}); remove it") from error

    def _cursor(self) -> dict[str, Any]:
        videos = {id_: video.cursor() for id_, video in self._videos.items()}
        return {**self._place, "again": self._again and self._again.isoformat(), "videos": videos}

    # --- the search ------------------------------------------------------------------------------

    def _searches(self) -> Iterator[Batch]:
        walk = NewestFirst(NETWORK, self._page, self._meter, self._now, self._following.first_search)
        pages = 0
        try:
            for batch in from_the_top(walk, self._place):
                pages += 1
                self._place = batch.cursor_after or self._place
                self._again = self._now() + pages * self._following.between_searches
                yield replace(batch, cursor_after=self._cursor(), complete=False)
        except _NotEnough:
            return

    def _page(self, below: str | None, since: datetime) -> Page:
        if self._meter.cost_left < SEARCH_COST:
            raise _NotEnough
        after = (since - LATE_FINDS).replace(hour=0, minute=0, second=0, microsecond=0)  # the same for all its pages
        found = self._youtube.search(self._words, after, below, self._meter)
        ids = [id_ for id_ in map(_video_id, found.items) if id_ is not None]
        told = Told()
        for video in self._youtube.videos(ids, self._meter):
            self._find(video, told)
        self._forget()
        times = [at for at in map(time_of, found.items) if at is not None]
        return Page(told.events, told.rejected, ids, times, found.following, cost=SEARCH_COST)

    def _find(self, video: Any, told: Told) -> None:
        post = told.add({"video": video})
        if post is None:
            return
        if not self._wanted.matches(post):
            told.events.pop()
            return
        title = str(post.attributes["title"])
        about = self._wanted.matches(replace(post, text=title))
        known = self._videos.get(post.id)
        self._videos[post.id] = replace(known or Followed(post.created_at, title, about), title=title, whole=about)

    def _forget(self) -> None:
        """Follow the newest only, and none beyond its time."""
        oldest = self._now() - self._following.for_time
        young = [(id_, video) for id_, video in self._videos.items() if video.published >= oldest]
        young.sort(key=lambda item: item[1].published, reverse=True)
        self._videos = dict(young[: self._following.videos])

    # --- comments --------------------------------------------------------------------------------

    def _visits(self, searched: bool) -> Iterator[Batch]:
        """The videos that were asked longest ago come first. Some videos with little news make one batch."""
        self._forget()
        held = _Held()
        try:
            for id_ in self._due():
                for batch in self._visit(id_):
                    held.add(batch, self._events(id_, batch))
                    if len(held.events) >= FLUSH_EVENTS:
                        yield held.batch(self._cursor())
                        held = _Held()
        except VigieError as error:
            if held.cost:
                yield held.batch(self._cursor())
            if not isinstance(error, Transient) or self._meter.seconds_left > 0:
                raise
            return  # it was the budget's deadline that cut the last question off
        done = searched and not self._due()
        if held.cost or not searched or (done and not self._meter.spent):
            yield held.batch(self._cursor(), complete=done)

    def _due(self) -> list[str]:
        now = self._now()
        due = [id_ for id_, video in self._videos.items() if video.due(now)]
        return sorted(due, key=lambda id_: self._videos[id_].asked or self._videos[id_].published)

    def _visit(self, id_: str) -> Iterator[Batch]:
        if self._meter.spent:
            return
        video = self._videos[id_]
        target, title = {"videoId": id_}, video.title[:300]
        walk = CommentWalk(self._youtube, target, self._meter, self._now, self._following.for_time, title, quiet=True)
        for batch in walk.run(video.place or None):
            video.place = dict(batch.cursor_after or video.place)
            if batch.complete:
                video.asked = self._now()
            yield batch

    def _events(self, id_: str, batch: Batch) -> list[Event]:
        video = self._videos[id_]
        return [event for event in batch.events if video.whole or not _is_other(event, self._wanted)]


class _NotEnough(Exception):
    """What is left of the budget is not enough for one more search."""


@dataclass(slots=True)
class _Held:
    """What several videos told, until it is enough for a batch."""

    events: list[Event] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    cost: float = 0.0

    def add(self, batch: Batch, events: list[Event]) -> None:
        self.events += events
        self.rejected += batch.rejected
        self.cost += batch.cost

    def batch(self, cursor: Cursor, complete: bool = False) -> Batch:
        return Batch(self.events, self.rejected, cursor, complete, self.cost)


def _is_other(event: Event, wanted: Query) -> bool:
    return isinstance(event, Upsert) and not wanted.matches(event.post)


def _video_id(result: Any) -> str | None:
    """Of a search result, whose `id` is an object."""
    return id_of({"id": part(result, "id").get("videoId")})
