"""What is read in the measurements of understanding: own rows, about one brand, with their intents."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

from domain.brand import Brand
from models.mask import mask
from models.session import TOKENIZER_FILE
from models.text import printable, words

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "models" / "corpus"
BRAND = Brand(id="bench", name="Hirondelle", products=("Hirondelle Mobile",), accounts=("x:HirondelleAide",))
PIECES = 25
BATCH = 32
SEED = 3

Batches = list[list[str]]


@dataclass(frozen=True, slots=True)
class Post:
    """A row of the corpus, its brand by the name of ours."""

    text: str
    intent: str


@cache
def posts() -> tuple[Post, ...]:
    """All of them, shuffled, the same way at every run."""
    lines = [line for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [json.loads(line) for line in lines]
    random.Random(SEED).shuffle(rows)
    named = str(BRAND.name)
    return tuple(Post(row["text"].replace(row.get("brand") or named, named), row["intent"]) for row in rows)


def mixed(count: int) -> list[str]:
    """Rows as they are, of any length."""
    return [post.text for post in posts()[:count]]


def even(count: int, weights: Path) -> list[str]:
    """Rows that are PIECES long, or their beginnings that are; the brand counts for one, as when it is read."""
    tokenizer = Tokenizer.from_file(str(weights / TOKENIZER_FILE))
    cut = (_cut(post.text, tokenizer) for post in posts())
    return [text for text, _ in zip(filter(None, cut), range(count), strict=False)]


def _cut(text: str, tokenizer: Tokenizer) -> str | None:
    parts = text.split(" ")
    starts = [" ".join(parts[:length]) for length in range(min(4, len(parts)), min(PIECES, len(parts)) + 1)]
    fitting = (start for start in starts if len(tokenizer.encode(seen(start)).ids) == PIECES)
    return next(fitting, None)


def seen(text: str) -> str:
    """What the tokenizer is given."""
    return " ".join(words(mask(printable(text), [str(BRAND.name)])))


def batches(texts: Sequence[str]) -> Batches:
    """BATCH at a time."""
    return list(_batches(texts))


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(texts), BATCH):
        yield list(texts[at : at + BATCH])
