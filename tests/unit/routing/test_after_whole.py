"""The whole way: an agent's resolution goes out, the case is settled, the survey goes out with its link, both once."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select

from config.settings import Settings
from config.wiring import App
from domain.after import Resolution
from domain.case import CaseState
from routing import outbox
from routing.resolution import record, send
from routing.survey import ask_due
from storage import cases, surveys
from storage.database import Database
from storage.tables import CaseRow, MessageRow, ObjectionRow, SurveyRow
from tests.unit.routing.care import BASE, NOW, case_of


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Iterator[App]:
    settings = Settings.model_validate(
        {
            "root": tmp_path,
            "database": {"url": database.engine.url.render_as_string(hide_password=False)},
            "brand": {"id": "hirondelle", "name": "Hirondelle"},
            "claims": {"base_url": BASE},
        }
    )
    app = App(settings)
    app.now = lambda: app.__dict__.setdefault("at", NOW)  # type: ignore[method-assign]
    yield app
    app.close()


def at(app: App, **span: float) -> None:
    app.__dict__["at"] = NOW + timedelta(**span)


def deliver(app: App) -> outbox.Delivered:
    return outbox.deliver(app.database, app.carriers(), app.recheck, app.now)


def letters(app: App) -> list[str]:
    files = sorted(app.outbox_folder().rglob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [message_from_bytes(path.read_bytes(), policy=default).get_content() for path in files]


def settled(app: App) -> int:
    """A case whose resolution is in the outbox and which is resolved; its id."""
    with app.database.begin() as session:
        case, _ = case_of(session, assignee="lea@example.org")
        record(session, case, Resolution("refunded", 1290, "EUR"), "lea", NOW)
        send(session, app.brand(), case.id, app.care_rules(app.brand()), "lea", NOW)
        cases.step(session, case, CaseState.RESOLVED, NOW, "lea")
        return case.id


def ask(app: App) -> int:
    with app.database.begin() as session:
        return ask_due(session, app.brand(), app.care_rules(app.brand()), 50, app.now()).asked


def test_both_go_out_once_and_the_link_of_the_survey_opens_it(app: App) -> None:
    case_id = settled(app)
    assert deliver(app).handed_over == 1
    assert deliver(app).handed_over == 0
    assert "Nous vous avons remboursé 12,90 €." in letters(app)[0]
    assert ask(app) == 0  # not yet
    at(app, hours=25)
    assert ask(app) == 1
    assert ask(app) == 0
    assert deliver(app).handed_over == 1
    with app.database.read() as session:
        survey = session.scalars(select(SurveyRow)).one()
        assert f"{BASE}/s/{surveys.token_of(session, survey.id)}/5" in letters(app)[1]
        case = session.get_one(CaseRow, case_id)
        assert (case.state, case.contact_state) == ("resolved", "person")
        assert {row.state for row in session.scalars(select(MessageRow))} == {"handed_over"}


def test_who_objects_between_asking_and_handing_over_gets_neither(app: App) -> None:
    case_id = settled(app)
    with app.database.begin() as session:
        key = session.get_one(CaseRow, case_id).customer_key
        session.add(ObjectionRow(brand_id="hirondelle", customer_key=key, topic="all", at=NOW))
    assert deliver(app).cancelled == 1
    at(app, hours=25)
    assert ask(app) == 0
    assert letters(app) == []


def test_a_case_that_is_opened_again_before_the_survey_left_is_not_asked_about(app: App) -> None:
    case_id = settled(app)
    deliver(app)
    at(app, hours=25)
    assert ask(app) == 1
    with app.database.begin() as session:
        cases.step(session, session.get_one(CaseRow, case_id), CaseState.REOPENED, app.now())
    assert deliver(app).cancelled == 1
    assert len(letters(app)) == 1
