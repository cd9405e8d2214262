"""Signatures of deliveries: HMAC over a body, over its time too where the desk signs that."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from domain.errors import BadInput, Misconfigured
from routing.desks._api import moment
from routing.desks.base import DELIVERY_SECONDS

SHORTEST_SECRET = 16


def secret_of(secret: SecretStr, desk: str) -> bytes:
    """The key of a door. Raises Misconfigured where there is none."""
    key = secret.get_secret_value().encode()
    if len(key) < SHORTEST_SECRET:
        variable = f"VIGIE_DESKS__{desk.upper()}__DELIVERY_SECRET"
        raise Misconfigured(f"desks.{desk}: {variable} must have {SHORTEST_SECRET} characters or more")
    return key


def hex_matches(key: bytes, content: bytes, kind: str, given: str) -> bool:
    """Whether `kind=hex`, such as `sha1=…`, is the HMAC of the content."""
    expected = f"{kind}={hmac.new(key, content, kind).hexdigest()}"
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode())


def base64_matches(key: bytes, content: bytes, given: str) -> bool:
    """Whether this is the HMAC-SHA256 of the content, as base64."""
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    return hmac.compare_digest(expected, given.strip().encode())


def is_fresh(told: str, now: datetime) -> bool:
    """Whether a delivery's time (ISO 8601, or seconds since 1970) is within five minutes of ours."""
    at = moment(int(told)) if told.isascii() and told.isdigit() and len(told) < 12 else moment(told)
    return at is not None and abs(now - at) <= timedelta(seconds=DELIVERY_SECONDS)


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a delivery. Raises BadInput."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("the body is not JSON") from None
    if not isinstance(told, dict):
        raise BadInput("the body is no JSON object")
    return told


def ids_of(*values: object) -> list[str]:
    """The first of these that is an id, as a list; none makes it empty."""
    for value in values:
        if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 200:
            return [str(value)]
    return []
