"""A server of the Mastodon kind before its listener."""

from datetime import UTC, datetime

from listeners.mastodon.listener import PAGE_SIZE, MastodonListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.mastodon_server import MastodonServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class MastodonBench(OnlineBench):
    network = "mastodon"
    page = PAGE_SIZE

    def __init__(self, query: str = "#colis", link_header: bool = True) -> None:
        self.server: MastodonServer = MastodonServer().__enter__()
        self.server.link_header = link_header
        self.query = query
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> MastodonListener:
        return MastodonListener(self.server.base_url, self.secret, timeout_seconds=timeout_seconds, clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.post(id_)

    def add_bad(self) -> None:
        self.server.post("bad", created_at=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, f"<p>{text} about #colis</p>")

    def delete(self, id_: str) -> None:
        self.server.delete(id_)

    def key(self, id_: str) -> str:
        return f"https://home.example/users/alice/statuses/{id_}"


BENCHES: dict[str, Make] = {
    "mastodon hashtag": lambda _: MastodonBench(),
    "mastodon without Link": lambda _: MastodonBench("public", link_header=False),
    "mastodon search": lambda _: MastodonBench("about"),
}
