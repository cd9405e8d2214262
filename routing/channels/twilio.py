"""Text messages by Twilio (Messages resource of its API 2010-04-01).

length 1600 signs, paid by part · no attachments · may write first · no window, no template · receipts: yes, by
StatusCallback · not idempotent: Twilio knows no key, so silence after the request leaves a message unconfirmed;
the receipt, whose address carries our id, settles it.
Source: twilio.com/docs/messaging/api/message-resource, /docs/usage/webhooks/webhooks-security, /docs/api/errors.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import Field, SecretStr

from domain.errors import Misconfigured, Permanent, VigieError
from domain.message import MessageState, OutgoingMessage, Receipt
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, text_at, told
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
)

LONGEST = 1600
STATES = {
    "sent": MessageState.HANDED_OVER,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "undelivered": MessageState.FAILED,
    "failed": MessageState.FAILED,
    "canceled": MessageState.FAILED,
}
NO_SUCH_NUMBER = frozenset({"21211", "21214", "21217", "21614", "30005", "30006"})
OPTED_OUT = frozenset({"21610", "30004"})
OUR_FAULT = frozenset({"20003", "21212", "21603", "21606", "21701", "21703", "30001", "30002"})


class TwilioSettings(ChannelSettings):
    """Text messages by Twilio: a `sender` (number or name) or a messaging service; the token only by environment."""

    account_sid: str = Field("", pattern=r"^(AC[0-9a-zA-Z]{1,64})?$")
    auth_token: SecretStr = SecretStr("")
    sender: str = ""
    messaging_service_sid: str = ""
    base_url: str = "https://api.twilio.com"
    timeout_seconds: float = Field(30.0, gt=0, le=600)
    validity_minutes: int = Field(240, ge=1, le=600)
    max_parts: int = Field(4, ge=1, le=10)


class TwilioChannel(HttpChannel):
    """Carries `sms`."""

    name: ClassVar[str] = "twilio"
    channel: ClassVar[str] = "sms"
    Settings: ClassVar[type[ChannelTable]] = TwilioSettings
    max_length: ClassVar[int | None] = LONGEST
    receipts: ClassVar[bool] = True

    def __init__(self, settings: TwilioSettings, around: Surroundings) -> None:
        self._settings, self._public_url, self._now = settings, around.public_url, around.now
        self._provider = Provider.at("channels.twilio", settings.base_url, settings.timeout_seconds, around.now)

    @classmethod
    def make(cls, settings: TwilioSettings, around: Surroundings) -> Self:
        """Needs an account, its token, and who writes."""
        if not settings.account_sid or not settings.auth_token.get_secret_value():
            raise Misconfigured(
                "channels.twilio is on but has no account_sid or no auth_token (VIGIE_CHANNELS__TWILIO__…)"
            )
        if bool(settings.sender) == bool(settings.messaging_service_sid):
            raise Misconfigured("channels.twilio needs either a sender or a messaging_service_sid")
        return cls(settings, around)

    @property
    def sender(self) -> str:
        return self._settings.sender

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[StagedCall]:
        """Write the request."""
        yield StagedCall(self._provider, self._call("Messages", self._form(message)), _sid, _judge)

    def check(self) -> None:
        """Ask for the account."""
        self._provider.ask(self._call("", None))

    def hear(self, delivery: Delivery) -> Heard:
        """A status of a message of ours, or what somebody wrote to our number."""
        form = dict(parse_qsl(delivery.body.decode("utf-8", "replace"), keep_blank_values=True))
        if not self._signed(delivery, form):
            raise Forged("the signature is missing or wrong")
        answer = Heard(answer="<Response/>", media_type="text/xml")
        at, sid = self._now(), form.get("MessageSid", "")
        if "MessageStatus" in form:
            receipt = _receipt(sid, form, delivery.query.get("message", ""), at)
            return Heard((receipt,) if receipt else (), (), answer.answer, answer.media_type)
        stop = form.get("OptOutType", "").upper() == "STOP"
        reply = Reply(sid, form.get("From", ""), form.get("Body", ""), at, stop=stop, to=form.get("To", ""))
        return Heard((), (reply,) if sid and reply.address else (), answer.answer, answer.media_type)

    def _form(self, message: OutgoingMessage) -> Mapping[str, str]:
        ours = safe_id(message.id)
        own = {"From": self._settings.sender} if self._settings.sender else {}
        service = self._settings.messaging_service_sid
        form = {
            "To": number(message.address),
            **(own or {"MessagingServiceSid": service}),
            "Body": sms_text(message, LONGEST, self._settings.max_parts),
            "ValidityPeriod": str(60 * self._settings.validity_minutes),
        }
        if self._public_url:
            form["StatusCallback"] = f"{self._public_url}/receipts/twilio?" + urlencode({"message": ours})
        return form

    def _call(self, below: str, form: Mapping[str, str] | None) -> Call:
        account, token = self._settings.account_sid, self._settings.auth_token.get_secret_value()
        where = f"{self._provider.base_url}/2010-04-01/Accounts/{quote(account, safe='')}"
        options: dict[str, Any] = {"auth": (account, token)}
        if form is None:
            return Call(f"{where}.json", options, "GET")
        return Call(f"{where}/{below}.json", {**options, "data": dict(form)})

    def _signed(self, delivery: Delivery, form: Mapping[str, str]) -> bool:
        """HMAC-SHA1 over the address and the sorted fields, with the account's token."""
        said = delivery.url + "".join(f"{name}{form[name]}" for name in sorted(form))
        key = self._settings.auth_token.get_secret_value().encode()
        expected = base64.b64encode(hmac.new(key, said.encode(), hashlib.sha1).digest())
        return hmac.compare_digest(expected, delivery.headers.get("x-twilio-signature", "").encode())


CHANNEL = TwilioChannel


def _sid(answer: Answer) -> str:
    return text_at(told(answer), "sid")


def _judge(answer: Answer) -> VigieError | None:
    code = text_at(told(answer), "code")
    if code in OPTED_OUT:
        return OptedOut(f"Twilio: the number takes no messages of ours ({code})")
    if code in NO_SUCH_NUMBER:
        return AddressRefused(f"Twilio: the number takes no messages ({code})")
    if code in OUR_FAULT:
        return Misconfigured(f"Twilio refuses the sender or the account ({code}): see channels.twilio")
    return Permanent(f"Twilio refused the message ({code})") if code and answer.status_code == 400 else None


def _receipt(sid: str, form: Mapping[str, str], message_id: str, at: datetime) -> Receipt | None:
    status, code = form.get("MessageStatus", ""), form.get("ErrorCode", "")
    state = STATES.get(status)
    if state is None or not sid:
        return None  # queued, sending …: nothing new
    suppress = "stop" if code in OPTED_OUT else "hard_bounce" if code in NO_SUCH_NUMBER else ""
    return Receipt(f"{sid}:{status}", state, at, sid, message_id, code, suppress)
