"""A sender of webhooks that signs as Standard Webhooks, as plain HMAC, or not at all."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four.").decode()
PLAIN_SECRET = "a long enough shared secret"


def signed(body: bytes, secret: str = SECRET, late: timedelta = timedelta(), id_: str = "msg_1") -> dict[str, str]:
    """The headers of a delivery that was signed `late` ago by the sender's clock."""
    at = datetime.now(UTC) - late
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, at, body.decode("utf-8", "replace")),
    }


def hmac_of(body: bytes, secret: str = PLAIN_SECRET) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()
