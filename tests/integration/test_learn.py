"""`vigie grade`, `vigie status`, `vigie check` and the flow `learn` over one database."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.check import findings
from cli.main import vigie
from config.load import load_settings
from config.wiring import App
from domain.errors import BadInput, Misconfigured
from flows import learn, route
from routing.matching import shift
from storage.tables import AuditRow, IdentityRow
from tests.console import factories

RUNNER = CliRunner()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    (tmp_path / "vigie.toml").write_text('[brand]\nid = "hirondelle"\n[matching.audit]\nlink_rate = 1.0\n')
    opened = App(load_settings(tmp_path / "vigie.toml", {}))
    yield opened
    opened.close()


def command(app: App, *words: str) -> Any:
    config = str(app.settings.path("vigie.toml"))
    return RUNNER.invoke(vigie, [*words, "--config", config], catch_exceptions=False)


def grade(app: App, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(app, "grade", "show", "--json").stdout)
    return dict(found["brands"]["hirondelle"][name])


def test_an_operator_lets_a_grade_act_with_a_reason(app: App) -> None:
    assert (grade(app, "stated")["acts"], grade(app, "stated")["state"]) == (False, "shadow")
    command(app, "grade", "set", "stated", "acting", "--why", "rehearsed on last year's posts")
    assert "rehearsed" in grade(app, "stated")["why"]
    assert grade(app, "stated")["acts"]
    with app.database.read() as session:
        assert session.query(AuditRow).filter_by(action="grade acting").count() == 1
    command(app, "grade", "set", "stated", "suspended", "--why", "a wrong letter went out")
    checks = {finding.what: finding for finding in findings(app)}
    assert checks["grade stated (hirondelle)"].state == "warning"
    assert checks["grade declared (hirondelle)"].state == "off"
    assert checks["grade authenticated (hirondelle)"].state == "ok"
    told = json.loads(command(app, "status", "--json").stdout)["grades"]["hirondelle"]["stated"]
    assert told["why"] == "a wrong letter went out"
    assert "suspended" in command(app, "status").stdout


@pytest.mark.parametrize(
    "words", [("suggested", "acting", "--why", "x"), ("stated", "on", "--why", "x"), ("stated", "acting", "--why", " ")]
)
def test_what_makes_no_sense_is_one_line(app: App, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput):
        command(app, "grade", "set", *words)


def test_acting_from_the_start_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "vigie.toml"
    file.write_text('[matching]\nstart = "acting"\n')
    with pytest.raises(Misconfigured, match="start_reason"):
        load_settings(file, {})


def test_the_flow_route_dates_accounts_and_suspends_what_drifts(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "current_app", lambda: app)
    monkeypatch.setattr(shift, "shifted", lambda before, recent: True)
    command(app, "grade", "set", "stated", "acting", "--why", "rehearsed")
    with app.database.begin() as session:
        factories.history(session, factories.customer(session))
    later = app.now() + timedelta(days=30)
    monkeypatch.setattr(App, "now", lambda self: later)
    done = route.reopen.fn("hirondelle")
    assert [note for note in done.notes if "stated are suspended" in note]
    assert grade(app, "stated")["state"] == "suspended"
    with app.database.read() as session:
        assert session.query(IdentityRow).one().expires_at is not None


def test_learning_says_why_not(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "current_app", lambda: app)
    done = learn.weigh.fn("hirondelle")
    assert done.notes == ("brand hirondelle: nothing learned: 0 confirmed links, of 200 that are wanted",)
    assert "0 confirmed links, of 200" in command(app, "learn").stdout
    told = json.loads(command(app, "learn", "--show", "--json").stdout)["brands"]["hirondelle"]
    assert (told["learned"], told["versions"]) == (None, [])
    assert told["weights"]["m_city"] == 0.7
