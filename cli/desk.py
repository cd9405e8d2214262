"""`vigie desk`: cases in outside desks (`docs/desks.md`)."""

from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.base import BrandOption, ConfigOption, JsonOption, application, print_json, results, tell
from config.wiring import App
from domain.errors import BadInput, Misconfigured
from routing.desks.sync import Synced, sync_desk
from storage import audit, desks
from storage.brands import lock_brand
from storage.tables import CaseRow, DeskTicketRow

commands = typer.Typer(help="Cases in outside desks: exchange, problems, links.", no_args_is_help=True)
ACTOR = "operator"
NameArgument = Annotated[str | None, typer.Argument(help="One desk; else all that are on.", show_default=False)]
CaseArgument = Annotated[int, typer.Argument(help="The number of the case.", show_default=False)]
DeskArgument = Annotated[str, typer.Argument(help="The desk, such as zendesk.", show_default=False)]


@commands.command()
def sync(name: NameArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Exchange now: new cases, states and comments, both ways."""
    app = application(config)
    wanted = [(brand.id, desk) for brand in app.settings.all_brands() for desk in app.desk_names(brand)]
    wanted = [(brand_id, desk) for brand_id, desk in wanted if name in (None, desk)]
    if not wanted:
        raise Misconfigured(f"{name or 'desk sync'}: no such desk is on; set [desks.NAME] on = true")
    done = {(brand_id, desk): _sync(app, brand_id, desk) for brand_id, desk in wanted}
    if json:
        print_json({"desks": [{"brand": brand, "desk": desk, **asdict(one)} for (brand, desk), one in done.items()]})
    else:
        _print(done)
    if any(one.errors for one in done.values()):
        raise typer.Exit(1)


@commands.command("list")
def problems(brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Tickets that a person has to look at."""
    app = application(config)
    with app.database.read() as session:
        found = [
            {"case": row.case_id, "desk": row.desk, "ticket": row.remote_id, "url": row.url, "problem": row.problem}
            for one in ([app.brand(brand)] if brand else app.settings.all_brands())
            for row in desks.problems(session, one.id)
        ]
    if json:
        print_json({"tickets": found})
        return
    table = Table("case", "desk", "ticket", "problem")
    for row in found:
        table.add_row(*(str(row[name] or "–") for name in ("case", "desk", "ticket", "problem")))
    results.print(table)


@commands.command()
def retry(case: CaseArgument, desk: DeskArgument, config: ConfigOption = None) -> None:
    """Try a ticket again now. Where nobody knew whether it was made, you say that it was not."""
    app = application(config)
    with app.database.begin() as session:
        row = _ticket(session, case, desk)
        desks.retry(session, row, ACTOR, app.now())
        audit.record(session, row.brand_id, ACTOR, "desk.retry", f"case:{case}", app.now(), {"desk": desk})
    tell(f"case {case} is tried again in {desk} by the next exchange")


@commands.command()
def link(
    case: CaseArgument,
    desk: DeskArgument,
    ticket: Annotated[str, typer.Argument(help="The number of the ticket there.", show_default=False)],
    config: ConfigOption = None,
) -> None:
    """Say which ticket a case has, where the desk was asked for one and nobody knows what came of it."""
    app = application(config)
    with app.database.begin() as session:
        row = _ticket(session, case, desk)
        if row.remote_id is not None:
            raise BadInput(f"case {case} has ticket {row.remote_id} in {desk}")
        if any(other.brand_id == row.brand_id for other in desks.named(session, desk, ticket)):
            raise BadInput(f"ticket {ticket} of {desk} belongs to another case")
        desks.adopt(session, row, ticket, None, ACTOR, app.now())
        audit.record(session, row.brand_id, ACTOR, "desk.link", f"case:{case}", app.now(), {"desk": desk})
    tell(f"case {case} is ticket {ticket} of {desk}")


def _sync(app: App, brand_id: str, name: str) -> Synced:
    try:
        desk = app.desk(name)
    except Misconfigured as error:
        return Synced(left=1, errors=(str(error),))
    work = app.settings.work
    with closing(desk):
        rules = app.desk_rules(name)
        return sync_desk(
            app.database, brand_id, desk, rules, app.now, batch=work.batch, lease_seconds=work.lease_seconds
        )


def _ticket(session: Session, case_id: int, desk: str) -> DeskTicketRow:
    case = session.get(CaseRow, case_id)
    if case is not None:
        lock_brand(session, case.brand_id)
    row = session.scalars(select(DeskTicketRow).filter_by(case_id=case_id, desk=desk)).one_or_none()
    if row is None:
        raise BadInput(f"case {case_id} was never told to {desk}")
    return row


def _print(done: dict[tuple[str, str], Synced]) -> None:
    columns: tuple[Any, ...] = ("opened", "told", "taken", "comments_in", "comments_out", "left", "problems")
    table = Table("desk", "brand", *(column.replace("_", " ") for column in columns))
    for (brand_id, name), one in done.items():
        table.add_row(name, brand_id, *(str(getattr(one, column)) for column in columns))
        for error in one.errors:
            tell(error)
    results.print(table)
