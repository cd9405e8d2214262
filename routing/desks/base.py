"""What every outside desk is: a place where a case stands once more as a ticket.

What may go wrong, as types:
    Transient       surely nothing was changed, may work later
    └── Busy        the desk as a whole asks to wait
    Permanent       surely nothing was changed, and never will be
    Uncertain       nobody knows: only what writes may say so
    Misconfigured   the access is wrong: the whole desk waits
No error text holds a credential or a word of a ticket.
"""

import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Any, ClassVar, Literal, Protocol, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

import routing.desks
from domain.errors import Misconfigured, Permanent, Transient

PARTS = ("base", "sync", "taking", "words")
LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")
DELIVERY_SECONDS = 300.0


class Busy(Transient):
    """The desk asks to wait: nothing more is asked of it in this run."""


class DeskState(StrEnum):
    """Where a ticket stands, in the words that all desks share.

    open: we have to act; pending: the customer has to; hold: somebody else has to, or it sleeps;
    solved; closed for good.
    """

    OPEN = "open"
    PENDING = "pending"
    HOLD = "hold"
    SOLVED = "solved"
    CLOSED = "closed"


class DeskSettings(BaseModel):
    """A desk's table `[desks.NAME]`: off until the operator says so; no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: bool = False
    base_url: str = ""
    share: Literal["link", "customer", "all"] = "link"
    brand: str = ""
    severities: tuple[Literal["high", "normal", "low"], ...] = ("high", "normal", "low")
    prefix: str = Field("vigie", pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")
    teams: dict[str, str] = {}
    states: dict[str, str] = {}
    timeout_seconds: float = Field(20.0, gt=0, le=120)

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return checked_address(value) if value else ""

    @field_validator("states")
    @classmethod
    def _known_states(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in {state.value for state in DeskState}:
                raise ValueError(f"{name!r} is no state; there is {', '.join(DeskState)}")
        return value


def checked_address(value: str) -> str:
    """The address without a slash at its end; credentials go over TLS, or stay on this network. Raises ValueError."""
    parts = urlsplit(value)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{value!r} is no address; write it as https://desk.example.org")
    if parts.scheme == "http" and "." in host and host not in LOCAL_HOSTS:
        raise ValueError(f"{value!r} would send its credentials in the open; write it with https")
    return value.rstrip("/")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A case as a desk is told. `reference` names it for ever; `body` is plain text; `team` is the desk's own id."""

    reference: str
    subject: str
    body: str
    state: DeskState
    severity: str
    team: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Remote:
    """A ticket as the desk tells of it. `state` is None for a word that nobody mapped; `stamp` is its version there."""

    remote_id: str
    state: DeskState | None
    changed_at: datetime | None = None
    url: str = ""
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the desk, as plain text; `public`: the customer can read it."""

    remote_id: str
    text: str
    public: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What a delivery says of a ticket. Without `remote` it only says that the ticket is worth a look."""

    remote_id: str
    remote: Remote | None = None
    comments: Sequence[Comment] = ()


class Desk(Protocol):
    """One outside desk. Instances hold their settings; connections are made when they are needed.

    `words` is what each state is called there, `meanings` what its words mean here.
    `repeatable`: opening the same reference again gives the same ticket; elsewhere `find` is asked first.
    `readable`: tickets can be read and listed; others only tell by their deliveries.
    `body_apart`: opening makes an empty ticket; its text is told as a comment.
    `delivers`: it calls `/api/v1/hooks/desks/NAME`, and shows by a signature that it is itself.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[DeskSettings]]
    words: Mapping[DeskState, str]
    meanings: Mapping[str, DeskState]
    repeatable: ClassVar[bool] = False
    readable: ClassVar[bool] = True
    body_apart: ClassVar[bool] = False
    delivers: ClassVar[bool] = False

    @classmethod
    def make(cls, settings: Any, now: Callable[[], datetime]) -> Self:
        """The desk of its table. Raises Misconfigured where something is missing."""
        ...

    def open(self, ticket: Ticket) -> Remote:
        """Make the ticket."""
        ...

    def find(self, reference: str) -> Remote | None:
        """The ticket of this reference, by what sees tickets made a moment ago. Uncertain if it cannot tell."""
        ...

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """Tell severity, team and, unless None, the state; doing it twice is doing it once.

        Where the desk can tell, it is Transient if the ticket is no longer at `stamp`.
        """
        ...

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """Add an internal note; returns its id there. `key` names it for ever."""
        ...

    def read(self, remote_id: str) -> Remote | None:
        """The ticket as it is now; None where it is gone."""
        ...

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Every ticket that changed since then, ours or not."""
        ...

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """The comments of a ticket, oldest first."""
        ...

    def check(self) -> str:
        """Ask who we are; changes nothing."""
        ...

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a delivery is this desk's. `headers` have small names. Raises Misconfigured without a secret."""
        return False

    def told(self, body: bytes) -> list[Told]:
        """What a genuine delivery says. Raises BadInput."""
        return []

    def close(self) -> None:
        """Let the connection go."""

    def shown(self, state: DeskState) -> DeskState:
        """What this desk makes of a state: one that it has no word for comes back as its neighbour."""
        return self.meanings[self.words[state]]


def with_states(
    words: Mapping[DeskState, str], meanings: Mapping[str, DeskState], own: Mapping[str, str]
) -> tuple[dict[DeskState, str], dict[str, DeskState]]:
    """The words of a desk with those of its settings over them."""
    said = {DeskState(name): word for name, word in own.items()}
    return {**words, **said}, {**meanings, **{word: state for state, word in reversed(said.items())}}


def required(settings: BaseModel, desk: str, *names: str) -> None:
    """Raises Misconfigured naming the first setting that is missing."""
    for name in names:
        value = getattr(settings, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if plain:
            continue
        secret = f"set VIGIE_DESKS__{desk.upper()}__{name.upper()}" if isinstance(value, SecretStr) else "set it"
        raise Misconfigured(f"desks.{desk} is on but has no {name}: {secret}, or switch it off")


def desks_of(tables: Mapping[str, DeskSettings], now: Callable[[], datetime]) -> dict[str, Desk]:
    """The desks that are switched on, by name. Raises Misconfigured where one cannot be made."""
    kinds = find_desks()
    return {name: kinds[name].make(table, now) for name, table in tables.items() if table.on}


def find_desks() -> dict[str, type[Desk]]:
    """Every desk class by its name: `DESK` in each file of this package, in the order of the files.

    Raises Misconfigured naming the file when one cannot be imported or two have one name.
    """
    found: dict[str, type[Desk]] = {}
    for module in pkgutil.iter_modules(routing.desks.__path__):
        if module.name not in PARTS and not module.name.startswith("_"):
            _add(found, module.name)
    return found


def _add(found: dict[str, type[Desk]], file: str) -> None:
    try:
        desk = import_module(f"routing.desks.{file}").DESK
    except Exception as error:
        raise Misconfigured(f"routing/desks/{file}.py cannot be used: {type(error).__name__}: {error}") from error
    if desk.name in found:
        raise Misconfigured(f"routing/desks/{file}.py: there is a desk {desk.name!r} already")
    found[desk.name] = desk


def whole_id(value: object, desk: str) -> str:
    """An id as text. Raises Permanent for what is none: half an answer must not become a ticket's name."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or len(text) > 200 or not text.isprintable():
        raise Permanent(f"{desk} answered without a usable id")
    return text
