"""A file of posts read and stored in SQLite: how fast, and in how much memory."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import psutil

from benchmarks import _obsei, _plain, _samples
from benchmarks._databases import BRAND, NOW, database, server
from benchmarks._report import Section
from listeners.base import Budget
from listeners.files import FileListener
from storage.listening import store_batch

COMPARED_ROWS = 20_000
MOST_SECONDS = 20.0
MB = 2**20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """Rows a second over all, and what else there is to say of them."""

    rate: float
    facts: dict[str, float]


def measure(rows: int, obsei: Path) -> Iterator[Section]:
    """The large Parquet file, and beside others the first rows of it as JSON Lines, which all of them read."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        few = min(rows, COMPARED_ROWS)
        parquet, lines = Path(folder, "posts.parquet"), Path(folder, "posts.jsonl")
        _apart(_samples.write_parquet, parquet, rows)
        _samples.write_jsonl(lines, few, rows)
        size = f"{parquet.stat().st_size / MB:,.0f} MB"
        large = Section(f"A Parquet file of {rows:,} posts ({size}) into SQLite", "rows/s")
        run = _apart(_own, parquet, rows)
        large.add("vigie", run.rate)
        large.facts = run.facts
        yield large
        compared = Section(f"Its first {few:,} rows as JSON Lines, from an empty store; ratios are of rates", "rows/s")
        run = _apart(_own, lines, few)
        compared.add("vigie", run.rate)
        compared.facts = run.facts
        _row_by_row(compared, lines)
        _by_obsei(compared, obsei, lines, few, Path(folder))
        yield compared


def _apart(function: Callable[[Path, int], T], path: Path, count: int) -> T:
    """In a process of its own, whose memory holds nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, path, count).result()


def _own(path: Path, rows: int) -> Run:
    """`vigie collect` of one file, as far as listener and storage go."""
    memory: list[float] = []
    process = psutil.Process()
    times = [time.perf_counter()]
    with server("sqlite") as place, database(place) as opened:
        for batch in FileListener().pull(str(path), None, Budget(max_posts=10 * rows, deadline_seconds=1e9)):
            with opened.begin() as session:
                store_batch(session, BRAND.id, batch, NOW, "files", str(path))
            times.append(time.perf_counter())
            memory.append(process.memory_info().rss / MB)
    tenth = max(1, len(memory) // 10)
    of_tenth = rows * tenth / len(memory)
    facts = {
        "rows/s in the first tenth": of_tenth / (times[tenth] - times[0]),
        "rows/s in the last tenth": of_tenth / (times[-1] - times[-1 - tenth]),
        "MB resident after a tenth": memory[tenth - 1],
        "MB resident at the end": memory[-1],
        "MB resident at most": max(memory),
    }
    return Run(rows / (times[-1] - times[0]), facts)


def _row_by_row(section: Section, lines: Path) -> None:
    for every, name in ((1, "ORM row by row, commit each"), (500, "ORM row by row, commit 500")):
        with server("sqlite") as place, database(place) as opened, lines.open(encoding="utf-8") as stream:
            items = _plain.items(map(json.loads, stream))
            count, rate = _plain.store(opened.engine, items, every, MOST_SECONDS)
        section.add(name, rate, f"the first {count:,} of them")


def _by_obsei(section: Section, folder: Path, lines: Path, rows: int, place: Path) -> None:
    """It reads no Parquet."""
    if not _obsei.is_installed(folder):
        section.add("obsei 1.1 (DuckDB)", None, _obsei.MISSING)
        return
    runs = _obsei.Runs(folder, place)
    for redact, name in ((True, "obsei 1.1 (DuckDB), its defaults"), (False, "obsei 1.1 (DuckDB), no redaction")):
        new, again = runs.rates(lines, rows, redact)
        section.add(name, new, f"the same file again: {again:,.0f} rows/s")
