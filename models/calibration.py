"""From logits to probabilities that mean what they say, and when to say nothing.

Temperature and bias per head, and per language where the tuning rows suffice (Guo et al., "On Calibration of Modern
Neural Networks", 2017; Platt, 1999, for yes or no).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 4
Floats = NDArray[np.float64]


def probabilities(logits: Floats, head: Mapping[str, Any], language: str) -> Floats:
    """Of the labels of a choice; they add up to 1 before rounding."""
    scaled = logits * _of(head, language)["scale"]
    raised = np.exp(scaled - scaled.max())
    return np.asarray(raised / raised.sum(), np.float64)


def chance(logit: float, head: Mapping[str, Any], language: str) -> float:
    """Of yes."""
    fitted = _of(head, language)
    return float(1 / (1 + np.exp(-np.clip(logit * fitted["scale"] + fitted["bias"], -30, 30))))


def doubtful(probability: float, head: Mapping[str, Any]) -> bool:
    """Whether the surest label of a head is not sure enough to act on."""
    return probability < float(head["abstain"])


def rounded(value: float) -> float:
    """As it is printed and stored."""
    return round(float(value), DIGITS)


def _of(head: Mapping[str, Any], language: str) -> Mapping[str, float]:
    fitted: Mapping[str, Mapping[str, float]] = head["calibration"]
    return fitted.get(language, fitted["any"])
