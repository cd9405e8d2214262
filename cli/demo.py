"""`vigie demo`: the sample brand through the real flows, into a folder of its own, then the console."""

import os
import shutil
import time
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from cli.base import JsonOption, application, print_json, results, tell
from cli.imports import load_file
from cli.run import STAGES, figures, funnel_table
from config.load import CONFIG_VARIABLE
from config.wiring import App
from demo.sample import OFFSET_VARIABLE, SAMPLE_NOW, settings_text
from domain.errors import Misconfigured
from listeners.files import read_customers, read_interactions, read_orders
from routing.crm import import_customers, import_interactions, import_orders

DEMO_USER, DEMO_PASSWORD = "demo@example.org", "hirondelle"


def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the table, without the console.")] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo lives.")] = Path(".vigie/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw an earlier demo away first.")] = False,
    json: JsonOption = False,
) -> None:
    """The sample brand Hirondelle: two weeks of public posts, 250 customers, the whole way to their mailboxes."""
    started = time.monotonic()
    app = _prepare(folder, fresh)
    _load(app)
    from flows.runner import run_once

    run_once(app, STAGES, tell)
    told = figures(app)
    seconds = round(time.monotonic() - started, 1)
    outbox = app.outbox_folder()
    letters = len(list(outbox.glob("*"))) if outbox.is_dir() else 0
    if json:
        print_json({"seconds": seconds, "outbox": str(outbox), "messages": letters, "brands": told})
    else:
        for brand_id, funnel in told.items():
            results.print(funnel_table(brand_id, funnel))
        results.print(f"{letters} messages lie in {outbox} (shadow mode: nothing was sent)", soft_wrap=True)
        results.print(f"done in {seconds} s")
    if not no_serve:
        _serve(app)


def _prepare(folder: Path, fresh: bool) -> App:
    """The demo's folder and settings; its clock stands at the sample's day, however late it is here."""
    if fresh and folder.is_dir():
        if not (folder / "vigie.toml").is_file():
            raise Misconfigured(f"{folder} is no demo folder: it is left as it is")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "vigie.toml"
    config.write_text(settings_text(), encoding="utf-8")
    os.environ[CONFIG_VARIABLE] = str(config.absolute())
    os.environ[OFFSET_VARIABLE] = str((SAMPLE_NOW - datetime.now(UTC)).total_seconds())
    return application(config)


def _load(app: App) -> None:
    """The customer file goes in by import; the posts are heard by the file listener, as in real life."""
    brand = app.brand()
    with resources.as_file(resources.files("demo")) as sample:
        load_file(
            app,
            _copy(sample, "customers.csv", app),
            read_customers,
            lambda s, i: import_customers(s, brand, i, app.now()),
        )
        load_file(app, _copy(sample, "orders.csv", app), read_orders, lambda s, i: import_orders(s, brand, i))
        load_file(
            app,
            _copy(sample, "interactions.jsonl", app),
            read_interactions,
            lambda s, i: import_interactions(s, brand, i),
        )
        for path in sorted((sample / "posts").glob("*.jsonl")):
            _copy(sample, f"posts/{path.name}", app)


def _copy(sample: Path, name: str, app: App) -> Path:
    """Into the demo's folder, where the reader may look at it, and where rejected rows would be written."""
    target = app.settings.path(f"sample/{name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or target.read_bytes() != (sample / name).read_bytes():
        shutil.copyfile(sample / name, target)
    return target


def _serve(app: App) -> None:
    from cli.console import serve
    from console.accounts import ensure_user

    ensure_user(app.database, DEMO_USER, "Démo", DEMO_PASSWORD, "admin", [app.brand().id], app.now())
    tell(f"sign in as {DEMO_USER} with the password {DEMO_PASSWORD}")
    serve(app)
