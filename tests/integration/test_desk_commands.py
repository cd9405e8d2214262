"""`vigie desk` and `vigie check` against a desk that speaks its vendor's HTTP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from cli.check import findings
from cli.desk import commands
from config.load import load_settings
from config.wiring import App
from domain.errors import BadInput, Misconfigured
from storage.database import Database
from storage.tables import CaseRow, DeskTicketRow
from tests.console import factories
from tests.fakes.desks import TOKEN, ZendeskServer
from tests.fakes.server import Fault

runner = CliRunner()


@dataclass
class Place:
    """A settings file, its database with a case in it, and the desk's server."""

    file: Path
    server: ZendeskServer
    case_id: int
    database: Database

    def __call__(self, *words: str) -> Result:
        return runner.invoke(commands, [*words, "--config", str(self.file)], catch_exceptions=False)

    def ticket(self) -> DeskTicketRow:
        with self.database.read() as session:
            return session.scalars(select(DeskTicketRow)).one()

    def checks(self) -> dict[str, Any]:
        app = App(load_settings(self.file, {"VIGIE_DESKS__ZENDESK__TOKEN": TOKEN}))
        return {found.what: found for found in findings(app) if found.what.startswith("desk ")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    with ZendeskServer(lambda: datetime.now(UTC)) as server:
        file = tmp_path / "vigie.toml"
        desk = f'[desks.zendesk]\non = true\nbase_url = "{server.base_url}"\nuser = "care@acme.example"\n'
        file.write_text(f'[brand]\nid = "hirondelle"\nname = "Hirondelle"\n{desk}', encoding="utf-8")
        monkeypatch.setenv("VIGIE_CONFIG", str(file))
        monkeypatch.setenv("VIGIE_DESKS__ZENDESK__TOKEN", TOKEN)
        app = App(load_settings(file))
        with app.database.begin() as session:
            case_id = factories.case(session, factories.post(session), state="open").id
        yield Place(file, server, case_id, app.database)
        app.close()


def test_an_exchange_makes_the_ticket_and_says_so(place: Place) -> None:
    done = json.loads(place("sync", "--json").stdout)
    assert [(one["desk"], one["opened"], one["errors"]) for one in done["desks"]] == [("zendesk", 1, [])]
    assert place.ticket().remote_id in place.server.tickets
    place.server.set_state(str(place.ticket().remote_id), "solved")
    again = json.loads(place("sync", "zendesk", "--json").stdout)
    assert again["desks"][0]["taken"] == 1
    with place.database.read() as session:
        assert session.get_one(CaseRow, place.case_id).state == "resolved"


def test_a_desk_that_cannot_be_used_is_said_with_exit_code_1(place: Place) -> None:
    place.server.every = Fault(status=401, body=b"{}")
    done = place("sync")
    assert done.exit_code == 1
    assert "refuses us (401)" in done.output
    assert TOKEN not in done.output
    place.server.every = None
    assert place.checks()["desk zendesk (hirondelle)"].state == "warning"


def test_check_says_whether_the_desk_knows_us(place: Place) -> None:
    assert place.checks()["desk zendesk (hirondelle)"].state == "ok"
    place.server.every = Fault(status=401, body=b"{}")
    assert place.checks()["desk zendesk (hirondelle)"].state == "broken"


def test_a_person_says_which_ticket_it_is_or_that_there_is_none(place: Place) -> None:
    place("sync")
    with place.database.begin() as session:
        row = session.scalars(select(DeskTicketRow)).one()
        row.remote_id, row.problem = None, "nobody knows"
    assert json.loads(place("list", "--json").stdout)["tickets"][0]["problem"] == "nobody knows"
    place("retry", str(place.case_id), "zendesk")
    assert (place.ticket().problem, place.ticket().pushed_at) == (None, None)
    place("link", str(place.case_id), "zendesk", "101")
    assert place.ticket().remote_id == "101"
    with pytest.raises(BadInput, match="has ticket 101"):
        place("link", str(place.case_id), "zendesk", "102")
    with pytest.raises(BadInput, match="never told"):
        place("retry", "999", "zendesk")
    with pytest.raises(Misconfigured, match="no such desk"):
        place("sync", "zammad")
