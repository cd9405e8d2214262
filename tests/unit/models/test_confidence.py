import numpy as np
import pytest

from models.confidence import calibration_error, recall_at_precision, surest


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
