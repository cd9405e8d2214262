"""`vigie train`: a new reading model from labelled files, and its card."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from cli.base import require, tell
from domain.errors import BadInput, Misconfigured

EPOCHS = 2
THREADS = 2


def train(
    data: Annotated[
        Path, typer.Option("--data", help="Folder with train/, evaluate/, pairs/ and french/.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the weights and their card.", show_default=False)],
    rows: Annotated[
        list[Path] | None,
        typer.Option("--rows", help="Labelled texts of your own to learn from too, JSON Lines; may be given again."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How often every row is shown.")] = EPOCHS,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Processor threads.")] = THREADS,
) -> None:
    """Train a reading model; takes hours, and goes on where it was stopped. Needs `pip install "vigie[train]"`."""
    if not data.is_dir():
        raise BadInput(f"{data}: no such folder")
    for path in rows or ():
        require(path)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin stand in each other's way on a busy machine
    try:
        from models.training.run import run  # torch reads the setting when it is loaded
    except ImportError as error:
        raise Misconfigured(f'training needs {error.name}: pip install "vigie[train]"') from error
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run(data, out, epochs, threads, extra=tuple(rows or ()))
    tell(f"{out}: weights and card")
