"""Text messages by Vonage (Messages API v1).

length 1000 signs, paid by part · no attachments · may write first · no window, no template · receipts: yes, by
signed webhooks · not idempotent: `client_ref` is our id, which the receipts bring back, but no key.
Source: developer.vonage.com/api/messages (OpenAPI), /getting-started/concepts/webhooks (signed webhooks).
"""

import hashlib
import hmac
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import jwt
from pydantic import Field, SecretStr

from domain.errors import Misconfigured, VigieError
from domain.message import MessageState, OutgoingMessage, Receipt
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, json_of, moment, text_at, told
from routing.channels._mime import safe_id
from routing.channels._sms import number, sms_text
from routing.channels.base import (
    AddressRefused,
    ChannelSettings,
    ChannelTable,
    Delivery,
    Forged,
    Heard,
    OptedOut,
    Reply,
    Surroundings,
    Unavailable,
)

LONGEST = 1000
STATES = {
    "submitted": MessageState.HANDED_OVER,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "rejected": MessageState.FAILED,
    "undeliverable": MessageState.FAILED,
}
# developer.vonage.com/api-errors/messages. A number that opted out is told in words only.
NO_SUCH_NUMBER = frozenset({"1050"})
THROTTLED = "1000"
OUR_FAULT = frozenset({"1060", "1070", "1080", "1120", "1140"})
SHORTEST_SECRET = 32  # RFC 7518, 3.2
TOKEN_LASTS = timedelta(minutes=5)


class VonageSettings(ChannelSettings):
    """Text messages by Vonage: an application with its private key (better), or an account's key and secret.

    `signature_secret` is what Vonage signs webhooks with; without it receipts are refused.
    """

    application_id: str = ""
    private_key: SecretStr = SecretStr("")
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")
    signature_secret: SecretStr = SecretStr("")
    sender: str = ""
    base_url: str = "https://api.nexmo.com"
    timeout_seconds: float = Field(30.0, gt=0, le=600)
    max_parts: int = Field(4, ge=1, le=10)


class VonageChannel(HttpChannel):
    """Carries `sms`."""

    name: ClassVar[str] = "vonage"
    channel: ClassVar[str] = "sms"
    Settings: ClassVar[type[ChannelTable]] = VonageSettings
    max_length: ClassVar[int | None] = LONGEST
    receipts: ClassVar[bool] = True

    def __init__(self, settings: VonageSettings, around: Surroundings) -> None:
        self._settings, self._public_url, self._now = settings, around.public_url, around.now
        self._provider = Provider.at("channels.vonage", settings.base_url, settings.timeout_seconds, around.now)

    @classmethod
    def make(cls, settings: VonageSettings, around: Surroundings) -> Self:
        """Needs a sender and one way to log in."""
        by_key = settings.api_key and settings.api_secret.get_secret_value()
        by_application = settings.application_id and settings.private_key.get_secret_value()
        if not settings.sender or not (by_key or by_application):
            raise Misconfigured(
                "channels.vonage needs a sender, and application_id with private_key or api_key with api_secret"
            )
        if 0 < len(settings.signature_secret.get_secret_value()) < SHORTEST_SECRET:
            raise Misconfigured(f"channels.vonage.signature_secret needs {SHORTEST_SECRET} characters or more")
        return cls(settings, around)

    @property
    def sender(self) -> str:
        return f"+{self._settings.sender.removeprefix('+')}"

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[StagedCall]:
        """Write and sign the request."""
        call = Call(f"{self._provider.base_url}/v1/messages", {"json": self._body(message), **self._access()})
        yield StagedCall(self._provider, call, _uuid, _judge)

    def check(self) -> None:
        """An empty message, which Vonage refuses: 422 says that we may send, 401 that we may not."""
        call = Call(f"{self._provider.base_url}/v1/messages", {"json": {}, **self._access()})
        try:
            self._provider.ask(call, lambda answer: _Welcome("") if answer.status_code in (400, 422) else None)
        except _Welcome:
            return

    def hear(self, delivery: Delivery) -> Heard:
        """A status of a message of ours, or what somebody wrote to our number."""
        self._prove(delivery)
        body = json_of(delivery)
        name = text_at(body, "message_uuid")
        at = moment(text_at(body, "timestamp")) or self._now()
        if not name:
            return Heard()
        if text_at(body, "status"):
            receipt = _receipt(name, body, at)
            return Heard((receipt,) if receipt else ())
        sender, to = (f"+{text_at(body, end).removeprefix('+')}" for end in ("from", "to"))
        return Heard((), (Reply(name, sender, text_at(body, "text"), at, to=to),))

    def _body(self, message: OutgoingMessage) -> dict[str, Any]:
        body: dict[str, Any] = {
            "message_type": "text",
            "channel": "sms",
            "to": number(message.address).removeprefix("+"),
            "from": self._settings.sender.removeprefix("+"),
            "text": sms_text(message, LONGEST, self._settings.max_parts),
            "client_ref": safe_id(message.id),
        }
        if self._public_url:
            body |= {"webhook_url": f"{self._public_url}/receipts/vonage", "webhook_version": "v1"}
        return body

    def _access(self) -> dict[str, Any]:
        key = self._settings.private_key.get_secret_value()
        if not key:
            return {"auth": (self._settings.api_key, self._settings.api_secret.get_secret_value())}
        at = self._now()
        claims = {
            "application_id": self._settings.application_id,
            "iat": at,
            "exp": at + TOKEN_LASTS,
            "jti": str(uuid.uuid4()),
        }
        try:
            token = jwt.encode(claims, key, "RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Misconfigured("channels.vonage.private_key is no RSA key in PEM") from None
        return {"headers": {"Authorization": f"Bearer {token}"}}

    def _prove(self, delivery: Delivery) -> None:
        """The token in Authorization, signed with our signature secret, has the hash of the body in it."""
        secret = self._settings.signature_secret.get_secret_value()
        scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
        if not secret or scheme.lower() != "bearer":
            raise Forged("the signature is missing")
        try:
            claims = jwt.decode(token, secret, ["HS256"], options={"verify_exp": False, "verify_iat": False})
        except (jwt.PyJWTError, ValueError):
            raise Forged("the signature is wrong") from None
        digest = hashlib.sha256(delivery.body).hexdigest()
        if not hmac.compare_digest(str(claims.get("payload_hash", "")).encode(), digest.encode()):
            raise Forged("the signature is not of this body")


CHANNEL = VonageChannel


class _Welcome(VigieError):
    """Vonage knows us and refuses an empty message."""


def _uuid(answer: Answer) -> str:
    return text_at(told(answer), "message_uuid")


def _judge(answer: Answer) -> VigieError | None:
    body = told(answer)
    code = _code(body)
    if code == THROTTLED:
        return Unavailable("Vonage asks to wait", 60.0)
    if _opted_out(body):
        return OptedOut("Vonage: the number wants no messages of ours")
    named = body.get("invalid_parameters")
    bad = {text_at(named, place, "name") for place in range(len(named))} if isinstance(named, list) else set()
    if "to" in bad or code in NO_SUCH_NUMBER:
        return AddressRefused("Vonage: this is no number that takes messages")
    if answer.status_code == 402 or "from" in bad or code in OUR_FAULT:
        return Misconfigured(f"Vonage refuses the sender or the account ({answer.status_code}): see channels.vonage")
    return None


def _receipt(name: str, body: Mapping[str, Any], at: datetime) -> Receipt | None:
    status = text_at(body, "status")
    state = STATES.get(status)
    if state is None:
        return None
    error = body.get("error")
    code = _code(error)
    suppress = "stop" if _opted_out(error) else "hard_bounce" if code in NO_SUCH_NUMBER else ""
    return Receipt(f"{name}:{status}", state, at, name, text_at(body, "client_ref"), code[:40], suppress)


def _code(error: Any) -> str:
    """The number of an error: the end of its `type`, or its `title`."""
    return text_at(error, "type").rpartition("#")[2] or text_at(error, "title")


def _opted_out(error: Any) -> bool:
    said = f"{text_at(error, 'title')} {text_at(error, 'detail')}".lower()
    return "opted out" in said or "opted-out" in said
