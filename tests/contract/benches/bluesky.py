"""A Bluesky server before its listener: signed in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from listeners.bluesky.listener import PAGE_SIZE, BlueskyListener
from listeners.bluesky.session import Account
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.bluesky_server import HANDLE, PASSWORD, BlueskyServer, uri_of

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class BlueskyBench(OnlineBench):
    network = "bluesky"
    page = PAGE_SIZE
    query = "about colis"
    secret = PASSWORD
    lacks: ClassVar[dict[str, str]] = {
        "edit": "the search shows an edited post without the time of its edit; the stream tells it"
    }

    def __init__(self, folder: Path) -> None:
        self.server: BlueskyServer = BlueskyServer().__enter__()
        self._account = Account.of(HANDLE, PASSWORD, self.server.base_url, folder)
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> BlueskyListener:
        return BlueskyListener(self.server.base_url, self._account, timeout_seconds=timeout_seconds, clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.post(id_)

    def add_bad(self) -> None:
        self.server.post("bad", record={"text": ["about colis"]})

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, f"{text} about colis")

    def delete(self, id_: str) -> None:
        self.server.delete(id_)

    def key(self, id_: str) -> str:
        return uri_of(id_)


BENCHES: dict[str, Make] = {"bluesky": BlueskyBench}
