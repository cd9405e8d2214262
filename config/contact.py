"""The settings of the channel decision that came with cases and contact, and of the customer's own page."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from config.channels import is_on
from config.section import Section
from domain.contact import Also, ChannelLimits
from models.intents import load_intents
from routing.channels.base import ChannelTable, find_channels


def _known_intents(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in load_intents()]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no intent; there is {', '.join(load_intents())}")
    return names


Intents = Annotated[tuple[str, ...], AfterValidator(_known_intents)]


class AlsoSettings(Section):
    """Beside a message on `channel` a short word goes out on `with`; without `intents` whatever it is about."""

    channel: str = Field(min_length=1, max_length=40)
    beside: str = Field(alias="with", min_length=1, max_length=40)
    intents: Intents = ()

    def rule(self) -> Also:
        """The same as the domain's noun."""
        return Also(self.channel, self.beside, frozenset(self.intents))


class DecisionSettings(Section):
    """What the channel decision asks beside the rules of old; see `docs/decisions/0022-the-whole-decision.md`."""

    proactive_per_7_days: int = Field(1, ge=0)
    service_reserve: int = Field(1, ge=0)
    unanswered_limit: int = Field(2, ge=0)
    unanswered_days: float = Field(90, gt=0, le=730)
    sensitive_intents: Intents = ("account_security",)
    sensitive_channels: tuple[str, ...] = ("email", "letter", "phone", "in_app")
    safety_intents: Intents = ()
    shared_points: Literal["never", "discreet"] = "never"
    also: tuple[AlsoSettings, ...] = Field((), max_length=20)
    intrusion_price: float = Field(0.02, ge=0, le=1)
    learn_habits: bool = True
    app_attribute: str = Field("", max_length=80)

    @field_validator("also")
    @classmethod
    def _differ(cls, value: tuple[AlsoSettings, ...]) -> tuple[AlsoSettings, ...]:
        if any(rule.channel == rule.beside for rule in value):
            raise ValueError('channel and with are the same channel; write {channel = "email", with = "sms"}')
        return value


class PreferencesSettings(Section):
    """The page on which customers say how they like to be reached, behind a signed link (`docs/preferences.md`).

    `base_url` is the public address of the console; empty, that of `[claims]` holds. Without either there is no link.
    """

    base_url: str = ""
    link_days: float = Field(365.0, gt=0, le=3660)

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise ValueError(f"{value!r} is no address; write it as https://care.example.org")
        return value.rstrip("/")


def channel_limits(tables: Mapping[str, ChannelTable]) -> dict[str, ChannelLimits]:
    """What the provider of each channel allows, of a channel that is switched on before one that is off.

    A provider's approved template is only asked for where the channel is on: what is off goes into the folder.
    """
    found: dict[str, ChannelLimits] = {}
    kinds = find_channels()
    for name in sorted(kinds, key=lambda name: not is_on(tables[name])):
        kind, table = kinds[name], tables[name]
        limits = ChannelLimits(
            may_write_first=kind.may_write_first,
            window_hours=kind.window_hours,
            needs_template=kind.needs_template,
            has_template=not is_on(table) or bool(getattr(table, "templates", None)),
        )
        found.setdefault(kind.channel, limits)
    return found
