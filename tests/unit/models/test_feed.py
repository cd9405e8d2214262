import numpy as np
import pytest

from models.feed import INPUTS, MOST_PIECES, Encoded, batches, inputs
from models.grams import WORD_BUCKETS


def text(pieces: list[int], words: list[int], letters: list[int]) -> Encoded:
    return Encoded(pieces, np.array(words), np.array(letters))


@pytest.mark.parametrize("lengths", [[], [3], [25] * 100, [160] * 3, list(range(1, 161)) * 2])
def test_every_text_is_taken_once_and_with_its_like(lengths: list[int]) -> None:
    groups = list(batches(lengths))
    assert sorted(at for group in groups for at in group) == list(range(len(lengths)))
    for group in groups:
        assert len({lengths[at] for at in group}) == 1
        assert len(group) == 1 or sum(lengths[at] for at in group) <= MOST_PIECES


def test_the_longest_come_first() -> None:
    assert [[3, 9, 3][group[0]] for group in batches([3, 9, 3])] == [9, 3]


def test_each_gram_knows_its_text_and_its_table() -> None:
    fed = inputs([text([7, 8], [1, 2], [3]), text([9, 9], [4], [5, 6, 7, 8])])
    assert tuple(fed) == INPUTS
    assert fed["pieces"].tolist() == [[7, 8], [9, 9]]
    assert fed["grams"].tolist() == [1, 2, 3 + WORD_BUCKETS, 4, *(WORD_BUCKETS + at for at in (5, 6, 7, 8))]
    assert fed["grams_of"][:, 0].tolist() == [0, 0, 1, 2, 3, 3, 3, 3]
    assert (fed["roots"][:, 0] ** 2).tolist() == pytest.approx([2, 1, 1, 4])
