"""Rows of customers, orders and interactions (CONTRACTS, "Files in")."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from domain.contact import CHANNELS
from domain.customer import (
    CONSENT_STATUSES,
    DIRECTIONS,
    PURPOSES,
    STATUSES,
    Account,
    Consent,
    Customer,
    Interaction,
    Order,
)
from listeners.base import KNOWN_NETWORKS, SAME_NETWORK
from listeners.values import BadRow, Fields, as_identifier, as_network, as_text, nearest, parse_time, required

CUSTOMER_REQUIRED = ("customer_id", "name or first_name or last_name")
_CUSTOMER = """
    customer_id name first_name last_name emails phones address city postal_code country language timezone
    segment value birth_year status handles preferred_channel consents
"""
CUSTOMER_COLUMNS = frozenset(_CUSTOMER.split())
ORDER_REQUIRED = ("order_id", "customer_id", "placed_at")
ORDER_COLUMNS = frozenset({*ORDER_REQUIRED, "product", "status", "promised_at", "delivered_at", "store", "parcel"})
INTERACTION_REQUIRED = ("interaction_id", "customer_id", "channel", "direction", "at")
INTERACTION_COLUMNS = frozenset({*INTERACTION_REQUIRED, "subject", "text", "outcome", "agent", "case"})

T = TypeVar("T")

OWN_ID_LIMIT = 200
_EMAIL = re.compile(r"[^@\s;,<>\"]+@[^@\s;,<>\"]+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_SAME_CHANNEL = {"e-mail": "email", "inapp": "in_app", "in-app": "in_app", **SAME_NETWORK}


def customer(row: Mapping[str, Any]) -> Customer:
    """A row of the customer file. Phones stay as given; unknown columns become attributes. Raises `BadRow`."""
    fields = Fields(row, CUSTOMER_COLUMNS)
    return Customer(
        customer_id=fields.required_identifier("customer_id", OWN_ID_LIMIT),
        name=_name(fields),
        first_name=fields.short("first_name"),
        last_name=fields.short("last_name"),
        emails=_once(_email(part) for part in _parts(fields, "emails")),
        phones=_once(_phone(part) for part in _parts(fields, "phones")),
        address=fields.short("address", 2000),
        city=fields.short("city"),
        postal_code=fields.short("postal_code", 40),
        country=_country(fields),
        language=_lower(fields.short("language", 20)),
        timezone=_timezone(fields),
        segment=fields.short("segment", 200),
        value=_value(fields),
        birth_year=_birth_year(fields),
        status=_one_of(fields, "status", STATUSES) or "active",
        accounts=_once(_account(part) for part in _parts(fields, "handles")),
        preferred_channel=_preferred(fields),
        consents=_once(_consent(part) for part in _parts(fields, "consents")),
        attributes=fields.attributes(),
    )


def order(row: Mapping[str, Any]) -> Order:
    """A row of the orders file; a plain date means midnight UTC. Raises `BadRow`."""
    fields = Fields(row, ORDER_COLUMNS)
    return Order(
        order_id=fields.required_identifier("order_id", OWN_ID_LIMIT),
        customer_id=fields.required_identifier("customer_id", OWN_ID_LIMIT),
        placed_at=fields.required_time("placed_at", date_is_enough=True),
        product=fields.short("product", 2000),
        status=fields.short("status", 100),
        promised_at=fields.time("promised_at", date_is_enough=True),
        delivered_at=fields.time("delivered_at", date_is_enough=True),
        store=fields.short("store"),
        parcel=fields.short("parcel"),
    )


def interaction(row: Mapping[str, Any]) -> Interaction:
    """A row of the interactions file; a plain date means midnight UTC. Raises `BadRow`."""
    fields = Fields(row, INTERACTION_COLUMNS)
    channel = required(_lower(fields.short("channel", 40)), "channel")
    return Interaction(
        interaction_id=fields.required_identifier("interaction_id", OWN_ID_LIMIT),
        customer_id=fields.required_identifier("customer_id", OWN_ID_LIMIT),
        channel=_SAME_CHANNEL.get(channel, channel),
        direction=required(_one_of(fields, "direction", DIRECTIONS), "direction"),
        at=fields.required_time("at", date_is_enough=True),
        subject=fields.short("subject", 2000),
        text=fields.text("text"),
        outcome=fields.short("outcome"),
        agent=fields.short("agent"),
        case=fields.identifier("case", OWN_ID_LIMIT),
    )


def _name(fields: Fields) -> str:
    parts = (fields.short("first_name"), fields.short("last_name"))
    name = fields.short("name", 600) or " ".join(part for part in parts if part)
    if not name:
        raise BadRow("name is missing (give name, or first_name and last_name)")
    return name


def _parts(fields: Fields, name: str) -> list[Any]:
    """Several values: a list, or one text split by semicolons."""
    value = fields.raw(name)
    if isinstance(value, list):
        return [part for part in value if part not in (None, "")]
    if isinstance(value, dict):
        raise BadRow(f"{name} must be a list, or a text split by semicolons")
    return [part.strip() for part in (as_text(value, name) or "").split(";") if part.strip()]


def _once(values: Iterable[T]) -> tuple[T, ...]:
    """Each value once, in its first place."""
    return tuple(dict.fromkeys(values))


def _email(part: Any) -> str:
    email = (as_text(part, "emails") or "").strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > 320:
        raise BadRow(f"emails: {email[:80]!r} is no e-mail address")
    return email


def _phone(part: Any) -> str:
    phone = (as_text(part, "phones") or "").strip()
    if not any(character.isdigit() for character in phone) or len(phone) > 60:
        raise BadRow(f"phones: {phone[:80]!r} is no phone number")
    return phone


def _country(fields: Fields) -> str | None:
    country = fields.short("country")
    if country is None:
        return None
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        raise BadRow(f"country must be two letters such as FR (ISO 3166), not {country[:80]!r}")
    return country.upper()


def _timezone(fields: Fields) -> str | None:
    name = fields.short("timezone", 64)
    if name is None:
        return None
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        raise BadRow(f"timezone {name!r} is not known; write it as Europe/Paris") from None


def _value(fields: Fields) -> float | None:
    """A number with comma or point; with both, the last one parts the decimals."""
    given = fields.raw("value")
    text = as_text(given, "value")
    if text is None or isinstance(given, int | float):
        return None if given is None or text is None else float(given)
    number = _SPACES.sub("", text)
    if number.count(",") > 1 or ("," in number and number.rfind(",") < number.rfind(".")):
        number = number.replace(",", "")
    elif "," in number:
        number = number.replace(".", "").replace(",", ".")
    if not _NUMBER.fullmatch(number) or len(number) > 30:
        raise BadRow(f"value must be a number, not {text[:80]!r}")
    return float(number)


def _birth_year(fields: Fields) -> int | None:
    year = fields.count("birth_year")
    if year is not None and not 1880 <= year <= 2100:
        raise BadRow(f"birth_year cannot be {year}")
    return year


def _one_of(fields: Fields, name: str, allowed: tuple[str, ...]) -> str | None:
    value = _lower(fields.short(name))
    return None if value is None else _checked(value, name, allowed)


def _checked(value: str, name: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadRow(f"{name} must be {' or '.join(allowed)}, not {value[:80]!r}")
    return value


def _preferred(fields: Fields) -> str | None:
    value = fields.short("preferred_channel")
    return None if value is None else _channel(value, "preferred_channel")


def _channel(value: str, name: str) -> str:
    channel = value.strip().lower()
    channel = _SAME_CHANNEL.get(channel, channel)
    if channel not in CHANNELS and channel not in KNOWN_NETWORKS:
        raise BadRow(f"{name}: the channel {value[:80]!r} is not known{nearest(channel, CHANNELS)}")
    return channel


def _account(part: Any) -> Account:
    """`network:account_id:handle`; the account id may hold colons itself (did:plc:…)."""
    network, account_id, handle = _account_parts(part)
    id_ = as_identifier(account_id, "handles: the account id", 300)
    if id_ is None:
        raise BadRow(f"handles: {str(part)[:80]!r} has no account id; write network:account_id:handle")
    return Account(as_network(network, "handles: the network"), id_, (handle or "").strip() or None)


def _account_parts(part: Any) -> tuple[str, Any, str | None]:
    if isinstance(part, dict):
        handle = as_text(part.get("handle"), "handles: the handle")
        return str(part.get("network", "")), part.get("account_id"), handle
    network, _, rest = (as_text(part, "handles") or "").partition(":")
    account_id, colon, handle = rest.rpartition(":")
    if not colon:
        raise BadRow(f"handles: {str(part)[:80]!r} is not network:account_id:handle")
    if handle.isdigit() and "@" in account_id.rpartition(":")[2]:  # a server with a port: alice@localhost:8001
        account_id, _, host = account_id.rpartition(":")
        handle = f"{host}:{handle}"
    return network, account_id, handle


def _consent(part: Any) -> Consent:
    """`channel:purpose:status:date`; the date may hold colons, a plain one means midnight UTC."""
    return _written_consent(part) if isinstance(part, str) else _read_consent(part)


def _read_consent(part: Any) -> Consent:
    channel, purpose, status, at = _consent_parts(part)
    return Consent(
        channel=_channel(channel, "consents"),
        purpose=_checked(purpose.strip().lower(), "consents: the purpose", PURPOSES),
        status=_checked(status.strip().lower(), "consents: the status", CONSENT_STATUSES),
        at=parse_time(at, "consents: the date", date_is_enough=True),
    )


_written_consent = lru_cache(4096)(_read_consent)  # a million customers share a few dates of consent


def _consent_parts(part: Any) -> tuple[str, str, str, Any]:
    if isinstance(part, dict):
        told = [part.get(key) for key in ("channel", "purpose", "status")]
        channel, purpose, status = (as_text(value, "consents") or "" for value in told)
        return channel, purpose, status, part.get("at") or part.get("date") or ""
    parts = (as_text(part, "consents") or "").split(":", 3)
    if len(parts) != 4:
        raise BadRow(f"consents: {str(part)[:80]!r} is not channel:purpose:status:date")
    return parts[0], parts[1], parts[2], parts[3]


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()
