"""What every channel is: its limits, and handing a message over in two steps.

`stage` engages the provider up to the last step before the point of no return; leaving its context
without `hand_over` leaves no trace at the provider. `hand_over` takes the last step, once. Between the
two the caller commits "handing over", so that no crash can make a message go out twice.

What may go wrong, as types:
    Transient           surely not handed over (but see Unanswered), may work later
    ├── Unavailable     the provider as a whole does not answer: no fault of this message
    └── Unanswered      nobody knows, but asking again does no harm: the provider knows our id (`idempotent`)
    Permanent           surely not handed over, and never will be
    ├── AddressRefused  because of the address: write to it no more (OptedOut: because its holder said so)
    └── Gone            what it answers is there no more: nothing is left to say
    Uncertain           nobody knows: only `hand_over` may say so
    Misconfigured       the channel cannot work as it is set up; its messages wait
No error text holds an address, a credential or a word of the message.
"""

import os
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict

import routing.channels
from domain.contact import ContactPolicy
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.message import OutgoingMessage, Receipt
from storage.database import Database

SHADOW = "folder"


class Unavailable(Transient):
    """The provider does not answer at all: the whole channel waits."""


class Unanswered(Transient):
    """A provider that is `idempotent` did not say whether it took the message: it is asked again."""


class AddressRefused(Permanent):
    """The address does not exist or takes no messages: a hard bounce."""


class Gone(Permanent):
    """The post that a message answers was deleted: it is taken back, and nobody has to look."""


class OptedOut(AddressRefused):
    """Whoever holds the address told the provider that he wants no more messages: the same as STOP."""


class Forged(BadInput):
    """A delivery at a door of ours that the provider did not sign."""


class ChannelTable(BaseModel):
    """A carrier's table `[channels.NAME]`: no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelSettings(ChannelTable):
    """A carrier that is off until the operator says so."""

    on: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What carriers are made with, beside their settings: the clock (UTC), and paths of the settings.

    `public_url` is where the outside finds the console, "" if nowhere; without it nobody can send us receipts.
    `database` and `policy` (a brand's rules of contact) are for carriers that hand over inside the house.
    `secret` says what the environment holds under a name in the settings.
    """

    now: Callable[[], datetime]
    path: Callable[[str], Path]
    public_url: str = ""
    database: Callable[[], Database] | None = None
    policy: Callable[[str], ContactPolicy] = lambda _brand_id: ContactPolicy()
    secret: Callable[[str], str | None] = os.environ.get


@dataclass(frozen=True, slots=True)
class Handed:
    """The provider took the message; `provider_id` is its name for it, "" if it gave none."""

    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came to a door: header names in lower case, `url` as the sender called it, `body` as it was signed."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a customer wrote back. `address` is his, as messages have it; `answers` names the message, if anything.

    `to` is the number of ours that he wrote to, "" where its provider does not tell.
    """

    event_id: str
    address: str
    text: str
    at: datetime
    answers: str = ""
    stop: bool = False
    to: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a delivery told, and what its sender wants to be answered."""

    receipts: tuple[Receipt, ...] = ()
    replies: tuple[Reply, ...] = ()
    answer: str = ""
    media_type: str = "text/plain"


class Staged(Protocol):
    """An engaged provider that waits for the last word."""

    def hand_over(self) -> Handed:
        """Take the step of no return, once."""
        ...


class Channel(Protocol):
    """One way to reach a customer by one provider. Instances hold their settings and no open connection.

    `name` is the provider's and names the settings, `[channels.NAME]`; `channel` is what it carries: two providers of
    text messages both carry `sms`. Client libraries are imported when a channel is made, not with its file.
    `has_sender`: messages leave it in somebody's name, so that each of several brands has to say by which account.
    `to_accounts`: it carries messages to one address, not only answers below a post that everybody reads.
    `idempotent`: handing the same message id over again does not reach the customer again.
    `hand_over_seconds`: the longest that `hand_over` may take; leases are made to outlast it.
    """

    name: ClassVar[str]
    channel: ClassVar[str]
    Settings: ClassVar[type[ChannelTable]]
    max_length: ClassVar[int | None] = None
    carries_subject: ClassVar[bool] = False
    attachments: ClassVar[bool] = False
    has_sender: ClassVar[bool] = True
    to_accounts: ClassVar[bool] = True
    may_write_first: ClassVar[bool] = True
    window_hours: ClassVar[float | None] = None
    needs_template: ClassVar[bool] = False
    receipts: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False

    @classmethod
    def make(cls, settings: Any, around: Surroundings) -> Self:
        """The channel of its table. Raises Misconfigured where something is missing."""
        ...

    @classmethod
    def length(cls, text: str) -> int:
        """How long a text is as this channel counts, to be held against `max_length`."""
        return len(text)

    @classmethod
    def reply(cls, text: str, handle: str) -> str:
        """A public reply as it will stand under the post of an account of that name."""
        return text

    @property
    def sender(self) -> str:
        """The number that it writes from and answers come to, "" where that is none or not known."""
        return ""

    @property
    def hand_over_seconds(self) -> float:
        """The longest that `hand_over` may take."""
        return 60.0

    def stage(self, message: OutgoingMessage) -> AbstractContextManager[Staged]:
        """Engage the provider up to the last step; the context lets go of it, handed over or not."""
        ...

    def lookup(self, message_id: str) -> bool | None:
        """Whether the provider has this message; None where it cannot prove either."""
        return None

    def hear(self, delivery: Delivery) -> Heard:
        """What a delivery at `/receipts/NAME` tells. Raises Forged, and BadInput for what cannot be read."""
        raise Forged("this channel has no door")

    def collect(self) -> Heard:
        """What customers answered of late, where no door tells it; the same again however often it is asked."""
        return Heard()

    def check(self) -> None:
        """Connect, log in, let go. Raises what stands in the way; sends nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Carriers:
    """Who carries what: the channels that are switched on, and for all others the shadow (a folder).

    `unstated` has by channel the section that is on without saying by which account this brand writes. `brands` has
    by id what each of several brands has of its own; nothing is carried for a brand that it does not name.
    """

    switched_on: Mapping[str, Channel] = field(default_factory=dict)
    shadow: Channel | None = None
    unstated: Mapping[str, str] = field(default_factory=dict)
    brands: Mapping[str, "Carriers"] = field(default_factory=dict)

    def of_brand(self, brand_id: str) -> "Carriers":
        """Those of a brand; an only brand has all."""
        return self.brands.get(brand_id, Carriers()) if self.brands else self

    def of(self, channel: str) -> Channel:
        """The carrier of a channel's messages. Raises Misconfigured where there is none."""
        if channel in self.unstated and channel not in self.switched_on:
            raise Misconfigured(f"nothing says by which account this brand writes: [{self.unstated[channel]}]")
        carrier = self.switched_on.get(channel, self.shadow)
        if carrier is None:
            raise Misconfigured(f"channel {channel} is not switched on, and no folder takes its messages")
        return carrier

    def name_of(self, channel: str) -> str:
        """The name of that carrier, "" where there is none."""
        try:
            return self.of(channel).name
        except Misconfigured:
            return ""

    def named(self, name: str | None) -> Channel | None:
        """The carrier of this name, None if it is no longer set up."""
        known = [*self.switched_on.values(), *([self.shadow] if self.shadow else [])]
        return next((carrier for carrier in known if carrier.name == name), None)


def carriers_of(tables: Mapping[str, ChannelTable], around: Surroundings) -> dict[str, Channel]:
    """The carriers of these tables, by what they carry. Raises Misconfigured where two carry the same."""
    found: dict[str, Channel] = {}
    kinds = find_channels()
    for name, table in tables.items():
        carried = kinds[name].channel
        if carried in found:
            other = found[carried].name
            raise Misconfigured(f"channels.{name} and channels.{other} both carry {carried}: switch one off")
        found[carried] = kinds[name].make(table, around)
    return found


def find_channels() -> dict[str, type[Channel]]:
    """Every channel class by its name: `CHANNEL` in each file of this package, in the order of the files.

    Raises Misconfigured naming the file when one cannot be imported or two have one name.
    Files whose name begins with `_` are parts that several channels share.
    """
    found: dict[str, type[Channel]] = {}
    for module in pkgutil.iter_modules(routing.channels.__path__):
        if module.name != "base" and not module.name.startswith("_"):
            _add(found, module.name)
    return found


def _add(found: dict[str, type[Channel]], file: str) -> None:
    try:
        channel = import_module(f"routing.channels.{file}").CHANNEL
    except Exception as error:
        raise Misconfigured(f"routing/channels/{file}.py cannot be used: {type(error).__name__}: {error}") from error
    if channel.name in found:
        raise Misconfigured(f"routing/channels/{file}.py: there is a channel {channel.name!r} already")
    found[channel.name] = channel
