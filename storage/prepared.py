"""A customer made ready to be stored, and the rows that hang on a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.customer import Account, Consent, Customer
from storage.tables import (
    Base,
    ConsentRow,
    ContactPointRow,
    CustomerKeyRow,
    IdentityRow,
    ObjectionRow,
    PreferenceRow,
)

OBJECTION_TOPICS = ("all", "social_care", "linking")
HANDLE_LIMIT = 300  # characters of its column
HOW = "customer file"
PLAIN_FIELDS = (
    "name",
    "first_name",
    "last_name",
    "address",
    "city",
    "postal_code",
    "country",
    "language",
    "timezone",
    "segment",
    "value",
    "birth_year",
    "status",
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PreparedCustomer:
    """A customer with the normal forms of his addresses and his blocking keys (kind, value).

    `digest` tells whether his row has changed.
    """

    customer: Customer
    digest: str
    contact_points: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    attributes: Mapping[str, Any]


def belongings(brand_id: str, key: int, item: PreparedCustomer, now: datetime) -> dict[type[Base], list[Row]]:
    """All that hangs on a new customer, by table."""
    owner = {"brand_id": brand_id, "customer_key": key}
    customer = item.customer
    return {
        ContactPointRow: [
            point_row(owner, kind, value, position, None) for position, (kind, value) in enumerate(item.contact_points)
        ],
        CustomerKeyRow: [{**owner, "kind": kind, "hash": value} for kind, value in dict.fromkeys(item.keys)],
        IdentityRow: [account_row(owner, account, now) for account in accounts(customer)],
        ConsentRow: [consent_row(owner, consent) for consent in dict.fromkeys(customer.consents)],
        PreferenceRow: [preference_row(owner, customer.preferred_channel)] if customer.preferred_channel else [],
        ObjectionRow: [{**owner, "topic": topic, "at": now} for topic in sorted(objections(customer))],
    }


def point_row(owner: Row, kind: str, value: str, position: int, since: datetime | None) -> Row:
    """An address."""
    return {
        **owner,
        "kind": kind,
        "value": value,
        "verified": True,
        "position": position,
        "since": since,
        "until": None,
    }


def account_row(owner: Row, account: Account, now: datetime) -> Row:
    """An account that the file says is the customer's."""
    return {
        **owner,
        "network": account.network,
        "account_id": account.account_id,
        "handle": handle_of(account),
        "proof": "declared",
        "how": HOW,
        "at": now,
        "expires_at": None,
        "revoked_at": None,
    }


def consent_row(owner: Row, consent: Consent) -> Row:
    """A word of his."""
    told = {"channel": consent.channel, "purpose": consent.purpose, "status": consent.status, "at": consent.at}
    return {**owner, **told}


def preference_row(owner: Row, channel: str) -> Row:
    """The channel that the file says he likes best."""
    return {**owner, "channel": channel, "source": "declared", "how": HOW, "at": None}


def accounts(customer: Customer) -> Iterator[Account]:
    """Each account once; the last word on its handle holds."""
    yield from {(account.network, account.account_id): account for account in customer.accounts}.values()


def handle_of(account: Account) -> str | None:
    """As long as its column."""
    return account.handle and account.handle[:HANDLE_LIMIT]


def objections(customer: Customer) -> set[str]:
    """What he objects to: the file's column `objections`."""
    text = str(customer.attributes.get("objections") or "")
    return {topic.strip() for topic in text.split(";")} & set(OBJECTION_TOPICS)
