"""Who has what: taking, handing over, giving back, the page of the team, absences."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import staff
from storage.assignees import give, in_charge
from storage.cases import SYSTEM
from storage.notices import Notice, write
from storage.tables import AbsenceRow, CaseRow, NoticeRow
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_actions import case_now, kinds
from tests.console.test_pages import under_review, whole_case

ME, LEA = "agent.hirondelle@example.org", "lea@example.org"
TODAY = factories.NOW.date()


def given_to_me(session: Session) -> CaseRow:
    found = whole_case(session)
    give(session, found, ME, SYSTEM, factories.NOW)
    return found


def absences(console: Console) -> list[tuple[str, date, date]]:
    with console.database.read() as session:
        return [(row.person, row.first_day, row.last_day) for row in session.scalars(select(AbsenceRow))]


def test_what_the_program_gave_is_mine_once_i_take_it(console: Console, fill: Fill) -> None:
    case = fill(given_to_me)
    browser = console.signed_in()
    page = browser.get(f"/cases/{case.id}").text
    assert "pas encore pris" in page
    assert f"/cases/{case.id}/assign" in page
    assert browser.send_form(f"/cases/{case.id}/assign", revision=case.revision).status_code == 303
    assert in_charge(case_now(console, case.id))
    assert "pas encore pris" not in browser.get(f"/cases/{case.id}").text


def test_handing_over_to_a_person_and_to_a_team_and_giving_back(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    console.signed_in(email=LEA)
    browser, address = console.signed_in(), f"/cases/{case.id}"
    steps: list[tuple[str, dict[str, Any], tuple[str | None, str]]] = [
        ("hand-over", {"to": LEA}, (LEA, "logistics")),
        ("give-back", {}, (None, "logistics")),
        ("hand-over", {"to": LEA}, (LEA, "logistics")),
        ("hand-over", {"to": "team:billing"}, (None, "billing")),
    ]
    for path, form, expected in steps:
        revision = case_now(console, case.id).revision
        assert browser.send_form(f"{address}/{path}", revision=revision, **form).status_code == 303
        now = case_now(console, case.id)
        assert (now.assignee, now.team) == expected
    assert kinds(console, case.id) == ["assigned", "unassigned", "assigned", "team_changed", "unassigned"]
    text = browser.get(address).text
    assert "Équipe : logistique → facturation" in text
    assert console.audits("case.hand_over") == 3
    assert console.audits("case.give_back") == 1
    with console.database.read() as session:
        assert [notice.person for notice in session.scalars(select(NoticeRow))] == [LEA, LEA]


@pytest.mark.parametrize("to", ["", "nobody@example.org", "team:nowhere", "analyst.hirondelle@example.org"])
def test_nobody_else_gets_a_case(console: Console, fill: Fill, to: str) -> None:
    case = fill(whole_case)
    console.signed_in("analyst")
    answer = console.signed_in().send_form(f"/cases/{case.id}/hand-over", revision=case.revision, to=to)
    assert answer.status_code == 422
    assert case_now(console, case.id).assignee is None


def test_of_two_who_hand_over_at_once_the_second_sees_what_changed(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    console.signed_in(email=LEA)
    browser = console.signed_in()
    browser.send_form(f"/cases/{case.id}/hand-over", revision=case.revision, to=LEA)
    answer = browser.send_form(f"/cases/{case.id}/give-back", revision=case.revision)
    assert (answer.status_code, case_now(console, case.id).assignee) == (409, LEA)


def test_my_team_has_its_own_view_and_its_filter(console: Console, fill: Fill) -> None:
    ours, theirs = fill(whole_case), fill(lambda session: whole_case(session, team="billing"))
    text = console.signed_in().get("/?view=team").text
    assert f"/cases/{ours.id}" in text
    assert f"/cases/{theirs.id}" not in text
    text = console.signed_in(email=LEA).get("/?view=team").text
    assert f"/cases/{theirs.id}" in text
    assert f"/cases/{ours.id}" not in console.signed_in(email="x@example.org").get("/?team=billing").text


def test_the_page_shows_loads_hours_and_who_is_away(console: Console, fill: Fill) -> None:
    fill(given_to_me)
    browser = console.signed_in("agent")
    console.signed_in(email=LEA)
    fill(lambda session: staff.go_away(session, LEA, TODAY, TODAY, LEA, factories.NOW))
    text = browser.get("/team").text
    assert "1 sur 5" in text
    assert "mon-fri 09:00-18:00" in text
    assert "en absence" in text
    assert console.signed_in("analyst").get("/team").status_code == 403


def test_a_case_that_nobody_can_take_says_why(console: Console, fill: Fill) -> None:
    case, browser = fill(under_review), console.signed_in()
    fill(lambda session: staff.go_away(session, ME, TODAY, TODAY, ME, factories.NOW))
    page = browser.get(f"/cases/{case.id}").text
    for words in ("Personne ne peut le prendre", f"{ME}\u00a0: en absence", f"{LEA}\u00a0: ne peut pas suivre"):
        assert words in page
    assert "Personne ne peut le prendre" not in console.signed_in("analyst").get(f"/cases/{case.id}").text
    fill(lambda session: give(session, session.get_one(CaseRow, case.id), ME, SYSTEM, factories.NOW))
    assert "Personne ne peut le prendre" not in browser.get(f"/cases/{case.id}").text


def test_a_notice_that_did_not_arrive_is_shown(console: Console, fill: Fill) -> None:
    def put(session: Session) -> None:
        write(session, whole_case(session), Notice("deadline_missed", "x", team="logistics"), factories.NOW)
        session.query(NoticeRow).update({"state": "unconfirmed"})

    fill(put)
    assert "non confirmé" in console.signed_in().get("/team").text


def test_people_note_their_own_absences_and_admins_those_of_others(console: Console) -> None:
    me, admin = console.signed_in(), console.signed_in("admin")
    form = {"first": "2026-12-24", "last": "2026-12-31"}
    admin_email = "admin.hirondelle@example.org"
    assert me.send_form("/team/away", person=admin_email, **form).status_code == 403
    assert me.send_form("/team/away", person=ME, **form).status_code == 303
    assert absences(console) == [(ME, date(2026, 12, 24), date(2026, 12, 31))]
    assert "31 déc. 2026" in me.get("/team").text
    assert admin.send_form("/team/back", person=ME).status_code == 303
    assert absences(console) == []
    assert (console.audits("user.away"), console.audits("user.back")) == (1, 1)


@pytest.mark.parametrize(("first", "last"), [("", ""), ("2026-12-31", "2026-12-24"), ("2026-01-01", "2036-01-01")])
def test_days_that_are_no_absence_are_refused(console: Console, first: str, last: str) -> None:
    assert console.signed_in().send_form("/team/away", person=ME, first=first, last=last).status_code == 422
    assert absences(console) == []


def test_absences_are_forms_of_ours_only(console: Console) -> None:
    browser = console.signed_in()
    browser.csrf = "forged"
    assert browser.send_form("/team/back", person=ME).status_code == 403
    assert console.signed_in("analyst", email="a@example.org").send_form("/team/back", person=ME).status_code == 403
