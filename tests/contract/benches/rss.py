"""Feeds before their listener."""

from datetime import UTC, datetime

from listeners.rss.listener import RssFeed, RssListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.feed_server import FeedServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
EDITED = datetime(2026, 11, 3, 10, tzinfo=UTC)


class FeedBench(OnlineBench):
    network = "rss"
    page = 20

    def __init__(self, kind: str) -> None:
        self.server: FeedServer = FeedServer(kind).__enter__()
        self.query = f"{self.server.url}?key={self.secret}"
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> RssListener:
        feed = RssFeed(url=self.query, network="forum", verify_links=True)
        return RssListener(feed, timeout_seconds=timeout_seconds, clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.post(id_)

    def add_bad(self) -> None:
        self.server.post("bad", "x" * 100_001)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, text, EDITED)

    def delete(self, id_: str) -> None:
        self.server.delete(id_)

    def key(self, id_: str) -> str:
        return f"tag:feed.example,2026:{id_}"


BENCHES: dict[str, Make] = {
    "rss atom": lambda _: FeedBench("atom"),
    "rss 2.0": lambda _: FeedBench("rss"),
    "rss json feed": lambda _: FeedBench("json"),
}
