"""YouTube before its listener: the comments of a named video, and the videos that a search finds."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from listeners.youtube.api import COMMENTS_A_PAGE, VIDEOS_A_PAGE
from listeners.youtube.listener import YouTubeListener
from listeners.youtube.search import Following
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.youtube_server import YouTubeServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
VIDEO = "dQw4w9WgXcQ"


class YouTubeBench(OnlineBench):
    network = "youtube"

    def __init__(self) -> None:
        self.server: YouTubeServer = YouTubeServer().__enter__()
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> YouTubeListener:
        following = Following(videos=10, between_searches=timedelta(0))
        return YouTubeListener(
            self.secret, self.server.base_url, following=following, timeout_seconds=timeout_seconds, clock=lambda: NOW
        )

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def delete(self, id_: str) -> None:
        self.server.delete(id_)


class VideoBench(YouTubeBench):
    """Comments are the posts."""

    page = COMMENTS_A_PAGE
    query = f"video:{VIDEO}"

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.comment(VIDEO, id_)

    def add_bad(self) -> None:
        self.server.comment(VIDEO, "bad", publishedAt=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, text)


class SearchBench(YouTubeBench):
    """Videos are the posts."""

    page = VIDEOS_A_PAGE
    query = "search:hirondelle"
    lacks: ClassVar[dict[str, str]] = {"edit": "YouTube does not say when a title or description was changed"}

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.video(id_)

    def add_bad(self) -> None:
        self.server.video("bad", title=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.videos[id_]["snippet"]["title"] = text


BENCHES: dict[str, Make] = {"youtube video": lambda _: VideoBench(), "youtube search": lambda _: SearchBench()}
