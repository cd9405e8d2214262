"""`vigie user`: who may use the console."""

import sys
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results, tell
from console.accounts import ensure_user
from domain.errors import BadInput
from storage import staff, users
from storage.cases import SYSTEM

commands = typer.Typer(help="Who may use the console.", no_args_is_help=True)
DAY = "%Y-%m-%d"
Email = Annotated[str, typer.Argument(help="The address to sign in with.")]


@commands.command()
def add(
    email: Email,
    role: Annotated[str, typer.Option(help="admin, agent or analyst.")] = "agent",
    name: Annotated[str, typer.Option(help="The name that others see; else the address up to the @.")] = "",
    brand: Annotated[list[str] | None, typer.Option("--brand", help="Where; again for several. Else all.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Add a user, or give one a new password, name and rights. A new password ends the user's sessions."""
    app = application(config)
    brands = brand or [each.id for each in app.settings.all_brands()]
    password = _password(password_stdin)
    ensure_user(app.database, email, name or email.split("@")[0], password, role, brands, app.now())
    tell(f"{users.normal_email(email)} may use the console as {role} of {', '.join(brands)}")


@commands.command("list")
def list_users(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every user, with rights."""
    app = application(config)
    with app.database.read() as session:
        found = users.all_users(session)
    rows = [
        {
            "email": user.email,
            "name": user.name,
            "rights": {right.brand_id: right.role for right in rights},
            "disabled_at": None if user.disabled_at is None else user.disabled_at.isoformat(),
        }
        for user, rights in found
    ]
    if json:
        print_json(rows)
        return
    table = Table("address", "name", "rights", "since")
    for user, rights in found:
        told = ", ".join(f"{right.brand_id}: {right.role}" for right in rights)
        table.add_row(user.email, user.name, told, "disabled" if user.disabled_at else f"{user.created_at:%Y-%m-%d}")
    results.print(table)


@commands.command()
def disable(email: Email, config: ConfigOption = None) -> None:
    """Shut a user out at once and end all sessions. `vigie user add` lets the user in again."""
    app = application(config)
    with app.database.begin() as session:
        users.disable_user(session, email, app.now())
    tell(f"{users.normal_email(email)} can no longer sign in")


@commands.command()
def away(
    email: Email,
    first: Annotated[datetime, typer.Option("--from", formats=[DAY], help="The first day away.")],
    last: Annotated[datetime, typer.Option("--until", formats=[DAY], help="The last day away.")],
    config: ConfigOption = None,
) -> None:
    """Note that a user is away, both days included: no case is given to her, and overdue ones go to others."""
    app = application(config)
    with app.database.begin() as session:
        row = staff.go_away(session, email, first.date(), last.date(), SYSTEM, app.now())
        told = f"{row.person} is away from {row.first_day} to {row.last_day}"
    tell(told)


@commands.command()
def back(
    email: Email,
    since: Annotated[datetime | None, typer.Option("--from", formats=[DAY], help="The first day back; today.")] = None,
    config: ConfigOption = None,
) -> None:
    """Note that a user is back: absences end the day before, later ones are taken out."""
    app = application(config)
    day = (since or app.now().astimezone(ZoneInfo(app.settings.all_brands()[0].timezone))).date()
    with app.database.begin() as session:
        changed = staff.come_back(session, email, day, SYSTEM, app.now())
    tell(f"{users.normal_email(email)} is there from {day} on ({changed} absences changed)")


def _password(from_stdin: bool) -> str:
    """Never from the command line, where others could read it."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise BadInput("no password on standard input")
        return password
    if not sys.stdin.isatty():
        raise BadInput("no terminal to ask for the password: use --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
