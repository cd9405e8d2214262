"""The vocabulary: the English pieces of the teacher that posts use, and new ones for French, accents and emoji.

A new piece starts from the English words that translate it, else from the teacher's pieces that it is made of.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from models.text import MARKS, fold, printable, words
from models.training.data import pairs
from models.training.rows import Row, share
from models.training.teacher import Teacher

PAD, UNKNOWN, PREFIX = "[pad]", "[unk]", "##"
ENGLISH_SEEN = 3  # times that a piece of the teacher must occur to be kept
NEW_PIECES = 16000
NEW_SEEN = 4
ALPHABET = 600
FRENCH_SHARE = 0.5  # of the literary sentences
CARE_WORDS = Path(__file__).with_name("care_words.txt")  # of the field; literary French has few of them
TRANSLATED = 0.7  # of a word's start, where its translations are known
STANDS_FOR = {"zuser": "user", "zurl": "link", "zemail": "email", "zphone": "phone", "zcode": "number"}
Translations = Mapping[str, Sequence[tuple[str, float]]]
Floats = NDArray[np.float32]


class Starts:
    """From what vector each piece starts."""

    def __init__(self, teacher: Teacher, translations: Translations) -> None:
        self._teacher, self._translations = teacher, translations

    def of(self, piece: str) -> Floats:
        """The teacher's own, else what it means, else what it is made of."""
        names = self._teacher.names
        if piece in names:
            return np.asarray(self._teacher.table[names[piece]])
        made = self._made_of(piece)
        known = self._translations.get(piece)
        if not known:
            return made
        weights = np.array([chance for _, chance in known], np.float32)
        meant = np.stack([self.word(word) for word, _ in known])
        vector = TRANSLATED * (weights / weights.sum()) @ meant + (1 - TRANSLATED) * made
        return np.asarray(vector, np.float32)

    def word(self, word: str) -> Floats:
        """Of an English word."""
        return self._mean(self._teacher.ids(word))

    def _made_of(self, piece: str) -> Floats:
        plain = STANDS_FOR.get(piece) or fold(piece.removeprefix(PREFIX)) or piece
        if not any(sign.isalnum() for sign in plain):
            return self.word(" ".join(unicodedata.name(sign, "") for sign in plain).lower() or plain)
        return self._mean(self._inside(plain)) if piece.startswith(PREFIX) else self.word(plain)

    def _inside(self, letters: str) -> list[int]:
        """Of letters within a word: the longest pieces first."""
        names, found, at = self._teacher.names, [], 0
        while at < len(letters):
            ends = range(len(letters), at, -1)
            end = next((end for end in ends if PREFIX + letters[at:end] in names), 0)
            if end:
                found.append(names[PREFIX + letters[at:end]])
            at = end or at + 1
        return found

    def _mean(self, ids: list[int]) -> Floats:
        return np.asarray(self._teacher.table[ids or [self._teacher.names["[UNK]"]]].mean(0), np.float32)


def make_tokenizer(rows: Sequence[Row], data: Path, teacher: Teacher) -> Tokenizer:
    """Pieces over the words of `models.text`, accents kept; the longest that fits comes first."""
    english = [" ".join(words(printable(row.text))) for row in rows if row.lang == "en"]
    english += [" ".join(words(one)) for one, _ in pairs(data, "tatoeba", 40000)]
    kept = [piece for piece, count in teacher.counts(english).items() if count >= ENGLISH_SEEN and piece[0] != "["]
    new = _learned(rows, data)
    asked = {form for word in CARE_WORDS.read_text(encoding="utf-8").split() for form in (word, fold(word))}
    new += [form for form in asked if "-" not in form]
    names = [PAD, UNKNOWN, *MARKS, *STANDS_FOR, *sorted({*kept, *new} - STANDS_FOR.keys())]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=60))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def starting_vectors(tokenizer: Tokenizer, teacher: Teacher, translations: Translations) -> Floats:
    """A row for each piece of the vocabulary; nothing for the one that pads."""
    vocabulary, starts = tokenizer.get_vocab(), Starts(teacher, translations)
    table = np.zeros((len(vocabulary), teacher.table.shape[1]), np.float32)
    for piece, number in vocabulary.items():
        if piece != PAD:
            table[number] = starts.word("company") if piece in MARKS else starts.of(piece)
    return table


def _learned(rows: Sequence[Row], data: Path) -> list[str]:
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=NEW_PIECES,
        min_frequency=NEW_SEEN,
        special_tokens=[UNKNOWN],
        continuing_subword_prefix=PREFIX,
        limit_alphabet=ALPHABET,
        show_progress=False,
    )
    posts = [(row.lang, words(printable(row.text))) for row in rows]
    written = (" ".join(split) for lang, split in posts if lang == "fr")
    tokenizer.train_from_iterator(chain(_french(data), written), trainer)
    found = list(tokenizer.get_vocab())
    seen = Counter(word for _, split in posts for word in split)
    emoji = [word for word, count in seen.items() if count >= NEW_SEEN and len(word) <= 2 and not word.isalnum()]
    return [*(piece for piece in found if piece != UNKNOWN), *emoji]


def _french(data: Path) -> Iterator[str]:
    for name in ("tatoeba", "diabla", "mozilla", "cdsnotify", "gnomehelp"):
        yield from (" ".join(words(printable(french))) for _, french in pairs(data, name, 200000))
    for name in ("gutenberg_dialogue", "commonvoice", "xpersona", "ud_parisstories", "ud_rhapsodie"):
        for line in (data / "french" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            if share(line) < FRENCH_SHARE:
                yield " ".join(words(line))
