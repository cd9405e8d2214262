"""WhatsApp by Meta's Cloud API.

length 4096 signs (a parameter of a template 1024) · no attachments · may write first only by a template that Meta
approved; free text within 24 hours of the customer's last message · receipts: yes, by signed webhooks · not
idempotent: `biz_opaque_callback_data` is our id, which the receipts bring back, but no key.
Source: developers.facebook.com/docs/whatsapp/cloud-api (messages, webhooks, support/error-codes).

Which template stands for ours is said in `[channels.whatsapp.templates]` (`any` for all others), and in `parameters`
what fills the places of its body, in order: `text` (the whole message on one line), `brand`, `reference`, `first_name`,
`order`, `product`.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, field_validator

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from domain.message import MessageState, OutgoingMessage, Receipt
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, json_of, text_at, told
from routing.channels._mime import safe_id
from routing.channels._sms import number
from routing.channels.base import (
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
from routing.plain import one_line, plain_text

LONGEST = 4096
ANY_TEMPLATE = "any"
VALUES = ("text", "brand", "reference", "first_name", "order", "product")
STATES = {
    "sent": MessageState.HANDED_OVER,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "failed": MessageState.FAILED,
}
PAIR_RATE, STOPPED = "131056", "131050"
RATE = frozenset({"4", "80007", "130429", "131048"})
OUR_FAULT = frozenset({"0", "3", "10", "190", "368", "131005", "131031", "131042", "133010"})
_TEMPLATE = re.compile(r"[a-z0-9_]{1,512}")


class WhatsAppSettings(ChannelSettings):
    """WhatsApp by the Cloud API. Secrets (`access_token`, `app_secret`, `verify_token`) only by environment."""

    phone_number_id: str = Field("", pattern=r"^[0-9]{0,40}$")
    access_token: SecretStr = SecretStr("")
    app_secret: SecretStr = SecretStr("")
    verify_token: SecretStr = SecretStr("")
    templates: dict[str, str] = Field(default_factory=dict)
    parameters: tuple[str, ...] = ("text",)
    languages: dict[str, str] = Field(default_factory=dict)
    base_url: str = "https://graph.facebook.com/v24.0"
    timeout_seconds: float = Field(30.0, gt=0, le=600)

    @field_validator("templates")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value.values():
            if not _TEMPLATE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a template: small letters, digits and _")
        return value

    @field_validator("parameters")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in VALUES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no value; there are {', '.join(VALUES)}")
        return value


class WhatsAppChannel(HttpChannel):
    """Carries `whatsapp`."""

    name: ClassVar[str] = "whatsapp"
    channel: ClassVar[str] = "whatsapp"
    Settings: ClassVar[type[ChannelTable]] = WhatsAppSettings
    max_length: ClassVar[int | None] = LONGEST
    may_write_first: ClassVar[bool] = False
    window_hours: ClassVar[float | None] = 24.0
    needs_template: ClassVar[bool] = True
    receipts: ClassVar[bool] = True

    def __init__(self, settings: WhatsAppSettings, around: Surroundings) -> None:
        self._settings, self._now = settings, around.now
        self._provider = Provider.at("channels.whatsapp", settings.base_url, settings.timeout_seconds, around.now)

    @classmethod
    def make(cls, settings: WhatsAppSettings, around: Surroundings) -> Self:
        """Needs a number and a token."""
        if not settings.phone_number_id or not settings.access_token.get_secret_value():
            raise Misconfigured("channels.whatsapp is on but has no phone_number_id or no access_token")
        return cls(settings, around)

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[StagedCall]:
        """Write the request."""
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": number(message.address).removeprefix("+"),
            **self._content(message),
            "biz_opaque_callback_data": safe_id(message.id),
        }
        yield StagedCall(self._provider, self._call("/messages", json=body), _wamid, _judge)

    def check(self) -> None:
        """Ask for the number."""
        call = self._call("?fields=id")
        self._provider.ask(Call(call.url, call.options, "GET"), _judge)

    def hear(self, delivery: Delivery) -> Heard:
        """The handshake (GET), statuses of messages of ours, and what customers wrote."""
        if delivery.method == "GET":
            return self._handshake(delivery.query)
        key = self._settings.app_secret.get_secret_value()
        expected = "sha256=" + hmac.new(key.encode(), delivery.body, hashlib.sha256).hexdigest()
        given = delivery.headers.get("x-hub-signature-256", "")
        if not key or not hmac.compare_digest(expected.encode(), given.encode()):
            raise Forged("the signature is missing or wrong")
        body = json_of(delivery)
        values = [value for value in _values(body) if self._is_ours(value)]
        return Heard(
            tuple(receipt for value in values for one in _list(value.get("statuses")) if (receipt := _receipt(one))),
            tuple(reply for value in values for one in _list(value.get("messages")) if (reply := _reply(one))),
        )

    def _content(self, message: OutgoingMessage) -> dict[str, Any]:
        if message.extra.get("window_open") is True:
            text = plain_text(message.body).strip()
            if not 0 < len(text) <= LONGEST:
                raise Permanent(f"the text is empty, or longer than the {LONGEST} signs that WhatsApp takes")
            return {"type": "text", "text": {"preview_url": False, "body": text}}
        ours = str(message.extra.get("template", ""))
        name = self._settings.templates.get(ours) or self._settings.templates.get(ANY_TEMPLATE)
        if name is None:
            raise Permanent(
                f"the 24 hours are over, and channels.whatsapp.templates has none for {one_line(ours)[:40]}"
            )
        spoken = message.language.replace("_", "-").partition("-")[0].lower()
        language = self._settings.languages.get(spoken, spoken if re.fullmatch("[a-z]{2,3}", spoken) else "en")
        return {
            "type": "template",
            "template": {
                "name": name,
                "language": {"code": language},
                "components": [{"type": "body", "parameters": self._parameters(message)}],
            },
        }

    def _parameters(self, message: OutgoingMessage) -> list[dict[str, str]]:
        """Meta takes neither line breaks, tabs nor more than four spaces, and no empty value."""
        given = message.extra.get("values")
        values = {name: given.get(name) for name in VALUES} if isinstance(given, Mapping) else {}
        values |= {"text": message.body, "brand": message.sender_name}
        return [
            {"type": "text", "text": one_line(str(values.get(name) or ""))[:1024] or "-"}
            for name in self._settings.parameters
        ]

    def _call(self, below: str, **options: Any) -> Call:
        token = self._settings.access_token.get_secret_value()
        where = f"{self._provider.base_url}/{self._settings.phone_number_id}{below}"
        return Call(where, {"headers": {"Authorization": f"Bearer {token}"}, **options})

    def _handshake(self, query: Mapping[str, str]) -> Heard:
        token = self._settings.verify_token.get_secret_value()
        right = token and hmac.compare_digest(token.encode(), query.get("hub.verify_token", "").encode())
        challenge = query.get("hub.challenge", "")
        if query.get("hub.mode") != "subscribe" or not right or not re.fullmatch(r"[\w-]{1,200}", challenge):
            raise Forged("the token of the handshake is wrong")
        return Heard(answer=challenge)

    def _is_ours(self, value: Mapping[str, Any]) -> bool:
        return text_at(value, "metadata", "phone_number_id") == self._settings.phone_number_id


CHANNEL = WhatsAppChannel


def _wamid(answer: Answer) -> str:
    return text_at(told(answer), "messages", 0, "id")


def _judge(answer: Answer) -> VigieError | None:
    code = text_at(told(answer), "error", "code")
    if code == PAIR_RATE:
        return Transient(f"WhatsApp: too many messages to one number ({code})", 60.0)
    if code == STOPPED:
        return OptedOut(f"WhatsApp: the customer wants no more messages ({code})")
    if code in RATE:
        return Unavailable(f"WhatsApp asks to wait ({code})", 60.0)
    if code in OUR_FAULT:
        return Misconfigured(f"WhatsApp refuses the token, the number or the account ({code}): see channels.whatsapp")
    if code and answer.status_code in (400, 404):
        return Permanent(f"WhatsApp refused the message ({code})")
    return None


def _values(body: Any) -> Iterator[Mapping[str, Any]]:
    for entry in _list(body.get("entry") if isinstance(body, Mapping) else None):
        for change in _list(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, Mapping):
                yield value


def _list(found: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _receipt(status: Mapping[str, Any]) -> Receipt | None:
    name, said, at = text_at(status, "id"), text_at(status, "status"), _time(text_at(status, "timestamp"))
    state = STATES.get(said)
    if not name or state is None or at is None:
        return None
    code = text_at(status, "errors", 0, "code")
    ours = text_at(status, "biz_opaque_callback_data")
    return Receipt(f"{name}:{said}", state, at, name, ours, code, "stop" if code == STOPPED else "")


def _reply(message: Mapping[str, Any]) -> Reply | None:
    name, sender, at = text_at(message, "id"), text_at(message, "from"), _time(text_at(message, "timestamp"))
    if not name or not sender or at is None:
        return None
    text = text_at(message, "text", "body") or text_at(message, "button", "text")
    return Reply(name, f"+{sender.removeprefix('+')}", text, at, text_at(message, "context", "id"))


def _time(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if re.fullmatch(r"[0-9]{1,10}", seconds) else None
