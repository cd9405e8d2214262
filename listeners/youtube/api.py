"""The questions that are asked of the YouTube Data API; each costs one unit of its quota.

Read 2026-11-21 (developers.google.com/youtube/v3/determine_quota_cost): searches have a bucket of their own of
100 a day, all else has 10,000 units a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.errors import Transient
from listeners.base import Meter
from listeners.google_http import GoogleApi, reasons

COMMENTS_A_PAGE = 100
VIDEOS_A_PAGE = 50

_CLOSED = {
    "commentsDisabled": "its comments are turned off",
    "videoNotFound": "there is no such video, or it is private",
    "channelNotFound": "there is no such channel",
    "commentNotFound": "the comment is gone",
    "commentThreadNotFound": "the comment is gone",
}


class Closed(Exception):
    """There is nothing to be heard at this place; the access itself is good. The message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(_CLOSED[reason])
        self.is_gone = reason.endswith("NotFound")


@dataclass(frozen=True, slots=True)
class Listed:
    """One page. `following` asks for the next one."""

    items: list[Any]
    following: str | None


class YouTube:
    """Adds each question to the meter before it is asked. Raises `Transient`, `Permanent`, and `Closed`."""

    def __init__(self, api: GoogleApi) -> None:
        self._api = api
        self.who = api.who

    def threads(self, target: Mapping[str, str], token: str | None, meter: Meter) -> Listed:
        """Newest threads first; the target is `videoId` or `allThreadsRelatedToChannelId`."""
        asked = {**target, "part": "snippet,replies", "order": "time", "maxResults": COMMENTS_A_PAGE}
        what = f"the comments of {next(iter(target.values()))}"
        return self._list("commentThreads", what, meter, textFormat="plainText", pageToken=token, **asked)

    def replies(self, thread: str, token: str | None, meter: Meter) -> Listed:
        """Of one thread; their order is not promised."""
        asked = {"part": "snippet", "parentId": thread, "maxResults": COMMENTS_A_PAGE, "textFormat": "plainText"}
        return self._list("comments", f"the replies to {thread}", meter, pageToken=token, **asked)

    def search(self, words: str, since: datetime, token: str | None, meter: Meter) -> Listed:
        """Videos, newest first; the answer has short forms of their titles and descriptions."""
        after = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = {"part": "snippet", "q": words, "type": "video", "order": "date", "maxResults": VIDEOS_A_PAGE}
        return self._list("search", "a search", meter, publishedAfter=after, pageToken=token, **asked)

    def videos(self, ids: Sequence[str], meter: Meter | None = None, part: str = "snippet,statistics") -> list[Any]:
        """Of at most 50 videos those that are there."""
        if not ids:
            return []
        asked = {"part": part, "id": ",".join(ids), "maxResults": VIDEOS_A_PAGE}
        return self._list("videos", "a look at videos", meter, **asked).items

    def comments(self, ids: Sequence[str]) -> list[Any]:
        """Of at most 50 comments those that are there."""
        return self._list("comments", "a look at comments", None, part="id", id=",".join(ids)).items

    def _list(self, resource: str, what: str, meter: Meter | None, **asked: Any) -> Listed:
        if meter is not None:
            meter.requests += 1
            meter.cost += 1
        wanted = {name: value for name, value in asked.items() if value is not None}
        answer = self._api.ask(
            lambda youtube: getattr(youtube, resource)().list(**wanted), meter.seconds_left if meter else None
        )
        for reason in sorted(reasons(answer) & _CLOSED.keys()) if not answer.ok else ():
            raise Closed(reason)
        told = self._api.told(answer, what)
        items, following = told.get("items", []), told.get("nextPageToken")
        if not str(told.get("kind")).startswith("youtube#") or not isinstance(items, list):
            raise Transient(f"{self.who} answered something that is no list of YouTube's")
        return Listed(items, following if isinstance(following, str) and following else None)
