"""The one customer record: who, where to reach them, what they allowed, what happened so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STATUSES = ("active", "deceased", "minor", "legal_hold")
PURPOSES = ("service", "marketing")
CONSENT_STATUSES = ("granted", "denied", "revoked")
DIRECTIONS = ("in", "out")
OBJECTIONS = ("all", "social_care", "linking", "profiling")


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a network that the customer declared to the brand as his own."""

    network: str
    account_id: str
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """The customer's word on one channel and purpose; the latest one holds."""

    channel: str
    purpose: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """A row of the brand's customer file. `customer_id` is the brand's own."""

    customer_id: str
    name: str
    first_name: str | None = None
    last_name: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    address: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    language: str | None = None
    timezone: str | None = None
    segment: str | None = None
    value: float | None = None
    birth_year: int | None = None
    status: str = "active"
    accounts: tuple[Account, ...] = ()
    preferred_channel: str | None = None
    consents: tuple[Consent, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer bought; `parcel` is the carrier's number of it. Times are aware."""

    order_id: str
    customer_id: str
    placed_at: datetime
    product: str | None = None
    status: str | None = None
    promised_at: datetime | None = None
    delivered_at: datetime | None = None
    store: str | None = None
    parcel: str | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """One contact, in or out, on any channel: the line of the one history."""

    interaction_id: str
    customer_id: str
    channel: str
    direction: str
    at: datetime
    subject: str | None = None
    text: str | None = None
    outcome: str | None = None
    agent: str | None = None
    case: str | None = None
