"""Trustpilot's API before its listener."""

from datetime import UTC, datetime

from listeners.trustpilot.listener import PAGE_SIZE, TrustpilotListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.trustpilot_server import UNIT, TrustpilotServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class TrustpilotBench(OnlineBench):
    network = "trustpilot"
    page = PAGE_SIZE
    query = UNIT

    def __init__(self) -> None:
        self.server: TrustpilotServer = TrustpilotServer(self.secret).__enter__()
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> TrustpilotListener:
        return TrustpilotListener(
            self.secret, self.server.base_url, units=[UNIT], timeout_seconds=timeout_seconds, clock=lambda: NOW
        )

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.review(id_)

    def add_bad(self) -> None:
        self.server.review("bad", createdAt="yesterday")

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, title=text, updatedAt="2026-11-03T10:00:00.000Z")

    def delete(self, id_: str) -> None:
        self.server.delete(id_)


BENCHES: dict[str, Make] = {"trustpilot": lambda _: TrustpilotBench()}
