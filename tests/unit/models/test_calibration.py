import numpy as np
import pytest

from models.calibration import chances, doubtful, probabilities

FITTED = {
    "any": {"scale": 1.0, "bias": 0.0, "abstain": 0.6},
    "fr": {"scale": 0.5, "bias": 1.0, "abstain": 0.8},
}
HEAD = {"calibration": FITTED}


def test_probabilities_add_up_and_keep_their_order() -> None:
    values = probabilities(np.array([[3.0, 1.0, 2.0]]), HEAD, ["en"])[0]
    assert values.sum() == pytest.approx(1)
    assert list(values.argsort()) == [1, 2, 0]


def test_a_language_may_have_a_temperature_of_its_own() -> None:
    french, german = probabilities(np.array([[3.0, 1.0], [3.0, 1.0]]), HEAD, ["fr", "de"])
    assert french.max() < german.max()


def test_yes_or_no_takes_a_bias() -> None:
    assert chances(np.array([0.0, -2.0, 1e9]), HEAD, ["en", "fr", "en"]).tolist() == [0.5, 0.5, pytest.approx(1)]


def test_below_the_threshold_of_its_language_is_doubt() -> None:
    assert doubtful(np.array([0.59, 0.6, 0.79]), HEAD, ["en", "en", "fr"]).tolist() == [True, False, True]
