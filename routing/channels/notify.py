"""Whatever apprise speaks, for channels that have no file of their own (`push`: Telegram, ntfy, Gotify, Pushover …).

length and attachments as the service has them · may write first where the service lets it · receipts: no · not
idempotent. apprise answers only yes or no: a no may be a refusal or a time-out after the service took it, so it
leaves the message unconfirmed. That is why e-mail, text messages and WhatsApp have files of their own.
Source: github.com/caronc/apprise/wiki (addresses of the services).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote

from pydantic import Field, SecretStr

from domain.errors import Misconfigured, Permanent, Uncertain
from domain.message import OutgoingMessage
from routing.channels._mime import safe_id
from routing.channels.base import AddressRefused, Channel, ChannelSettings, ChannelTable, Handed, Surroundings
from routing.plain import one_line, plain_text

if TYPE_CHECKING:
    from apprise import Apprise

PLACE = "{address}"


class NotifySettings(ChannelSettings):
    """Any service of apprise; its address has `{address}` where the customer's own comes. Only by environment."""

    url: SecretStr = SecretStr("")
    max_length: int = Field(2000, ge=1, le=100_000)
    hand_over_seconds: float = Field(60.0, gt=0, le=600)


@dataclass(frozen=True, slots=True)
class _Ready:
    service: "Apprise" = field(repr=False)
    title: str
    body: str

    def hand_over(self) -> Handed:
        """Let apprise send it, once."""
        from apprise import NotifyFormat

        try:
            done = self.service.notify(body=self.body, title=self.title, body_format=NotifyFormat.TEXT)
        except (OSError, ValueError, TypeError) as error:
            raise Uncertain(f"the service broke off ({type(error).__name__})") from None
        if done is not True:
            raise Uncertain("the service said no, or nothing: apprise does not tell which")
        return Handed()


class NotifyChannel(Channel):
    """Carries `push`."""

    name: ClassVar[str] = "notify"
    channel: ClassVar[str] = "push"
    Settings: ClassVar[type[ChannelTable]] = NotifySettings
    carries_subject: ClassVar[bool] = True

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings

    @classmethod
    def make(cls, settings: NotifySettings, around: Surroundings) -> Self:
        """Needs an address with a place for the customer's."""
        if PLACE not in settings.url.get_secret_value():
            raise Misconfigured("channels.notify is on but its url (VIGIE_CHANNELS__NOTIFY__URL) has no {address}")
        return cls(settings)

    @property
    def hand_over_seconds(self) -> float:
        """As the settings say; the service's own time-outs stand in its address (`?cto=`, `?rto=`)."""
        return self._settings.hand_over_seconds

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[_Ready]:
        """Find the service."""
        safe_id(message.id)
        body = plain_text(message.body).strip()
        if not 0 < len(body) <= self._settings.max_length:
            raise Permanent(f"the text is empty or longer than {self._settings.max_length} signs")
        address = message.address
        if not 0 < len(address) <= 500 or one_line(address) != address or any(sign.isspace() for sign in address):
            raise AddressRefused("the address is not one address")
        yield _Ready(self._service(address), one_line(message.subject)[:200], body)

    def check(self) -> None:
        """Whether apprise understands the address; nothing is sent."""
        self._service("check")

    def _service(self, address: str) -> "Apprise":
        from apprise import Apprise

        service = Apprise()
        url = self._settings.url.get_secret_value().replace(PLACE, quote(address, safe=""))
        if not service.add(url) or len(service) != 1:
            raise Misconfigured("channels.notify.url is none that apprise understands")
        return service


CHANNEL = NotifyChannel
