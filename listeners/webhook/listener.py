"""What others send us: one door for each sender, each with its secret and the format in which it tells posts.

The door itself is `POST /api/v1/hooks/NAME` of the console's web application (`console/hooks.py`); here is what
a delivery must show and what it says. Delivered twice, late or in another order, it comes to the same:
a post is stored once, and a deletion that comes before its post leaves a tombstone.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from domain.errors import BadInput, Misconfigured
from domain.post import Batch, Cursor, Delete, Post, Rejected, Upsert
from listeners.base import Around, Budget, Known, ListenerSettings, Source
from listeners.posts import post_event
from listeners.trustpilot.listener import TrustpilotListener
from listeners.trustpilot.reviews import NETWORK as TRUSTPILOT
from listeners.trustpilot.reviews import lenient_time, review_post
from listeners.values import SHORT_LIMIT, BadRow, as_identifier, as_network, required
from listeners.webhook.signature import Scheme, is_genuine

NETWORK = "web"
PATH = "/api/v1/hooks/"
RAW_LIMIT = 10_000
SAID = ("service-review-created", "service-review-updated")
GONE = "service-review-deleted"


class Door(ListenerSettings):
    """One sender. `secret_env` names the environment variable with the secret; `network` is for posts that name none.

    `header` is where the scheme `hmac-sha256` finds the signature. `brand` says whose posts they are, where an
    installation has several brands.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    format: Literal["posts", "trustpilot"] = "posts"
    scheme: Scheme = "standard"
    secret_env: str
    header: str = "X-Signature"
    network: str = ""
    brand: str = ""

    @field_validator("network")
    @classmethod
    def _network(cls, value: str) -> str:
        return as_network(value) if value else ""


class WebhookSettings(ListenerSettings):
    """Doors for deliveries from outside; none is open until it stands here."""

    doors: tuple[Door, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [door.name for door in self.doors]
        if len(names) > len(set(names)):
            raise ValueError("two doors have one name")
        return self


class WebhookListener:
    """One door: what comes in is verified, then read. Nothing can be pulled from it."""

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "webhook"
    Settings: ClassVar[type[ListenerSettings]] = WebhookSettings

    def __init__(self, door: Door, secret: str | None) -> None:
        if not secret:
            raise Misconfigured(f"listeners.webhook: the variable {door.secret_env} of door {door.name!r} is not set")
        self.door = door
        self.name = f"webhook {door.name}"
        self._secret = secret

    @classmethod
    def sources(cls, settings: WebhookSettings, around: Around) -> Iterator[Source]:
        """Every door of this brand, so that `vigie check` knows it."""
        for door in settings.doors:
            if door.brand in ("", around.brand.id):
                listener = cls(door, around.secret(door.secret_env))
                yield Source(listener.name, door.name, listener, verifies=False)

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the delivery shows that it comes from who shares the secret. Raises `Misconfigured`."""
        return is_genuine(self.door.scheme, self._secret, self.door.header, body, headers)

    def read(self, body: bytes, now: datetime) -> Batch:
        """What a delivery says. A bad item is rejected alone. Raises `BadInput` when nothing of it can be read."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            raise BadInput("the body is not JSON") from None
        found = _reviews(told, now) if self.door.format == "trustpilot" else _posts(told, self.door.network)
        cursor = {"version": 1, "received": now.isoformat()}
        return Batch(found.events, found.rejected, cursor, complete=True, cost=float(len(found.events)))

    def check(self) -> str:
        """Whether the secret can be one; nobody is asked."""
        self.is_genuine(b"", {})
        return f"waits at {PATH}{self.door.name}"

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Nothing: it is told."""
        return iter(())

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Nothing: the sender tells what is gone."""
        return iter(())

    def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored item: a row, or else a review. Raises `BadRow`."""
        if "row" not in raw:
            return TrustpilotListener.remap(raw)
        event = post_event(raw["row"])
        if not isinstance(event, Upsert):
            raise BadRow("a deletion draws no post")
        return event.post


LISTENER = WebhookListener


@dataclass(slots=True)
class _Found:
    events: list[Upsert | Delete] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, network: str, item: Any, read: Callable[[Any], Iterable[Upsert | Delete]]) -> None:
        try:
            self.events += read(item)
        except BadRow as error:
            self.rejected.append(Rejected(network, str(error), json.dumps(item, default=str)[:RAW_LIMIT]))


def _posts(told: Any, network: str) -> _Found:
    """One post or a list of them, in the shape of a file's rows."""

    def read(item: Any) -> list[Upsert | Delete]:
        if not isinstance(item, dict):
            raise BadRow("a post must be an object")
        row = {**({"network": network} if network else {}), **item}
        event = post_event(row)
        return [Upsert(event.post, {"row": row})] if isinstance(event, Upsert) else [event]

    found = _Found()
    for item in told if isinstance(told, list) else [told]:
        found.add(network or NETWORK, item, read)
    return found


def _reviews(told: Any, now: datetime) -> _Found:
    """The service reviews among the events of a delivery; events of other kinds are passed over."""
    events = told.get("events") if isinstance(told, dict) else None
    if not isinstance(events, list):
        raise BadInput("the body is no delivery of Trustpilot's: it has no list of events")
    found = _Found()
    for event in events:
        found.add(TRUSTPILOT, event, lambda item: _review(item, now))
    return found


def _review(event: Any, now: datetime) -> list[Upsert | Delete]:
    """What happened to a review; where a deletion does not say when it was, it is now."""
    if not isinstance(event, dict):
        raise BadRow("an event must be an object")
    kind, review = event.get("eventName"), event.get("eventData")
    if kind not in (*SAID, GONE):
        return []
    if not isinstance(review, dict):
        raise BadRow("eventData must be an object")
    if kind == GONE:
        id_ = required(as_identifier(review.get("id"), "id", SHORT_LIMIT), "id")
        return [Delete(TRUSTPILOT, id_, lenient_time(review.get("deletedAt")) or now)]
    post = review_post(review)
    return [] if post is None else [Upsert(post, review)]
