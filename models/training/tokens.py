"""The vocabulary: pieces of words learned from posts, French sentences and translation pairs."""

from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from models.text import MARKS, printable, words
from models.training.data import pairs
from models.training.rows import Row, share

VOCABULARY = 24000
ALPHABET = 500
PAD, UNKNOWN = "[pad]", "[unk]"
FRENCH_SHARE = 0.35  # of the literary sentences


def train_tokenizer(rows: list[Row], data: Path) -> Tokenizer:
    """Byte-pair pieces over the words of `models.text`, accents kept."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, continuing_subword_prefix="##"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=3,
        special_tokens=[PAD, UNKNOWN, *MARKS],
        continuing_subword_prefix="##",
        limit_alphabet=ALPHABET,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sentences(rows, data), trainer)
    return tokenizer


def _sentences(rows: list[Row], data: Path) -> Iterator[str]:
    for row in rows:
        line = " ".join(words(printable(row.text)))
        yield from [line] * (4 if row.source.startswith("own_") else 1)
    for english, french in pairs(data, "tatoeba", 60000):
        yield from (" ".join(words(english)), " ".join(words(french)))
    for name in ("gutenberg_dialogue", "commonvoice", "xpersona", "ud_parisstories", "ud_rhapsodie"):
        for line in (data / "french" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            if share(line) < FRENCH_SHARE:
                yield " ".join(words(line))
