"""A training that was stopped goes on. Runs where torch is installed (`pip install "vigie[train]"`)."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from models.heads import WIDTH
from models.training.checkpoints import Checkpoints
from models.training.examples import Examples
from models.training.fit import PAIR_BATCH, Pairs, teach
from models.training.network import Network

PIECES = np.array([7, 8, 5, 9], np.int64)
MINUTE = 60.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_the_time_of_all_starts_is_summed_up_to_what_was_kept(tmp_path: Path) -> None:
    clock = Clock()
    first = Checkpoints(tmp_path, clock)
    clock.seconds += 2 * MINUTE
    first.keep("align", {})
    clock.seconds += 5 * MINUTE  # thrown away by a stop
    second = Checkpoints(tmp_path, clock)
    clock.seconds += MINUTE
    assert second.last("align") is not None
    assert second.last("teach") is None
    clock.seconds += 3 * MINUTE
    second.keep("teach", {})
    third = Checkpoints(tmp_path, clock)
    assert (third.last("align"), third.last("teach")) == ({"seconds": 2 * MINUTE}, {"seconds": 6 * MINUTE})
    clock.seconds += MINUTE
    assert third.seconds == 7 * MINUTE


def test_a_stopped_teaching_goes_on_with_the_epoch_that_it_was_at(tmp_path: Path) -> None:
    clock, shown = Clock(), list[int]()

    def faces(epoch: int) -> Examples:
        shown.append(epoch)
        clock.seconds += MINUTE
        if shown == [0, 1]:
            raise KeyboardInterrupt
        values = np.ones((2, WIDTH), np.float32)
        return Examples([PIECES] * 2, [PIECES] * 2, [PIECES] * 2, values, values)

    def start() -> Checkpoints:
        kept = Checkpoints(tmp_path, clock)
        pairs = Pairs([PIECES] * PAIR_BATCH, [PIECES] * PAIR_BATCH)
        teach(Network(20, 1, (5, 6)), faces, pairs, 2, 1, kept)
        return kept

    with pytest.raises(KeyboardInterrupt):
        start()
    assert start().seconds == 2 * MINUTE
    assert shown == [0, 1, 1]
    assert start().seconds == 2 * MINUTE, "all is done"
