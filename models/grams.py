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
_PRIME = np.uint32(0x01000193)
_MIX = np.uint32(0x9E3779B1)


def word_grams(words: Sequence[str]) -> NDArray[np.int64]:
    """Buckets of the folded words and of each two neighbours; never empty."""
    single = np.fromiter((crc32(fold(word).encode()) for word in ("", *words, "")), np.uint32, len(words) + 2)
    pairs = (single[:-1] * _PRIME) ^ (single[1:] * _MIX)
    return (_spread(np.concatenate((single[1:-1], pairs))) % np.uint32(WORD_BUCKETS)).astype(np.int64)


def letter_grams(words: Sequence[str]) -> NDArray[np.int64]:
    """Buckets of runs of 3 to 5 characters over the folded text; never empty."""
    text = fold(f"  {' '.join(words)}  ")[:MAX_LETTERS]
    letters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    runs = [_run(letters, size) for size in LETTER_RUNS]
    return (np.concatenate(runs) % np.uint32(LETTER_BUCKETS)).astype(np.int64)


def _run(letters: NDArray[np.uint32], size: int) -> NDArray[np.uint32]:
    count = max(len(letters) - size + 1, 0)
    total = np.full(count, size, np.uint32)
    for shift in range(size):
        total = (total * _PRIME) ^ (letters[shift : shift + count] * _MIX)
    return _spread(total)


def _spread(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    mixed = (values ^ (values >> np.uint32(15))) * _MIX
    return mixed ^ (mixed >> np.uint32(13))
