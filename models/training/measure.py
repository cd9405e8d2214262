"""Takes the figures of the card from the folder that ships: the network as the reader runs it, the linear beside it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from domain.brand import Brand
from models.confidence import calibration_error, recall_at_precision, surest
from models.confusion import ClassFigures, Confusion, Interval
from models.heads import CHOICES, HEADS, YES_NO, columns
from models.mask import mask
from models.reader import load_reader
from models.session import Logits, Session, open_session
from models.text import printable
from models.training.linear import Linear
from models.training.rows import Row
from models.training.sets import Task
from models.training.tune import answers

Heard = tuple[Row, Logits]
PLOTTED = 8  # groups of equal size in a calibration plot


@dataclass(frozen=True)
class Measured:
    """One line of the card."""

    task: Task
    network: Interval
    linear: Interval


@dataclass(frozen=True)
class Asked:
    """What a head said of the rows of one language, and how sure it was of each."""

    head: str
    lang: str
    truth: list[str]
    said: list[str]
    sure: NDArray[np.float64]

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Of which rows it said the truth."""
        return np.asarray(np.array(self.truth) == np.array(self.said), np.bool_)


@dataclass(frozen=True)
class Doubt:
    """How well a head knows what it knows, on the own rows kept apart."""

    head: str
    lang: str
    count: int
    calibration_error: float
    accuracy: float
    surest: float


@dataclass(frozen=True)
class Class:
    """Figures of one label in one language, on the own rows kept apart."""

    head: str
    lang: str
    label: str
    figures: ClassFigures


@dataclass(frozen=True)
class Speed:
    """Posts a second by the clock, and a second of processor time: other work on the machine slows only the first."""

    by_clock: float
    by_processor: float


def measure(folder: Path, tasks: Sequence[Task], linear: Linear) -> list[Measured]:
    """Both models on every task."""
    return [_measure(open_session(folder), task, linear) for task in tasks if task.rows]


def _measure(session: Session, task: Task, linear: Linear) -> Measured:
    rows, truth, said = _said_of(session, task)
    known, by_linear = labels_of(task.head), linear.say(rows)[task.head].tolist()
    network, beside = (Confusion(truth, one, known).interval(task.figure) for one in (said, by_linear))
    return Measured(task, network, beside)


def figures(folder: Path, tasks: Sequence[Task]) -> list[float]:
    """The same figures of another export of the network, without intervals."""
    session, found = open_session(folder), []
    for task in (one for one in tasks if one.rows):
        _, truth, said = _said_of(session, task)
        found.append(Confusion(truth, said, labels_of(task.head)).value(task.figure))
    return found


def _said_of(session: Session, task: Task) -> tuple[list[Row], list[str], list[str]]:
    """The rows that carry the label, what is true of them, and what the network says."""
    rows = [row for row in task.rows if getattr(row, task.head) is not None]
    said, _ = said_by(session, task.head, read(session, rows))
    return rows, [str(getattr(row, task.head)) for row in rows], said


def read(session: Session, rows: Sequence[Row]) -> list[Logits]:
    """As at run time, the name of the brand masked where the row tells it."""
    return session.logits([mask(printable(row.text), [row.brand] if row.brand else []) for row in rows])


def said_by(session: Session, head: str, logits: list[Logits]) -> tuple[list[str], NDArray[np.float64]]:
    """Labels (for yes or no "1" and "0") and how sure the head is of each, by the language it heard."""
    heads, where = session.config["heads"], columns()
    spoken = [CHOICES["language"][int(one[where["language"]].argmax())] for one in logits]
    outputs = np.array([one[where[head]] for one in logits])
    said, sure = answers(head, heads[head], outputs, spoken)
    names = labels_of(head)
    return [names[at] for at in said], sure


def labels_of(head: str) -> tuple[str, ...]:
    """As they stand in rows."""
    return ("0", "1") if head in YES_NO else CHOICES[head]


def heard(folder: Path, rows: Sequence[Row]) -> list[Heard]:
    """Every row with what the network makes of it."""
    return list(zip(rows, read(open_session(folder), rows), strict=True))


def asked(folder: Path, rows: Sequence[Heard]) -> list[Asked]:
    """Of each head and language."""
    session = open_session(folder)
    return [_asked(session, head, lang, rows) for head in HEADS if head != "language" for lang in ("fr", "en")]


def _asked(session: Session, head: str, lang: str, rows: Sequence[Heard]) -> Asked:
    mine = [(row, one) for row, one in rows if row.lang == lang and (head != "about_brand" or row.brand)]
    said, sure = said_by(session, head, [one for _, one in mine])
    return Asked(head, lang, [str(getattr(row, head)) for row, _ in mine], said, sure)


def doubts(asked: Sequence[Asked]) -> list[Doubt]:
    """How well each head knows what it knows."""
    return [
        Doubt(
            one.head,
            one.lang,
            len(one.said),
            calibration_error(one.sure, one.right),
            float(one.right.mean()),
            surest(one.sure, one.right),
        )
        for one in asked
    ]


def classes(asked: Sequence[Asked]) -> list[Class]:
    """Of each label of each head and language."""
    return [
        Class(one.head, one.lang, label, figures)
        for one in asked
        for label, figures in Confusion(one.truth, one.said).by_class().items()
        if figures.support
    ]


def reliability(asked: Sequence[Asked]) -> list[dict[str, object]]:
    """Points of the calibration plot: how sure a head was, how often it was right, and of how many rows."""
    return [
        {"head": one.head, "language": one.lang, **point} for one in asked for point in _points(one.sure, one.right)
    ]


def _points(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> list[dict[str, object]]:
    groups = np.array_split(np.argsort(sure, kind="stable"), PLOTTED)
    return [{"sure": float(sure[at].mean()), "right": float(right[at].mean()), "rows": len(at)} for at in groups]


def language_accuracy(folder: Path, rows: Sequence[Heard]) -> float:
    """Share of the rows whose language is heard right."""
    said, _ = said_by(open_session(folder), "language", [one for _, one in rows])
    return float(np.mean([row.lang == one for (row, _), one in zip(rows, said, strict=True)]))


def high_urgency(rows: Sequence[Heard]) -> float:
    """Recall of high urgency at a precision of one half."""
    parts = [one[columns()["urgency"]] for _, one in rows]
    high = CHOICES["urgency"].index("high")
    scores = np.array([part[high] - np.logaddexp.reduce(part) for part in parts])
    return recall_at_precision(scores, np.array([row.urgency == "high" for row, _ in rows]))


def speed(folder: Path, texts: Sequence[str], threads: int) -> Speed:
    """From text to reading, entities included, with as many threads calling the reader at once."""
    reader, brand = load_reader(folder), Brand(name="Comète", products=("Comète Mobile",))
    reader.read(texts[:50], brand)
    workers = [Thread(target=reader.read, args=(texts, brand)) for _ in range(threads)]
    began, used = time.monotonic(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    count = threads * len(texts)
    return Speed(count / (time.monotonic() - began), count / (time.process_time() - used))
