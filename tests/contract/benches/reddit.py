"""Reddit before its listener: the submissions and the comments of a subreddit, and its search."""

from datetime import UTC, datetime
from typing import ClassVar

from listeners.reddit.access import App
from listeners.reddit.listener import PAGE_SIZE, RedditListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.reddit_server import CLIENT, RedditServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class RedditBench(OnlineBench):
    network = "reddit"
    page = PAGE_SIZE
    secret = CLIENT[1]
    lacks: ClassVar[dict[str, str]] = {}

    def __init__(self, query: str, kind: str) -> None:
        self.server: RedditServer = RedditServer().__enter__()
        self.query, self._kind = query, kind
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> RedditListener:
        url = self.server.base_url
        app = App(CLIENT[0], self.secret, "server:vigie-test:1.0 (by /u/test)")
        return RedditListener(app, base_url=url, reddit_url=url, timeout_seconds=timeout_seconds, clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.comment(id_) if self._kind == "t1" else self.server.submit(id_)

    def add_bad(self) -> None:
        self.server.submit("bad", created_utc=None)
        self.server.comment("bad", created_utc=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(self.key(id_), text)

    def delete(self, id_: str) -> None:
        self.server.delete(self.key(id_))

    def key(self, id_: str) -> str:
        return f"{self._kind}_{id_}"


class SubmissionsBench(RedditBench):
    lacks: ClassVar[dict[str, str]] = dict.fromkeys(
        ("edit", "undated edit"), "a post begins with its title, and nobody can edit a title on Reddit"
    )

    def __init__(self, query: str) -> None:
        super().__init__(query, "t3")


BENCHES: dict[str, Make] = {
    "reddit subreddit": lambda _: SubmissionsBench("new r/acme"),
    "reddit comments": lambda _: RedditBench("comments r/acme", "t1"),
    "reddit search": lambda _: SubmissionsBench('search ("colis")'),
}
