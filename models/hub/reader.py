"""The reader of a folder of our own with models from elsewhere in the place of some of its heads."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from domain.brand import Brand
from domain.reading import Label, Reading
from models.calibration import rounded
from models.heads import CHOICES, HEADS
from models.hub.heads import Head, Topics, open_head, open_topics
from models.hub.spec import HeadModel, TopicModel
from models.reader import CHUNK, Reader
from models.text import MAX_CHARACTERS, printable

SECOND_INTENT = 0.1
NAME_LENGTH = 80  # of the column that keeps it
Row = NDArray[np.float64]


def compose(reader: Reader, heads: Mapping[str, HeadModel], topics: TopicModel | None = None) -> Reader:
    """The reader with these models in the place of its heads; itself where there are none. Raises Misconfigured."""
    if not heads and topics is None:
        return reader
    return ComposedReader(reader, heads, topics)


class ComposedReader:
    """What the shipped reader says, with the answers of other models written over its own.

    Entities stay the shipped reader's. So does `about_brand` of a brand without a name, which hears everything.
    """

    def __init__(self, reader: Reader, heads: Mapping[str, HeadModel], topics: TopicModel | None) -> None:
        self._reader = reader
        self._models = heads
        self._heads: dict[str, Head] = {name: open_head(name, heads[name]) for name in HEADS if name in heads}
        self._topics: Topics | None = None
        parts = [f"{name}:{head.name}{_fingerprint(heads[name])}" for name, head in self._heads.items()]
        if topics is not None:
            self._topics = open_topics(topics)
            parts.append(f"topics:{self._topics.name}{_fingerprint(topics)}")
        self.name = _short(reader.name, parts)

    def read(self, texts: Sequence[str], brand: Brand) -> list[Reading]:
        """As models.reader.Reader says."""
        return [one for at in range(0, len(texts), CHUNK) for one in self._chunk(texts[at : at + CHUNK], brand)]

    def _chunk(self, texts: Sequence[str], brand: Brand) -> list[Reading]:
        readings = self._reader.read(texts, brand)
        seen = [printable(text[:MAX_CHARACTERS]) for text in texts]
        for name, head in self._heads.items():
            if name == "about_brand" and not brand.names:
                continue
            answers = zip(readings, seen, head.probabilities(seen), strict=True)
            readings = [self._with(name, reading, row, empty=not text.strip()) for reading, text, row in answers]
        if self._topics is not None:
            found = zip(readings, self._topics.found(seen), strict=True)
            readings = [replace(reading, topics=topics) for reading, topics in found]
        return [replace(reading, model=self.name) for reading in readings]

    def _with(self, head: str, reading: Reading, row: Row, *, empty: bool) -> Reading:
        doubtful = empty or row.max() < self._models[head].abstain
        abstain = {*reading.abstain} - {head} | ({head} if doubtful else set())
        reading = replace(reading, abstain=tuple(name for name in HEADS if name in abstain))
        if head not in CHOICES:
            return replace(reading, flags={**reading.flags, head: rounded(row[1])})
        label = Label(CHOICES[head][int(row.argmax())], dict(zip(CHOICES[head], map(rounded, row), strict=True)))
        changed = replace(reading, **{head: label})  # type: ignore[arg-type]
        return replace(changed, second_intent=_second(label)) if head == "intent" else changed


def _second(intent: Label) -> str | None:
    others = {name: value for name, value in intent.probabilities.items() if name != intent.label}
    second = max(others, key=lambda name: others[name])
    return second if others[second] >= SECOND_INTENT else None


def _fingerprint(model: HeadModel | TopicModel) -> str:
    """Four letters for how the model is asked: with other labels or hypotheses it is another reader."""
    asked = [getattr(model, field.name) for field in fields(model) if field.name != "source"]
    return f"~{_digest(repr(asked))[:4]}"


def _short(base: str, parts: Sequence[str]) -> str:
    name = "+".join([base, *parts])
    if len(name) <= NAME_LENGTH:
        return name
    return f"{base}+{len(parts)} models~{_digest(name)[:8]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
