import random

import numpy as np
import pytest

from models.confusion import Confusion, accuracy, f1_of_last, macro_f1, macro_recall

DICE = random.Random(5)
TRUTH = DICE.choices(["a", "b", "c"], [6, 3, 1], k=400)
SAID = [one if DICE.random() < 0.7 else DICE.choice(["a", "b", "c", "d"]) for one in TRUTH]
FEW = Confusion(["a", "a", "a", "b"], ["a", "a", "b", "b"])


def test_figures_by_class() -> None:
    figures = FEW.by_class()
    assert (figures["a"].precision, figures["a"].support) == (1, 3)
    assert figures["a"].recall == pytest.approx(2 / 3)
    assert figures["b"].f1 == pytest.approx(2 / 3)


def test_means_over_classes() -> None:
    assert FEW.value(macro_recall) == pytest.approx(5 / 6)
    assert FEW.value(macro_f1) == pytest.approx((0.8 + 2 / 3) / 2)
    assert FEW.value(accuracy) == 0.75


def test_what_was_only_said_is_a_class_but_counts_in_no_mean() -> None:
    found = Confusion(["a", "a", "b"], ["a", "d", "b"])
    assert (found.by_class()["d"].support, found.by_class()["d"].recall) == (0, 0)
    assert found.value(macro_recall) == pytest.approx((1 / 2 + 1) / 2)


def test_a_label_that_is_never_said_counts_as_nought() -> None:
    assert Confusion(["a", "b"], ["a", "a"]).value(macro_recall) == 0.5


def test_yes_that_nobody_says_has_its_place() -> None:
    assert Confusion(["0", "1"], ["1", "1"], "01").value(f1_of_last) == pytest.approx(2 / 3)
    assert Confusion(["0", "0"], ["0", "0"], "01").value(f1_of_last) == 0


def test_bounds_are_those_of_redrawn_texts_and_the_same_again() -> None:
    dice, right = np.random.default_rng(1), np.array(TRUTH) == np.array(SAID)
    low, high = np.quantile([dice.choice(right, len(right)).mean() for _ in range(500)], [0.025, 0.975])
    found = Confusion(TRUTH, SAID).interval(accuracy)
    assert found.value == right.mean()
    assert (found.low, found.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))
    assert found == Confusion(TRUTH, SAID).interval(accuracy)


def test_the_commonest_confusions_come_first() -> None:
    assert Confusion(["a", "a", "b", "b"], ["b", "b", "a", "b"]).worst(1) == [("a", "b", 2)]
