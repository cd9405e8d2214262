"""A bench: one listener before a source that the test may change. Each network's bench is one file here."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import ClassVar

from listeners.base import Listener
from tests.fakes.server import FakeServer


class Bench:
    """`page` is how many posts the listener takes at once. What the source cannot do is named in `lacks`, with why.

    Of `lacks`: "edit" (edits keep their id and say when), "undated edit" (edits keep their id and the next pull
    tells them), "delete" (verify or the next pull tells it), "bad" (one item of a page can be wrong by itself),
    "paging" (there is more than one page), "deadline" (a pull of five pages makes more than two requests).
    """

    network: ClassVar[str]
    listener: Listener
    query: str
    page: int
    lacks: ClassVar[dict[str, str]] = {}

    def add(self, *ids: str) -> None:
        """New posts, each later than all before."""
        raise NotImplementedError

    def add_bad(self) -> None:
        """An item that is no post."""
        raise NotImplementedError

    def edit(self, id_: str, text: str) -> None:
        """The post says `text` first, since 2026-11-03 10:00 UTC."""
        raise NotImplementedError

    def delete(self, id_: str) -> None:
        raise NotImplementedError

    def key(self, id_: str) -> str:
        """The id that the listener gives this post."""
        return id_

    def close(self) -> None:
        """Let go of what is open."""


class OnlineBench(Bench):
    """A listener before a fake server. `secret` is the credential that no message may show."""

    server: FakeServer
    secret: str = "a-token"

    def listen(self, timeout_seconds: float = 20) -> Listener:
        """The listener anew, with another time-out."""
        raise NotImplementedError

    def relisten(self, timeout_seconds: float = 20) -> None:
        """Let the listener go, and take it anew."""
        self.listener.close()
        self.listener = self.listen(timeout_seconds)

    def repeat_pages(self) -> None:
        """The server shows its first page whatever is asked."""
        raise NotImplementedError

    def close(self) -> None:
        self.listener.close()
        self.server.__exit__(None, None, None)


Make = Callable[[Path], Bench]


def find_benches() -> dict[str, Make]:
    """`BENCHES` of every file here: what each bench is called, and how it is made in a folder."""
    found: dict[str, Make] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        found |= getattr(import_module(f"tests.contract.benches.{module.name}"), "BENCHES", {})
    return found


def ids(count: int, start: int = 0) -> list[str]:
    """Not in any order, as some servers number."""
    return [f"{(number * 7919) % 100_003}x{number}" for number in range(start, start + count)]
