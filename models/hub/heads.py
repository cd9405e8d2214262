"""A head of ours answered by a model from elsewhere: by its own labels, or by hypotheses about the text (zero-shot).

Zero-shot: Yin et al., "Benchmarking Zero-shot Text Classification", 2019. Each text is read once a hypothesis, so it
costs as many times a plain head as there are labels.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import Misconfigured
from models.calibration import rounded, sigmoid, softmax
from models.heads import CHOICES, HEADS
from models.hub.classifier import Classifier, open_classifier
from models.hub.download import folder_of, shown
from models.hub.labels import YES_OR_NO, gathered, places
from models.hub.spec import HeadModel, TopicModel
from models.intents import load_intents

Probabilities = NDArray[np.float64]

# What the default hypothesis says of a label; a head that is not here has none.
TEXTS: dict[str, dict[str, str]] = {
    "sentiment": {
        "negative": "dissatisfaction",
        "neutral": "a fact, with neither dissatisfaction nor satisfaction",
        "positive": "satisfaction",
    },
    "intent": {intent.id: intent.meaning for intent in load_intents().values()},
    "urgency": {
        "high": "an emergency, harm to health or work, or a legal threat",
        "normal": "something that needs an answer",
        "low": "something that needs no answer",
    },
    "complaint": {"yes": "an expectation that was not met"},
    "ironic": {"yes": "something that is meant ironically"},
    "escalation": {"yes": "legal steps, danger, a data breach, the press or a death"},
}


class Head(Protocol):
    """`name` is the model's with its revision; `ours` are the labels of the head, `no` and `yes` for a flag."""

    name: str
    ours: tuple[str, ...]
    summary: str

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """(texts, ours), each row adding up to 1."""
        ...


def open_head(head: str, model: HeadModel) -> Head:
    """The model of one head of models.heads. Raises Misconfigured that names the setting."""
    try:
        return (ZeroShotHead if model.zero_shot else MappedHead)(head, model)
    except Misconfigured as error:
        raise Misconfigured(f"reading.heads.{head}: {error}") from error


def open_topics(model: TopicModel) -> "Topics":
    """The model of one's own labels. Raises Misconfigured that names the setting."""
    try:
        return Topics(model)
    except Misconfigured as error:
        raise Misconfigured(f"reading.topics: {error}") from error


class MappedHead:
    """By the model's own labels."""

    def __init__(self, head: str, model: HeadModel) -> None:
        folder = folder_of(model.source)
        self._model, self._classifier = model, open_classifier(folder)
        self.name = shown(model.source, folder)
        self.summary = _summary(self.name, self._classifier, model.max_tokens)
        self.ours = labels_of(head)
        several = head in CHOICES or not self._classifier.independent
        self._places = places(self._classifier.labels, self.ours, model.labels, all_reached=several)

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As the protocol says."""
        logits = self._classifier.logits(texts, max_tokens=self._model.max_tokens) / self._model.temperature
        independent = self._classifier.independent
        values = sigmoid(logits) if independent else softmax(logits)
        return gathered(values, self._places, len(self.ours), independent=independent)


class Hypotheses:
    """An NLI model: how far a text entails each of some sentences."""

    def __init__(self, classifier: Classifier, hypothesis: str, texts: Sequence[str], max_tokens: int) -> None:
        self._classifier, self._max_tokens = classifier, max_tokens
        self._sentences = [hypothesis.replace("{}", text) for text in texts]
        self._yes, self._no = _entailment(classifier)
        room = min(max_tokens, classifier.longest) // 2
        for sentence in self._sentences:
            if classifier.tokens(sentence) > room:
                raise Misconfigured(f"hypothesis: {sentence!r} leaves no room for the text in {room * 2} tokens")

    def logits(self, texts: Sequence[str]) -> Probabilities:
        """(texts, hypotheses, 2): against and for each."""
        pairs = list(product(texts, self._sentences))
        found = self._classifier.logits(
            [text for text, _ in pairs], [sentence for _, sentence in pairs], max_tokens=self._max_tokens
        )
        return found[:, [self._no, self._yes]].reshape(len(texts), len(self._sentences), 2)


class ZeroShotHead:
    """By hypotheses: one a label of a choice, which exclude each other; one for a flag, for it or against it."""

    def __init__(self, head: str, model: HeadModel) -> None:
        texts = hypothesis_texts(head, model.labels)
        folder = folder_of(model.source)
        classifier = open_classifier(folder)
        self.name = shown(model.source, folder)
        self.summary = f"{_summary(self.name, classifier, model.max_tokens)}, {len(texts)} hypotheses a text"
        self.ours = labels_of(head)
        self._model = model
        self._hypotheses = Hypotheses(classifier, model.hypothesis, texts, model.max_tokens)

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As the protocol says."""
        logits = self._hypotheses.logits(texts) / self._model.temperature
        return softmax(logits[:, 0] if logits.shape[1] == 1 else logits[:, :, 1])


class Topics:
    """Labels of one's own; each is true or not by itself."""

    def __init__(self, model: TopicModel) -> None:
        folder = folder_of(model.source)
        classifier = open_classifier(folder)
        self.name, self.labels, self.threshold = shown(model.source, folder), model.labels, model.threshold
        self.summary = f"{_summary(self.name, classifier, model.max_tokens)}: {', '.join(model.labels)}"
        self._hypotheses = Hypotheses(classifier, model.hypothesis, model.labels, model.max_tokens)

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """(texts, labels), each from 0 to 1."""
        return softmax(self._hypotheses.logits(texts))[:, :, 1]

    def found(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """The labels of each text that reach the threshold; nothing of an empty one."""
        rows = self.probabilities(texts)
        return [self._kept(row) if text.strip() else {} for text, row in zip(texts, rows, strict=True)]

    def _kept(self, row: Probabilities) -> dict[str, float]:
        pairs = zip(self.labels, map(rounded, row), strict=True)
        return {label: value for label, value in pairs if value >= self.threshold}


def labels_of(head: str) -> tuple[str, ...]:
    """The labels of one of our heads."""
    if head not in HEADS:
        raise Misconfigured(f"no such head; there are {', '.join(HEADS)}")
    return CHOICES.get(head, YES_OR_NO)


def hypothesis_texts(head: str, given: Mapping[str, str]) -> list[str]:
    """What is said of each label, in the order of ours; for a flag of `yes` alone where nothing is given for `no`."""
    ours, texts = labels_of(head), {**TEXTS.get(head, {}), **given}
    for name in given:
        if name not in ours:
            raise Misconfigured(f"labels: {name!r} is not one of {', '.join(ours)}")
    if ours == YES_OR_NO and "no" not in given:
        ours = ("yes",)
    missing = [name for name in ours if not texts.get(name, "").strip()]
    if missing:
        raise Misconfigured(f"labels: say in a few words what these mean, for the hypothesis: {', '.join(missing)}")
    return [texts[name] for name in ours]


def _entailment(classifier: Classifier) -> tuple[int, int]:
    """The places of entailment and of what speaks against it."""
    names = [name.casefold() for name in classifier.labels]
    yes = [at for at, name in enumerate(names) if name.startswith("entail")]
    no = [at for at, name in enumerate(names) if name.startswith(("contradict", "not_entail", "not entail"))]
    if len(yes) != 1 or len(no) != 1:
        raise Misconfigured(
            f"{classifier.folder}: zero-shot needs an NLI model with the labels entailment and contradiction; "
            f"this one has {', '.join(classifier.labels)}"
        )
    return yes[0], no[0]


def _summary(name: str, classifier: Classifier, max_tokens: int) -> str:
    network, tokens = classifier.network, min(max_tokens, classifier.longest)
    return f"{name} by {network.by} ({network.path.name}), the first {tokens} tokens of a text"
