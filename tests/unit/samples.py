"""Posts, people and readings in one line each, and the transaction that forgets them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from config.settings import Settings
from domain.brand import Brand
from domain.customer import Customer, Order
from domain.post import Author, Delete, Post, Upsert
from domain.reading import Entity, Label, Reading
from storage.brands import ensure_brands
from storage.database import Database

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
BRAND = Brand(id="hirondelle", name="Hirondelle", accounts=("mastodon:hirondelle", "x:hirondelle"))
OTHER_BRAND = Brand(id="mesange", name="Mésange")
ACTING = Settings.model_validate({"matching": {"start": "acting", "start_reason": "links of samples are right"}})
OLD_ACCOUNT = datetime(2019, 1, 1, tzinfo=UTC)


class _TakenBack(Exception):
    pass


@contextmanager
def undone(database: Database) -> Iterator[Session]:
    """A transaction that is rolled back at its end."""
    try:
        with database.begin() as session:
            ensure_brands(session, [BRAND, OTHER_BRAND], NOW)
            yield session
            raise _TakenBack
    except _TakenBack:
        pass


def minute(number: float) -> datetime:
    """So many minutes after the sample day's morning."""
    return NOW - timedelta(days=1) + timedelta(minutes=number)


def author(id_: str = "a1", **facts: Any) -> Author:
    return Author(**{"id": id_, "handle": f"{id_}_handle", "created_at": OLD_ACCOUNT, **facts})


def post(id_: str = "1", text: str = "Mon colis n'est pas arrivé", **facts: Any) -> Post:
    return Post(**{"network": "mastodon", "id": id_, "text": text, "created_at": minute(0), **facts})


def heard(id_: str = "1", text: str = "Mon colis n'est pas arrivé", **facts: Any) -> Upsert:
    return Upsert(post(id_, text, **facts))


def gone(id_: str = "1", at: datetime = NOW, network: str = "mastodon") -> Delete:
    return Delete(network, id_, at)


def customer(id_: str = "C1", first: str | None = "Claire", last: str | None = "Martin", **facts: Any) -> Customer:
    name = facts.pop("name", None) or f"{first} {last}"
    return Customer(**{"customer_id": id_, "name": name, "first_name": first, "last_name": last, **facts})


def order(id_: str = "HR4829174637", customer_id: str = "C1", **facts: Any) -> Order:
    return Order(**{"order_id": id_, "customer_id": customer_id, "placed_at": minute(-60 * 24 * 9), **facts})


def entity(kind: str, value: str, text: str | None = None) -> Entity:
    shown = text or value
    return Entity(kind, shown, 0, len(shown), value)


def reading(intent: str = "delivery", *entities: Entity, about: float = 0.9, **heads: Any) -> Reading:
    """What a model would say; a complaint unless `complaint` says otherwise."""
    labels = {"language": "fr", "sentiment": "negative", "urgency": "normal", **heads}
    flags = {"complaint": 0.9, "about_brand": about, "ironic": 0.1, "escalation": 0.1}
    return Reading(
        language=_sure(labels["language"]),
        sentiment=_sure(labels["sentiment"]),
        intent=_sure(intent),
        second_intent=None,
        urgency=_sure(labels["urgency"]),
        flags=flags | {name: value for name, value in heads.items() if name in flags},
        entities=entities,
        abstain=(),
        model="by-hand",
    )


def _sure(label: str) -> Label:
    return Label(label, {label: 1.0})
