"""Texts as spaCy documents of folded words, in one vocabulary for all brands.

spaCy's own tokenizer takes minutes on a page of brackets, and works out seventeen attributes of every new word in
Python, again for each batch (`memory_zone` drops the words of posts). Here a word is only what it is compared by, and
its place in the text stands in `Words` (docs/decisions/0013).
"""

from dataclasses import dataclass, field
from functools import lru_cache

from spacy.tokens import Doc
from spacy.vocab import Vocab

from domain.reading import Entity
from models.tokens import Words, split


@dataclass(frozen=True, slots=True)
class Scan:
    """One text while it is scanned: token i of the document is `words.plain[i]`."""

    text: str
    words: Words
    found: list[Entity] = field(default_factory=list)


@lru_cache(maxsize=1)
def vocabulary() -> Vocab:
    """The one of this process."""
    return Vocab()


def document(text: str) -> Doc:
    """With its `Scan` in `user_data["scan"]`."""
    words = split(text)
    doc = Doc(vocabulary(), words=words.plain)
    doc.user_data["scan"] = Scan(text, words)
    return doc


def scan(doc: Doc) -> Scan:
    """That of a document made by `document`."""
    found: Scan = doc.user_data["scan"]
    return found
