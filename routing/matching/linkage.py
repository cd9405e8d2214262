"""Records of two files, or of one, that may be of one person, by weights learned from the files alone.

Pairs that share a block are compared field by field, in levels of likeness (Fellegi and Sunter 1969). u comes from
pairs drawn by lot, m by expectation maximisation over the patterns of levels, which needs no labels (Winkler 1988,
"Using the EM Algorithm for Weight Computation in the Fellegi-Sunter Model"). What is missing on a side says nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from random import Random

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

Row = Mapping[str, str]
Like = Callable[[str, str], int]  # the level of likeness of two values, from 0, unlike, to 3, equal
Pattern = tuple[int, ...]  # the level of each field, or MISSING
MISSING = -1
USUAL_M = np.array([0.1, 0.05, 0.05, 0.8])  # levels of one person, as far as the file does not tell
USUAL_U = np.array([0.97, 0.01, 0.01, 0.01])  # and of strangers
USUAL_SHARE = 0.01  # of pairs of one person
USUAL_WEIGHT = 30  # pairs that the usual counts for, so that few pairs do not tell everything
DRAWN = 200_000  # pairs drawn by lot for u
ROUNDS, ENOUGH = 200, 1e-5
MOST_OF_A_BLOCK = 60  # records: what more of them share is nobody's own
MOST_SHARE = 0.5  # of the possible pairs that may be of one person
FLOOR = 1e-6


def alike(first: str, second: str) -> int:
    """Names and streets: equal, nearly (a slip), roughly."""
    if first == second:
        return 3
    likeness = JaroWinkler.normalized_similarity(first, second)
    return 2 if likeness >= 0.92 else 1 if likeness >= 0.82 else 0


def slipped(first: str, second: str) -> int:
    """Numbers and dates: equal, one or two slips of the finger."""
    if first == second:
        return 3
    return max(0, 3 - DamerauLevenshtein.distance(first, second, score_cutoff=2))


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared, and how."""

    name: str
    like: Like = alike


@dataclass(frozen=True, slots=True)
class Linked:
    """Two records, by their places in the files, and how probably they are of one person."""

    left: int
    right: int
    probability: float


def link(
    left: Sequence[Row],
    right: Sequence[Row],
    fields: Sequence[Field],
    blocks: Sequence[tuple[str, ...]],
    seed: int = 1,
) -> list[Linked]:
    """Pairs of two files that share a block, the likeliest first."""
    pairs = sorted({pair for block in blocks for pair in _across(left, right, block)})
    return _scored(left, right, len(left) * len(right), pairs, fields, seed)


def duplicates(
    rows: Sequence[Row], fields: Sequence[Field], blocks: Sequence[tuple[str, ...]], seed: int = 1
) -> list[Linked]:
    """The same within one file, each pair once."""
    pairs = sorted({pair for block in blocks for pair in _within(rows, block)})
    return _scored(rows, rows, len(rows) * (len(rows) - 1) // 2, pairs, fields, seed)


def _scored(
    left: Sequence[Row],
    right: Sequence[Row],
    possible: int,
    pairs: Sequence[tuple[int, int]],
    fields: Sequence[Field],
    seed: int,
) -> list[Linked]:
    if not pairs:
        return []
    patterns = [pattern(left[one], right[other], fields) for one, other in pairs]
    drawn = Random(seed)
    lots = ((drawn.choice(left), drawn.choice(right)) for _ in range(min(DRAWN, 20 * len(pairs) + 1000)))
    strangers = [pattern(one, other, fields) for one, other in lots if one is not other]
    chances = learned(patterns, strangers, possible, min(len(left), len(right)))
    found = [Linked(*pair, chances[shown]) for pair, shown in zip(pairs, patterns, strict=True)]
    found.sort(key=lambda one: (-one.probability, one.left, one.right))
    return found


def pattern(one: Row, other: Row, fields: Sequence[Field]) -> Pattern:
    """How alike two records are, field by field."""
    return tuple(
        field.like(one[field.name], other[field.name]) if one.get(field.name) and other.get(field.name) else MISSING
        for field in fields
    )


def learned(
    patterns: Sequence[Pattern], strangers: Sequence[Pattern], possible: int, most: int
) -> dict[Pattern, float]:
    """How probably two records that show a pattern are of one person, by pattern.

    `patterns` are those of the compared pairs, `strangers` those of pairs drawn by lot, all with as many fields. The
    share of pairs of one person is that of all that are `possible`, of which at most `most` are; most of them are not
    compared. Few pairs tell little: then m, u and the share stay near the usual ones.
    """
    if not patterns:
        return {}
    counted = Counter(patterns)
    seen = np.array(list(counted), dtype=np.int64)
    times = np.array(list(counted.values()), dtype=np.float64)
    u = _shares(np.array(strangers, dtype=np.int64).reshape(-1, seen.shape[1]), np.ones(len(strangers)), USUAL_U)
    m = np.tile(USUAL_M, (seen.shape[1], 1))
    highest = min(most / possible, MOST_SHARE)
    share, before = highest / 5, np.inf
    for _ in range(ROUNDS):
        chance = _posterior(seen, m, u, share)
        m = _shares(seen, times * chance, USUAL_M)
        same = float((times * chance).sum()) + USUAL_SHARE * USUAL_WEIGHT
        share = min(same / (possible + USUAL_WEIGHT), highest)
        if abs(share / before - 1) < ENOUGH:
            break
        before = share
    return dict(zip(counted, _posterior(seen, m, u, share).tolist(), strict=True))


def _shares(
    patterns: NDArray[np.int64], weights: NDArray[np.float64], usual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How often each field shows each level: fields x levels, rows add up to 1."""
    shares = np.tile(usual * USUAL_WEIGHT, (patterns.shape[1], 1))
    for field in range(patterns.shape[1]):
        told = patterns[:, field] != MISSING
        np.add.at(shares[field], patterns[told, field], weights[told])
    whole: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return np.maximum(whole, FLOOR)


def _posterior(
    patterns: NDArray[np.int64], m: NDArray[np.float64], u: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    weights = np.log(m) - np.log(u)
    told = patterns != MISSING
    gathered = np.take_along_axis(weights[None], np.where(told, patterns, 0)[..., None], axis=2)[..., 0]
    odds = np.log(share / (1 - share)) + np.where(told, gathered, 0.0).sum(axis=1)
    chances: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(odds, -60, 60)))
    return chances


def _across(left: Sequence[Row], right: Sequence[Row], block: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    ours, theirs = _members(left, block), _members(right, block)
    for key in ours.keys() & theirs.keys():
        if max(len(ours[key]), len(theirs[key])) <= MOST_OF_A_BLOCK:
            yield from product(ours[key], theirs[key])


def _within(rows: Sequence[Row], block: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for members in _members(rows, block).values():
        if len(members) <= MOST_OF_A_BLOCK:
            yield from combinations(members, 2)


def _members(rows: Sequence[Row], block: tuple[str, ...]) -> dict[tuple[str, ...], list[int]]:
    found: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        key = tuple(row.get(name) or "" for name in block)
        if all(key):
            found[key].append(at)
    return found
