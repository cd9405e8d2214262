"""Which label was given for which: the counts from which every figure of an evaluation follows, with its interval."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.evaluation import COVERED, DRAWS, SEED, ClassFigures, Interval

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Figure = Callable[[Counts], Floats]


class Confusion:
    """`counts[i, j]` texts are truly `labels[i]` and were said to be `labels[j]`. Never empty."""

    def __init__(self, truth: Sequence[str], said: Sequence[str]) -> None:
        self.labels = tuple(sorted({*truth, *said}))
        number = {label: at for at, label in enumerate(self.labels)}
        self.counts: Counts = np.zeros((len(self.labels), len(self.labels)), np.int64)
        np.add.at(self.counts, ([number[one] for one in truth], [number[one] for one in said]), 1)

    @property
    def total(self) -> int:
        """How many texts."""
        return int(self.counts.sum())

    def interval(self, figure: Figure) -> Interval:
        """The figure with its percentile interval over redrawn samples (Efron, 1979).

        Drawing as many texts again is one multinomial draw of the counts.
        """
        low, high = np.quantile(figure(self._redrawn), [(1 - COVERED) / 2, (1 + COVERED) / 2])
        return Interval(float(figure(self.counts)), float(low), float(high))

    def by_class(self) -> dict[str, ClassFigures]:
        """Of every label that occurs in the truth or was said."""
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
