"""The entities of a text: one spaCy pipeline per brand, with a component for each kind of knowledge.

Its vocabulary is our own and the same for all brands (models.document); spaCy's French language is not loaded, which
takes seconds, and its Matcher is not used, which takes longer than everything here (docs/decisions/0013).
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from domain.brand import Brand
from domain.reading import Entity
from models.dates import dates
from models.document import document, scan, vocabulary
from models.identifiers import identifiers
from models.names import Names
from models.pictures import pictures
from models.places import place_matcher, places
from models.text import printable

MAX_SCAN = 20_000  # characters; entities behind are not looked for
BATCH = 64
Found = Iterator[Entity]
Finder = Callable[[Doc], Found]
_ONE_AT_A_TIME = threading.Lock()


def dated(brand: Brand) -> Finder:
    """Days come first: 05/11/2026 is no phone."""
    month_first = brand.country == "US"
    return lambda doc: dates(scan(doc).text, scan(doc).words.plain, month_first=month_first)


def identified(brand: Brand) -> Finder:
    """What identifies somebody or something; the brand's own handles are the brand."""
    handles = Names(brand).handles

    def own(entity: Entity) -> Entity:
        if entity.kind == "mention" and entity.value in handles:
            return Entity("brand", entity.text, entity.start, entity.end, brand.name or entity.value)
        return entity

    return lambda doc: map(own, identifiers(scan(doc).text, brand.country))


def named(brand: Brand) -> Finder:
    """The brand and its products."""
    names = Names(brand)

    def find(doc: Doc) -> Found:
        text = scan(doc).text
        for name, start, end in names.find(text, scan(doc).words):
            yield Entity(name.kind, text[start:end], start, end, name.value)

    return find


def placed(brand: Brand) -> Finder:
    """Behind the names: who writes of the firm Orange means no town."""
    place_matcher()
    return lambda doc: places(doc, brand.country)


def pictured(brand: Brand) -> Finder:
    """Emoji."""
    return lambda doc: pictures(scan(doc).text)


FINDERS = (dated, identified, named, placed, pictured)  # where two overlap, the first one's holds


class Component:
    """Adds what a finder finds to the scan of a document."""

    def __init__(self, find: Finder) -> None:
        self._find = find

    def __call__(self, doc: Doc) -> Doc:
        scan(doc).found.extend(self._find(doc))
        return doc


def apart(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    """Of those that overlap, the one that came first; by place."""
    if len(entities) < 2:
        return tuple(entities)
    kept: list[Entity] = []
    taken: set[int] = set()
    for entity in entities:
        span = range(entity.start, entity.end)
        if taken.isdisjoint(span):
            kept.append(entity)
            taken.update(span)
    return tuple(sorted(kept, key=lambda entity: entity.start))


@lru_cache(maxsize=64)
def pipeline(brand: Brand) -> Language:
    """The pipeline of one brand, made once in a process."""
    nlp = Language(vocabulary(), create_tokenizer=lambda _: document)  # spaCy's own takes long to compile
    for finder in FINDERS:
        nlp.add_pipe(f"vigie_{finder.__name__}", config={"brand": asdict(brand)})
    return nlp


def find_entities(texts: Sequence[str], brand: Brand) -> list[tuple[Entity, ...]]:
    """Of each text, with offsets into the text as it was given."""
    shown = (printable(text[:MAX_SCAN]) for text in texts)
    nlp = pipeline(brand)
    with _ONE_AT_A_TIME, nlp.memory_zone():  # no word of a post stays in the vocabulary
        docs = nlp.pipe(shown, batch_size=BATCH)
        return [_in_place(apart(scan(doc).found), text) for doc, text in zip(docs, texts, strict=True)]


def _in_place(entities: Iterable[Entity], text: str) -> tuple[Entity, ...]:
    return tuple(Entity(e.kind, text[e.start : e.end], e.start, e.end, e.value) for e in entities)


def _register(finder: Callable[[Brand], Finder]) -> None:
    def make(nlp: Language, name: str, brand: dict[str, Any]) -> Component:
        return Component(finder(Brand(**brand)))

    Language.factory(f"vigie_{finder.__name__}", func=make)


for _finder in FINDERS:
    _register(_finder)
