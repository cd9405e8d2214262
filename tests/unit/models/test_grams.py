import time

import numpy as np
import pytest

from models.grams import LETTER_BUCKETS, MAX_LETTERS, WORD_BUCKETS, letter_grams, word_grams

GOLDEN_WORDS = [18981, 26377, 7506, 43990, 19770]
GOLDEN_LETTERS = [
    29955,
    33093,
    43146,
    18289,
    47878,
    8673,
    26265,
    56853,
    51145,
    14701,
    2004,
    54024,
    47002,
    6635,
    30971,
    60012,
    44060,
    47974,
    38586,
    40813,
    1782,
]


def test_the_buckets_are_those_that_the_weights_were_trained_with() -> None:
    assert word_grams(["déçu", "!"]).tolist() == GOLDEN_WORDS
    assert letter_grams(["déçu", "!"]).tolist() == GOLDEN_LETTERS


def test_accents_make_no_difference() -> None:
    assert (word_grams(["déçu", "là"]) == word_grams(["decu", "la"])).all()
    assert (letter_grams(["déçu", "là"]) == letter_grams(["decu", "la"])).all()


@pytest.mark.parametrize("words", [[], [""], ["", ""], ["é"], ["a\nb", "c"], ["\u0301", "x"], ["한국", "👍🏽"]])
def test_words_and_their_pairs_are_counted_whatever_they_hold(words: list[str]) -> None:
    found = word_grams(words)
    assert len(found) == 2 * len(words) + 1
    assert found.dtype == np.int64
    assert 0 <= found.min() <= found.max() < WORD_BUCKETS


def test_a_word_with_a_line_break_does_not_shift_its_neighbours() -> None:
    assert word_grams(["a\nb", "c"])[1] == word_grams(["x", "c"])[1]


@pytest.mark.parametrize(("words", "length"), [([], 4), (["a"], 5), (["ab", "c"], 8), (["a" * 5000], MAX_LETTERS)])
def test_letter_runs_are_those_of_three_four_and_five(words: list[str], length: int) -> None:
    found = letter_grams(words)
    assert len(found) == sum(length - size + 1 for size in (3, 4, 5) if length >= size)
    assert found.dtype == np.int64
    assert 0 <= found.min() <= found.max() < LETTER_BUCKETS


def test_a_long_text_costs_no_more_than_its_beginning() -> None:
    began = time.process_time()
    letter_grams(["mot"] * 3000)
    assert time.process_time() - began < 0.1
