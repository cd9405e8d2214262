"""Batches of similar length, padded, for one pass over the examples."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training.examples import Examples

Ints = NDArray[np.int64]
Bag = tuple[Tensor, Tensor]


def padded(pieces: Sequence[Ints]) -> Tensor:
    """A rectangle of pieces, zeros behind the short ones."""
    table = np.zeros((len(pieces), max(map(len, pieces))), np.int64)
    for row, values in zip(table, pieces, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(table)


def bag(grams: Sequence[Ints]) -> Bag:
    """All grams in a row and where each text starts."""
    starts = np.cumsum([0, *map(len, grams[:-1])])
    return torch.from_numpy(np.concatenate(grams)), torch.from_numpy(starts)


def batches(lengths: Sequence[int], size: int, seed: int) -> Iterator[Ints]:
    """Numbers of examples, shuffled, of like length within a batch."""
    dice = np.random.default_rng(seed)
    order = dice.permutation(len(lengths))
    wide = size * 32
    groups = []
    for start in range(0, len(order), wide):
        chunk = sorted(order[start : start + wide], key=lambda at: lengths[at])
        groups += [np.array(chunk[at : at + size]) for at in range(0, len(chunk), size)]
    for at in dice.permutation(len(groups)):
        yield groups[at]


def inputs(data: Examples, at: Ints) -> tuple[Tensor, Bag, Bag]:
    """What the network takes for these examples."""
    return (
        padded([data.pieces[i] for i in at]),
        bag([data.word_grams[i] for i in at]),
        bag([data.letter_grams[i] for i in at]),
    )
