"""What the settings say of a model that takes the place of a head."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HYPOTHESIS = "This customer message is about {}."
MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: a folder (from `root`, where it is not absolute), or a name on the hub.

    `revision` is a commit, tag or branch of the hub's; empty means its main branch.
    """

    name: str
    revision: str = ""
    root: Path = Path()


@dataclass(frozen=True, slots=True)
class HeadModel:
    """A model for one head.

    `labels` maps the model's own names to ours; with `zero_shot` it maps ours to what the hypothesis says of them.
    `temperature` divides the logits; `abstain` is the probability under which a person is asked.
    """

    source: Source
    labels: Mapping[str, str] = field(default_factory=dict)
    zero_shot: bool = False
    hypothesis: str = HYPOTHESIS
    max_tokens: int = MAX_TOKENS
    temperature: float = 1.0
    abstain: float = 0.0


@dataclass(frozen=True, slots=True)
class TopicModel:
    """An NLI model and labels of one's own; those from `threshold` on are kept with a reading."""

    source: Source
    labels: tuple[str, ...]
    hypothesis: str = HYPOTHESIS
    threshold: float = 0.6
    max_tokens: int = MAX_TOKENS
