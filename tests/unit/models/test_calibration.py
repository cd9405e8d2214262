import numpy as np
import pytest

from models.calibration import chance, doubtful, probabilities

HEAD = {"calibration": {"any": {"scale": 1.0, "bias": 0.0}, "fr": {"scale": 0.5, "bias": 1.0}}, "abstain": 0.6}


def test_probabilities_add_up_and_keep_their_order() -> None:
    values = probabilities(np.array([3.0, 1.0, 2.0]), HEAD, "en")
    assert values.sum() == pytest.approx(1)
    assert list(values.argsort()) == [1, 2, 0]


def test_a_language_may_have_a_temperature_of_its_own() -> None:
    logits = np.array([3.0, 1.0])
    assert probabilities(logits, HEAD, "fr").max() < probabilities(logits, HEAD, "de").max()


def test_yes_or_no_takes_a_bias() -> None:
    assert chance(0.0, HEAD, "en") == 0.5
    assert chance(-2.0, HEAD, "fr") == 0.5
    assert chance(1e9, HEAD, "en") <= 1


def test_below_the_threshold_is_doubt() -> None:
    assert doubtful(0.59, HEAD)
    assert not doubtful(0.6, HEAD)
