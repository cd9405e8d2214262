"""`vigie sync`: the customer file brought up to date from its sources."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.base import ConfigOption, JsonOption, application, messages, print_json, results, tell
from config.wiring import App
from domain.brand import Brand
from domain.errors import Misconfigured, VigieError
from routing.syncing import Synced, sync_source

NameArgument = Annotated[str | None, typer.Argument(help="One source; else all of them.", show_default=False)]
COUNTS = ("rows", "new", "changed", "same", "rejected", "gone", "back")


def sync(name: NameArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read the sources of the customer file: what is new or changed is stored, what is gone is marked."""
    app = application(config)
    wanted = [(brand, source) for brand in app.settings.all_brands() for source in app.customer_sources(brand)]
    if name is not None:
        wanted = [(brand, source) for brand, source in wanted if source == name]
    if not wanted:
        raise Misconfigured(f"{name or 'sync'}: no such source; sources are tables [customers.sources.NAME]")
    done: dict[str, Synced] = {}
    failed: list[VigieError] = []
    for brand, source in wanted:
        try:
            done[source] = _read(app, brand, source)
        except VigieError as error:
            failed.append(error)
            tell(f"{source}: {error}")
    _print(done, json)
    if failed:
        raise failed[0] if len(wanted) == 1 else typer.Exit(1)


def _read(app: App, brand: Brand, name: str) -> Synced:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} rows"),
        TimeElapsedColumn(),
    )
    with (
        Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as bar,
        app.customer_source(name) as source,
    ):
        task = bar.add_task(name, total=None)

        def advance(rows: int, waiting: int | None) -> None:
            bar.advance(task, rows)
            if waiting is not None:
                bar.update(task, total=bar.tasks[0].completed + waiting)

        return sync_source(app.database, brand, name, source, app.now, advance)


def _print(done: dict[str, Synced], json: bool) -> None:
    if json:
        print_json({"sources": {name: asdict(one) for name, one in done.items()}})
        return
    for name, one in done.items():
        counts = ", ".join(f"{getattr(one, count)} {count}" for count in COUNTS)
        results.print(f"{name}: {counts}" + (" (read whole)" if one.whole else ""), soft_wrap=True, markup=False)
        for reason in one.reasons:
            tell(f"  {name}: not taken: {reason}")
