"""`vigie replay`: history against other rules. It opens the database for reading only."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from cli.base import BrandOption, JsonOption, _secret_block, moment_of, print_json, require, results, tell, warn
from config.load import CONFIG_VARIABLE, load_settings
from config.settings import Settings
from config.wiring import App
from domain.brand import Brand
from domain.errors import BadInput, Misconfigured
from routing.replay import KINDS, Change, Replayed, ReplayRules, Runs
from routing.replay import replay as replay_history
from storage.database import Database, head_revision
from storage.readonly import reading_only

NAMED = 10
MONTH = timedelta(days=30)
Plain = dict[str, Any]


def replay(
    config: Annotated[Path, typer.Option("--config", help="The settings file with the other rules.")],
    since: Annotated[
        str | None, typer.Option("--since", help="From this day or time on (ISO 8601); else the last 30 days.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Compare with this file; else with the settings in force.")
    ] = None,
    named: Annotated[int, typer.Option("--named", min=0, help="How many cases to name of each difference.")] = NAMED,
    brand: BrandOption = None,
    json: JsonOption = False,
) -> None:
    """What other rules would have done: severity, priority, team, channel, playbooks. Writes nothing."""
    require(config)
    old, new = App(_settings(against)), App(_settings(config))
    now = old.now()
    start = moment_of(since) or now - MONTH
    if start > now:
        raise BadInput(f"--since {since}: that is yet to come")
    told: Plain = {}
    with _opened(old.settings, new.settings) as database:
        for owner in [old.brand(brand)] if brand else old.settings.all_brands():
            if owner.id not in {one.id for one in new.settings.all_brands()}:
                warn(f"brand {owner.id} is not in {config}: left out")
                continue
            with reading_only(database) as session:
                both = _rules(old, owner), _rules(new, new.brand(owner.id))
                found = replay_history(session, owner.id, *both, start, now, _counted)
            told[owner.id] = as_plain(found, named)
    if json:
        times = {"since": _iso(start), "until": _iso(now)}
        print_json({**times, "config": str(config), "brands": told})
        return
    for brand_id, found_of in told.items():
        for table in _tables(brand_id, found_of):
            results.print(table)


def as_plain(found: Replayed, named: int) -> Plain:
    """What would differ, as plain data; at most `named` cases of each difference."""
    changes = {kind: _changes(found.changes[kind], named) for kind in KINDS}
    names = sorted(found.before.keys() | found.after.keys())
    books = {name: _book(found.before.get(name), found.after.get(name), named) for name in names}
    sizes = sorted(found.segments_before.keys() | found.segments_after.keys())
    segments = {
        name: {"before": found.segments_before.get(name), "after": found.segments_after.get(name)} for name in sizes
    }
    return {
        "cases": found.cases,
        "decisions": found.decisions,
        "differences": sum(one["count"] for one in changes.values())
        + sum(one["added"] + one["dropped"] for one in books.values()),
        "changes": changes,
        "playbooks": books,
        "segments": segments,
    }


def _changes(changes: list[Change], named: int) -> Plain:
    kinds: dict[str, int] = {}
    for change in changes:
        if isinstance(change.before, int) and isinstance(change.after, int):
            way = "up" if change.after > change.before else "down"
        else:
            way = f"{change.before} → {change.after}"
        kinds[way] = kinds.get(way, 0) + 1
    cases = [{"case": f"V{one.case_id}", "before": one.before, "after": one.after} for one in changes[:named]]
    return {"count": len(changes), "by": dict(sorted(kinds.items(), key=lambda item: -item[1])), "cases": cases}


def _book(before: Runs | None, after: Runs | None, named: int) -> Plain:
    had, has = (set(one.runs) if one else set() for one in (before, after))
    added, dropped = sorted(has - had), sorted(had - has)
    return {
        "before": _runs(before),
        "after": _runs(after),
        "added": len(added),
        "dropped": len(dropped),
        "cases_added": [f"V{case}" for case in dict.fromkeys(case for case, _ in added)][:named],
        "cases_dropped": [f"V{case}" for case in dict.fromkeys(case for case, _ in dropped)][:named],
    }


def _runs(runs: Runs | None) -> Plain | None:
    return None if runs is None else {"version": runs.mark, "dry_run": runs.dry_run, "runs": len(runs.runs)}


def _rules(app: App, brand: Brand) -> ReplayRules:
    return ReplayRules(
        intake=app.intake_rules(),
        contact=app.contact_rules(brand),
        contact_on=app.settings.contact.enabled,
        complaint=app.settings.reading.complaint_threshold,
        playbooks=app.play_rules(brand).playbooks,
        segments=app.segments(),
    )


def _settings(file: Path | None) -> Settings:
    return load_settings(file, os.environ, _secret_block)


@contextmanager
def _opened(old: Settings, new: Settings) -> Iterator[Database]:
    """The database of the settings in force; where these have none yet, that of the other file. Never made."""
    in_force = CONFIG_VARIABLE in os.environ or Path("vigie.toml").is_file() or _is_there(old)
    settings = old if in_force else new
    if not _is_there(settings):
        raise Misconfigured("there is no database to replay: run `vigie run` first, or set VIGIE_DATABASE_URL")
    database = Database(settings.database_url(), settings.database.busy_seconds)
    try:
        if database.revision() != head_revision():
            raise Misconfigured("the database is of another version of vigie: run `vigie check` first")
        yield database
    finally:
        database.close()


def _is_there(settings: Settings) -> bool:
    """Whether the database is a server, or a file that exists."""
    try:
        url = make_url(settings.database_url())
    except ArgumentError:
        return True  # opening it says what is wrong
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _counted(cases: int) -> None:
    tell(f"{cases} cases …")


def _tables(brand_id: str, told: Mapping[str, Any]) -> Iterator[Table]:
    title = f"Brand {brand_id}: {told['cases']} cases, {told['decisions']} decisions looked at"
    table = Table("would differ", "cases", "how", "for instance", title=title, title_justify="left")
    for kind, found in told["changes"].items():
        how = "\n".join(f"{way}: {count}" for way, count in found["by"].items())
        table.add_row(kind, str(found["count"]), how or "–", ", ".join(one["case"] for one in found["cases"]) or "–")
    yield table
    if told["playbooks"]:
        books = Table("playbook", "runs before", "runs after", "added", "dropped", "for instance")
        for name, book in told["playbooks"].items():
            cases = ", ".join(book["cases_added"] + book["cases_dropped"]) or "–"
            runs = (_spoken(book[key]) for key in ("before", "after"))
            books.add_row(name, *runs, str(book["added"]), str(book["dropped"]), cases)
        yield books
    if told["segments"]:
        sizes = Table("segment", "customers before", "customers after")
        for name, size in told["segments"].items():
            sizes.add_row(name, *("–" if size[key] is None else str(size[key]) for key in ("before", "after")))
        yield sizes


def _spoken(runs: Plain | None) -> str:
    return "–" if runs is None else f"{runs['runs']}{' (dry run)' if runs['dry_run'] else ''}"
