"""`vigie import`: files into the database. The same file again changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy.orm import Session

from cli.base import BrandOption, ConfigOption, JsonOption, application, messages, print_json, results, tell, warn
from config.wiring import App
from domain.errors import BadInput
from domain.post import Rejected
from listeners.files import (
    ItemReader,
    Read,
    RejectedFile,
    read_customers,
    read_interactions,
    read_orders,
    read_posts,
)
from listeners.records import about_rows
from routing.crm import import_customers, import_interactions, import_orders
from storage.brands import lock_brand
from storage.customer_file import Imported
from storage.posts import Stored, store_events

BATCH = 500
MANY = 2000  # customers in one transaction: what has not changed costs no more than a look-up
T = TypeVar("T")
Store = Callable[[Session, Sequence[Any]], Stored | Imported]

commands = typer.Typer(help="Files into the database (posts, customers, orders, interactions).", no_args_is_help=True)
FilesArgument = Annotated[list[Path], typer.Argument(help="JSONL, CSV or Parquet, each also .gz.", show_default=False)]


@commands.command()
def posts(
    files: FilesArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Public posts, with their edits and deletions."""
    app = application(config)
    owner = app.brand(brand)

    def store(session: Session, items: Sequence[Any]) -> Stored:
        lock_brand(session, owner.id)
        return store_events(session, owner.id, items, app.now())

    _import(app, files, read_posts, store, json)


@commands.command()
def customers(
    files: FilesArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """The customer file: who, where to reach them, what they allowed."""
    app = application(config)
    owner = app.brand(brand)
    _import(app, files, read_customers, lambda s, items: import_customers(s, owner, items, app.now()), json, MANY)


@commands.command()
def orders(
    files: FilesArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """What customers bought."""
    app = application(config)
    owner = app.brand(brand)
    _import(app, files, read_orders, lambda s, items: import_orders(s, owner, items), json)


@commands.command()
def interactions(
    files: FilesArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Past contacts over every channel."""
    app = application(config)
    owner = app.brand(brand)
    _import(app, files, read_interactions, lambda s, items: import_interactions(s, owner, items), json)


def load_file(
    app: App,
    path: Path,
    read: Callable[[Path], ItemReader[Any]],
    store: Store,
    advance: Callable[[int], None] | None = None,
    at_once: int = BATCH,
) -> dict[str, int]:
    """One file into the database, a transaction every `at_once` rows; rejected rows beside it. Returns counts.

    Cut off and run again it goes on: rows that are stored already cost a look-up.
    """
    reader = read(path)
    totals: dict[str, int] = {"rows": 0, "rejected": 0}
    with RejectedFile(path) as rejected:
        for batch in _batches(reader, at_once):
            good = [item.value for item in batch if isinstance(item, Read)]
            bad = [item for item in batch if isinstance(item, Rejected)]
            for item in bad:
                rejected.add(item)
            if good:
                with app.database.begin() as session:
                    done = asdict(store(session, good))
                for name, count in done.items():
                    totals[name] = totals.get(name, 0) + count
            totals["rows"] += len(batch)
            totals["rejected"] = rejected.count
            if advance is not None:
                advance(len(batch))
    if reader.unknown_columns:
        warn(f"{path}: no field for {', '.join(reader.unknown_columns)} (kept as attributes where rows have any)")
    return totals


def _import(
    app: App,
    files: Sequence[Path],
    read: Callable[[Path], ItemReader[Any]],
    store: Store,
    json: bool,
    at_once: int = BATCH,
) -> None:
    done = {}
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} rows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        for path in files:
            bar = progress.add_task(path.name, total=None if progress.disable else about_rows(path))
            advance = partial(progress.advance, bar)
            done[str(path)] = load_file(app, path, read, store, advance, at_once)
    for name, counts in done.items():
        if counts["rejected"]:
            tell(f"{name}: {counts['rejected']} of {counts['rows']} rows rejected, see {name}.rejected.jsonl")
    if json:
        print_json({"files": done})
    else:
        for name, counts in done.items():
            results.print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()), soft_wrap=True)
    empty = [name for name, counts in done.items() if counts["rows"] and counts["rows"] == counts["rejected"]]
    if empty:
        raise BadInput(f"{empty[0]}: no row of it could be used, see {empty[0]}.rejected.jsonl")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
