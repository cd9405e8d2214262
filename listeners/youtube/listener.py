"""YouTube by its Data API: what a search finds with the comments under it, and those of named videos and channels."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

import httpx
from pydantic import Field, field_validator

from domain.errors import BadInput, Misconfigured
from domain.post import Batch, Cursor, Delete, Post
from listeners.api import utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.google_http import GoogleApi
from listeners.query import Query
from listeners.youtube import posts as youtube_posts
from listeners.youtube.api import Closed, YouTube
from listeners.youtube.comments import CommentWalk
from listeners.youtube.posts import NETWORK, id_of
from listeners.youtube.query import searches
from listeners.youtube.search import Following, SearchWalk

BASE_URL = "https://youtube.googleapis.com"
SEARCH, VIDEO, CHANNEL = "search:", "video:", "channel:"
IDS_A_QUESTION = 30  # the ids of replies are long, and an address has an end
SOME_VIDEO = "jNQXAC9IVRw"  # the first one of all
MINUTES_A_DAY = 24 * 60
FOLLOWING = Following()

_VIDEO = re.compile(
    r"(?:https?://)?(?:[\w.]*youtube\.com/(?:watch\?(?:.*&)?v=|shorts/|live/)|youtu\.be/)?([\w-]{11})\b.*"
)
_CHANNEL = re.compile(r"(?:(?:https?://)?[\w.]*youtube\.com/channel/)?(UC[\w-]{22})\b.*")


class YouTubeSettings(ListenerSettings):
    """Off without `api_key_env`, the environment variable that holds the API key."""

    api_key_env: str = ""
    videos: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    searches_a_day: int = Field(100, ge=0, le=1_000_000)
    search_minutes: float = Field(60.0, ge=0, le=7 * MINUTES_A_DAY)
    units_a_day: int = Field(10_000, ge=1)
    followed_videos: int = Field(100, ge=0, le=500)
    follow_days: float = Field(30.0, gt=0, le=365)
    first_run_days: float = Field(7.0, gt=0, le=365)
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(200, ge=1, le=10000)

    @field_validator("videos")
    @classmethod
    def _videos(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_id(_VIDEO, text, "video: its address, or the 11 signs after v=") for text in given)

    @field_validator("channels")
    @classmethod
    def _channels(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_id(_CHANNEL, text, "channel: write its id, which begins with UC") for text in given)


def _id(pattern: re.Pattern[str], text: str, what: str) -> str:
    found = pattern.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no {what}")
    return found.group(1)


class YouTubeListener:
    """One API key. A query is `search:words`, `video:id` or `channel:id`.

    `wanted` says for a search which videos and comments are told of what it finds. `clock` dates deletions and
    says how far back a first run goes.
    """

    name: ClassVar[str] = NETWORK
    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "youtube"
    Settings: ClassVar[type[ListenerSettings]] = YouTubeSettings

    def __init__(
        self,
        api_key: str,
        base_url: str = BASE_URL,
        *,
        wanted: Mapping[str, Query] | None = None,
        videos: Iterable[str] = (),
        following: Following = FOLLOWING,
        timeout_seconds: float = 20.0,
        clock: Callable[[], datetime] = utc_now,
        client: httpx.Client | None = None,
    ) -> None:
        key = {"x-goog-api-key": api_key.strip()}
        self._api = GoogleApi(
            "youtube", "v3", base_url, lambda _: key, timeout_seconds=timeout_seconds, now=clock, client=client
        )
        self._youtube = YouTube(self._api)
        self._wanted, self._videos = dict(wanted or {}), tuple(videos)
        self._following, self._clock = following, clock

    @classmethod
    def sources(cls, settings: YouTubeSettings, around: Around) -> Iterator[Source]:
        """Every query of its own or else of all networks, then every named video and channel."""
        if not settings.api_key_env:
            if settings.videos or settings.channels or settings.queries:
                raise Misconfigured("listeners.youtube needs api_key_env: the variable that holds its API key")
            return
        wanted = _wanted(settings, around)
        listener = cls(
            _key(settings.api_key_env, around),
            settings.base_url,
            wanted=wanted,
            videos=settings.videos,
            following=_following(settings, len(wanted)),
            timeout_seconds=settings.timeout_seconds,
            clock=around.now,
        )
        named = [*(VIDEO + id_ for id_ in settings.videos), *(CHANNEL + id_ for id_ in settings.channels)]
        for query in (*wanted, *named):
            yield Source(
                cls.name,
                query,
                listener,
                Budget(max_requests=settings.max_requests),
                account="youtube:units",
                cost_a_day=settings.units_a_day,
            )

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`, `BadInput`; what was yielded before may be stored all the same."""
        meter = Meter(budget)
        if query.startswith(SEARCH):
            words, wanted = query.removeprefix(SEARCH), self._wanted.get(query, Query.everything())
            return SearchWalk(self._youtube, words, wanted, meter, self._clock, self._following).run(cursor)
        if query.startswith(VIDEO):
            target = {"videoId": query.removeprefix(VIDEO)}
        elif query.startswith(CHANNEL):
            target = {"allThreadsRelatedToChannelId": query.removeprefix(CHANNEL)}
        else:
            raise BadInput(f"{query!r} is nothing to ask YouTube for; write search:words, video:id or channel:id")
        return CommentWalk(self._youtube, target, meter, self._clock, self._following.for_time).run(cursor)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Those that are no longer shown. An answer of YouTube's own shape is the proof that it was YouTube's."""
        known = list(ids)
        videos = [one.id for one in known if one.attributes.get("kind") == "video"]
        comments = [one.id for one in known if one.attributes.get("kind") in ("comment", "reply")]
        for some in _parts(videos):
            yield from self._gone(some, self._youtube.videos(some, part="id"))
        for some in _parts(comments):
            yield from self._gone_comments(some)

    def _gone(self, asked: list[str], shown: list[Any]) -> Iterator[Delete]:
        there = {id_of(item) for item in shown}
        for id_ in asked:
            if id_ not in there:
                yield Delete(NETWORK, id_, self._clock())

    def _gone_comments(self, asked: list[str]) -> Iterator[Delete]:
        """One comment that is gone, or under a video whose comments are turned off, may spoil the whole question."""
        try:
            yield from self._gone(asked, self._youtube.comments(asked))
        except Closed as closed:
            middle = len(asked) // 2
            if middle:
                yield from self._gone_comments(asked[:middle])
                yield from self._gone_comments(asked[middle:])
            elif closed.is_gone:
                yield from self._gone(asked, [])

    def check(self) -> str:
        """Whether the key is good, and which named videos are not there. Costs one unit."""
        asked = list(self._videos[:IDS_A_QUESTION]) or [SOME_VIDEO]
        there = {id_of(video) for video in self._youtube.videos(asked, part="id")}
        missing = [id_ for id_ in self._videos[:IDS_A_QUESTION] if id_ not in there]
        return f"answers; these videos are not there: {', '.join(missing)}" if missing else "answers"

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored comment or video. Raises `BadRow`."""
        return youtube_posts.remap(raw)

    def close(self) -> None:
        """Let the connections go."""
        self._api.close()


def _wanted(settings: YouTubeSettings, around: Around) -> dict[str, Query]:
    """What to search for, and which queries each search serves."""
    queries = tuple(map(around.parse, settings.queries)) or around.queries
    served: dict[str, list[Query]] = {}
    for query in queries if settings.searches_a_day else ():
        for words in searches(query):
            served.setdefault(SEARCH + words, []).append(query)
    return {search: found[0] if len(found) == 1 else Query.any_of(found) for search, found in served.items()}


def _following(settings: YouTubeSettings, count: int) -> Following:
    """The time between two searches spreads those of a day over the day, whatever `search_minutes` says."""
    fair = MINUTES_A_DAY * count / max(settings.searches_a_day, 1)
    return Following(
        settings.followed_videos,
        timedelta(days=settings.follow_days),
        timedelta(minutes=max(settings.search_minutes, fair)),
        timedelta(days=settings.first_run_days),
    )


def _key(name: str, around: Around) -> str:
    key = (around.secret(name) or "").strip()
    if not re.fullmatch(r"[!-~]+", key):
        raise Misconfigured(f"the environment variable {name} of listeners.youtube holds no API key")
    return key


def _parts(ids: list[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, IDS_A_QUESTION)):
        yield some


LISTENER = YouTubeListener
