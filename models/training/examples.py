"""Rows as the network takes them: pieces, hashed grams and targets, in ragged arrays."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.grams import letter_grams, word_grams
from models.heads import CHOICES, WIDTH, YES_NO, columns
from models.mask import mask
from models.text import BRAND, BRAND_LOWER, printable, words
from models.training.gloss import Lexicon
from models.training.network import POSITIONS
from models.training.noise import coded, dressed, noisy
from models.training.rows import Row

MAX_PIECES = POSITIONS
CERTAIN_SHARE = 0.3  # of the weight, where a name is no homonym: such rows are many and say little
NOISY_SHARE, GLOSSED_SHARE = 0.25, 0.2  # of the public rows
OWN_NOISY, OWN_GLOSSED = 2, 1  # times that each own row is shown so
CODED_SHARE, DRESSED_SHARE, OTHER_CASE_SHARE = 0.15, 0.5, 0.4
ESCALATION_WEIGHT = 2.5  # of the few rows that call for it
SECOND_SHARE = 0.3  # of the target, where a row has a second intent
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Shown = tuple[Row, list[str]]


@dataclass(frozen=True)
class Examples:
    """Aligned lists; `targets` and `known` are rows by WIDTH, `known` is the weight of each output (0: unlabelled)."""

    pieces: list[Ints]
    word_grams: list[Ints]
    letter_grams: list[Ints]
    targets: Floats
    known: Floats


def encode(texts: Sequence[list[str]], tokenizer: Tokenizer) -> tuple[list[Ints], list[Ints], list[Ints]]:
    """Pieces, word grams and letter grams of texts that are split into words; never empty."""
    encoded = tokenizer.encode_batch_fast([" ".join(text) for text in texts])
    pieces = [np.array(one.ids[:MAX_PIECES] or [1], np.int64) for one in encoded]
    return pieces, [word_grams(text) for text in texts], [letter_grams(text) for text in texts]


def examples(rows: Sequence[Row], texts: Sequence[list[str]], tokenizer: Tokenizer) -> Examples:
    """Rows with the words to read for each of them."""
    targets, known = np.zeros((len(rows), WIDTH), np.float32), np.zeros((len(rows), WIDTH), np.float32)
    for at, row in enumerate(rows):
        _fill(targets[at], known[at], row)
    return Examples(*encode(texts, tokenizer), targets, known)


def read_words(row: Row) -> list[str]:
    """The words as at run time: the name of the brand, where known, gives way to a mark."""
    return words(mask(printable(row.text), [row.brand] if row.brand else []))


def variants(rows: Sequence[Row], lexicons: dict[str, Lexicon], dice: random.Random) -> list[Shown]:
    """Own rows as they stand, as people in a hurry write them, word for word in the other language, and unmasked.

    Of public rows one of these faces, by the dice.
    """
    faces = (_own_faces if row.source.startswith("own_") else _public_face for row in rows)
    return [shown for row, draw in zip(rows, faces, strict=True) for shown in draw(row, lexicons, dice)]


def _own_faces(row: Row, lexicons: dict[str, Lexicon], dice: random.Random) -> Iterator[Shown]:
    yield row, read_words(row)
    for _ in range(OWN_NOISY):
        yield row, words(_rewritten(_hidden(row), row, dice))
    if row.brand:  # unmasked: not about who asks
        yield replace(row, about_brand=0), words(_rewritten(printable(row.text), row, dice))
    if row.lang in lexicons:
        for _ in range(OWN_GLOSSED):
            yield _glossed(row, lexicons[row.lang], dice)


def _public_face(row: Row, lexicons: dict[str, Lexicon], dice: random.Random) -> Iterator[Shown]:
    drawn = dice.random()
    if drawn < NOISY_SHARE:
        yield row, words(_rewritten(_hidden(row), row, dice))
    elif drawn < NOISY_SHARE + GLOSSED_SHARE and row.lang in lexicons:
        yield _glossed(row, lexicons[row.lang], dice)
    else:
        yield row, read_words(row)


def _rewritten(text: str, row: Row, dice: random.Random) -> str:
    """Noisy three times in four; an order number now and then, where one may stand."""
    text = noisy(text, row.lang, dice) if dice.random() < 0.75 else text
    text = dressed(text, dice) if dice.random() < DRESSED_SHARE else text
    text = _other_case(text) if dice.random() < OTHER_CASE_SHARE else text
    may = row.source.startswith("own_") and row.intent != "spam"
    return coded(text, dice) if may and dice.random() < CODED_SHARE else text


def _other_case(text: str) -> str:
    """The name with a small letter for a capital, and back: many never write capitals, so it is a weak clue."""
    return text.translate({ord(BRAND): BRAND_LOWER, ord(BRAND_LOWER): BRAND})


def _hidden(row: Row) -> str:
    return mask(printable(row.text), [row.brand] if row.brand else [])


def _glossed(row: Row, lexicon: Lexicon, dice: random.Random) -> tuple[Row, list[str]]:
    """In the other language; a gloss is no sample of a language, so that label is dropped."""
    return replace(row, lang="", weight=row.weight * 0.6), lexicon.gloss(read_words(row), dice)


def _fill(target: Floats, known: Floats, row: Row) -> None:
    labels = {"language": row.lang or None, "sentiment": row.sentiment, "intent": row.intent, "urgency": row.urgency}
    where = columns()
    for head, names in CHOICES.items():
        label = labels[head]
        if label is not None:
            part = target[where[head]]
            part[names.index(label if label in names else "other")] = 1.0
            if head == "intent" and row.second in names:
                part *= 1 - SECOND_SHARE
                part[names.index(row.second)] = SECOND_SHARE
            known[where[head]] = row.weight
    for flag in YES_NO:
        value = getattr(row, flag)
        if value is not None and not (flag == "about_brand" and value == 1 and not _masked(row)):
            target[where[flag]], known[where[flag]] = value, row.weight * _flag_weight(flag, row)


def _flag_weight(flag: str, row: Row) -> float:
    if flag == "about_brand" and row.about_brand and row.source != "own_homonyms":
        return CERTAIN_SHARE
    if flag == "escalation" and row.escalation:
        return ESCALATION_WEIGHT
    return row.weak if flag == "complaint" else 1.0


def _masked(row: Row) -> bool:
    text = _hidden(row)
    return BRAND in text or BRAND_LOWER in text
