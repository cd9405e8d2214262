"""The comments of one video or one channel: threads newest first, and the replies that are not shown with them.

    cursor = {…as in listeners/walk.py…,
              "known": {"Ugx…": [12, "2026-11-02T10:00:00Z"]},  # threads whose replies were all heard: how many
              "open": [{"thread": "Ugx…", …}],                 # threads whose replies are still to be asked for
              "closed": "its comments are turned off"}         # what was last said of a place that is shut, or null

An answer shows at most five replies of a thread. Of a thread with more the others are asked for when their
number, or the newest reply that is shown, is another than before. That is heard on the newest page of threads
only: new replies to older threads are not.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from domain.errors import BadInput, Transient
from domain.post import Batch, Cursor, Rejected
from listeners.base import Meter
from listeners.google_http import StalePage, from_the_top
from listeners.walk import NewestFirst, Page
from listeners.youtube.api import COMMENTS_A_PAGE, Closed, YouTube
from listeners.youtube.posts import NETWORK, Told, id_of, part, reply_count, shown_replies, time_of

KNOWN_THREADS = 50

_VIDEO = re.compile(r"[\w-]{1,40}")

Known = list[Any]  # [how many replies, when the newest of those shown was written]


@dataclass(slots=True)
class OpenThread:
    """A thread whose replies are being read: `wanted` of them are new, `heard` came so far, `token` is the next page.

    `video` is what its replies are told with.
    """

    thread: str
    known: Known
    wanted: int
    video: dict[str, Any]
    heard: int = 0
    token: str | None = None

    def goes_on(self, items: list[Any], following: str | None) -> bool:
        """Whether there may be new replies on the next page. Newest first, there are none after so many."""
        if following is None or following == self.token or not items:
            return False
        times = _times(items)
        newest_first = times == sorted(times, reverse=True)
        return self.heard < (self.wanted if newest_first else self.known[0] + COMMENTS_A_PAGE)


@dataclass(slots=True)
class Replies:
    """The part of the cursor that is about replies."""

    known: dict[str, Known] = field(default_factory=dict)
    open: list[OpenThread] = field(default_factory=list)
    closed: str | None = None

    @classmethod
    def read(cls, cursor: Cursor | None) -> "Replies":
        """Raises `BadInput`."""
        told = cursor or {}
        try:
            threads = [OpenThread(**thread) for thread in told.get("open") or ()]
            return cls(dict(told.get("known") or {}), threads, told.get("closed"))
        except (TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of a listener is broken ({error!r}); remove it") from error

    def cursor(self) -> dict[str, Any]:
        return asdict(self)

    def look(self, thread: Any, video: Mapping[str, Any]) -> None:
        """Open the thread if it has replies that are not shown and were not heard."""
        id_, count, shown = id_of(thread), reply_count(thread), shown_replies(thread)
        if id_ is None or count <= len(shown):
            return
        newest = max((at for at in map(time_of, shown) if at is not None), default=None)
        now_known: Known = [count, newest.isoformat() if newest else None]
        before = self.known.get(id_)
        if before == now_known or any(other.thread == id_ for other in self.open):
            return
        self.open.append(OpenThread(id_, now_known, max(count - (before[0] if before else 0), 1), dict(video)))

    def close(self, heard: OpenThread) -> None:
        """Its replies were all heard; of the threads that are known so, the last ones are remembered."""
        self.open.remove(heard)
        self.known.pop(heard.thread, None)
        self.known[heard.thread] = heard.known
        for thread in list(self.known)[:-KNOWN_THREADS]:
            del self.known[thread]


@dataclass(slots=True)
class CommentWalk:
    """One pull over one target; `video_title` is told with each comment. `quiet`: nobody asked for just this place."""

    youtube: YouTube
    target: Mapping[str, str]
    meter: Meter
    now: Callable[[], datetime]
    first_run: timedelta
    video_title: str | None = None
    quiet: bool = False
    _replies: Replies = field(default_factory=Replies)

    def run(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Replies that are still to be asked for, then the threads, each page's replies after it."""
        self._replies = Replies.read(cursor)
        place: Cursor = {name: value for name, value in (cursor or {}).items() if name in ("version", "since", "walk")}
        yield from self._open_threads(place, False)
        if self._replies.open:
            return
        walk = NewestFirst(NETWORK, self._page, self.meter, self.now, self.first_run)
        for batch in from_the_top(walk, place or None):
            place = batch.cursor_after or place
            ends = batch.complete and not self._replies.open
            yield replace(batch, cursor_after={**place, **self._replies.cursor()}, complete=ends)
            yield from self._open_threads(place, batch.complete)

    def _open_threads(self, place: Cursor, walked: bool) -> Iterator[Batch]:
        while self._replies.open and not self.meter.spent:
            try:
                told = self._more(self._replies.open[0])
            except Transient:
                if self.meter.seconds_left <= 0:
                    return  # it is the budget's deadline that cut this page off; the next pull begins with it
                raise
            self.meter.posts += len(told.events)
            ends = walked and not self._replies.open
            yield Batch(told.events, told.rejected, {**place, **self._replies.cursor()}, complete=ends, cost=1.0)

    def _more(self, thread: OpenThread) -> Told:
        """The next page of a thread's replies."""
        told = Told()
        try:
            listed = self.youtube.replies(thread.thread, thread.token, self.meter)
        except Closed:
            self._replies.close(thread)
            return told
        except StalePage:
            if thread.token is None:
                raise
            thread.token, thread.heard = None, 0
            return told
        told.replies(listed.items, thread.video)
        thread.heard += len(listed.items)
        if thread.goes_on(listed.items, listed.following):
            thread.token = listed.following
        else:
            self._replies.close(thread)
        return told

    def _page(self, below: str | None, since: datetime) -> Page:
        try:
            listed = self.youtube.threads(self.target, below, self.meter)
        except Closed as closed:
            return self._closed(str(closed))
        self._replies.closed = None
        told = Told()
        for thread in listed.items:
            video = self._video(thread)
            told.thread(thread, video)
            self._replies.look(thread, video)
        tops = [part(thread, "snippet").get("topLevelComment") for thread in listed.items]
        return Page(told.events, told.rejected, _in_order(tops), _times(tops), listed.following)

    def _video(self, thread: Any) -> dict[str, Any]:
        id_ = part(thread, "snippet").get("videoId") or self.target.get("videoId")
        told = {
            "video_id": id_ if isinstance(id_, str) and _VIDEO.fullmatch(id_) else None,
            "video_title": self.video_title,
        }
        return {name: value for name, value in told.items() if value}

    def _closed(self, why: str) -> Page:
        """Told once, until it is open again."""
        before, self._replies.closed = self._replies.closed, why
        place = next(iter(self.target.values()))
        news = [] if self.quiet or before == why else [Rejected(NETWORK, f"{place}: {why}", place)]
        return Page([], news)


def _times(items: list[Any]) -> list[datetime]:
    return [at for at in map(time_of, items) if at is not None]


def _in_order(items: list[Any]) -> list[str]:
    """The ids of a page, without those that stand above newer ones.

    A comment that is pinned to the top stays there, and does not say that the page reaches down to the last run.
    """
    ids: list[str] = []
    newest: datetime | None = None
    for item in reversed(items):
        id_, at = id_of(item), time_of(item)
        if id_ is None or (at is not None and newest is not None and at < newest):
            continue
        newest = at if at is not None else newest
        ids.append(id_)
    return ids[::-1]
