"""A desk in memory, with crashes and doubts to switch on: for what does not depend on a vendor's HTTP."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from domain.errors import Transient, Uncertain
from routing.desks.base import Comment, Desk, DeskSettings, DeskState, Remote, Ticket

Mishap = Literal["killed before", "killed after", "uncertain", "refused"]


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Held:
    """A ticket there: as it was told, where it stands since when, its comments."""

    told: Ticket
    state: DeskState
    at: datetime
    comments: list[Comment] = field(default_factory=list)
    gone: bool = False


class MemoryDesk(Desk):
    """`mishaps` are taken by the next requests that write, None for one that goes well; `writes` counts what was done."""

    name: ClassVar[str] = "memory"
    Settings: ClassVar[type[DeskSettings]] = DeskSettings
    words: Mapping[DeskState, str] = {
        **{state: state.value for state in DeskState},
        DeskState.HOLD: "open",
        DeskState.CLOSED: "solved",
    }
    meanings: Mapping[str, DeskState] = {state.value: state for state in DeskState}

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.tickets: dict[str, Held] = {}
        self.mishaps: list[Mishap | None] = []
        self.trouble: Exception | None = None
        self.writes = 0

    @classmethod
    def make(cls, settings: Any, now: Callable[[], datetime]) -> Self:
        return cls(now)

    def set_state(self, remote_id: str, state: DeskState) -> None:
        """What a person there does."""
        self.tickets[remote_id].state, self.tickets[remote_id].at = state, self.now()

    def say(self, remote_id: str, text: str, *, public: bool = False) -> str:
        said = self.tickets[remote_id].comments
        said.append(Comment(f"{remote_id}-{len(said)}", text, public))
        return said[-1].remote_id

    def open(self, ticket: Ticket) -> Remote:
        def act() -> str:
            number = str(len(self.tickets) + 1)
            self.tickets[number] = Held(ticket, self.shown(ticket.state), self.now())
            self.say(number, ticket.body)
            return number

        return self._remote(self._write(act))

    def find(self, reference: str) -> Remote | None:
        self._trouble()
        found = [number for number, held in self.tickets.items() if held.told.reference == reference and not held.gone]
        return self._remote(found[0]) if found else None

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        def act() -> str:
            self.tickets[remote_id].told = replace(ticket, body=self.tickets[remote_id].told.body)
            if state is not None:
                self.set_state(remote_id, self.shown(state))
            return remote_id

        self._write(act)

    def comment(self, remote_id: str, text: str, key: str) -> str:
        return self._write(lambda: self.say(remote_id, text))

    def read(self, remote_id: str) -> Remote | None:
        self._trouble()
        held = self.tickets.get(remote_id)
        return None if held is None or held.gone else self._remote(remote_id)

    def changed(self, since: datetime) -> Iterator[Remote]:
        self._trouble()
        return iter([self._remote(number) for number in self.tickets])

    def comments(self, remote_id: str) -> Iterator[Comment]:
        self._trouble()
        return iter(list(self.tickets[remote_id].comments))

    def check(self) -> str:
        return "answers"

    def _remote(self, number: str) -> Remote:
        held = self.tickets[number]
        return Remote(number, held.state, held.at, f"https://desk.example.org/{number}")

    def _trouble(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def _write(self, act: Callable[[], str]) -> str:
        self._trouble()
        mishap = self.mishaps.pop(0) if self.mishaps else None
        if mishap == "killed before":
            raise Killed
        if mishap == "refused":
            raise Transient("busy")
        done = act()
        self.writes += 1
        if mishap == "killed after":
            raise Killed
        if mishap == "uncertain":
            raise Uncertain("no answer")
        return done
