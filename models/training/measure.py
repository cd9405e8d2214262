"""Takes the figures of the card from the folder that ships: the network as the reader runs it, the linear beside it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from domain.brand import Brand
from models.evaluation import (
    ClassFigures,
    Interval,
    bootstrap,
    by_class,
    calibration_error,
    recall_at_precision,
    surest,
)
from models.heads import CHOICES, HEADS, YES_NO, columns
from models.mask import mask
from models.reader import load_reader
from models.session import Logits, Session, open_session
from models.text import printable
from models.training.linear import Linear
from models.training.rows import Row
from models.training.sets import Task
from models.training.tune import answers

PLOTTED = 8  # groups of equal size in a calibration plot


@dataclass(frozen=True)
class Measured:
    """One line of the card."""

    task: Task
    network: Interval
    linear: Interval


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
    rows = [row for row in task.rows if getattr(row, task.head) is not None]
    truth = [str(getattr(row, task.head)) for row in rows]
    said, _ = said_by(session, task.head, read(session, rows))
    return Measured(
        task, bootstrap(truth, said, task.figure), bootstrap(truth, linear.say(rows)[task.head], task.figure)
    )


def figures(folder: Path, tasks: Sequence[Task]) -> list[float]:
    """The same figures of another export of the network, without intervals."""
    session, found = open_session(folder), []
    for task in (one for one in tasks if one.rows):
        rows = [row for row in task.rows if getattr(row, task.head) is not None]
        said, _ = said_by(session, task.head, read(session, rows))
        truth = np.array([str(getattr(row, task.head)) for row in rows])
        found.append(task.figure(truth, np.array(said)))
    return found


def read(session: Session, rows: Sequence[Row]) -> list[Logits]:
    """As at run time, the name of the brand masked where the row tells it."""
    return session.logits([mask(printable(row.text), [row.brand] if row.brand else []) for row in rows])


def said_by(session: Session, head: str, logits: list[Logits]) -> tuple[list[str], NDArray[np.float64]]:
    """Labels (for yes or no "1" and "0") and how sure the head is of each, by the language it heard."""
    heads, where = session.config["heads"], columns()
    spoken = [CHOICES["language"][int(one[where["language"]].argmax())] for one in logits]
    outputs = np.array([one[where[head]] for one in logits])
    said, sure = answers(head, heads[head], outputs, spoken)
    names = ("0", "1") if head in YES_NO else CHOICES[head]
    return [names[at] for at in said], sure


def doubts(folder: Path, rows: Sequence[Row]) -> list[Doubt]:
    """Of each head and language."""
    session = open_session(folder)
    return [_doubt(session, head, lang, rows) for head in HEADS if head != "language" for lang in ("fr", "en")]


def _doubt(session: Session, head: str, lang: str, rows: Sequence[Row]) -> Doubt:
    mine = [row for row in rows if row.lang == lang and (head != "about_brand" or row.brand)]
    said, sure = said_by(session, head, read(session, mine))
    right = np.array([str(getattr(row, head)) == one for row, one in zip(mine, said, strict=True)])
    return Doubt(head, lang, len(mine), calibration_error(sure, right), float(right.mean()), surest(sure, right))


def classes(folder: Path, rows: Sequence[Row]) -> list[Class]:
    """Of each label of each head and language."""
    return [
        Class(head, lang, label, figures)
        for head in HEADS
        if head != "language"
        for lang in ("fr", "en")
        for label, figures in _classes(open_session(folder), head, lang, rows).items()
    ]


def _classes(session: Session, head: str, lang: str, rows: Sequence[Row]) -> dict[str, ClassFigures]:
    mine = [row for row in rows if row.lang == lang and (head != "about_brand" or row.brand)]
    said, _ = said_by(session, head, read(session, mine))
    return by_class([str(getattr(row, head)) for row in mine], said)


def reliability(folder: Path, rows: Sequence[Row]) -> list[dict[str, object]]:
    """Points of the calibration plot: how sure a head was, how often it was right, and of how many rows."""
    session = open_session(folder)
    points: list[dict[str, object]] = []
    for head in (one for one in HEADS if one != "language"):
        for lang in ("fr", "en"):
            mine = [row for row in rows if row.lang == lang and (head != "about_brand" or row.brand)]
            said, sure = said_by(session, head, read(session, mine))
            right = np.array([str(getattr(row, head)) == one for row, one in zip(mine, said, strict=True)])
            points += [{"head": head, "language": lang, **point} for point in _points(sure, right)]
    return points


def _points(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> list[dict[str, object]]:
    groups = np.array_split(np.argsort(sure, kind="stable"), PLOTTED)
    return [{"sure": float(sure[at].mean()), "right": float(right[at].mean()), "rows": len(at)} for at in groups]


def language_accuracy(folder: Path, rows: Sequence[Row]) -> float:
    """Share of the rows whose language is heard right."""
    session = open_session(folder)
    said, _ = said_by(session, "language", read(session, rows))
    return float(np.mean([row.lang == one for row, one in zip(rows, said, strict=True)]))


def high_urgency(folder: Path, rows: Sequence[Row]) -> float:
    """Recall of high urgency at a precision of one half."""
    session = open_session(folder)
    at = columns()["urgency"].start
    scores = []
    for one in read(session, rows):
        part = one[columns()["urgency"]]
        scores.append(one[at] - np.logaddexp.reduce(part))
    return recall_at_precision(np.array(scores), np.array([row.urgency == "high" for row in rows]))


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
