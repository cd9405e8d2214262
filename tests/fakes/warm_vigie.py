"""The command `vigie`, a process of its own each time, forked from one that has imported everything.

Starting Python and importing takes seconds, running most commands does not. What a start itself does is
tested with a real one.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


class WarmVigie:
    """The parent of all commands."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.warm_vigie"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=plain_environment(),
        )  # fmt: skip

    def __call__(self, folder: Path, *arguments: str, **variables: str) -> Done:
        """Run it in a folder, with these environment variables besides."""
        files = [folder / ".out.txt", folder / ".err.txt"]
        order = {
            "folder": str(folder),
            "arguments": arguments,
            "variables": variables,
            "files": [str(f) for f in files],
        }
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(json.dumps(order), file=self._parent.stdin, flush=True)
        code = int(self._parent.stdout.readline())
        out, err = (file.read_text(encoding="utf-8") for file in files)
        return Done(code, out, err)

    def close(self) -> None:
        self._parent.communicate()


def cold(folder: Path, *arguments: str, **variables: str) -> Done:
    """The same from a cold start, as a user does it."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    ran = subprocess.run(
        command,
        cwd=folder,
        env=plain_environment() | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(ran.returncode, ran.stdout, ran.stderr)


def plain_environment() -> dict[str, str]:
    told = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    return told | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", "NO_COLOR": "1", "COLUMNS": "200"}


def serve() -> None:
    """Fork a child for each line of orders; tell how it ended."""
    from cli.main import main

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line), main)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _become(order: Mapping[str, Any], main: Any) -> None:
    code = 1
    try:
        for number, name in enumerate(order["files"], 1):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])
        os.environ |= order["variables"]
        sys.argv = ["vigie", *order["arguments"]]
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
