"""How far to trust how sure a reader is: calibration error, the surest answers, recall at a threshold."""

import numpy as np
from numpy.typing import NDArray

BINS = 15
Floats = NDArray[np.float64]


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, over bins of equal width (Guo, 2017)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(confidence[bin_of == one].mean() - right[bin_of == one].mean())) * float((bin_of == one).mean())
        for one in np.unique(bin_of)
    ]
    return float(sum(gaps))


def surest(confidence: Floats, right: NDArray[np.bool_], share: float = 0.8) -> float:
    """Accuracy on the given share of the answers, surest first."""
    order = np.argsort(-confidence, kind="stable")[: max(int(len(confidence) * share), 1)]
    return float(right[order].mean())


def recall_at_precision(scores: Floats, truth: NDArray[np.bool_], precision: float = 0.5) -> float:
    """The greatest recall at a threshold whose precision is at least the given one; 0 if there is none."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    good = hits / np.arange(1, len(order) + 1) >= precision
    return float(hits[good].max() / max(int(truth.sum()), 1)) if good.any() else 0.0
