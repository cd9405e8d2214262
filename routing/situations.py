"""Reading the situations that `vigie decide` is given, one JSON object each (CONTRACTS)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from domain.case import Severity
from domain.contact import (
    CaseFacts,
    ContactPoint,
    Learned,
    PastContact,
    Preference,
    QuietTime,
    Recipient,
    Situation,
    Thread,
    Written,
)
from domain.customer import CONSENT_STATUSES, DIRECTIONS, OBJECTIONS, Consent
from domain.errors import BadInput
from domain.evidence import Grade

PURPOSES = ("service", "safety")


def parse_situation(row: Mapping[str, Any]) -> Situation:
    """The situation that a row describes. Raises BadInput naming what is wrong."""
    try:
        customer = row.get("customer")
        return Situation(
            case=_case(row["case"]),
            customer=None if customer is None else _customer(customer),
            history=tuple(_past(past) for past in _list(row, "history")),
            now=_time(row["now"], "now"),
        )
    except KeyError as error:
        raise BadInput(f"{error.args[0]} is missing") from error
    except (TypeError, AttributeError) as error:
        raise BadInput(f"not a situation: {error}") from error


def _case(row: Mapping[str, Any]) -> CaseFacts:
    thread = row.get("active_thread")
    return CaseFacts(
        id=str(row["id"]),
        intent=_text(row, "intent"),
        severity=_known(Severity, row["severity"], "severity"),
        grade=_known(Grade, row["grade"], "grade"),
        opened_at=_time(row["opened_at"], "opened_at"),
        requested_channel=_maybe_text(row, "requested_channel"),
        active_thread=None if thread is None else Thread(_text(thread, "channel"), _time(thread["last_at"], "last_at")),
        network=_maybe_text(row, "network"),
        addressed_brand=_flag(row, "addressed_brand"),
        public_reply_possible=_flag(row, "public_reply_possible"),
        person_in_charge=_flag(row, "person_in_charge"),
        purpose=_one_of(row.get("purpose") or "service", PURPOSES, "purpose"),
        written=tuple(_written(word) for word in _list(row, "written")),
    )


def _customer(row: Mapping[str, Any]) -> Recipient:
    preference = row.get("preferred_channel")
    if isinstance(preference, str):
        preference = {"channel": preference, "source": "declared"}
    return Recipient(
        customer_id=str(row["customer_id"]),
        country=_maybe_text(row, "country"),
        language=_maybe_text(row, "language"),
        timezone=_maybe_text(row, "timezone"),
        status=_maybe_text(row, "status") or "active",
        preferred_channel=None if preference is None else _preference(preference),
        contact_points=tuple(_point(point) for point in _list(row, "contact_points")),
        consents=tuple(_consent(consent) for consent in _list(row, "consents")),
        objections=frozenset(_objection(topic) for topic in _list(row, "objections")),
        region=_maybe_text(row, "region"),
        learned=tuple(_learned(learned) for learned in _list(row, "learned")),
        quiet=None if row.get("quiet") is None else _quiet(row["quiet"]),
    )


def _written(row: Mapping[str, Any]) -> Written:
    return Written(_text(row, "channel"), _text(row, "address"), _time(row["at"], "at"))


def _learned(row: Mapping[str, Any]) -> Learned:
    share = row["probability"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise BadInput(f"probability must be between 0 and 1, not {share!r}")
    return Learned(_text(row, "channel"), float(share), _maybe_text(row, "why") or "")


def _quiet(row: Mapping[str, Any]) -> QuietTime:
    days = _list(row, "weekdays")
    if any(isinstance(day, bool) or day not in range(7) for day in days):
        raise BadInput(f"weekdays are 0 (Monday) to 6 (Sunday), not {days!r}")
    return QuietTime(_clock(row, "start"), _clock(row, "end"), frozenset(days))


def _clock(row: Mapping[str, Any], name: str) -> time:
    try:
        return time.fromisoformat(row.get(name) or "00:00")
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name}: {row.get(name)!r} is no time of day; write it as 08:30") from error


def _preference(row: Mapping[str, Any]) -> Preference:
    at = row.get("at")
    source = _maybe_text(row, "source") or "declared"
    return Preference(_text(row, "channel"), source, None if at is None else _time(at, "at"))


def _point(row: Mapping[str, Any]) -> ContactPoint:
    changed, stopped = row.get("changed_at"), row.get("suppressed_at")
    return ContactPoint(
        channel=_text(row, "channel"),
        address=_text(row, "address"),
        verified=_flag(row, "verified"),
        suppressed=_maybe_text(row, "suppressed") or None,
        shared_by=_count(row, "shared_by"),
        changed_at=None if changed is None else _time(changed, "changed_at"),
        suppressed_at=None if stopped is None else _time(stopped, "suppressed_at"),
    )


def _consent(row: Mapping[str, Any]) -> Consent:
    _one_of(row["status"], CONSENT_STATUSES, "consent status")
    return Consent(_text(row, "channel"), _text(row, "purpose"), row["status"], _time(row["at"], "at"))


def _past(row: Mapping[str, Any]) -> PastContact:
    return PastContact(
        at=_time(row["at"], "at"),
        channel=_text(row, "channel"),
        direction=_one_of(row["direction"], DIRECTIONS, "direction"),
        purpose=_maybe_text(row, "purpose") or "service",
        proactive=_flag(row, "proactive"),
        status=_maybe_text(row, "status") or "delivered",
        case=None if row.get("case") is None else str(row["case"]),
        group=_maybe_text(row, "group"),
    )


def _time(value: Any, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name}: {value!r} is no ISO 8601 time") from error
    if at.tzinfo is None:
        raise BadInput(f"{name}: {value!r} has no time zone")
    return at


def _objection(topic: Any) -> str:
    """A no that is not understood must not be passed over."""
    return _one_of(topic, OBJECTIONS, "objections")


def _one_of(value: Any, known: Sequence[str], name: str) -> str:
    if value not in known:
        raise BadInput(f"{name} {value!r} is none of {', '.join(known)}")
    return str(value)


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row.get(name)
    if value is not None and not isinstance(value, list):
        raise BadInput(f"{name} must be a list, not {value!r}")
    return value or []


def _text(row: Mapping[str, Any], name: str) -> str:
    if not isinstance(row[name], str):
        raise BadInput(f"{name} must be text, not {row[name]!r}")
    return str(row[name])


def _maybe_text(row: Mapping[str, Any], name: str) -> str | None:
    return None if row.get(name) is None else _text(row, name)


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadInput(f"{name} must be true or false, not {value!r}")
    return bool(value)


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise BadInput(f"{name} must be a whole number, not {value!r}")
    return value or 1


def _known(kind: Any, value: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise BadInput(f"{name}: {value!r} is none of {', '.join(kind)}") from error
