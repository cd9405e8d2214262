"""How long a server asks to be left alone, in every form that servers say it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST_WAIT_SECONDS = 3600.0
DEFAULT_WAIT_SECONDS = 60.0

_NUMBER = re.compile(r"\d{1,20}(\.\d{1,9})?")
_FIRST_UNIX_TIME = 1_000_000_000
_BODY_FIELDS = ("backoff", "retry_after", "wait_seconds")
_HEADERS = ("retry-after", "x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")


def wait_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the server may be asked again, 0 to `LONGEST_WAIT_SECONDS`, or None if it does not say.

    `Retry-After` (RFC 9110, 10.2.3: seconds or HTTP date) goes before the reset headers, which come as ISO
    8601 (Mastodon), unix time (X) or seconds (Reddit). Values that cannot be read count as not said.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    for name in _HEADERS:
        seconds = _seconds(given.get(name, ""), now)
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
    return None


def wait_in_body(body: Any, now: datetime) -> float | None:
    """The same of an answer's body, parsed or as bytes; None if it does not say.

    `backoff` (Stack Exchange, also in good answers), `retry_after` (Discord and others) and `wait_seconds`,
    which Discourse puts into `extras`. The values are read as those of the headers are.
    """
    told = _object(body)
    extras = told.get("extras")
    for fields in (told, extras if isinstance(extras, Mapping) else {}):
        for name in _BODY_FIELDS:
            value = fields.get(name)
            plain = isinstance(value, str | int | float) and not isinstance(value, bool)
            seconds = _seconds(str(value).strip(), now) if plain else None
            if seconds is not None:
                return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
    return None


def _object(body: Any) -> Mapping[str, Any]:
    try:
        told = json.loads(body) if isinstance(body, bytes | str) else body
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, Mapping) else {}


def _seconds(value: str, now: datetime) -> float | None:
    if _NUMBER.fullmatch(value):
        number = float(value)
        return number - now.timestamp() if _FIRST_UNIX_TIME <= number < 10 * _FIRST_UNIX_TIME else number
    moment = _moment(value)
    return None if moment is None else (moment - now).total_seconds()


def _moment(value: str) -> datetime | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
