"""Calibration on the tuning rows: temperatures, biases, and the thresholds below which a head abstains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import chances, probabilities
from models.heads import CHOICES, HEADS, YES_NO, columns
from models.training.examples import Examples
from models.training.rows import Row

ENOUGH = 150  # rows of a language for a temperature of its own
WANTED = {  # accuracy of what is not abstained
    "language": 0.97, "sentiment": 0.8, "intent": 0.75, "urgency": 0.8,
    "complaint": 0.92, "about_brand": 0.92, "ironic": 0.92, "escalation": 0.95,
}  # fmt: skip
MOST_ABSTAINED = 0.35
SCALES = np.exp(np.linspace(np.log(0.2), np.log(5.0), 60))
BIASES = np.linspace(-3.0, 3.0, 49)
Floats = NDArray[np.float64]


def tune(rows: Sequence[Row], data: Examples, logits: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """The `heads` of config.json."""
    languages = np.array([row.lang for row in rows])
    return {head: _tune_head(head, data, logits.astype(np.float64), languages) for head in HEADS}


def _tune_head(head: str, data: Examples, logits: Floats, languages: NDArray[np.str_]) -> dict[str, Any]:
    where = columns()[head]
    known = data.known[:, where.start] > 0
    target, output, spoken = data.targets[known, where], logits[known, where], languages[known]
    if head == "about_brand":
        even = _even(target[:, 0])
        target, output, spoken = target[even], output[even], spoken[even]
    enough = [lang for lang in ("fr", "en") if head != "language" and (spoken == lang).sum() >= ENOUGH]
    parts = {"any": np.ones(len(output), bool)} | {lang: spoken == lang for lang in enough}
    fitted = {lang: _fit(head, target[part], output[part]) for lang, part in parts.items()}
    labels = {"labels": list(CHOICES[head])} if head in CHOICES else {}
    for lang, part in parts.items():
        fitted[lang]["abstain"] = _threshold(head, fitted[lang], target[part], output[part])
    return {**labels, "calibration": fitted}


def _even(truth: NDArray[np.float32]) -> NDArray[np.int64]:
    """As many of yes as of no: how often a name is a homonym differs by brand, so neither is favoured."""
    yes, no = np.flatnonzero(truth > 0.5), np.flatnonzero(truth <= 0.5)
    count = min(len(yes), len(no))
    if not count:
        return np.arange(len(truth))
    return np.concatenate([side[np.linspace(0, len(side) - 1, count).astype(int)] for side in (yes, no)])


def _fit(head: str, target: NDArray[np.float32], output: Floats) -> dict[str, float]:
    """The scale (one over the temperature) and, for yes or no, the bias of the least log loss."""
    if head in YES_NO:
        tried = ((_yes_no_loss(target[:, 0], output[:, 0] * s + b), s, b) for s in SCALES for b in BIASES)
        _, scale, bias = min(tried)
        return {"scale": round(float(scale), 4), "bias": round(float(bias), 4)}
    truth = target.argmax(1)
    scale = min(SCALES, key=lambda s: _choice_loss(truth, output * s))
    return {"scale": round(float(scale), 4), "bias": 0.0}


def _yes_no_loss(truth: NDArray[np.float32], logit: Floats) -> float:
    return float(np.mean(np.logaddexp(0, logit) - truth * logit))


def _choice_loss(truth: NDArray[np.int64], logits: Floats) -> float:
    raised = logits - logits.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(raised).sum(1)) - raised[np.arange(len(truth)), truth]))


def answers(
    head: str, described: dict[str, Any], logits: Floats, languages: Sequence[str]
) -> tuple[NDArray[np.int64], Floats]:
    """What a calibrated head says of each text (for yes or no: 1 or 0), and how sure it is."""
    if head in YES_NO:
        yes = chances(logits[:, 0], described, languages)
        return (yes >= 0.5).astype(np.int64), np.maximum(yes, 1 - yes)
    values = probabilities(logits, described, languages)
    return values.argmax(1), values.max(1)


def _threshold(head: str, fitted: dict[str, float], target: NDArray[np.float32], output: Floats) -> float:
    """The least confidence at which what is kept is as right as wanted, within MOST_ABSTAINED."""
    said, sure = answers(head, {"calibration": {"any": fitted}}, output, ["any"] * len(output))
    right = said == (target[:, 0] > 0.5 if head in YES_NO else target.argmax(1))
    order = np.sort(sure)
    for at in range(int(len(order) * MOST_ABSTAINED)):
        if right[sure >= order[at]].mean() >= WANTED[head]:
            return round(float(order[at]), 4) if at else 0.0
    return round(float(order[int(len(order) * MOST_ABSTAINED)]), 4)


def second_threshold(rows: Sequence[Row], data: Examples, logits: NDArray[np.float32], head: dict[str, Any]) -> float:
    """The probability from which the next likeliest intent is named: best F1 against the labelled second ones."""
    where, names = columns()["intent"], CHOICES["intent"]
    values = probabilities(logits[:, where].astype(np.float64), head, [row.lang for row in rows])
    guesses = []
    for row, one in zip(rows, values, strict=True):
        if row.intent:
            _best, second = np.argsort(-one)[:2]
            guesses.append((float(one[second]), {names[second]} == {row.second}, row.second is not None))
    tried = [round(at, 2) for at in np.arange(0.06, 0.5, 0.02)]
    return float(max(tried, key=lambda least: _second_f1(guesses, least)))


def _second_f1(guesses: list[tuple[float, bool, bool]], least: float) -> float:
    named = [right for value, right, _ in guesses if value >= least]
    there = sum(exists for _, _, exists in guesses)
    return 2 * sum(named) / max(len(named) + there, 1)


def mention_floor(rows: Sequence[Row]) -> dict[str, float]:
    """How often a text that names an account is about the brand, with one doubt added (Laplace)."""
    about = [row.about_brand or 0 for row in rows if (row.brand or "").startswith("@")]
    share = (sum(about) + 1) / (len(about) + 2)
    return {"account": round(min(share, 0.99), 4), "product": round(min(share, 0.9), 4)}
