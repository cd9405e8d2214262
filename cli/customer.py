"""`vigie customer`: what is held of a person, his access file, his erasure."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.base import BrandOption, ConfigOption, JsonOption, application, output, print_json, results
from domain.errors import BadInput
from storage.people import erase_customer, everything_of

commands = typer.Typer(help="What is held of a person: show, export, erase.", no_args_is_help=True)
IdArgument = Annotated[str, typer.Argument(help="The customer's id in your own file.", show_default=False)]


@commands.command()
def show(
    customer_id: IdArgument, brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """What is held, in short."""
    held = _held(customer_id, brand, config, "shown")
    if json:
        print_json(held)
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
        receipt = erase_customer(session, owner.id, customer_id, "command line", app.now())
    if receipt is None:
        raise BadInput(f"{customer_id}: no such customer of brand {owner.id}")
    if json:
        print_json(receipt)
        return
    results.print(f"erased at {receipt['at']}, receipt {receipt['receipt']}", markup=False)
    for name, count in receipt["removed"].items():
        results.print(f"  {name.replace('_', ' ')}: {count}", markup=False)


def _held(customer_id: str, brand: str | None, config: Path | None, action: str) -> dict[str, Any]:
    app = application(config)
    owner = app.brand(brand)
    with app.database.begin() as session:
        held = everything_of(session, owner.id, customer_id, "command line", action, app.now())
    if held is None:
        raise BadInput(f"{customer_id}: no such customer of brand {owner.id}")
    return held


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
