"""`vigie playbooks` and `vigie segments`: what the rules are, what they did or would have done, whom they hold."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cli.base import BrandOption, ConfigOption, JsonOption, application, print_json, results, tell
from config.wiring import App
from domain.case import OPEN_STATES
from routing.playbooks import Playbook
from storage.playbooks import Tally, recent_cases, segment_sizes, tallies
from storage.tables import CaseRow, CustomerSegmentRow

NAMED = 5  # cases
Plain = dict[str, Any]
Tallies = dict[tuple[str, bool], Tally]


def playbooks(
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="Count the runs of so many days.")] = 30,
    brand: BrandOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The playbooks in their order, and what each did, or would have done, in the last days."""
    app = application(config)
    brands = [app.brand(brand)] if brand else app.settings.all_brands()
    with app.database.read() as session:
        told = {one.id: _books(app, session, one.id, days) for one in brands}
    if json:
        print_json({"days": days, "brands": told})
        return
    for brand_id, books in told.items():
        results.print(_books_table(brand_id, books, days))
    if not app.settings.playbooks:
        tell("there are no [[playbooks]] in the settings; docs/playbooks.md shows some")


def segments(brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """How many customers each segment holds, and how many cases they have; kept up by `vigie run learn`."""
    app = application(config)
    brands = [app.brand(brand)] if brand else app.settings.all_brands()
    with app.database.read() as session:
        told = {one.id: _segments(app, session, one.id) for one in brands}
    if json:
        print_json({"brands": told})
        return
    for brand_id, found in told.items():
        table = Table(
            "segment", "customers", "cases in 30 days", "open", title=f"Brand {brand_id}", title_justify="left"
        )
        for one in found:
            note = "" if one["in_settings"] else " (no longer in the settings)"
            table.add_row(one["name"] + note, *(str(one[key]) for key in ("customers", "cases", "open")))
        results.print(table)
    if not app.settings.segments:
        tell("there are no [[segments]] in the settings; docs/playbooks.md shows some")


def _books(app: App, session: Session, brand_id: str, days: int) -> list[Plain]:
    found = {(one.playbook, one.dry_run): one for one in tallies(session, brand_id, app.now() - timedelta(days=days))}
    books = [section.playbook() for section in app.settings.playbooks]
    gone = {name for name, _ in found} - {book.name for book in books}
    return [_book(session, brand_id, book.name, book, found) for book in books] + [
        _book(session, brand_id, name, None, found) for name in sorted(gone)
    ]


def _book(session: Session, brand_id: str, name: str, book: Playbook | None, found: Tallies) -> Plain:
    told: Plain = {"name": name, "version": None, "dry_run": None, "then": []}
    if book is not None:
        told |= {"version": book.mark, "dry_run": book.dry_run, "then": [act.as_dict() for act in book.then]}
    for key, dry in (("did", False), ("would_have_done", True)):
        tally = found.get((name, dry))
        cases = recent_cases(session, brand_id, name, dry, NAMED) if tally else []
        last = tally.last_at.isoformat().replace("+00:00", "Z") if tally else None
        told[key] = {"runs": tally.runs if tally else 0, "last_at": last, "cases": [f"V{case}" for case in cases]}
    return told


def _books_table(brand_id: str, books: list[Plain], days: int) -> Table:
    title = f"Playbooks, brand {brand_id}, runs of {days} days"
    table = Table("playbook", "version", "", "then", "did", "would have", "cases", title=title, title_justify="left")
    for book in books:
        then = "; ".join(spoken(act) for act in book["then"]) or "–"
        state = {None: "not in the settings", True: "dry run", False: "live"}[book["dry_run"]]
        cases = book["did"]["cases"] or book["would_have_done"]["cases"]
        counts = (str(book[key]["runs"]) for key in ("did", "would_have_done"))
        table.add_row(book["name"], book["version"] or "–", state, then, *counts, ", ".join(cases) or "–")
    return table


def spoken(act: Plain) -> str:
    """An action in a few words."""
    return " ".join(str(part) for part in (act["act"], act.get("to"), _hours(act.get("hours"))) if part)


def _hours(hours: float | None) -> str:
    return f"{hours:g} h" if hours else ""


def _segments(app: App, session: Session, brand_id: str) -> list[Plain]:
    sizes, kept = segment_sizes(session, brand_id), [segment.name for segment in app.segments()]
    cases = _case_counts(session, brand_id, app)
    names = [*kept, *sorted(sizes.keys() - set(kept))]
    return [
        {"name": name, "in_settings": name in kept, "customers": sizes.get(name, 0)}
        | dict(zip(("cases", "open"), cases.get(name, (0, 0)), strict=True))
        for name in names
    ]


def _case_counts(session: Session, brand_id: str, app: App) -> dict[str, tuple[int, int]]:
    """By segment, the cases opened in 30 days and the open ones."""
    member, case = CustomerSegmentRow, CaseRow
    recent = func.count().filter(case.opened_at > app.now() - timedelta(days=30))
    still = func.count().filter(case.state.in_(OPEN_STATES))
    query = select(member.segment, recent, still).join(case, case.customer_key == member.customer_key)
    found = session.execute(query.where(member.brand_id == brand_id, case.state != "merged").group_by(member.segment))
    return {name: (int(lately), int(now_open)) for name, lately, now_open in found}
