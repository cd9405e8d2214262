"""Splink 5 and recordlinkage in an environment of their own; they are no part of Vigie."""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

DEFAULT = Path(".cache/splink")
WANTED = ("splink==5.*", "recordlinkage==0.16.*")
MISSING = "not measured: run with --splink"
_DRIVER = Path(__file__).with_name("_matching_splink_driver.py")


def install(folder: Path) -> None:
    """Make the environment with pip, unless it is there."""
    if is_installed(folder):
        return
    print(f"installing {' and '.join(WANTED)} into {folder} …", file=sys.stderr)
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *WANTED], check=True)


def is_installed(folder: Path) -> bool:
    """Whether both packages lie there."""
    return all(package(folder, name) is not None for name in ("splink", "recordlinkage"))


def package(folder: Path, name: str) -> Path | None:
    """Where a package of the environment lies."""
    return next(iter(folder.glob(f"lib/python3*/site-packages/{name}")), None)


def run(folder: Path, mode: str, place: Path) -> dict[str, Any]:
    """What the driver prints for one mode over the files of a place."""
    command = [str(folder.absolute() / "bin" / "python"), str(_DRIVER), mode, str(place)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"Splink failed: {done.stderr.strip().splitlines()[-1]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
