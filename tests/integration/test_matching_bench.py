"""The bench of matching runs on both databases, on the program's own import and matcher."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(place: Path, *arguments: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.matching",
        "--customers",
        "600",
        "--posts",
        "120",
        "--json",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)["parts"][0]
    return told


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_a_world_is_matched_and_judged(kind: str, tmp_path: Path) -> None:
    told = run(tmp_path, "--world", "natural", "--database", kind)
    assert told["posts"] == 120
    assert told["grades"]["declared"]["links"] > 0
    assert told["grades"]["declared"]["wrong"] == 0


def test_speed_is_measured_and_what_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    told = run(tmp_path, "--speed")
    assert 0 < told["times"]["p50"] <= told["times"]["p95"] <= told["times"]["p99"]
    assert told["erasure_visible_ms"] > 0
    assert told["splink"].startswith("not measured: ")


def test_febrl_needs_its_environment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.matching", "--febrl"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run with --splink" in done.stderr
    assert "Traceback" not in done.stderr
