"""Vigie's own reading: end to end from text, and its parts; and the first reading of a fresh process."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks._report import Section
from benchmarks._understanding_posts import BATCH, BRAND, PIECES, ROOT, batches
from benchmarks._understanding_timing import Speed, speed
from models.entities import find_entities
from models.reader import load_reader
from models.session import open_session
from models.text import printable

AIM = 1000.0
AIM_OF_START = 60 / 1.5
WHOLE = "vigie"
PARTS = ("of that: entities", "of that: words, pieces, grams", "of that: these and the network", "the network alone")

Speeds = dict[str, Speed]


def measure(even: Sequence[str], mixed: Sequence[str], weights: Path) -> Iterator[Section]:
    """A section with both cores, one with one, and one of posts as they come."""
    most = os.cpu_count() or 1
    for cores in dict.fromkeys((most, 1)):
        speeds = _apart(cores, _all_parts, even, weights)
        where = "one core" if cores == 1 else f"{cores} cores"
        section = Section(f"Posts of {PIECES} tokens, batches of {BATCH}, {where}", "posts/s")
        section.add(WHOLE, speeds[WHOLE].rate, speeds[WHOLE].note)
        if cores == most:
            section.add("aim", AIM)
        for name in PARTS:
            section.add(name, speeds[name].rate, speeds[name].note)
        yield section
    whole = _apart(most, _whole, mixed, weights)[WHOLE]
    length = statistics.mean(map(len, mixed))
    section = Section(f"Posts as they come, {length:.0f} characters in the mean, batches of {BATCH}", "posts/s")
    section.add(WHOLE, whole.rate, whole.note)
    yield section


def start(text: str, weights: Path, times: int) -> Section:
    """Fresh processes that import, load and read one post."""
    command = [sys.executable, "-m", "benchmarks._understanding_start", str(weights.absolute()), text]
    spent, told = zip(*(_run(command) for _ in range(times)), strict=True)
    section = Section(f"First reading in a fresh process, best of {times}", "starts/min")
    section.add(WHOLE, 60 / min(spent), f"{min(spent):.2f} s, median {statistics.median(spent):.2f} s")
    section.add("aim", AIM_OF_START, "1.50 s")
    section.facts = {name: min(one[name] for one in told) for name in told[0]}
    return section


def _run(command: Sequence[str]) -> tuple[float, dict[str, float]]:
    """Seconds that it takes, and what it tells."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began, json.loads(done.stdout)


def _apart(cores: int, function: Callable[..., Speeds], texts: Sequence[str], weights: Path) -> Speeds:
    """In a process of its own, whose threads are held to so many cores."""
    with ProcessPoolExecutor(1, get_context("spawn"), _hold_to, (cores,)) as process:
        return process.submit(function, list(texts), weights).result()


def _hold_to(cores: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def _whole(texts: Sequence[str], weights: Path) -> Speeds:
    reader = load_reader(weights)
    return {WHOLE: speed(lambda batch: reader.read(batch, BRAND), batches(texts), len(texts))}


def _all_parts(texts: Sequence[str], weights: Path) -> Speeds:
    groups, session = batches(texts), open_session(weights.resolve())
    measured = partial(speed, size=len(texts))
    shown = [[printable(text) for text in batch] for batch in groups]
    parts = (
        measured(lambda batch: find_entities(batch, BRAND), groups),
        measured(session.encoded, shown),
        measured(session.logits, shown),
        measured(session.judged, [session.encoded(batch) for batch in shown]),
    )
    return _whole(texts, weights) | dict(zip(PARTS, parts, strict=True))
