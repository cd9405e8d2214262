"""X before its listener: the search, and the mentions of an own account."""

from datetime import UTC, datetime

from listeners.x.listener import XListener, XSettings
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.x_server import NOW, XServer

PAGE = 10


class XBench(OnlineBench):
    network = "x"
    page = PAGE

    def __init__(self, query: str = "colis -is:retweet", field_names: str = "tweet") -> None:
        self.server: XServer = XServer().__enter__()
        self.query, self.field_names = query, field_names
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> XListener:
        settings = XSettings.model_validate(
            {
                "base_url": self.server.base_url,
                "field_names": self.field_names,
                "user_ids": {"hirondelle": "900"},
                "page_size": PAGE,
                "first_run_days": 7,
                "timeout_seconds": timeout_seconds,
            }
        )
        return XListener(self.secret, settings, own=["hirondelle"], clock=lambda: NOW)

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.post(id_)

    def add_bad(self) -> None:
        self.server.post("bad")["text"] = None

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, f"{text} about #colis", datetime(2026, 11, 3, 10, tzinfo=UTC))

    def delete(self, id_: str) -> None:
        self.server.delete(id_)

    def key(self, id_: str) -> str:
        return self.server.ids[id_]


BENCHES: dict[str, Make] = {
    "x search": lambda _: XBench(),
    "x search by the names of 2026-08": lambda _: XBench(field_names="post"),
    "x mentions": lambda _: XBench("mentions:@hirondelle"),
}
