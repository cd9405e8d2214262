"""Figures of a reading model: recall and F1 by class, calibration error, and how far each may be off by chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
DRAWS = 500
COVERED = 0.95
SEED = 7
Labels = Sequence[str] | NDArray[np.str_]
Floats = NDArray[np.float64]
Figure = Callable[[NDArray[np.str_], NDArray[np.str_]], float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the bounds within which 95 of 100 redrawn samples lie."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Of one label. `support` is how many texts truly carry it."""

    precision: float
    recall: float
    f1: float
    support: int


def by_class(truth: Labels, said: Labels) -> dict[str, ClassFigures]:
    """Precision, recall and F1 of every label that occurs in the truth; 0 where nothing is to divide by."""
    true, guess = np.asarray(truth, str), np.asarray(said, str)
    return {str(label): _one_class(true == label, guess == label) for label in np.unique(true)}


def _one_class(true: NDArray[np.bool_], guess: NDArray[np.bool_]) -> ClassFigures:
    right = int((true & guess).sum())
    precision = right / max(int(guess.sum()), 1)
    recall = right / max(int(true.sum()), 1)
    f1 = 2 * right / max(int(guess.sum() + true.sum()), 1)
    return ClassFigures(precision, recall, f1, int(true.sum()))


def macro_recall(truth: Labels, said: Labels) -> float:
    """The mean recall of the classes (balanced accuracy; TweetEval's figure for sentiment)."""
    return float(np.mean([one.recall for one in by_class(truth, said).values()]))


def macro_f1(truth: Labels, said: Labels) -> float:
    """The mean F1 of the classes that occur in the truth."""
    return float(np.mean([one.f1 for one in by_class(truth, said).values()]))


def accuracy(truth: Labels, said: Labels) -> float:
    """The share that is right."""
    return float(np.mean(np.asarray(truth, str) == np.asarray(said, str)))


def f1_of(label: str) -> Figure:
    """F1 of one class as a figure for `bootstrap`."""

    def figure(truth: NDArray[np.str_], said: NDArray[np.str_]) -> float:
        return _one_class(truth == label, said == label).f1

    return figure


def bootstrap(truth: Labels, said: Labels, figure: Figure, draws: int = DRAWS, seed: int = SEED) -> Interval:
    """The figure with its percentile interval over redrawn samples (Efron, 1979)."""
    true, guess = np.asarray(truth, str), np.asarray(said, str)
    dice = np.random.default_rng(seed)
    drawn = [dice.integers(0, len(true), len(true)) for _ in range(draws)]
    values = [figure(true[at], guess[at]) for at in drawn]
    low, high = np.quantile(values, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Interval(figure(true, guess), float(low), float(high))


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
