"""Hashed words, word pairs and letter runs: what carries misspellings and unseen words.

After Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), with the hashing trick.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from models.text import fold

WORD_BUCKETS = 1 << 16
LETTER_BUCKETS = 1 << 16
LETTER_RUNS = (3, 4, 5)
MAX_LETTERS = 1200
_SHORTEST = LETTER_RUNS[0]
# Arrays without a dimension: numpy takes twice as long over its scalars.
_PRIME, _MIX, _EARLY, _LATE = (np.array(value, np.uint32) for value in (0x01000193, 0x9E3779B1, 15, 13))
_WORD_BUCKET, _LETTER_BUCKET = (np.array(count - 1, np.uint32) for count in (WORD_BUCKETS, LETTER_BUCKETS))
_STARTS = np.array(LETTER_RUNS, np.uint32)[:, None] * _PRIME


def word_grams(words: Sequence[str]) -> NDArray[np.int64]:
    """Buckets of the folded words and of each two neighbours; never empty."""
    single = np.array([0, *map(crc32, _folded(words)), 0], np.uint32)  # 0 is the hash of nothing: the two ends
    pairs = (single[:-1] * _PRIME) ^ (single[1:] * _MIX)
    return _buckets(np.concatenate((single[1:-1], pairs)), _WORD_BUCKET)


def letter_grams(words: Sequence[str]) -> NDArray[np.int64]:
    """Buckets of runs of 3 to 5 characters over the folded text; never empty."""
    text = fold(f"  {' '.join(words)}  ")[:MAX_LETTERS]
    letters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    count = len(letters) - _SHORTEST + 1
    mixed = np.zeros(len(letters) + len(LETTER_RUNS), np.uint32)  # zeros where a longer run finds no more letters
    np.multiply(letters, _MIX, out=mixed[: len(letters)])
    runs = np.empty((len(LETTER_RUNS), count), np.uint32)  # a row a size; all of them begin alike
    np.bitwise_xor(_STARTS, mixed[:count], out=runs)
    for shift in range(1, LETTER_RUNS[-1]):
        growing = runs[max(shift - _SHORTEST + 1, 0) :]
        growing *= _PRIME
        growing ^= mixed[shift : shift + count]
    whole = [run[: len(letters) - size + 1] for run, size in zip(runs, LETTER_RUNS, strict=True)]
    return _buckets(np.concatenate(whole), _LETTER_BUCKET)


def _folded(words: Sequence[str]) -> list[bytes]:
    """Each word without accents. All at once, unless a sign within a word folds to the one between them."""
    together = fold("\n".join(words)).encode().split(b"\n") if words else []
    return together if len(together) == len(words) else [fold(word).encode() for word in words]


def _buckets(values: NDArray[np.uint32], last: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Spread over the buckets up to the last, whose number is all ones; changes `values`."""
    values ^= values >> _EARLY
    values *= _MIX
    values ^= values >> _LATE
    values &= last
    return values.astype(np.int64)
