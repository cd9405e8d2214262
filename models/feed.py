"""Texts as the network takes them, and which it takes at once: those of one length, never so many that it slows.

Texts of one length need no padding, which would change the last bits of what is summed over a text.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.grams import WORD_BUCKETS

INPUTS = ("pieces", "grams", "grams_of", "roots")
MOST_PIECES = 200  # at once: what is worked on then stays near the processor
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text: numbers of its pieces, and of its grams of words and of letters; none of them is empty."""

    pieces: Sequence[int] | Ints
    words: Ints
    letters: Ints


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of the texts to be taken together, the most work first."""
    alike: dict[int, list[int]] = defaultdict(list)
    for at, length in enumerate(lengths):
        alike[length].append(at)
    for length in sorted(alike, reverse=True):
        group, most = alike[length], max(1, MOST_PIECES // length)
        yield from (group[at : at + most] for at in range(0, len(group), most))


def inputs(texts: Sequence[Encoded]) -> Mapping[str, NDArray[np.generic]]:
    """Of texts of one length. The grams stand in a row; the letters' numbers come behind those of the words."""
    grams = [part for text in texts for part in (text.words, text.letters + WORD_BUCKETS)]
    sizes = np.array([len(part) for part in grams])
    values = (
        np.array([text.pieces for text in texts], np.int64),
        np.concatenate(grams),
        np.repeat(np.arange(len(grams)), sizes)[:, None],
        np.sqrt(sizes, dtype=np.float32)[:, None],
    )
    return dict(zip(INPUTS, values, strict=True))
