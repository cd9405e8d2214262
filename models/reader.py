"""Reads posts: texts in, readings out. What the shipped network and the entity pipeline say, put together.

A text is read whole by neither: the network takes the first MAX_CHARACTERS (models.text) and the first `max_pieces`
pieces of words of them, the pipeline the first MAX_SCAN characters (models.entities).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from domain.brand import Brand
from domain.reading import Entity, Label, Reading
from models.calibration import chance, doubtful, probabilities, rounded
from models.entities import find_entities
from models.heads import CHOICES, HEADS, YES_NO, columns
from models.mask import mask_spans
from models.session import Logits, Session, open_session
from models.text import MAX_CHARACTERS, printable

WEIGHTS = Path(__file__).with_name("weights")
CHUNK = 256
_COLUMNS = columns()


class Reader(Protocol):
    """What reads posts. `name` is the version that stands on every reading."""

    name: str

    def read(self, texts: Sequence[str], brand: Brand) -> list[Reading]:
        """One reading a text, in order; none depends on the others."""
        ...


def load_reader(folder: Path | None = None) -> Reader:
    """The model of a folder, by default the shipped one; loaded once in a process. Raises Misconfigured."""
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

    def _chunk(self, texts: Sequence[str], brand: Brand) -> Iterable[Reading]:
        entities = find_entities(texts, brand)
        hidden = [_hidden(text, found) for text, found in zip(texts, entities, strict=True)]
        for text, logits, found in zip(hidden, self._session.logits(hidden), entities, strict=True):
            yield self._reading(logits, found, brand, empty=not text.strip())

    def _reading(self, logits: Logits, entities: tuple[Entity, ...], brand: Brand, *, empty: bool) -> Reading:
        language = self._choice("language", logits, "any")
        choices = {head: self._choice(head, logits, language.label) for head in CHOICES if head != "language"}
        flags = {flag: self._flag(flag, logits, language.label) for flag in YES_NO}
        flags["about_brand"] = self._about(flags["about_brand"], entities, brand)
        sure = {head: label.probability for head, label in choices.items()} | {"language": language.probability}
        sure |= {flag: max(value, 1 - value) for flag, value in flags.items()}
        return Reading(
            language=language,
            sentiment=choices["sentiment"],
            intent=choices["intent"],
            second_intent=self._second(choices["intent"]),
            urgency=choices["urgency"],
            flags=flags,
            entities=entities,
            abstain=tuple(head for head in HEADS if empty or doubtful(sure[head], self._heads[head])),
            model=self.name,
        )

    def _choice(self, head: str, logits: Logits, language: str) -> Label:
        values = probabilities(logits[_COLUMNS[head]], self._heads[head], language)
        best = CHOICES[head][int(values.argmax())]
        return Label(best, {name: rounded(value) for name, value in zip(CHOICES[head], values, strict=True)})

    def _flag(self, flag: str, logits: Logits, language: str) -> float:
        return rounded(chance(float(logits[_COLUMNS[flag]][0]), self._heads[flag], language))

    def _about(self, probability: float, entities: Iterable[Entity], brand: Brand) -> float:
        """A product or an account is no homonym: at least as sure as measured for these (the card says how)."""
        if not brand.names:
            return 1.0
        least: Mapping[str, float] = self._session.config["mention"]
        kinds = {"account" if entity.text.startswith("@") else entity.kind for entity in entities if _names(entity)}
        return max(probability, *(least.get(kind, 0.0) for kind in kinds), 0.0)

    def _second(self, intent: Label) -> str | None:
        others = {name: value for name, value in intent.probabilities.items() if name != intent.label}
        second = max(others, key=lambda name: others[name])
        return second if others[second] >= self._session.config["second_intent"] else None


def _names(entity: Entity) -> bool:
    return entity.kind in ("brand", "product")


def _hidden(text: str, entities: Iterable[Entity]) -> str:
    """What the network sees: the brand behind a mark, whatever it is called."""
    start = printable(text[:MAX_CHARACTERS])
    return mask_spans(start, ((e.start, e.end) for e in entities if _names(e) and e.end <= len(start)))
