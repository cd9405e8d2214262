import numpy as np
import pytest

from models.evaluation import (
    accuracy,
    bootstrap,
    by_class,
    calibration_error,
    macro_f1,
    macro_recall,
    recall_at_precision,
    surest,
)

TRUTH = ["a", "a", "a", "b"]
SAID = ["a", "a", "b", "b"]


def test_figures_by_class() -> None:
    figures = by_class(TRUTH, SAID)
    assert figures["a"].precision == 1
    assert figures["a"].recall == pytest.approx(2 / 3)
    assert figures["a"].support == 3
    assert figures["b"].f1 == pytest.approx(2 / 3)


def test_means_over_classes() -> None:
    assert macro_recall(TRUTH, SAID) == pytest.approx(5 / 6)
    assert macro_f1(TRUTH, SAID) == pytest.approx((0.8 + 2 / 3) / 2)
    assert accuracy(TRUTH, SAID) == 0.75


def test_a_label_that_is_never_said_counts_as_nought() -> None:
    assert macro_recall(["a", "b"], ["a", "a"]) == 0.5


def test_the_interval_holds_the_figure_and_is_the_same_again() -> None:
    truth, said = TRUTH * 30, SAID * 30
    one = bootstrap(truth, said, accuracy)
    assert one == bootstrap(truth, said, accuracy)
    assert one.low < one.value < one.high


def test_confidence_that_keeps_its_word_has_no_error() -> None:
    confidence = np.full(100, 0.75)
    right = np.arange(100) % 4 != 0
    assert calibration_error(confidence, right) == pytest.approx(0)
    assert calibration_error(confidence, np.ones(100, bool)) == pytest.approx(0.25)


def test_the_surest_come_first() -> None:
    assert surest(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]), 0.5) == 1


def test_recall_at_a_precision() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert recall_at_precision(scores, np.array([True, False, False, True])) == 1
    assert recall_at_precision(scores, np.array([False, False, False, True])) == 0
