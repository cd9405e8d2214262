"""Commands over files, without a database that stays: `classify`, `match`, `decide`."""

import json as json_lib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.base import BrandOption, ConfigOption, OutOption, output, require, settings_in_force, tell
from cli.imports import load_file
from config.settings import DatabaseSettings, Settings
from config.wiring import App
from domain.errors import BadInput
from domain.post import Delete, Post, Rejected, Upsert
from listeners.files import Read, RejectedFile, read_customers, read_interactions, read_orders, read_posts
from models.reader import load_reader
from routing.crm import import_customers, import_interactions, import_orders
from routing.decide import decide as decide_one
from routing.preview import match_posts
from routing.situations import parse_situation

BATCH = 256
FileArgument = Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet, each also .gz.", show_default=False)]


def classify(
    file: FileArgument,
    out: OutOption = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="The folder of another reading model of Vigie's kind.")
    ] = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """Posts in, one reading a line out; no database."""
    app = App(settings_in_force(config))
    owner = app.brand(brand)
    reader = load_reader(model) if model is not None else app.reader

    def lines(posts: Iterator[Post]) -> Iterator[dict[str, Any]]:
        while batch := list(islice(posts, BATCH)):
            for post, reading in zip(batch, reader.read([post.text for post in batch], owner), strict=True):
                yield {"network": post.network, "id": post.id, **reading.as_dict()}

    _over_posts(file, out, lines)


def match(
    file: FileArgument,
    customers: Annotated[Path, typer.Option("--customers", help="The customer file.", show_default=False)],
    orders: Annotated[Path | None, typer.Option("--orders", help="Their orders.")] = None,
    interactions: Annotated[Path | None, typer.Option("--interactions", help="Their past contacts.")] = None,
    out: OutOption = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """Posts in, one decision a line out: who spoke, with what proof. No database is left behind."""
    settings = settings_in_force(config)
    for path in filter(None, (file, customers, orders, interactions)):
        require(path)
    with tempfile.TemporaryDirectory(prefix="vigie-match-") as folder:
        app = App(_in_folder(settings, folder))
        owner = app.brand(brand)
        _load(app, customers, read_customers, lambda s, items: import_customers(s, owner, items, app.now()))
        if orders is not None:
            _load(app, orders, read_orders, lambda s, items: import_orders(s, owner, items))
        if interactions is not None:
            _load(app, interactions, read_interactions, lambda s, items: import_interactions(s, owner, items))

        def lines(posts: Iterator[Post]) -> Iterator[dict[str, Any]]:
            with app.database.begin() as session:
                for post, decision in match_posts(session, owner, list(posts), app.match_context(owner)):
                    yield {"network": post.network, "id": post.id, **decision.as_dict()}

        _over_posts(file, out, lines)
        app.database.close()


def decide(file: FileArgument, out: OutOption = None, brand: BrandOption = None, config: ConfigOption = None) -> None:
    """Channel decisions for situations given as JSON Lines, with reasons."""
    app = App(settings_in_force(config))
    policy = app.contact_policy(app.brand(brand))
    require(file)

    def lines(rejected: RejectedFile) -> Iterator[dict[str, Any]]:
        for number, raw in enumerate(file.read_bytes().splitlines(), start=1):
            try:
                if raw.strip():
                    yield decide_one(parse_situation(_row(raw)), policy).as_dict()
            except BadInput as error:
                text = raw.decode("utf-8", "backslashreplace")
                rejected.add(Rejected("", f"line {number}: {error}", text, number))

    _write(file, out, lines)


def _row(raw: bytes) -> dict[str, Any]:
    try:
        row = json_lib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInput("is no JSON") from error
    if not isinstance(row, dict):
        raise BadInput("is no JSON object")
    return row


def _over_posts(file: Path, out: Path | None, lines: Callable[[Iterator[Post]], Iterable[dict[str, Any]]]) -> None:
    """Run over the posts of a file as they stand at its end: edits folded, deletions left out."""
    reader = read_posts(file)

    def all_lines(rejected: RejectedFile) -> Iterable[dict[str, Any]]:
        return lines(_last_versions(reader, rejected))

    _write(file, out, all_lines)


def _last_versions(items: Iterable[Read[Upsert | Delete] | Rejected], rejected: RejectedFile) -> Iterator[Post]:
    latest: dict[tuple[str, str], Post | None] = {}
    for item in items:
        if isinstance(item, Rejected):
            rejected.add(item)
        elif isinstance(item.value, Delete):
            latest[item.value.network, item.value.id] = None
        else:
            _fold(latest, item.value.post)
    yield from (post for post in latest.values() if post is not None)


def _fold(latest: dict[tuple[str, str], Post | None], post: Post) -> None:
    key = (post.network, post.id)
    known = latest.get(key, post)
    if known is None:
        return
    older = known.edited_at is not None and (post.edited_at is None or post.edited_at < known.edited_at)
    latest[key] = known if older else post


def _write(file: Path, out: Path | None, lines: Callable[[RejectedFile], Iterable[dict[str, Any]]]) -> None:
    count = 0
    with RejectedFile(file) as rejected, output(out) as stream:
        for line in lines(rejected):
            stream.write(json_lib.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    if rejected.count:
        tell(f"{file}: {rejected.count} rows rejected, see {rejected.path}")
    if out is not None:
        tell(f"{out}: {count} lines")
    if rejected.count and not count:
        raise BadInput(f"{file}: no row of it could be used, see {rejected.path}")
    sys.stdout.flush()


def _load(app: App, path: Path, read: Any, store: Any) -> None:
    counts = load_file(app, path, read, store)
    if counts["rejected"]:
        tell(f"{path}: {counts['rejected']} rows rejected, see {path}.rejected.jsonl")


def _in_folder(settings: Settings, folder: str) -> Settings:
    database = DatabaseSettings(url=f"sqlite:///{folder}/match.db", busy_seconds=settings.database.busy_seconds)
    return settings.model_copy(update={"database": database})
