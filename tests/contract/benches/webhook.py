"""A sender before a door: what it has delivered lies in a pile, which is read from the cursor on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from domain.post import Batch, Cursor
from listeners.base import Budget, Meter
from listeners.webhook.listener import Door, WebhookListener
from tests.contract.benches.base import Bench, Make
from tests.fakes.webhook_sender import SECRET, signed

NOW = datetime(2026, 11, 4, tzinfo=UTC)
SIZE = 10


class Pile(WebhookListener):
    """A door whose deliveries wait, as a sender keeps them until they are taken."""

    def __init__(self, door: Door) -> None:
        super().__init__(door, SECRET)
        self.bodies: list[bytes] = []

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        meter, taken = Meter(budget), int((cursor or {}).get("taken", 0))
        for number, body in enumerate(self.bodies[taken:], taken + 1):
            if meter.spent:
                return
            assert self.is_genuine(body, signed(body))
            batch = self.read(body, NOW)
            meter.requests += 1
            meter.posts += len(batch.events)
            last = number == len(self.bodies)
            yield Batch(batch.events, batch.rejected, {"taken": number}, complete=last, cost=batch.cost)


class WebhookBench(Bench):
    network = "web"
    page = SIZE
    query = "vendor"

    def __init__(self) -> None:
        self.listener: Pile = Pile(Door(name="vendor", secret_env="SECRET", network="forum"))

    def add(self, *ids: str) -> None:
        for start in range(0, len(ids), SIZE):
            self.deliver([self.row(id_, f"post {id_}") for id_ in ids[start : start + SIZE]])

    def add_bad(self) -> None:
        self.deliver([{"id": "bad", "text": "", "created_at": "yesterday"}])

    def edit(self, id_: str, text: str) -> None:
        self.deliver({**self.row(id_, text), "edited_at": "2026-11-03T10:00:00Z"})

    def delete(self, id_: str) -> None:
        self.deliver({**self.row(id_, ""), "deleted": True})

    def deliver(self, told: Any) -> None:
        self.listener.bodies.append(json.dumps(told).encode())

    @staticmethod
    def row(id_: str, text: str) -> dict[str, Any]:
        return {"id": id_, "text": text, "created_at": "2026-11-02T10:00:00+01:00", "new": [1]}


BENCHES: dict[str, Make] = {"webhook": lambda _: WebhookBench()}
