"""From logits to probabilities that mean what they say, and when to say nothing.

Temperature, bias and threshold per head, and per language where the tuning rows suffice (Guo et al., "On Calibration
of Modern Neural Networks", 2017; Platt, 1999, for yes or no).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 4
Floats = NDArray[np.float64]
Head = Mapping[str, Any]


def probabilities(logits: Floats, head: Head, languages: Sequence[str]) -> Floats:
    """Of the labels of a choice, (texts, labels); each row adds up to 1."""
    return softmax(logits * fitted(head, "scale", languages)[:, None])


def chances(logits: Floats, head: Head, languages: Sequence[str]) -> Floats:
    """Of yes, one a text."""
    return sigmoid(logits * fitted(head, "scale", languages) + fitted(head, "bias", languages))


def doubtful(sure: Floats, head: Head, languages: Sequence[str]) -> NDArray[np.bool_]:
    """Whether the surest label of a head is not sure enough to act on."""
    return np.asarray(sure < fitted(head, "abstain", languages))


def fitted(head: Head, name: str, languages: Sequence[str]) -> Floats:
    """What was fitted for the language of each text, else for any."""
    known: Mapping[str, Mapping[str, float]] = head["calibration"]
    return np.array([known.get(language, known["any"])[name] for language in languages], np.float64)


def softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float64)


def sigmoid(logits: Floats) -> Floats:
    """Of each number by itself."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -500, 500))), np.float64)


def rounded(value: float) -> float:
    """As it is printed and stored."""
    return round(float(value), DIGITS)
