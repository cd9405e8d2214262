"""Each desk with a server that speaks its vendor's HTTP. A new desk adds its line to WORLDS, nothing else."""

import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from routing.desks.base import Desk, DeskSettings, DeskState, Ticket, find_desks
from tests.fakes.desks import (
    START,
    TOKEN,
    ChatwootServer,
    DeskServer,
    EventServer,
    FreshdeskServer,
    ServiceCloudServer,
    ZammadServer,
    ZendeskServer,
)
from tests.fakes.server import Request

KEY = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
DELIVERY_SECRET = "a-long-delivery-secret"
SECONDS = 1.0
TICKET = Ticket(
    reference="vigie-hirondelle-12",
    subject="Vigie case 12: delivery (high)",
    body="Vigie case 12\n<script>alert(1)</script> & é 🐦\n\n[vigie-hirondelle-12]",
    state=DeskState.OPEN,
    severity="high",
    link="https://care.example.org/cases/12",
)


@dataclass
class Clock:
    """One time for both sides."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class World:
    """A desk, the server behind it, their clock, and the same desk with credentials that nobody knows."""

    desk: Desk
    server: DeskServer
    clock: Clock
    stranger: Desk

    def word(self, state: DeskState) -> str:
        return self.desk.words[state]


Access = dict[str, Any]
BASIC: Access = {"token": TOKEN}
ACCESS: dict[str, tuple[type[DeskServer], Access, Access]] = {
    "zendesk": (
        ZendeskServer,
        {**BASIC, "user": "care@acme.example", "delivery_secret": DELIVERY_SECRET},
        {"token": "x"},
    ),
    "zammad": (
        ZammadServer,
        {**BASIC, "customer": "vigie@acme.example", "delivery_secret": DELIVERY_SECRET},
        {"token": "x"},
    ),
    "chatwoot": (
        ChatwootServer,
        {**BASIC, "account": 7, "inbox": 3, "delivery_secret": DELIVERY_SECRET},
        {"token": "x"},
    ),
    "freshdesk": (FreshdeskServer, BASIC, {"token": "x"}),
    "salesforce": (ServiceCloudServer, {"client_id": "app", "client_secret": TOKEN}, {"client_secret": "x"}),
    "webhook": (EventServer, {"secret": KEY}, {"secret": KEY[:-8] + "AAAAAAA="}),
}


def settings(name: str, base_url: str, **changes: Any) -> DeskSettings:
    """The table of a desk at this address."""
    facts = {"on": True, "base_url": base_url, "timeout_seconds": SECONDS, **ACCESS[name][1], **changes}
    return find_desks()[name].Settings.model_validate(facts)


@contextmanager
def world_of(name: str) -> Iterator[World]:
    server_kind, _, wrong = ACCESS[name]
    clock = Clock()
    with server_kind(clock) as server:
        if isinstance(server, EventServer):
            server.genuine = signed
        kind = find_desks()[name]
        desk = kind.make(settings(name, server.base_url), clock)
        stranger = kind.make(settings(name, server.base_url, **wrong), clock)
        yield World(desk, server, clock, stranger)
        desk.close()
        stranger.close()


def signed(request: Request) -> bool:
    """As a receiver looks at it, but for the age: the tests' clock stands still."""
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    try:
        expected = Webhook(KEY).sign(request.headers["webhook-id"], at, request.body.decode())
    except (WebhookVerificationError, binascii.Error):
        return False
    return expected == request.headers["webhook-signature"]


WORLDS: tuple[str, ...] = tuple(ACCESS)
Make = Callable[[str], World]
