"""An agent tells the solution, sees it as it will be read, and sends it; a customer answers the survey by its link."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import cases, surveys
from storage.tables import CaseOutcomeRow, CaseRow, MessageRow, ResolutionRow, RuptureRow, SurveyRow
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_pages import whole_case

REFUND = {"outcome": "refunded", "amount": "12,90", "currency": "EUR", "settle": "yes"}


def linked(session: Session) -> CaseRow:
    writer = factories.author(session)
    return factories.case(session, factories.post(session, writer=writer), owner=factories.customer(session))


def rows(console: Console, table: Any) -> list[Any]:
    with console.database.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def now(console: Console, case_id: int) -> CaseRow:
    with console.database.read() as session:
        return session.get_one(CaseRow, case_id)


def test_the_page_of_a_case_begins_with_a_brief_whose_facts_point_into_the_page(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    page = console.signed_in().get(f"/cases/{case.id}").text
    brief = page[page.index('id="brief"') : page.index('class="two"')]
    anchors = set(re.findall(r'href="#([a-z]+-\d+)"', brief))
    assert anchors
    for anchor in anchors:
        assert f'id="{anchor}"' in page
    assert "En bref" in brief


def test_texts_are_seen_before_anything_is_kept(console: Console, fill: Fill) -> None:
    case = fill(linked)
    browser = console.signed_in()
    assert browser.get(f"/cases/{case.id}/resolution").status_code == 200
    answer = browser.send_form(f"/cases/{case.id}/resolution", revision=case.revision, step="preview", **REFUND)
    assert answer.status_code == 200
    assert answer.text.count("Nous vous avons remboursé 12,90 €.") == 3  # e-mail, text message, letter
    assert 'value="send"' in answer.text
    assert rows(console, ResolutionRow) == rows(console, MessageRow) == []


def test_sending_records_reserves_and_resolves_at_once(console: Console, fill: Fill) -> None:
    case = fill(linked)
    browser = console.signed_in()
    sent = browser.send_form(f"/cases/{case.id}/resolution", revision=case.revision, step="send", **REFUND)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/cases/{case.id}")
    (message,) = rows(console, MessageRow)
    assert (message.template, message.channel, message.state) == ("resolution", "email", "reserved")
    assert now(console, case.id).state == "resolved"
    assert console.audits("case.resolution") == 1
    again = browser.send_form(f"/cases/{case.id}/resolution", revision=case.revision, step="send", **REFUND)
    assert again.status_code == 409
    assert len(rows(console, MessageRow)) == 1
    assert "Remboursé · 12,90" in browser.get(f"/cases/{case.id}").text


def test_recording_alone_sends_nothing_and_may_leave_the_case_open(console: Console, fill: Fill) -> None:
    case = fill(linked)
    form = {**REFUND, "settle": "", "due": "2026-12-01"}
    assert (
        console.signed_in()
        .send_form(f"/cases/{case.id}/resolution", revision=case.revision, step="record", **form)
        .status_code
        == 303
    )
    (row,) = rows(console, ResolutionRow)
    assert (row.amount_cents, row.currency, str(row.due_on)) == (1290, "EUR", "2026-12-01")
    assert rows(console, MessageRow) == []
    assert now(console, case.id).state == "new"


@pytest.mark.parametrize(
    "form",
    [
        {"outcome": "given"},
        {"outcome": "refunded", "amount": "douze"},
        {"outcome": "refunded", "amount": "-1"},
        {"outcome": "refunded", "amount": "12", "currency": "XXX"},
        {"outcome": "replaced", "amount": "12"},
        {"outcome": "refunded", "due": "31/02/2026"},
        {"outcome": "other"},
        {"outcome": "explained", "words": "x" * 200},
    ],
)
def test_what_cannot_be_meant_is_said_and_changes_nothing(console: Console, fill: Fill, form: dict[str, str]) -> None:
    case = fill(linked)
    answer = console.signed_in().send_form(f"/cases/{case.id}/resolution", revision=case.revision, step="send", **form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert rows(console, ResolutionRow) == []


def test_what_may_not_be_sent_is_not_recorded_either(console: Console, fill: Fill) -> None:
    case = fill(linked)
    form = {"outcome": "apologised", "words": "Vous recevrez 50 € demain <b>"}
    answer = console.signed_in().send_form(f"/cases/{case.id}/resolution", revision=case.revision, step="send", **form)
    assert answer.status_code == 409
    assert "50 €" in answer.text
    assert "<b>" not in answer.text
    assert rows(console, ResolutionRow) == rows(console, MessageRow) == []
    assert now(console, case.id).state == "new"


def test_analysts_and_other_brands_may_not(console: Console, fill: Fill) -> None:
    case = fill(linked)
    path = f"/cases/{case.id}/resolution"
    assert console.signed_in("analyst").get(path).status_code == 403
    other = console.signed_in("agent", "pelican")
    assert other.get(path).status_code == 404
    assert other.send_form(path, revision=1, step="send", **REFUND).status_code == 404


def test_what_came_after_stands_on_the_case(console: Console, fill: Fill) -> None:
    def make(session: Session) -> CaseRow:
        case = linked(session)
        own = {"brand_id": "hirondelle", "case_id": case.id}
        at = factories.NOW
        session.add(CaseOutcomeRow(**own, resolved_at=at, until=at + timedelta(days=30), verdict="corrected", at=at))
        session.add(
            RuptureRow(**own, customer_key=case.customer_key, kind="asked_again", at=at, found_at=at,
                       detail={"shown_by": ["post:1", "event:3"]})
        )  # fmt: skip
        session.add(SurveyRow(**own, kind="csat", asked_at=at, score=2, answered_at=at, comment="<i>non</i>"))
        return case

    case = fill(make)
    page = console.signed_in().get(f"/cases/{case.id}").text
    for told in ("Insatisfaction corrigée", "A dû redemander", "note 2", "&lt;i&gt;non"):
        assert told in page
    assert "Insatisfaction corrigée" not in console.signed_in("analyst").get(f"/cases/{case.id}").text


# The survey


def asked(session: Session) -> tuple[CaseRow, str]:
    case = linked(session)
    cases.step(session, case, cases.CaseState.RESOLVED, factories.NOW, "lea")
    message = factories.message(session, case, "handed_over", template="survey_csat")
    survey = surveys.ask(session, case, message, "csat", factories.NOW)
    return case, surveys.token_of(session, survey.id)


def test_opening_a_link_counts_nothing_and_sending_its_form_does(console: Console, fill: Fill) -> None:
    case, token = fill(asked)
    browser = console.browser()
    for path in (f"/s/{token}", f"/s/{token}/5", f"/s/{token}/1"):
        page = browser.get(path)
        assert page.status_code == 200
        assert rows(console, SurveyRow)[0].score is None
    assert 'value="1" required checked' in page.text
    assert "data-send-chosen" in page.text
    assert "<script src=" in page.text
    assert not re.search(r"<script>|style=|onclick", page.text)
    answer = browser.send_form(f"/s/{token}", score="5", comment="merci")
    assert answer.status_code == 303
    survey = rows(console, SurveyRow)[0]
    assert (survey.score, survey.comment) == (5, "merci")
    assert "Merci : 5" in browser.get(f"/s/{token}", headers={"Accept-Language": "fr"}).text
    assert "Thank you: 5" in browser.get(f"/s/{token}", headers={"Accept-Language": "en"}).text
    assert "data-send-chosen" not in browser.get(f"/s/{token}/5").text
    assert "Camille" not in page.text
    assert f"/{case.id}" not in page.text.replace(token, "")


def test_a_bad_score_opens_the_case_again(console: Console, fill: Fill) -> None:
    case, token = fill(asked)
    console.browser().send_form(f"/s/{token}", score="1")
    assert now(console, case.id).state == "reopened"


@pytest.mark.parametrize("score", ["", "0", "6", "abc", "5.0", "٥"])
def test_no_score_is_no_answer(console: Console, fill: Fill, score: str) -> None:
    _, token = fill(asked)
    assert console.browser().send_form(f"/s/{token}", score=score).status_code == 422
    assert rows(console, SurveyRow)[0].score is None


def test_a_forged_or_old_link_says_the_same(console: Console, fill: Fill) -> None:
    _, token = fill(asked)
    browser = console.browser()
    forged = browser.get("/s/MQ.forged")
    assert forged.status_code == 404
    assert browser.send_form("/s/MQ.forged", score="5").status_code == 404
    browser.send_form(f"/s/{token}", score="4")
    console.clock.forward(days=8)
    assert browser.get(f"/s/{token}").text == forged.text
    assert browser.send_form(f"/s/{token}", score="1").status_code == 404
    assert rows(console, SurveyRow)[0].score == 4


def test_a_form_from_another_site_is_refused(console: Console, fill: Fill) -> None:
    _, token = fill(asked)
    answer = console.browser().post(f"/s/{token}", data={"score": "1"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert rows(console, SurveyRow)[0].score is None


def test_too_many_answers_in_a_row_are_turned_away(console: Console, fill: Fill) -> None:
    _, token = fill(asked)
    browser = console.browser()
    answers = [browser.send_form(f"/s/{token}", score=str(1 + number % 5)).status_code for number in range(31)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {303}
