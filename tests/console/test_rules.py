"""What rules did stands on the case's page; a draft is sent by a person, by the checks of every message."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from routing.contact import recheck
from routing.playing import play
from storage.tables import (
    CaseEventRow,
    CaseRow,
    ConsentRow,
    CustomerRow,
    CustomerSegmentRow,
    MessageRow,
    ObjectionRow,
)
from tests.console import factories
from tests.console.harness import Browser, Console, Fill
from tests.unit.samples import BRAND

ME = "agent.hirondelle@example.org"
THEN = [{"template": "intent"}, {"assign": "care"}, {"callback": True, "within_hours": 4}]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def played(session: Session, *, dry_run: bool = False, **changes: Any) -> CaseRow:
    """A case on which a playbook acted."""
    owner = factories.customer(session, first_name="Camille")
    case = factories.case(session, factories.post(session, writer=factories.author(session)), owner=owner, **changes)
    member = {"customer_key": owner.id, "segment": "regulars", "since": factories.NOW}
    session.add(CustomerSegmentRow(brand_id=BRAND.id, **member))
    book = {"name": "late-parcel", "version": "7", "when": {"intent": "delivery"}, "then": THEN, "dry_run": dry_run}
    rules = App(Settings.model_validate({"playbooks": [book]})).play_rules(BRAND)
    session.flush()
    play(session, BRAND, rules, 0, 10, factories.NOW)
    return case


def draft_of(console: Console, case: CaseRow) -> int:
    with console.database.read() as session:
        return session.scalars(select(CaseEventRow.id).filter_by(case_id=case.id, kind="draft")).one()


def messages(console: Console) -> list[MessageRow]:
    with console.database.read() as session:
        return list(session.scalars(select(MessageRow)))


def send(console: Console, case: CaseRow, browser: Browser) -> int:
    return browser.send_form(f"/cases/{case.id}/drafts/{draft_of(console, case)}/send").status_code


def kinds(console: Console, case: CaseRow) -> list[str]:
    with console.database.read() as session:
        query = select(CaseEventRow.kind).filter_by(case_id=case.id, actor=ME).order_by(CaseEventRow.id)
        return list(session.scalars(query))


def test_the_page_tells_what_was_done_and_what_was_not(console: Console, fill: Fill) -> None:
    case = fill(played)
    text = console.signed_in().get(f"/cases/{case.id}").text
    for words in (
        "late-parcel",
        "7#",
        "Préparer un brouillon (intent)",
        "Confier à relation client",
        "regulars",
        "Bonjour Camille",
    ):
        assert words in text
    assert "Règle late-parcel appliquée" in text
    assert "à blanc" not in text


def test_a_dry_run_is_shown_as_such(console: Console, fill: Fill) -> None:
    case = fill(lambda session: played(session, dry_run=True))
    text = console.signed_in().get(f"/cases/{case.id}").text
    assert "à blanc" in text
    assert "Bonjour Camille" not in text
    assert "/drafts/" not in text


def test_who_does_not_see_people_sees_neither_draft_nor_segment(console: Console, fill: Fill) -> None:
    case = fill(played)
    text = console.signed_in("analyst").get(f"/cases/{case.id}").text
    assert "late-parcel" in text
    assert "regulars" not in text
    assert "Bonjour Camille" not in text


def test_a_draft_is_sent_once_on_the_customers_channel(console: Console, fill: Fill) -> None:
    case = fill(lambda session: played(session, assignee=ME, state="open"))
    browser = console.signed_in()
    assert send(console, case, browser) == 303
    assert send(console, case, browser) == 303
    (message,) = messages(console)
    assert (message.channel, message.state, message.template) == ("email", "reserved", "delivery")
    assert message.decision["by"] == ME
    assert message.decision["address"] is None
    assert kinds(console, case) == ["draft_sent"]
    assert "/drafts/" not in browser.get(f"/cases/{case.id}").text


def test_what_a_person_sends_is_not_held_back_by_her_being_in_charge(console: Console, fill: Fill) -> None:
    case = fill(lambda session: played(session, assignee=ME, state="open"))
    send(console, case, console.signed_in())
    app = App(Settings.model_validate({}))
    with console.database.begin() as session:
        message = session.scalars(select(MessageRow)).one()
        decision = recheck(session, BRAND, message, app.contact_rules(BRAND), factories.NOW)
        assert (decision.action, decision.channel) == ("send", "email")
        session.add(
            ObjectionRow(brand_id=BRAND.id, customer_key=case.customer_key, topic="all", at=factories.NOW)
        )  # but by his own no it is
        session.flush()
        assert recheck(session, BRAND, message, app.contact_rules(BRAND), factories.NOW).action == "never"


def test_a_customer_who_said_no_gets_none_and_the_case_says_why(console: Console, fill: Fill) -> None:
    def refused(session: Session) -> CaseRow:
        case = played(session)
        word = {"channel": "email", "purpose": "service", "status": "revoked", "at": factories.NOW}
        session.add(ConsentRow(brand_id=BRAND.id, customer_key=case.customer_key, **word))
        return case

    case, browser = fill(refused), console.signed_in()
    assert send(console, case, browser) == 303
    assert messages(console) == []
    assert kinds(console, case) == ["draft_held"]
    assert "Brouillon non envoyé" in browser.get(f"/cases/{case.id}").text


def test_only_drafts_of_open_cases_of_the_own_brand_are_sent(console: Console, fill: Fill) -> None:
    case, over = fill(played), fill(lambda session: played(session))
    number = draft_of(console, over)
    with console.database.begin() as session:
        session.get_one(CaseRow, over.id).state = "resolved"
    browser = console.signed_in()
    assert browser.send_form(f"/cases/{over.id}/drafts/{number}/send").status_code == 409
    assert browser.send_form(f"/cases/{case.id}/drafts/{number}/send").status_code == 409
    assert browser.send_form(f"/cases/{case.id}/drafts/{2**63}/send").status_code == 404
    assert console.signed_in("analyst").send_form(f"/cases/{case.id}/drafts/1/send").status_code == 403
    assert messages(console) == []


def test_hostile_names_in_a_draft_stay_text(console: Console, fill: Fill) -> None:
    case = fill(played)
    with console.database.begin() as session:
        session.get_one(CustomerRow, case.customer_key).first_name = "{{7*7}}<b>"
    send(console, case, console.signed_in())
    (message,) = messages(console)
    assert "{{7*7}}<b>" in str(message.body)
    assert "49" not in str(message.body)
