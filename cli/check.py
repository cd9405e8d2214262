"""`vigie check`: what works, what does not, and how to mend it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer
from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results
from config.wiring import App
from domain.errors import VigieError
from listeners.base import find_listeners
from routing.channels.base import find_channels
from storage.database import head_revision
from storage.posts import load_cursor


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check: `state` is ok, off, warning or broken; `mend` says what to do."""

    what: str
    state: str
    detail: str
    mend: str = ""


def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Settings, database, models, listeners and channels; exit code 1 if anything is broken."""
    app = application(config)
    found = list(findings(app))
    if json:
        print_json({"checks": [asdict(finding) for finding in found]})
    else:
        table = Table("what", "state", "detail", "how to mend it")
        for finding in found:
            table.add_row(finding.what, finding.state, finding.detail, finding.mend)
        results.print(table)
    if any(finding.state == "broken" for finding in found):
        raise typer.Exit(1)


def findings(app: App) -> Iterator[Finding]:
    """Everything that can be looked at without changing anything outside."""
    brands = ", ".join(
        f"{brand.id} ({brand.name or 'no name: hears everything'})" for brand in app.settings.all_brands()
    )
    yield Finding("settings", "ok", brands)
    yield _try(
        "database", lambda: f"{app.database.engine.dialect.name}, schema {app.database.revision()} of {head_revision()}"
    )
    yield _try("reading model", lambda: app.reader.name)
    yield _try("listener files", lambda: ", ".join(sorted(find_listeners())))
    yield _try("channel files", lambda: ", ".join(sorted(find_channels())))
    yield from _sources(app)
    yield from _channels(app)


def _try(what: str, look: Callable[[], Any], mend: str = "") -> Finding:
    try:
        return Finding(what, "ok", str(look()))
    except VigieError as error:
        return Finding(what, "broken", " ".join(str(error).split()), mend)


def _sources(app: App) -> Iterator[Finding]:
    try:
        sources = list(app.sources())
    except VigieError as error:
        yield Finding("listeners", "broken", str(error), "mend [listeners] in the settings")
        return
    if not sources:
        yield Finding(
            "listeners", "off", "none in the settings", "vigie import posts FILE, or [listeners] in vigie.toml"
        )
    for source in sources:
        yield _source(app, source.name, source.query)


def _source(app: App, name: str, query: str) -> Finding:
    what = f"listener {name} {query}"
    with app.database.read() as session:
        rows = [load_cursor(session, brand.id, name, query) for brand in app.settings.all_brands()]
    paused = [row.paused for row in rows if row is not None and row.paused]
    if paused:
        return Finding(what, "warning", f"paused: {paused[0]}", "mend its access; it is tried again every hour")
    moved = [row.moved_at for row in rows if row is not None]
    return Finding(what, "ok", f"last heard {max(moved):%Y-%m-%d %H:%M} UTC" if moved else "has not run yet")


def _channels(app: App) -> Iterator[Finding]:
    try:
        carriers = app.carriers()
    except VigieError as error:
        yield Finding("channels", "broken", str(error), "mend [channels] in the settings")
        return
    for name, channel in carriers.switched_on.items():
        yield _try(f"channel {name}", lambda channel=channel: channel.check() or "answers")  # type: ignore[misc]
    detail = f"messages are written to {app.outbox_folder()}"
    yield Finding(
        "shadow mode", "ok" if carriers.switched_on else "off", detail, "channels.email.on = true sends real mail"
    )
