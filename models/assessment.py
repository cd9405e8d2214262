"""How well a reader does on labelled texts, head by head: the figures of `vigie evaluate`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.brand import Brand
from domain.reading import Reading
from models.confidence import calibration_error, surest
from models.confusion import Confusion, Interval, accuracy, macro_f1, macro_recall
from models.heads import CHOICES
from models.labelled import NO, YES, Labelled
from models.reader import Reader

CHUNK = 256
SUREST = 0.8
DIGITS = 4
ENOUGH = 10  # rows of a language for figures of its own


@dataclass(frozen=True, slots=True)
class Answer:
    """What a head said of one text, how sure it was, and whether it would rather ask a person."""

    truth: str
    said: str
    sure: float
    abstained: bool
    lang: str


def ask(
    reader: Reader, rows: Sequence[Labelled], head: str, brand: Brand, advance: Callable[[int], None] = lambda _: None
) -> list[Answer]:
    """The head's answer to every row, in no order. A row that names a brand is read for it, others for `brand`."""
    answers: list[Answer] = []
    for name, group in groupby(sorted(rows, key=lambda row: row.brand or ""), key=lambda row: row.brand):
        of_brand = list(group)
        owner = (
            replace(brand, name=name.strip("@# "), aliases=(), misspellings=(), inflections=(), products=())
            if name
            else brand
        )
        for at in range(0, len(of_brand), CHUNK):
            part = of_brand[at : at + CHUNK]
            readings = reader.read([row.text for row in part], owner)
            answers += [_answer(row, reading, head) for row, reading in zip(part, readings, strict=True)]
            advance(len(part))
    return answers


def assess(answers: Sequence[Answer]) -> dict[str, Any]:
    """All figures, ready for JSON; intervals cover 95 of 100 redrawn samples. `answers` is not empty."""
    right, sure = _right(answers), np.array([answer.sure for answer in answers])
    confusion = _confusion(answers)
    return {
        "rows": len(answers),
        **_means(confusion),
        "calibration_error": _rounded(calibration_error(sure, right)),
        "accuracy_on_surest": {"share": SUREST, "accuracy": _rounded(surest(sure, right, SUREST))},
        "abstained": _abstained(answers),
        "classes": {label: _figures(asdict(figures)) for label, figures in confusion.by_class().items()},
        "languages": _by_language(answers),
        "confusions": [{"truth": truth, "said": said, "count": n} for truth, said, n in confusion.worst()],
    }


def _answer(row: Labelled, reading: Reading, head: str) -> Answer:
    if head in CHOICES:
        label = getattr(reading, head)
        said, sure = label.label, label.probability
    else:
        yes = reading.flags[head]
        said, sure = (YES, yes) if yes >= 0.5 else (NO, 1 - yes)
    return Answer(row.label, said, sure, head in reading.abstain, row.lang)


def _confusion(answers: Sequence[Answer]) -> Confusion:
    return Confusion([answer.truth for answer in answers], [answer.said for answer in answers])


def _right(answers: Sequence[Answer]) -> NDArray[np.bool_]:
    return np.array([answer.truth == answer.said for answer in answers], np.bool_)


def _means(confusion: Confusion) -> dict[str, Any]:
    figures = {"macro_recall": macro_recall, "macro_f1": macro_f1, "accuracy": accuracy}
    return {name: _interval(confusion.interval(figure)) for name, figure in figures.items()}


def _abstained(answers: Sequence[Answer]) -> dict[str, Any]:
    """What would go to a person, and how right the rest is."""
    rest = [answer for answer in answers if not answer.abstained]
    share = 1 - len(rest) / len(answers)
    return {"share": _rounded(share), "accuracy_on_rest": _rounded(float(_right(rest).mean())) if rest else None}


def _by_language(answers: Sequence[Answer]) -> dict[str, Any]:
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.lang or "?", []).append(answer)
    return {
        lang: {"rows": len(part), **(_means(_confusion(part)) if len(part) >= ENOUGH else {})}
        for lang, part in sorted(found.items())
    }


def _interval(found: Interval) -> dict[str, float]:
    return _figures(asdict(found))


def _figures(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else _rounded(value) for name, value in values.items()}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
