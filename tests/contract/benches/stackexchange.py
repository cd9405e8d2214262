"""A site of Stack Exchange before its listener."""

from datetime import UTC, datetime

from listeners.stackexchange.listener import PAGE_SIZE, StackExchangeListener, StackExchangeSettings
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.stackexchange_server import SITE, StackExchangeServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
EDITED = datetime(2026, 11, 3, 10, tzinfo=UTC)


class StackExchangeBench(OnlineBench):
    network = "stackexchange"
    page = PAGE_SIZE
    query = "parcel"

    def __init__(self) -> None:
        self.server: StackExchangeServer = StackExchangeServer().__enter__()
        self.server.keys = {self.secret}
        self.listener = self.listen()
        self._numbers: dict[str, int] = {}

    def listen(self, timeout_seconds: float = 20) -> StackExchangeListener:
        settings = StackExchangeSettings(base_url=self.server.base_url, timeout_seconds=timeout_seconds)
        return StackExchangeListener(SITE, self.secret, settings, clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self._numbers[id_] = 1_000 + len(self._numbers)
            self.server.post(self._numbers[id_])

    def add_bad(self) -> None:
        self.server.post(99, creation_date=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(self._numbers[id_], f"{text}: the parcel", EDITED)

    def delete(self, id_: str) -> None:
        self.server.delete(self._numbers[id_])

    def key(self, id_: str) -> str:
        return f"{SITE}:{self._numbers[id_]}"


BENCHES: dict[str, Make] = {"stackexchange": lambda _: StackExchangeBench()}
