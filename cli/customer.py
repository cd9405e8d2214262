"""`vigie customer`: what is held of a person, his access file, his erasure."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from cli.base import BrandOption, ConfigOption, JsonOption, application, output, print_json, results, warn
from config.wiring import App
from domain.brand import Brand
from domain.errors import BadInput, Misconfigured
from routing.brief import brief as brief_of
from routing.brief import material_of
from routing.preferences import token_of
from storage import audit
from storage.after import resolutions_of, ruptures_of
from storage.customers import find_customer
from storage.history import history_of
from storage.merges import merge_customers, split_customers
from storage.people import erase_customer, everything_of
from storage.queue import brand_of_case, dossier
from storage.sources import told_by
from storage.tables import CustomerRow

commands = typer.Typer(help="A person: show, export, history, page, merge, split, erase.", no_args_is_help=True)
Said = Callable[[Session, str, str, str, str, datetime], None]
IdArgument = Annotated[str, typer.Argument(help="The customer's id in your own file.", show_default=False)]


@commands.command()
def show(
    customer_id: IdArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """What is held, in short; with --json each case has its brief too."""
    held = _held(customer_id, brand, config, "shown")
    if json:
        print_json(held | {"briefs": _briefs(application(config), [case["id"] for case in held["cases"]])})
        return
    person = held["customer"]
    results.print(f"{person['customer_id']}  {person['name']}  ({person['status']})", markup=False)
    for name, rows in held.items():
        if isinstance(rows, list):
            results.print(f"  {name.replace('_', ' ')}: {len(rows)}")


@commands.command()
def export(
    customer_id: IdArgument,
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of standard output.")] = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """Everything that is held, machine-readable: the file for a request of access (GDPR, article 15)."""
    held = _held(customer_id, brand, config, "exported")
    with output(out) as stream:
        json_text = json.dumps(held, ensure_ascii=False, indent=2, default=_plain)
        stream.write(json_text + "\n")


@commands.command()
def merge(
    kept: Annotated[str, typer.Argument(help="The record that speaks for the person from now on.", show_default=False)],
    merged: Annotated[str, typer.Argument(help="The other record of the same person.", show_default=False)],
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """Say that two records are one person. Neither is changed; `split` undoes it."""
    _say_of_both(merge_customers, kept, merged, brand, config)
    results.print(f"{merged} is the same person as {kept}", markup=False)


@commands.command()
def split(
    kept: Annotated[str, typer.Argument(help="The record that stays.", show_default=False)],
    merged: Annotated[str, typer.Argument(help="The record that is another person.", show_default=False)],
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """Undo a merge: these two records are two people."""
    _say_of_both(split_customers, kept, merged, brand, config)
    results.print(f"{merged} is another person than {kept}", markup=False)


@commands.command()
def history(
    customer_id: IdArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """What the record said before: names, addresses, status, each with its times."""
    app = application(config)
    owner = app.brand(brand)
    with app.database.begin() as session:
        row = _record(session, owner, customer_id)
        lines = history_of(session, row.id)
        audit.record(session, owner.id, "command line", "customer history shown", f"customer:{row.id}", app.now())
    if json:
        print_json({"customer_id": customer_id, "history": lines})
        return
    for line in lines:
        since, until = (f"{line[name]:%Y-%m-%d %H:%M}" if line[name] else "…" for name in ("since", "until"))
        results.print(f"{line['field']:<12} {since:>16} to {until:<16} {line['value']}", markup=False, soft_wrap=True)


@commands.command()
def page(customer_id: IdArgument, brand: BrandOption = None, config: ConfigOption = None) -> None:
    """The link to the page on which he says himself how he wants to be reached."""
    app = application(config)
    owner = app.brand(brand)
    address = app.preferences_url()
    if not address:
        raise Misconfigured("preferences.base_url is not set: the public address of the console")
    with app.database.begin() as session:
        row = _record(session, owner, customer_id)
        link = address + token_of(session, row, app.now())
        audit.record(session, owner.id, "command line", "preference page linked", f"customer:{row.id}", app.now())
    results.print(link, markup=False, soft_wrap=True)


@commands.command()
def erase(
    customer_id: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    brand: BrandOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Remove the person; counts stay. Prints a receipt."""
    app = application(config)
    owner = app.brand(brand)
    if not yes and not typer.confirm(f"Erase customer {customer_id} of brand {owner.id}?", err=True):
        raise typer.Abort
    with app.database.begin() as session:
        row = find_customer(session, owner.id, customer_id)
        sources = [] if row is None else told_by(session, row.id)
        receipt = erase_customer(session, owner.id, customer_id, "command line", app.now())
    if receipt is None:
        raise _unknown(customer_id, owner)
    if sources:
        warn(f"still told by {', '.join(sources)}: take him out there too, or the next reading brings him back")
    if json:
        print_json(receipt)
        return
    results.print(f"erased at {receipt['at']}, receipt {receipt['receipt']}", markup=False)
    for name, count in receipt["removed"].items():
        results.print(f"  {name.replace('_', ' ')}: {count}", markup=False)


def _briefs(app: App, numbers: Sequence[int]) -> dict[str, Any]:
    """What happened in each case, as facts with their sources."""
    told = {}
    with app.database.read() as session:
        for number in numbers:
            found = dossier(session, str(brand_of_case(session, number)), number)
            if found is not None:
                around = resolutions_of(session, number), ruptures_of(session, found.case)
                told[str(number)] = brief_of(material_of(found, *around), app.now()).as_dict()
    return told


def _held(customer_id: str, brand: str | None, config: Path | None, action: str) -> dict[str, Any]:
    app = application(config)
    owner = app.brand(brand)
    with app.database.begin() as session:
        held = everything_of(session, owner.id, customer_id, "command line", action, app.now())
    if held is None:
        raise _unknown(customer_id, owner)
    return held


def _say_of_both(say: Said, kept: str, merged: str, brand: str | None, config: Path | None) -> None:
    """Whether two records are one person or two."""
    app = application(config)
    owner = app.brand(brand)
    with app.database.begin() as session:
        say(session, owner.id, kept, merged, "command line", app.now())


def _record(session: Session, owner: Brand, customer_id: str) -> CustomerRow:
    row = find_customer(session, owner.id, customer_id)
    if row is None:
        raise _unknown(customer_id, owner)
    return row


def _unknown(customer_id: str, owner: Brand) -> BadInput:
    return BadInput(f"{customer_id}: no such customer of brand {owner.id}")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
