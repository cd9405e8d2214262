"""Whether a delivery comes from who shares our secret.

standard      Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time and body, five minutes' tolerance
hmac-sha256   HMAC-SHA256 over the body in a header of the sender's choice, as hex or base64, `sha256=` before it or not
basic         user and password in the address (RFC 7617), for senders that cannot sign; the body is not protected
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.errors import Misconfigured

Scheme = Literal["standard", "hmac-sha256", "basic"]
SHORTEST_SECRET = 16
_PREFIX = "sha256="


def is_genuine(scheme: Scheme, secret: str, header: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether the sender of `body` knows `secret`. Raises `Misconfigured` for a secret that is none."""
    if len(secret) < SHORTEST_SECRET:
        raise Misconfigured(f"the secret of a webhook must have {SHORTEST_SECRET} characters or more")
    given = {name.lower(): value for name, value in headers.items()}
    if scheme == "standard":
        return _standard(secret, body, given)
    if scheme == "basic":
        expected = f"Basic {base64.b64encode(secret.encode()).decode()}"
        return hmac.compare_digest(given.get("authorization", "").encode(), expected.encode())
    expected_digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return hmac.compare_digest(_digest(given.get(header.lower(), "")), expected_digest)


def _standard(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        coded = secret.removeprefix("whsec_").rstrip("=")
        key = _base64(coded + "=" * (-len(coded) % 4))
    except ValueError:
        key = b""
    if len(key) < SHORTEST_SECRET:  # the library takes what is no base64, and makes it short
        raise Misconfigured("the secret of a webhook of scheme standard must be base64 of a long key, as whsec_…")
    try:
        Webhook(key).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: a signature or body that is not even text
        return False
    return True


def _digest(value: str) -> bytes:
    """The bytes of a signature header; empty where it holds none."""
    text = value.strip().removeprefix(_PREFIX)
    try:
        return bytes.fromhex(text) if len(text) == 2 * hashlib.sha256().digest_size else _base64(text)
    except ValueError:
        return b""


def _base64(text: str) -> bytes:
    return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
