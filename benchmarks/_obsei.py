"""obsei 1.1 in an environment of its own, driven as its users do: by a YAML file and `obsei run`."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks._report import seconds

DEFAULT = Path(".cache/obsei")
WANTED = "obsei==1.1.*"
MISSING = "obsei: not installed, run with --obsei"

_CONFIG = """\
version: 1
store: {{path: {name}.duckdb, unencrypted: true}}
privacy: {{redact: {redact}}}
pipelines:
  - name: posts
    sources:
      - key: file
        type: jsonl
        config:
          path: {path}
          fields: {{text: text, id: id, created_at: created_at, author: author.handle, lang: lang, url: url}}
"""


def install(folder: Path) -> None:
    """Make the environment with pip, unless it is there."""
    if _program(folder).exists():
        return
    print(f"installing {WANTED} into {folder} …", file=sys.stderr)
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", WANTED], check=True)


def is_installed(folder: Path) -> bool:
    return _program(folder).exists()


def _program(folder: Path) -> Path:
    return folder / "bin" / "obsei"


class Runs:
    """Runs of one installation in one folder. What a run takes over no rows at all (its start) is taken off."""

    def __init__(self, folder: Path, place: Path) -> None:
        self._program, self._place = _program(folder.absolute()), place
        nothing = place / "nothing.jsonl"
        nothing.touch()
        self._start = min(self._run("nothing", nothing, redact=False) for _ in range(2))

    def rates(self, path: Path, rows: int, redact: bool) -> tuple[float, float]:
        """Rows a second of a JSON Lines file: into an empty store, and the same file again."""
        name = "redacted" if redact else "plain"
        new, again = (self._run(name, path, redact) - self._start for _ in range(2))
        return rows / new, rows / again

    def _run(self, name: str, path: Path, redact: bool) -> float:
        config = self._place / f"{name}.yaml"
        config.write_text(_CONFIG.format(name=name, redact=str(redact).lower(), path=path), encoding="utf-8")
        command = [str(self._program), "run", "--config", config.name]
        environment = {**os.environ, "OBSEI_PSEUDONYM_SALT": "a salt for a benchmark"}
        return seconds(
            lambda: subprocess.run(command, cwd=self._place, env=environment, check=True, capture_output=True)
        )
