"""What every command shares: its options, the application, and how it speaks.

Standard output is for results (with `--json` one document and nothing else); everything that is said to
the operator goes to standard error.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console

from config.load import CONFIG_VARIABLE, load_settings
from config.settings import Settings
from config.wiring import App
from domain.errors import BadInput

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The settings file; else VIGIE_CONFIG, else ./vigie.toml.")
]
BrandOption = Annotated[str | None, typer.Option("--brand", help="Which brand, where there are several.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write here instead of standard output.")]

messages = Console(stderr=True, highlight=False)
results = Console(highlight=False)


def settings_in_force(config: Path | None) -> Settings:
    """The settings, and the environment set so that flows and child processes read the same."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    return load_settings(config, os.environ, _secret_block)


def application(config: Path | None) -> App:
    """The application of this command."""
    return App(settings_in_force(config))


def _secret_block(name: str) -> str:
    from flows.base import _secret_block as load  # Prefect costs a second; most commands never need it

    return load(name)


def tell(text: str) -> None:
    """A line to the operator."""
    messages.print(text, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """A warning line to the operator."""
    messages.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def print_json(document: Any, stream: TextIO | None = None) -> None:
    """The one document of `--json`, or the same into a file."""
    stream = stream or sys.stdout
    json.dump(document, stream, ensure_ascii=False, indent=2, default=str)
    stream.write("\n")


@contextmanager
def output(out: Path | None) -> Iterator[TextIO]:
    """Where result lines go: a file that appears when it is whole, or standard output."""
    if out is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            yield stream
        part.replace(out)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def moment_of(since: str | None) -> datetime | None:
    """Of an option `--since`; a date without a zone is one of UTC."""
    if since is None:
        return None
    try:
        told = datetime.fromisoformat(since)
    except ValueError as error:
        raise BadInput(f"--since {since!r} is no date: write 2026-11-01 or 2026-11-01T08:00:00+01:00") from error
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def require(path: Path) -> None:
    """Refuse a file that is not there."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
