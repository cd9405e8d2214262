"""What agents do: each act is saved whole with its event and its audit line, or not at all."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import AuditRow, CaseEventRow, CaseRow, MatchRow, MessageRow
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_pages import under_review, whole_case


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


ME = "agent.hirondelle@example.org"


def case_now(console: Console, case_id: int) -> CaseRow:
    with console.database.read() as session:
        return session.get_one(CaseRow, case_id)


def kinds(console: Console, case_id: int) -> list[str]:
    with console.database.read() as session:
        query = select(CaseEventRow.kind).where(CaseEventRow.case_id == case_id, CaseEventRow.actor == ME)
        return list(session.scalars(query.order_by(CaseEventRow.id)))


def actions(console: Console) -> list[str]:
    with console.database.read() as session:
        query = select(AuditRow.action).where(AuditRow.actor == ME, AuditRow.action.not_in(("view", "sign_in")))
        return list(session.scalars(query.order_by(AuditRow.id)))


def test_taking_a_case_over_opens_it(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    answer = console.signed_in().send_form(f"/cases/{case.id}/assign", revision=case.revision)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/cases/{case.id}"
    now = case_now(console, case.id)
    assert (now.assignee, now.state) == (ME, "open")
    assert now.revision > case.revision
    assert kinds(console, case.id) == ["assigned", "state"]
    assert actions(console) == ["case.assign"]


def test_resolving_and_reopening(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    assert browser.send_form(f"/cases/{case.id}/resolve", revision=case.revision).status_code == 303
    resolved = case_now(console, case.id)
    assert (resolved.state, resolved.resolved_at) == ("resolved", factories.NOW)
    assert browser.send_form(f"/cases/{case.id}/resolve", revision=resolved.revision).status_code == 409
    reopening = {"revision": resolved.revision, "state": "reopened"}
    assert browser.send_form(f"/cases/{case.id}/step", **reopening).status_code == 422, "it wants a reason"
    assert browser.send_form(f"/cases/{case.id}/step", **reopening, why="Il a rappelé").status_code == 303
    assert "Il a rappelé" in browser.get(f"/cases/{case.id}").text
    assert case_now(console, case.id).resolved_at is None
    assert actions(console) == ["case.resolved", "case.reopened"]


def test_of_two_who_save_at_once_the_second_sees_what_changed(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    one, two = console.signed_in(), console.signed_in(email="lea@example.org")
    two.send_form(f"/cases/{case.id}/assign", revision=case.revision)
    answer = one.send_form(f"/cases/{case.id}/resolve", revision=case.revision, last_event=0)
    assert answer.status_code == 409
    assert "Attribué à lea@example.org" in answer.text
    assert case_now(console, case.id).state == "open"


def test_no_note_is_lost_and_a_double_click_is_one(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    browser.send_form(f"/cases/{case.id}/assign", revision=case.revision)
    for text in ("Rappelé ce matin.", "Rappelé ce matin.", "Il passera mardi."):
        assert browser.send_form(f"/cases/{case.id}/note", text=text).status_code == 303
    assert kinds(console, case.id).count("note") == 2
    assert "Il passera mardi." in browser.get(f"/cases/{case.id}").text
    assert browser.send_form(f"/cases/{case.id}/note", text="  ").status_code == 422
    assert browser.send_form(f"/cases/{case.id}/note", text="x" * 5001).status_code == 422


def test_a_note_stays_text(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    browser.send_form(f"/cases/{case.id}/note", text="<script>alert(1)</script> {{7*7}}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in browser.get(f"/cases/{case.id}").text


def match_of(console: Console, case: CaseRow) -> MatchRow:
    with console.database.read() as session:
        found = session.scalars(select(MatchRow).order_by(MatchRow.id.desc())).first()
    assert found is not None
    return found


def test_confirming_links_the_customer_to_the_case(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    match = match_of(console, case)
    customer = match.candidates[0]["customer_id"]
    answer = console.signed_in().send_form(
        f"/matches/{match.id}/confirm", customer_id=customer, back=f"/cases/{case.id}"
    )
    assert answer.headers["location"] == f"/cases/{case.id}"
    decided, now = match_of(console, case), case_now(console, case.id)
    assert (decided.review, decided.action, decided.decided_by) == ("confirmed", "link", ME)
    assert now.customer_key == decided.customer_key is not None
    assert kinds(console, case.id) == ["match_confirmed", "linked"]
    assert actions(console) == ["match_confirmed"]


def test_what_cannot_be_erased_names_no_customer(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    match = match_of(console, case)
    first, second = (candidate["customer_id"] for candidate in match.candidates)
    browser = console.signed_in()
    for step, customer in (("refuse", first), ("confirm", second)):
        browser.send_form(f"/matches/{match.id}/{step}", customer_id=customer, back=f"/cases/{case.id}")
    with console.database.read() as session:
        kept = [row.detail for table in (CaseEventRow, AuditRow) for row in session.scalars(select(table))]
    assert len(kept) >= 4
    assert not [detail for detail in kept if first in str(detail) or second in str(detail)]


def test_a_refusal_is_remembered_per_candidate(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    browser, match = console.signed_in(), match_of(console, case)
    first, second = (candidate["customer_id"] for candidate in match.candidates)
    browser.send_form(f"/matches/{match.id}/refuse", customer_id=first)
    assert match_of(console, case).review == "waiting", "the runner-up may still be right"
    assert f"Écarté par {ME}" in browser.get("/reviews").text
    browser.send_form(f"/matches/{match.id}/refuse", customer_id=second)
    assert match_of(console, case).review == "refused"
    assert "Personne à identifier" in browser.get("/reviews").text
    assert case_now(console, case.id).customer_key is None


def test_what_nobody_can_tell_stays_in_the_reviews(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    browser, match = console.signed_in(), match_of(console, case)
    assert browser.send_form(f"/matches/{match.id}/unsure").status_code == 303
    assert match_of(console, case).review == "unsure"
    assert "Qui a écrit" in browser.get(f"/cases/{case.id}").text


def test_a_match_is_decided_once(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    browser, match = console.signed_in(), match_of(console, case)
    customer = match.candidates[0]["customer_id"]
    assert browser.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 303
    assert browser.send_form(f"/matches/{match.id}/refuse", customer_id=customer).status_code == 409
    assert match_of(console, case).review == "confirmed"


@pytest.mark.parametrize("customer_id", ["", "nobody", "C999999"])
def test_only_a_shown_candidate_can_be_confirmed(console: Console, fill: Fill, customer_id: str) -> None:
    case = fill(under_review)
    match = match_of(console, case)
    answer = console.signed_in().send_form(f"/matches/{match.id}/confirm", customer_id=customer_id)
    assert answer.status_code == 409
    assert match_of(console, case).review == "waiting"
    assert console.audits("match_confirmed") == 0


def unconfirmed(console: Console) -> MessageRow:
    with console.database.read() as session:
        return session.scalars(select(MessageRow).order_by(MessageRow.id.desc())).one()


@pytest.mark.parametrize(("answer", "state"), [("true", "handed_over"), ("false", "reserved")])
def test_a_person_settles_an_unconfirmed_message(console: Console, fill: Fill, answer: str, state: str) -> None:
    case = fill(whole_case)
    browser, message = console.signed_in(), unconfirmed(console)
    assert "Envoi non confirmé" in browser.get("/messages").text
    assert browser.send_form(f"/messages/{message.id}/settle", was_sent=answer).status_code == 303
    assert unconfirmed(console).state == state
    assert len(actions(console)) == 1
    again = browser.send_form(f"/messages/{message.id}/settle", was_sent="true")
    assert again.status_code == 409, "it is settled once"
    assert unconfirmed(console).state == state
    assert case_now(console, case.id).id == case.id


def test_a_merged_case_points_to_the_one_that_lives(console: Console, fill: Fill) -> None:
    def make(session: Session) -> tuple[CaseRow, CaseRow]:
        living = whole_case(session)
        told = factories.post(session, "encore", factories.author(session))
        gone = factories.case(session, told, merged_into=living.id, state="merged")
        return living, gone

    living, gone = fill(make)
    browser = console.signed_in()
    text = browser.get(f"/cases/{gone.id}").text
    assert f'href="/cases/{living.id}"' in text
    assert f'"/cases/{gone.id}"' not in browser.get("/").text
    assert browser.send_form(f"/cases/{gone.id}/resolve", revision=gone.revision).status_code == 409


def test_clicks_long_apart_are_two_notes(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    browser.send_form(f"/cases/{case.id}/note", text="Sans réponse.")
    console.clock.at += timedelta(minutes=5)
    browser.send_form(f"/cases/{case.id}/note", text="Sans réponse.")
    assert kinds(console, case.id).count("note") == 2
