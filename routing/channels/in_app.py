"""Messages inside the brand's own application, by a signed webhook.

any length · no attachments · may write first · no window, no template · receipts: yes, by signed webhooks back ·
idempotent: the message id is the `webhook-id`, which the application must take once only.
Sent as a CloudEvent 1.0 in JSON (structured mode), signed as Standard Webhooks says (standardwebhooks.com).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.errors import BadInput, Misconfigured, VigieError
from domain.message import MessageState, OutgoingMessage, Receipt
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, json_of, moment, text_at, told
from routing.channels._mime import safe_id
from routing.channels.base import (
    AddressRefused,
    ChannelSettings,
    ChannelTable,
    Delivery,
    Forged,
    Heard,
    Reply,
    Surroundings,
)
from routing.plain import one_line, plain_text

EVENT, RECEIPT, REPLY = "vigie.message", "vigie.receipt", "vigie.reply"
UNKNOWN = "unknown_recipient"
STATES = {state.value: state for state in (MessageState.DELIVERED, MessageState.READ, MessageState.FAILED)}


class InAppSettings(ChannelSettings):
    """Messages in the brand's own application. `url` takes them; `secret` (`whsec_…`) signs both ways."""

    url: str = ""
    secret: SecretStr = SecretStr("")
    timeout_seconds: float = Field(15.0, gt=0, le=600)


class InAppChannel(HttpChannel):
    """Carries `in_app`; the address is the customer's id in the application."""

    name: ClassVar[str] = "in_app"
    channel: ClassVar[str] = "in_app"
    Settings: ClassVar[type[ChannelTable]] = InAppSettings
    carries_subject: ClassVar[bool] = True
    receipts: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True

    def __init__(self, settings: InAppSettings, around: Surroundings) -> None:
        self._settings, self._now = settings, around.now
        timeout = settings.timeout_seconds
        self._provider = Provider.at("channels.in_app", settings.url, timeout, around.now, idempotent=True)
        try:
            self._webhook = Webhook(settings.secret.get_secret_value())
        except (ValueError, RuntimeError):
            raise Misconfigured(
                "channels.in_app.secret is no secret of Standard Webhooks (whsec_ and base64)"
            ) from None

    @classmethod
    def make(cls, settings: InAppSettings, around: Surroundings) -> Self:
        """Needs an address and a secret."""
        if not settings.url or not settings.secret.get_secret_value():
            raise Misconfigured("channels.in_app is on but has no url or no secret")
        return cls(settings, around)

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[StagedCall]:
        """Write and sign the event."""
        yield StagedCall(self._provider, self._signed(safe_id(message.id), _event(message)), _nothing, _judge)

    def check(self) -> None:
        """A signed `vigie.check`, to be answered with any 2xx and otherwise ignored."""
        at = self._now()
        event = {"specversion": "1.0", "id": f"check-{at:%Y%m%d%H%M%S}", "source": "/vigie", "type": "vigie.check"}
        self._provider.ask(self._signed(event["id"], json.dumps(event).encode()))

    def hear(self, delivery: Delivery) -> Heard:
        """`vigie.receipt` ({message, state, at?}) or `vigie.reply` ({recipient, text, message?}) as CloudEvents."""
        try:
            self._webhook.verify(delivery.body, dict(delivery.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            raise Forged("the signature is missing, wrong or too old") from None
        event = json_of(delivery)
        data = event.get("data") if isinstance(event, Mapping) else None
        name, kind = text_at(event, "id"), text_at(event, "type")
        if not name or not isinstance(data, Mapping):
            raise BadInput("the event has no id or no data")
        at = moment(text_at(event, "time")) or self._now()
        state = STATES.get(text_at(data, "state"))
        if kind == RECEIPT and state is not None:
            suppress = "hard_bounce" if text_at(data, "code") == UNKNOWN else ""
            return Heard((Receipt(name, state, at, "", text_at(data, "message"), text_at(data, "code"), suppress),))
        if kind == REPLY:
            ours = text_at(data, "message")
            return Heard((), (Reply(name, text_at(data, "recipient"), text_at(data, "text"), at, ours),))
        return Heard()

    def _signed(self, name: str, body: bytes) -> Call:
        at = self._now()
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(name, at, body.decode()),
        }
        return Call(self._provider.base_url, {"content": body, "headers": headers})


CHANNEL = InAppChannel


def _event(message: OutgoingMessage) -> bytes:
    recipient = message.address
    if not 0 < len(recipient) <= 500 or one_line(recipient) != recipient:
        raise AddressRefused("the address is not one id")
    date = dict(message.headers).get("Date")
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": message.id,
        "source": f"/vigie/{message.brand_id}",
        "type": EVENT,
        **({"time": parsedate_to_datetime(date).astimezone(UTC).isoformat()} if date else {}),
        "datacontenttype": "application/json",
        "data": {
            "message": message.id,
            "recipient": recipient,
            "case": message.case_id,
            "language": one_line(message.language)[:20],
            "sender": one_line(message.sender_name)[:200],
            "subject": one_line(message.subject)[:500],
            "text": plain_text(message.body),
        },
    }
    return json.dumps(event, ensure_ascii=False).encode()


def _nothing(_answer: Answer) -> str:
    return ""


def _judge(answer: Answer) -> VigieError | None:
    return (
        AddressRefused("the application knows no such customer") if text_at(told(answer), "code") == UNKNOWN else None
    )
