"""Figures beside each other, as a table for people and as JSON for programs."""

import gc
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured: `rate` a second, None where it was not; `note` says what else there is to know."""

    name: str
    rate: float | None
    note: str = ""


@dataclass(slots=True)
class Section:
    """One measurement: the first figure is Vigie's own, the others stand beside it; `facts` are of Vigie's run."""

    title: str
    unit: str
    figures: list[Figure] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, rate: float | None, note: str = "") -> None:
        """A figure more."""
        self.figures.append(Figure(name, rate, note))

    def ratio(self, figure: Figure) -> float | None:
        """How many times as fast as this figure Vigie is."""
        own = self.figures[0].rate
        return own / figure.rate if own and figure.rate and figure is not self.figures[0] else None

    def lines(self) -> Iterator[str]:
        """The table."""
        yield f"\n{self.title}"
        yield f"  {'':38} {self.unit:>12}   vigie is"
        for figure in self.figures:
            rate = "-" if figure.rate is None else f"{figure.rate:,.0f}"
            ratio = self.ratio(figure)
            yield f"  {figure.name:38} {rate:>12}   {_times(ratio):>8}  {figure.note}".rstrip()
        for name, value in self.facts.items():
            yield f"    {name:36} {value:>12,.0f}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:,.1f} x" if ratio >= 1 else f"{ratio:.2f} x"


def as_json(sections: list[Section]) -> str:
    """Every section with its figures and ratios, and the machine's load."""
    told = [
        {
            "title": section.title,
            "unit": section.unit,
            "figures": [{**asdict(figure), "vigie_is": section.ratio(figure)} for figure in section.figures],
            "facts": section.facts,
        }
        for section in sections
    ]
    machine = {"load": os.getloadavg(), "cores": os.cpu_count()}
    return json.dumps({**machine, "sections": told}, ensure_ascii=False, indent=1)


def report(measured: Iterable[Section], as_document: bool) -> None:
    """Print each section as it is measured, or all of them as one JSON document."""
    before, sections = load(), []
    for section in measured:
        sections.append(section)
        if not as_document:
            print("\n".join(section.lines()), flush=True)
    print(as_json(sections) if as_document else f"\nbefore: {before}; after: {load()}")


def load() -> str:
    """How busy the machine is with other things: the higher, the lower all figures."""
    one, five, _ = os.getloadavg()
    return f"load average {one:.2f} (1 min), {five:.2f} (5 min) on {os.cpu_count()} cores"


@contextmanager
def one_core() -> Iterator[None]:
    """This process on one core, as far as the system can pin it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def at_rest() -> None:
    """What was made to measure with is not searched for garbage again and again while something is measured."""
    gc.collect()
    gc.freeze()


def seconds(function: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
