"""What one would pick instead, from an environment beside that has torch: Vigie's figures in front of theirs."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import _understanding_textcat
from benchmarks._report import Section, seconds
from benchmarks._understanding_posts import BATCH, PIECES, ROOT, seen

DEFAULT = Path(".cache/torch")
WANTED = ("torch>=2.9", "transformers>=5,<6", "onnx>=1.19", "onnxruntime>=1.24,<2", "obsei==1.1.*")
NEEDED = ("torch", "transformers", "onnx", "onnxruntime")
MISSING = "not measured: torch and onnx are missing, run with --torch"
MOST_SECONDS = 1200
STARTS = 2
NAMES = {
    "pipeline": ("transformers.pipeline, one by one", "transformers.pipeline, batched"),
    "exact": ("onnxruntime in 32 bits, one by one", "onnxruntime in 32 bits, batched"),
}


class Beside:
    """Programs run by the Python of one environment. Without one, every answer is a reason."""

    def __init__(self, folder: Path, weights: Path, place: Path, job: dict[str, Any]) -> None:
        self._python = _python(folder.absolute())
        self._job = place / "job.json"
        told = {**job, "weights": str(weights.absolute()), "folder": str(place)}
        self._job.write_text(json.dumps(told), encoding="utf-8")

    def ask(self, kind: str) -> dict[str, Any] | str:
        """What `_understanding_beside` answers, or why it does not."""
        if self._python is None:
            return MISSING
        command = [self._python, "-m", "benchmarks._understanding_beside", kind, str(self._job)]
        offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=offline, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )
        if done.returncode:
            return f"not measured: {done.stderr.strip().splitlines()[-1]}"
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer

    def clock(self, kind: str, times: int) -> float | None:
        """Seconds of a fresh process, the best of some."""
        if self._python is None or isinstance(self.ask(kind), str):
            return None
        return min(seconds(lambda: self.ask(kind)) for _ in range(times))


def install(folder: Path) -> None:
    """Make the environment with pip, unless it is there and has what is needed."""
    if _python(folder) == str(folder / "bin" / "python"):
        return
    print(f"installing {', '.join(WANTED)} into {folder} …", file=sys.stderr)
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *WANTED], check=True)


@cache
def _python(folder: Path) -> str | None:
    """The environment's own, else this one, whichever has what is needed."""
    program = folder / "bin" / "python"
    if program.exists():
        asked = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {NEEDED})))"
        if subprocess.run([program, "-c", asked], check=False).returncode == 0:
            return str(program)
    return sys.executable if all(map(find_spec, NEEDED)) else None


def job(even: Sequence[str], most_seconds: float) -> dict[str, Any]:
    """What all programs are told."""
    texts = [seen(text) for text in even]
    told = {"texts": texts, "batch": BATCH, "pieces": PIECES, "cores": os.cpu_count() or 1}
    return {**told, "seconds": most_seconds}


def same(beside: Beside, whole: float, network: float, starts: Section) -> Iterator[Section]:
    """The same encoder by others; and their start beside ours."""
    section = Section(f"The same encoder beside, posts of {PIECES} tokens, batches of {BATCH}", "posts/s")
    section.add("vigie", whole, "from text, with entities")
    section.add("of that: the network alone", network)
    converted = beside.ask("convert")
    for kind, names in NAMES.items():
        answer = converted if isinstance(converted, str) else beside.ask(kind)
        _add(section, names, answer)
    spent = None if isinstance(converted, str) else beside.clock("first", STARTS)
    starts.add(
        "transformers.pipeline", 60 / spent if spent else None, f"{spent:.2f} s" if spent else _reason(converted)
    )
    yield starts
    yield section


def _reason(answer: object) -> str:
    return answer if isinstance(answer, str) else "not measured"


def _add(section: Section, names: Sequence[str], answer: dict[str, Any] | str) -> None:
    for name in names:
        if isinstance(answer, str):
            section.add(name, None, answer)
        else:
            section.add(name, answer[name]["rate"], answer[name]["note"])


def others(beside: Beside, whole: float, even: Sequence[str], train_seconds: float) -> Section:
    """Other analysers, each as it comes."""
    section = Section(f"Other analysers, posts of {PIECES} tokens", "posts/s")
    section.add("vigie", whole, "all heads, with entities")
    answer = beside.ask("obsei")
    rate, note = (None, answer) if isinstance(answer, str) else (answer["rate"], answer["note"])
    section.add("obsei 1.1, sentiment and intent", rate, note)
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        speed = process.submit(_understanding_textcat.measure, list(even), train_seconds).result()
    section.add("spaCy textcat, intent alone", speed.rate, speed.note)
    return section


def machine(beside: Beside, network: float) -> Section:
    """How far the network is from what the machine multiplies."""
    section = Section("Products of bytes by onnxruntime, millions of multiply-adds", "10^6/s")
    answer = beside.ask("products")
    if isinstance(answer, str):
        section.add("vigie", None, answer)
        return section
    each = answer["of_one_reading"]
    section.add("vigie, the network alone", network * each / 1e6, f"{each / 1e6:,.0f} million a post")
    rates: dict[str, float] = answer["rates"]
    for name, rate in sorted(rates.items(), key=lambda one: -one[1]):
        section.add(name, rate / 1e6)
    return section
