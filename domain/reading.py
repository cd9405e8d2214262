"""What a post means: one reading per version of a post (labels in TAXONOMY)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SENTIMENTS = ("negative", "neutral", "positive")
URGENCIES = ("high", "normal", "low")
FLAGS = ("complaint", "about_brand", "ironic", "escalation")
ENTITY_KINDS = (
    *("brand", "product", "order", "email", "phone", "amount", "url", "mention"),
    *("iban", "siren", "siret", "date", "place", "emoji"),
)


@dataclass(frozen=True, slots=True)
class Label:
    """The likeliest label of a head and the calibrated probability of each."""

    label: str
    probabilities: Mapping[str, float]

    @property
    def probability(self) -> float:
        """Of the likeliest label."""
        return self.probabilities[self.label]


@dataclass(frozen=True, slots=True)
class Entity:
    """A span of the text: `text == post.text[start:end]`; `value` is its normal form."""

    kind: str
    text: str
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the model says of one text. Flags are probabilities of yes, 0 to 1.

    `abstain` lists the heads that would rather ask a person; `model` is the version that read. `topics` are labels of
    one's own with their probabilities, where a model for them is set.
    """

    language: Label
    sentiment: Label
    intent: Label
    second_intent: str | None
    urgency: Label
    flags: Mapping[str, float]
    entities: tuple[Entity, ...]
    abstain: tuple[str, ...]
    model: str
    topics: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The object that `vigie classify` prints (CONTRACTS), without network and id; `topics` if there are any."""
        found: dict[str, Any] = {
            "language": {"label": self.language.label, "probability": self.language.probability},
            "sentiment": {"label": self.sentiment.label, "probabilities": dict(self.sentiment.probabilities)},
            "intent": {
                "label": self.intent.label,
                "second": self.second_intent,
                "probabilities": dict(self.intent.probabilities),
            },
            "flags": dict(self.flags),
            "urgency": {"label": self.urgency.label, "probabilities": dict(self.urgency.probabilities)},
            "entities": [asdict(entity) for entity in self.entities],
            "abstain": list(self.abstain),
            "model": self.model,
        }
        return found | ({"topics": dict(self.topics)} if self.topics else {})


@dataclass(frozen=True, slots=True)
class Intent:
    """One block of `models/intents.toml`: what it means and what follows from it.

    `severity` is high, normal or low; `grievance` says whether it is a complaint by nature.
    """

    id: str
    meaning: str
    severity: str
    team: str
    template: str
    moment: str
    grievance: bool
    examples: tuple[str, ...] = ()
