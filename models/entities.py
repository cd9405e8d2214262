"""The entities of a text: one spaCy pipeline per brand, with one component of our own.

The pipeline is the empty multilingual one, which starts in 50 ms (the French one takes seconds).
"""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from domain.brand import Brand
from domain.reading import Entity
from models.identifiers import identifiers
from models.names import Names
from models.text import printable

MAX_SCAN = 20_000  # characters; entities behind are not looked for
COMPONENT = "vigie_entities"
BATCH = 64
_TOKEN = re.compile(r"\w{1,100}|\s{1,100}|[^\w\s]{1,100}")
_ONE_AT_A_TIME = threading.Lock()


class Entities:
    """The component: sets `doc._.entities`, sorted by place, none overlapping another."""

    def __init__(self, brand: Brand) -> None:
        self.names = Names(brand)
        self.country = brand.country

    def __call__(self, doc: Doc) -> Doc:
        text = doc.text
        doc._.entities = apart((*map(self._own, identifiers(text, self.country)), *self._named(text)))
        return doc

    def _own(self, entity: Entity) -> Entity:
        if entity.kind == "mention" and entity.value in self.names.handles:
            return Entity("brand", entity.text, entity.start, entity.end, self.names.brand.name or entity.value)
        return entity

    def _named(self, text: str) -> Iterator[Entity]:
        for name, start, end in self.names.find(text):
            start -= text[start - 1 : start] == "#"
            yield Entity(name.kind, text[start:end], start, end, name.value)


def apart(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Of those that overlap, the one that came first."""
    kept: list[Entity] = []
    taken: set[int] = set()
    for entity in entities:
        if taken.isdisjoint(range(entity.start, entity.end)):
            kept.append(entity)
            taken.update(range(entity.start, entity.end))
    return tuple(sorted(kept, key=lambda entity: entity.start))


@lru_cache(maxsize=64)
def pipeline(brand: Brand) -> Language:
    """The pipeline of one brand, made once in a process."""
    nlp = spacy.blank("xx")
    nlp.tokenizer = partial(_tokens, nlp.vocab)
    nlp.add_pipe(COMPONENT, config={"brand": asdict(brand)})
    return nlp


def find_entities(texts: Sequence[str], brand: Brand) -> list[tuple[Entity, ...]]:
    """Of each text, with offsets into the text as it was given."""
    shown = (printable(text[:MAX_SCAN]) for text in texts)
    nlp = pipeline(brand)
    with _ONE_AT_A_TIME, nlp.memory_zone():  # no word of a post stays in the vocabulary
        docs = nlp.pipe(shown, batch_size=BATCH)
        return [_in_place(doc._.entities, text) for doc, text in zip(docs, texts, strict=True)]


def _tokens(vocab: Vocab, text: str) -> Doc:
    """Words, signs and spaces; spaCy's own rules take minutes on a page of brackets."""
    parts = _TOKEN.findall(text)
    return Doc(vocab, words=parts, spaces=[False] * len(parts))


def _in_place(entities: Iterable[Entity], text: str) -> tuple[Entity, ...]:
    return tuple(Entity(e.kind, text[e.start : e.end], e.start, e.end, e.value) for e in entities)


def _component(nlp: Language, name: str, brand: dict[str, Any]) -> Entities:
    return Entities(Brand(**brand))


Doc.set_extension("entities", default=(), force=True)
Language.factory(COMPONENT, func=_component)
