"""A Discourse forum before its listener."""

from datetime import UTC, datetime
from typing import ClassVar

from listeners.discourse.listener import EVERYTHING, FINDS_A_PAGE, PAGE_SIZE, SEARCH, DiscourseListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.discourse_server import DiscourseServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
EDITED = datetime(2026, 11, 3, 10, tzinfo=UTC)


class DiscourseBench(OnlineBench):
    network = "discourse"
    page = PAGE_SIZE
    query = EVERYTHING

    def __init__(self, is_old: bool = False) -> None:
        self.server: DiscourseServer = DiscourseServer().__enter__()
        self.server.keys = {self.secret}
        self.server.is_old = is_old
        self.server.finds_a_page = FINDS_A_PAGE
        self.listener = self.listen()
        self._numbers: dict[str, int] = {}

    def listen(self, timeout_seconds: float = 20) -> DiscourseListener:
        return DiscourseListener(
            self.server.base_url, self.secret, "vigie", timeout_seconds=timeout_seconds, clock=lambda: NOW
        )

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self._numbers[id_] = len(self.server.posts) + len(self.server.deleted) + 1
            self.server.post(self._numbers[id_])

    def add_bad(self) -> None:
        self.server.post(len(self.server.posts) + 1, created_at=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(self._numbers[id_], f"<p>{text}: the parcel</p>", EDITED)

    def delete(self, id_: str) -> None:
        self.server.delete(self._numbers[id_])

    def key(self, id_: str) -> str:
        return f"{self.server.host}:{self._numbers[id_]}"


class DiscourseSearchBench(DiscourseBench):
    page = FINDS_A_PAGE
    query = f"{SEARCH}parcel"
    lacks: ClassVar[dict[str, str]] = {
        "deadline": "a page of finds takes eleven requests, so that the fault of the third would hit the first page",
    }


BENCHES: dict[str, Make] = {
    "discourse": lambda _: DiscourseBench(),
    "discourse until 2025": lambda _: DiscourseBench(is_old=True),
    "discourse search": lambda _: DiscourseSearchBench(),
}
