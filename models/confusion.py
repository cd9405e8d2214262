"""Which label was given for which: the counts from which every figure of an evaluation follows, with its interval."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

DRAWS = 500
COVERED = 0.95
SEED = 7
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Figure = Callable[[Counts], Floats]


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


class Confusion:
    """`counts[i, j]` texts are truly `labels[i]` and were said to be `labels[j]`. Never empty.

    `known` are labels that have their place in it also where nobody uses them.
    """

    def __init__(self, truth: Sequence[str], said: Sequence[str], known: Iterable[str] = ()) -> None:
        self.labels = tuple(sorted({*truth, *said, *known}))
        number = {label: at for at, label in enumerate(self.labels)}
        self.counts: Counts = np.zeros((len(self.labels), len(self.labels)), np.int64)
        np.add.at(self.counts, ([number[one] for one in truth], [number[one] for one in said]), 1)

    @property
    def total(self) -> int:
        """How many texts."""
        return int(self.counts.sum())

    def value(self, figure: Figure) -> float:
        """The figure."""
        return float(figure(self.counts))

    def interval(self, figure: Figure) -> Interval:
        """The figure with its percentile interval over redrawn samples (Efron, 1979).

        Drawing as many texts again is one multinomial draw of the counts.
        """
        low, high = np.quantile(figure(self._redrawn), [(1 - COVERED) / 2, (1 + COVERED) / 2])
        return Interval(self.value(figure), float(low), float(high))

    def by_class(self) -> dict[str, ClassFigures]:
        """Of every label."""
        precision, recall, f1 = precisions(self.counts), recalls(self.counts), f1s(self.counts)
        support = self.counts.sum(1)
        return {
            label: ClassFigures(float(precision[at]), float(recall[at]), float(f1[at]), int(support[at]))
            for at, label in enumerate(self.labels)
        }

    def worst(self, count: int = 10) -> list[tuple[str, str, int]]:
        """The commonest confusions: truth, what was said, how often."""
        wrong = [
            (self.labels[i], self.labels[j], int(self.counts[i, j]))
            for i, j in zip(*np.nonzero(self.counts), strict=True)
            if i != j
        ]
        return sorted(wrong, key=lambda one: (-one[2], one))[:count]

    @cached_property
    def _redrawn(self) -> Counts:
        dice = np.random.default_rng(SEED)
        shares = self.counts.ravel() / self.total
        return dice.multinomial(self.total, shares, DRAWS).reshape(DRAWS, *self.counts.shape)


def recalls(counts: Counts) -> Floats:
    """A class each; 0 where nothing is truly of it."""
    return _share(_right(counts), counts.sum(-1))


def precisions(counts: Counts) -> Floats:
    """A class each; 0 where nothing was said to be of it."""
    return _share(_right(counts), counts.sum(-2))


def f1s(counts: Counts) -> Floats:
    """A class each."""
    return _share(2 * _right(counts), counts.sum(-1) + counts.sum(-2))


def f1_of_last(counts: Counts) -> Floats:
    """F1 of the last class: of "1" where the labels are "0" and "1"."""
    return f1s(counts)[..., -1]


def macro_recall(counts: Counts) -> Floats:
    """The mean recall of the classes that occur in the truth (balanced accuracy; TweetEval's figure for sentiment)."""
    return _mean_of_classes(recalls(counts), counts)


def macro_f1(counts: Counts) -> Floats:
    """The mean F1 of the classes that occur in the truth."""
    return _mean_of_classes(f1s(counts), counts)


def accuracy(counts: Counts) -> Floats:
    """The share that is right."""
    return _share(_right(counts).sum(-1), counts.sum((-1, -2)))


def _share(part: Floats, whole: Counts) -> Floats:
    """0 where there is nothing to divide by."""
    return np.asarray(part / np.maximum(whole, 1), np.float64)


def _right(counts: Counts) -> Floats:
    return np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)


def _mean_of_classes(values: Floats, counts: Counts) -> Floats:
    there = counts.sum(-1) > 0
    return _share((values * there).sum(-1), there.sum(-1))
