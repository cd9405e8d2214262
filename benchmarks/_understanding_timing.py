"""Rates by the clock and by the processor. Standard library only: programs of other environments use it too."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
PASSES = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """Items a second of the clock, and a second of all processors' time."""

    rate: float
    by_processor: float

    @property
    def note(self) -> str:
        """What stands beside the rate."""
        return f"{self.by_processor:,.0f} a second of processor time"


def speed(function: Callable[[T], object], batches: Sequence[T], size: int = 1, most_seconds: float = 20.0) -> Speed:
    """The best of some passes over the batches, since others use the machine too; the first call warms up.

    A pass ends where its share of the time is over. `size` is the number of items in all the batches.
    """
    function(batches[0])
    passes = [_pass(function, batches, most_seconds / PASSES) for _ in range(PASSES)]
    each = size / len(batches)
    return Speed(*(max(done * each / spent[kind] for done, *spent in passes) for kind in (0, 1)))


def _pass(function: Callable[[T], object], batches: Sequence[T], most_seconds: float) -> tuple[int, float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    done = 0
    for batch in batches:
        function(batch)
        done += 1
        if time.perf_counter() - clock > most_seconds:
            break
    return done, time.perf_counter() - clock, time.process_time() - processor
