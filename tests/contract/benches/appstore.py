"""App Store Connect before its listener."""

from datetime import UTC, datetime
from typing import ClassVar

from listeners.appstore.listener import PAGE_SIZE, AppStoreKey, AppStoreListener
from tests.contract.benches.base import Make, OnlineBench
from tests.fakes.appstore_server import AppStoreServer, private_key

NOW = datetime(2026, 11, 4, tzinfo=UTC)


class AppStoreBench(OnlineBench):
    network = "appstore"
    page = PAGE_SIZE
    query = AppStoreServer.app
    secret = private_key().splitlines()[1]
    lacks: ClassVar[dict[str, str]] = {"edit": "the App Store Connect API does not say when a review was changed"}

    def __init__(self) -> None:
        self.server: AppStoreServer = AppStoreServer().__enter__()
        self.listener = self.listen()

    def listen(self, timeout_seconds: float = 20) -> AppStoreListener:
        key = AppStoreKey(private_key(), self.server.key_id, self.server.issuer_id)
        apps = [self.server.app]
        return AppStoreListener(
            key, self.server.base_url, apps=apps, timeout_seconds=timeout_seconds, clock=lambda: NOW
        )

    def repeat_pages(self) -> None:
        self.server.ignores_paging = True

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.review(id_)

    def add_bad(self) -> None:
        self.server.review("bad", createdDate=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, text)

    def delete(self, id_: str) -> None:
        self.server.delete(id_)


BENCHES: dict[str, Make] = {"appstore": lambda _: AppStoreBench()}
