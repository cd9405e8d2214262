"""Word-for-word translation, learned from sentence pairs: English labels then count for French, and back.

IBM Model 1 (Brown et al., "The Mathematics of Statistical Machine Translation", 1993), by expectation maximisation.
"""

import random
from collections import Counter

import numpy as np
from numpy.typing import NDArray

ROUNDS = 4
VOCABULARY = 24000
LIKELY = 0.12  # translations below this are not used
MOST = 3


class Lexicon:
    """For each word its likeliest translations with their probabilities."""

    def __init__(self, sources: list[list[str]], targets: list[list[str]]) -> None:
        self.translations = _learn(sources, targets)

    def gloss(self, words: list[str], dice: random.Random) -> list[str]:
        """Each known word by one of its translations; others (names, emoji, slang) stay."""
        return [self._one(word, dice) for word in words]

    def _one(self, word: str, dice: random.Random) -> str:
        choices = self.translations.get(word)
        return dice.choices([w for w, _ in choices], [p for _, p in choices])[0] if choices else word


def _learn(sources: list[list[str]], targets: list[list[str]]) -> dict[str, list[tuple[str, float]]]:
    source_words, target_words = _vocabulary(sources), _vocabulary(targets)
    source, target, sentence = _links(sources, targets, source_words, target_words)
    table, links = np.unique(source * len(target_words) + target, return_inverse=True)
    tokens = np.unique(sentence * np.int64(len(target_words)) + target, return_inverse=True)[1]
    chance = _expectation(table // len(target_words), links, tokens)
    return _best(table, chance, list(source_words), list(target_words))


def _vocabulary(sentences: list[list[str]]) -> dict[str, int]:
    counts = Counter(word for sentence in sentences for word in sentence if word.isalpha())
    return {word: number for number, (word, count) in enumerate(counts.most_common(VOCABULARY)) if count > 1}


def _links(
    sources: list[list[str]], targets: list[list[str]], source_words: dict[str, int], target_words: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Every word of a sentence with every word of its translation."""
    left, right, number = [], [], []
    for at, (source, target) in enumerate(zip(sources, targets, strict=True)):
        one = np.array([source_words[w] for w in source if w in source_words], np.int64)
        two = np.array([target_words[w] for w in target if w in target_words], np.int64)
        left.append(np.repeat(one, len(two)))
        right.append(np.tile(two, len(one)))
        number.append(np.full(len(one) * len(two), at, np.int64))
    return np.concatenate(left), np.concatenate(right), np.concatenate(number)


def _expectation(
    sources: NDArray[np.int64], links: NDArray[np.int64], tokens: NDArray[np.int64]
) -> NDArray[np.float64]:
    chance = np.ones(len(sources))
    for _ in range(ROUNDS):
        weight = chance[links]
        weight /= np.bincount(tokens, weight)[tokens]
        counts = np.bincount(links, weight, len(chance))
        chance = counts / np.bincount(sources, counts)[sources]
    return chance


def _best(
    table: NDArray[np.int64], chance: NDArray[np.float64], sources: list[str], targets: list[str]
) -> dict[str, list[tuple[str, float]]]:
    found: dict[str, list[tuple[str, float]]] = {}
    likely = np.flatnonzero(chance >= LIKELY)
    for at in likely[np.argsort(-chance[likely], kind="stable")]:
        source, target = divmod(int(table[at]), len(targets))
        found.setdefault(sources[source], []).append((targets[target], float(chance[at])))
    return {word: choices[:MOST] for word, choices in found.items()}
