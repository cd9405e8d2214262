"""Hacker News before its listener."""

from datetime import UTC, datetime
from typing import ClassVar

from listeners.hackernews.listener import PAGE_SIZE, HackerNewsListener, HackerNewsSettings
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.hackernews_server import HackerNewsServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class HackerNewsBench(OnlineBench):
    network = "hackernews"
    page = PAGE_SIZE
    query = "parcel"
    lacks: ClassVar[dict[str, str]] = {"edit": "the search does not say when an item was edited"}

    def __init__(self) -> None:
        self.server: HackerNewsServer = HackerNewsServer().__enter__()
        self.listener = self.listen()
        self._numbers: dict[str, int] = {}

    def listen(self, timeout_seconds: float = 20) -> HackerNewsListener:
        settings = HackerNewsSettings(
            base_url=self.server.base_url, items_url=self.server.base_url, timeout_seconds=timeout_seconds
        )
        return HackerNewsListener(settings, clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self._numbers[id_] = 10_000 + len(self._numbers)
            self.server.post(self._numbers[id_])

    def add_bad(self) -> None:
        self.server.post(99, created_at=None, created_at_i=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(self._numbers[id_], f"{text}: the parcel")

    def delete(self, id_: str) -> None:
        self.server.delete(self._numbers[id_])

    def key(self, id_: str) -> str:
        return str(self._numbers[id_])


BENCHES: dict[str, Make] = {"hackernews": lambda _: HackerNewsBench()}
