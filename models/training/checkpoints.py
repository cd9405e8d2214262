"""What was taught so far, in a folder, and how long it took over all starts. A stop leaves the last one whole."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Checkpoints:
    """Made where a start begins. Work that a stop threw away counts for no time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._began, self._before = clock(), 0.0

    @property
    def seconds(self) -> float:
        """This start's, and those that led to the checkpoint it goes on from."""
        return self._before + self._clock() - self._began

    def keep(self, name: str, state: dict[str, Any]) -> None:
        """Put it in the place of the last one of this name."""
        new = self._folder / f"{name}.new"
        torch.save({**state, "seconds": self.seconds}, new)
        new.replace(self._folder / f"{name}.pt")

    def last(self, name: str) -> dict[str, Any] | None:
        """To go on from, if one was kept."""
        path = self._folder / f"{name}.pt"
        if not path.exists():
            return None
        state: dict[str, Any] = torch.load(path, weights_only=True)
        self._before = float(state["seconds"])
        return state
