"""`vigie playbooks`, `vigie segments` and `vigie replay`, and the tasks of the flows behind them, over one database."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import vigie
from config.load import load_settings
from config.wiring import App
from domain.errors import BadInput, Misconfigured
from flows import rules
from routing.contact import plan_batch
from storage.tables import CaseRow
from tests.console import factories

RUNNER = CliRunner()
BRAND = "hirondelle"
SETTINGS = """
[brand]
id = "hirondelle"
name = "Hirondelle"
[[segments]]
name = "regulars"
when = { purchases_at_least = 1 }
[[playbooks]]
name = "late-parcel"
when = { intent = "delivery", segment = "regulars" }
then = [ { assign = "care" }, { note = "Ask the carrier." } ]
dry_run = true
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    (tmp_path / "vigie.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIGIE_CONFIG", raising=False)
    monkeypatch.setattr(App, "now", lambda self: factories.NOW + timedelta(hours=2))
    opened = App(load_settings(tmp_path / "vigie.toml", {}))
    monkeypatch.setattr(rules, "current_app", lambda: opened)
    yield opened
    opened.close()


@pytest.fixture
def case(app: App, _sqlite_template: Path) -> CaseRow:
    """One case of a customer who has bought, decided by the flow's own function."""
    app.settings.path(".vigie").mkdir()
    shutil.copy(_sqlite_template, app.settings.path(".vigie/vigie.db"))
    with app.database.begin() as session:
        owner = factories.customer(session)
        factories.history(session, owner)
        post = factories.post(session, writer=factories.author(session))
        factories.reading(session, post)
        made = factories.case(session, post, owner=owner)
        plan_batch(session, app.brand(), app.contact_rules(app.brand()), 10, factories.NOW)
    return made


def command(*words: str) -> Any:
    return RUNNER.invoke(vigie, words, catch_exceptions=False)


def told(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*words, "--json").stdout)
    return found


def other(app: App, text: str) -> str:
    file = app.settings.path("other.toml")
    file.write_text(text, encoding="utf-8")
    return str(file)


def keep(app: App) -> None:
    assert rules.keep_segments.fn(BRAND).made == {"joined segments": 1, "left segments": 0}


def test_segments_are_counted(app: App, case: CaseRow) -> None:
    assert told("segments")["brands"][BRAND] == [
        {"name": "regulars", "in_settings": True, "customers": 0, "cases": 0, "open": 0}
    ]
    keep(app)
    assert rules.keep_segments.fn(BRAND).made == {"joined segments": 0, "left segments": 0}
    assert told("segments")["brands"][BRAND][0]["customers"] == 1
    assert told("segments")["brands"][BRAND][0]["cases"] == 1
    assert "regulars" in command("segments").stdout


def test_playbooks_tell_what_they_would_have_done_and_then_did(app: App, case: CaseRow) -> None:
    keep(app)
    assert rules.play_books.fn(BRAND).made == {"playbook runs": 0, "dry runs": 1}
    assert rules.play_books.fn(BRAND, fresh=True).made == {"playbook runs": 0, "dry runs": 0}
    (book,) = told("playbooks")["brands"][BRAND]
    assert (book["did"]["runs"], book["would_have_done"]) == (
        0, {"runs": 1, "last_at": "2026-11-16T11:30:00Z", "cases": [f"V{case.id}"]}
    )  # fmt: skip
    app.settings.path("vigie.toml").write_text(SETTINGS.replace("dry_run = true", "dry_run = false"), encoding="utf-8")
    live = App(load_settings(None, {}))
    rules.current_app = lambda: live
    assert rules.play_books.fn(BRAND).made == {"playbook runs": 1, "dry runs": 0}
    (book,) = told("playbooks")["brands"][BRAND]
    assert (book["did"]["runs"], book["dry_run"]) == (1, False)
    shown = command("playbooks").stdout
    assert "late-parcel" in shown
    live.close()


def test_a_playbook_that_left_the_settings_is_still_told(app: App, case: CaseRow) -> None:
    keep(app)
    rules.play_books.fn(BRAND)
    app.settings.path("vigie.toml").write_text('[brand]\nid = "hirondelle"\n', encoding="utf-8")
    (book,) = told("playbooks")["brands"][BRAND]
    assert (book["name"], book["version"], book["would_have_done"]["runs"]) == ("late-parcel", None, 1)
    (segment,) = told("segments")["brands"][BRAND]
    assert (segment["in_settings"], segment["customers"]) == (False, 1)


def test_replay_of_the_same_rules_finds_nothing(app: App, case: CaseRow) -> None:
    found = told("replay", "--config", str(app.settings.path("vigie.toml")))["brands"][BRAND]
    assert (found["cases"], found["decisions"], found["differences"]) == (1, 1, 0)
    assert found["playbooks"]["late-parcel"]["before"]["runs"] == 1


def test_replay_names_what_would_differ(app: App, case: CaseRow) -> None:
    changed = SETTINGS.replace('"regulars" }', '"regulars", our_silence_hours = 1000 }')
    file = other(app, changed + '[[playbooks]]\nname = "all"\nwhen = { customer = true }\nthen = [{ note = "x" }]\n')
    found = told("replay", "--config", file)["brands"][BRAND]
    assert (found["playbooks"]["late-parcel"]["dropped"], found["playbooks"]["all"]["added"]) == (1, 1)
    assert found["playbooks"]["all"]["cases_added"] == [f"V{case.id}"]
    assert found["playbooks"]["all"]["before"] is None
    assert f"V{case.id}" in command("replay", "--config", file).stdout
    unnamed = told("replay", "--config", file, "--named", "0")["brands"][BRAND]
    assert unnamed["playbooks"]["all"]["cases_added"] == []


def test_replay_leaves_the_database_as_it_is(app: App, case: CaseRow) -> None:
    app.close()
    path = app.settings.path(".vigie/vigie.db")
    before = dump(path)
    told("replay", "--config", other(app, SETTINGS.replace("dry_run = true", "dry_run = false")))
    assert dump(path) == before


def dump(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


def test_replay_looks_back_as_far_as_it_is_asked(app: App, case: CaseRow) -> None:
    file = str(app.settings.path("vigie.toml"))
    with app.database.begin() as session:
        row = session.get_one(CaseRow, case.id)
        row.state, row.opened_at, row.resolved_at = "resolved", factories.NOW - timedelta(days=90), factories.NOW
        row.resolved_at = factories.NOW - timedelta(days=80)
    assert told("replay", "--config", file)["brands"][BRAND]["cases"] == 0
    assert told("replay", "--config", file, "--since", "2026-08-01")["brands"][BRAND]["cases"] == 1


def test_replay_says_what_is_wrong(app: App, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        command("replay", "--config", "nowhere.toml")
    file = str(app.settings.path("vigie.toml"))
    with pytest.raises(Misconfigured, match="no database"):
        command("replay", "--config", file)
    assert not app.settings.path(".vigie").exists(), "asking must not make one"
    assert app.database.revision()
    for words, said in ((("--since", "soon"), "is no date"), (("--since", "2027-01-01"), "yet to come")):
        with pytest.raises(BadInput, match=said):
            command("replay", "--config", file, *words)
    wrong = other(app, SETTINGS.replace("intent =", "intnt ="))
    with pytest.raises(Misconfigured, match="unknown key intnt, did you mean intent"):
        command("replay", "--config", wrong)
