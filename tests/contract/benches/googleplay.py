"""Google Play before its listener."""

from datetime import UTC, datetime

from listeners.googleplay.listener import PAGE_SIZE, GooglePlayListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.googleplay_server import GooglePlayServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class GooglePlayBench(OnlineBench):
    network = "googleplay"
    page = PAGE_SIZE
    query = GooglePlayServer.package
    secret = GooglePlayServer.token

    def __init__(self) -> None:
        self.server: GooglePlayServer = GooglePlayServer().__enter__()
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> GooglePlayListener:
        return GooglePlayListener(
            self.server.key(),
            self.server.base_url,
            packages=[self.server.package],
            timeout_seconds=timeout_seconds,
            clock=lambda: NOW,
        )

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.review(id_)

    def add_bad(self) -> None:
        self.server.review("bad", lastModified={"seconds": "soon"})

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, text)

    def delete(self, id_: str) -> None:
        self.server.delete(id_)


BENCHES: dict[str, Make] = {"googleplay": lambda _: GooglePlayBench()}
