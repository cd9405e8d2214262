"""How far two people agree who labelled the same rows, the second without seeing the first one's labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.confusion import Confusion, macro_f1
from models.training.data import CORPUS, objects
from models.training.rows import Row

SECOND = "second.jsonl"
LABELLED = ("intent", "sentiment", "urgency", "complaint", "about_brand", "escalation", "ironic")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one head: the share that is equal, Cohen's kappa, and the macro F1 of the second against the first."""

    head: str
    rows: int
    equal: float
    kappa: float
    macro_f1: float


def agreement(own: Sequence[Row], folder: Path = CORPUS) -> list[Agreement]:
    """Of each head, on the rows that stand in `second.jsonl` (text and labels); none without that file."""
    path = folder / SECOND
    if not path.exists():
        return []
    first = {row.text: row for row in own}
    both = [(first[item["text"]], item) for item in objects(path) if item["text"] in first]
    return [_of(head, [(str(getattr(row, head)), str(item[head])) for row, item in both]) for head in LABELLED]


def _of(head: str, both: Sequence[tuple[str, str]]) -> Agreement:
    first, second = zip(*both, strict=True)
    confusion = Confusion(first, second)
    shares = confusion.counts / confusion.total
    equal, by_chance = float(np.trace(shares)), float(shares.sum(0) @ shares.sum(1))
    kappa = (equal - by_chance) / max(1 - by_chance, 1e-9)
    return Agreement(head, len(both), equal, kappa, confusion.value(macro_f1))
