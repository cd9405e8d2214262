"""Reads posts: texts in, readings out. What the shipped network and the entity pipeline say, put together.

A text is read whole by neither: the network takes the first MAX_CHARACTERS (models.text) and the first `max_pieces`
pieces of words of them, the pipeline the first MAX_SCAN characters (models.entities).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from domain.brand import Brand
from domain.errors import Misconfigured
from domain.reading import Entity, Label, Reading
from models.calibration import DIGITS, chances, doubtful, probabilities
from models.entities import find_entities
from models.heads import CHOICES, HEADS, YES_NO, columns
from models.mask import mask_spans
from models.session import CONFIG_FILE, Logits, Session, open_session
from models.text import MAX_CHARACTERS, printable

WEIGHTS = Path(__file__).with_name("weights")
CHUNK = 256
_COLUMNS = columns()
Said = tuple[Any, bool]  # a label or a probability of yes, and whether a person should be asked
_INSTEAD = (
    "the whole reading is done by a folder of Vigie's own kind; a Hugging Face model takes the place of one head: "
    'model = "NAME" under [reading.heads.sentiment] or another head in vigie.toml, see docs/models.md'
)


class Reader(Protocol):
    """What reads posts. `name` is the version that stands on every reading."""

    name: str

    def read(self, texts: Sequence[str], brand: Brand) -> list[Reading]:
        """One reading a text, in order; none depends on the others."""
        ...


def load_reader(folder: Path | None = None) -> Reader:
    """The model of a folder, by default the shipped one; loaded once in a process. Raises Misconfigured."""
    if folder is not None:
        _refuse_foreign(folder)
    return NetworkReader(open_session((folder or WEIGHTS).resolve()))


class NetworkReader:
    """The shipped network, the entity pipeline and their calibration."""

    def __init__(self, session: Session) -> None:
        self.name: str = session.config["name"]
        self._session = session
        self._heads: Mapping[str, Any] = session.config["heads"]

    def read(self, texts: Sequence[str], brand: Brand) -> list[Reading]:
        """As the protocol says."""
        return [reading for at in range(0, len(texts), CHUNK) for reading in self._chunk(texts[at : at + CHUNK], brand)]

    def _chunk(self, texts: Sequence[str], brand: Brand) -> Iterator[Reading]:
        entities = find_entities(texts, brand)
        hidden = [_hidden(text, found) for text, found in zip(texts, entities, strict=True)]
        said = self._said(np.array(self._session.logits(hidden)), [self._floor(found, brand) for found in entities])
        for at, (text, found) in enumerate(zip(hidden, entities, strict=True)):
            yield self._reading({head: one[at] for head, one in said.items()}, found, empty=not text.strip())

    def _said(self, logits: Logits, floors: Sequence[float]) -> dict[str, list[Said]]:
        """What each head says of each text."""
        any_language = [""] * len(logits)
        found = {"language": self._choices("language", logits, any_language)}
        spoken = [label.label for label, _ in found["language"]]
        found |= {head: self._choices(head, logits, spoken) for head in CHOICES if head != "language"}
        for flag in YES_NO:
            chance = chances(logits[:, _COLUMNS[flag].start], self._heads[flag], spoken)
            chance = np.maximum(chance, floors) if flag == "about_brand" else chance
            unsure = doubtful(np.maximum(chance, 1 - chance), self._heads[flag], spoken)
            found[flag] = list(zip(np.round(chance, DIGITS).tolist(), unsure.tolist(), strict=True))
        return found

    def _choices(self, head: str, logits: Logits, languages: Sequence[str]) -> list[Said]:
        values = probabilities(logits[:, _COLUMNS[head]], self._heads[head], languages)
        unsure = doubtful(values.max(axis=1), self._heads[head], languages).tolist()
        names, best = CHOICES[head], values.argmax(axis=1).tolist()
        rows = [dict(zip(names, row, strict=True)) for row in np.round(values, DIGITS).tolist()]
        return [(Label(names[top], row), doubt) for top, row, doubt in zip(best, rows, unsure, strict=True)]

    def _reading(self, said: Mapping[str, Said], entities: tuple[Entity, ...], *, empty: bool) -> Reading:
        labels = {head: one[0] for head, one in said.items()}
        intent: Label = labels["intent"]
        return Reading(
            language=labels["language"],
            sentiment=labels["sentiment"],
            intent=intent,
            second_intent=self._second(intent),
            urgency=labels["urgency"],
            flags={flag: labels[flag] for flag in YES_NO},
            entities=entities,
            abstain=tuple(head for head in HEADS if empty or said[head][1]),
            model=self.name,
        )

    def _floor(self, entities: Iterable[Entity], brand: Brand) -> float:
        """A product or an account is no homonym: at least as sure as measured for these (the card says how)."""
        if not brand.names:
            return 1.0
        least: Mapping[str, float] = self._session.config["mention"]
        kinds = {"account" if entity.text.startswith("@") else entity.kind for entity in entities if _names(entity)}
        return max((least.get(kind, 0.0) for kind in kinds), default=0.0)

    def _second(self, intent: Label) -> str | None:
        others = {name: value for name, value in intent.probabilities.items() if name != intent.label}
        second = max(others, key=lambda name: others[name])
        return second if others[second] >= self._session.config["second_intent"] else None


def _refuse_foreign(folder: Path) -> None:
    """A name on the hub, or a folder of a Hugging Face model, is told where it belongs."""
    if not folder.is_dir():
        raise Misconfigured(f"{folder}: no such folder; {_INSTEAD}")
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # told when it is opened
    if isinstance(config, dict) and "heads" not in config and {"model_type", "architectures"} & set(config):
        raise Misconfigured(f"{folder}: is a Hugging Face model; {_INSTEAD}")


def _names(entity: Entity) -> bool:
    return entity.kind in ("brand", "product")


def _hidden(text: str, entities: Iterable[Entity]) -> str:
    """What the network sees: the brand behind a mark, whatever it is called."""
    start = printable(text[:MAX_CHARACTERS])
    return mask_spans(start, ((e.start, e.end) for e in entities if _names(e) and e.end <= len(start)))
