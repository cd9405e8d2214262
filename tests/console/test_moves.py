"""A case's steps, and cases put together or apart, by people: with a reason, guarded, and taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import CaseMoveRow, CasePostRow, CaseRow
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_actions import actions, case_now, kinds
from tests.console.test_pages import whole_case


def pair(session: Session) -> tuple[CaseRow, CaseRow]:
    """Two cases of one account in two threads, the first one of two posts."""
    writer = factories.author(session)
    first = factories.post(session, "Mon colis n'arrive pas", writer)
    again = factories.post(session, "<b>Toujours</b> rien", writer, thread=first.thread)
    other = factories.post(session, "Et la facture ?", writer)
    return factories.case(session, first, again), factories.case(session, other)


def posts_in(console: Console, case: CaseRow) -> list[int]:
    with console.database.read() as session:
        return list(session.scalars(select(CasePostRow.post_id).filter_by(case_id=case.id)))


def revision(console: Console, case: CaseRow) -> int:
    return case_now(console, case.id).revision


class TestSteps:
    @pytest.mark.parametrize("state", ["open", "waiting_customer"])
    def test_each_step_is_an_event_with_its_reason(self, console: Console, fill: Fill, state: str) -> None:
        case = fill(whole_case)
        browser = console.signed_in()
        sent = browser.send_form(
            f"/cases/{case.id}/step", revision=case.revision, state=state, why="<i>Il rappelle</i>"
        )
        assert sent.status_code == 303
        now = case_now(console, case.id)
        assert (now.state, now.state_since) == (state, factories.NOW)
        assert "&lt;i&gt;Il rappelle&lt;/i&gt;" in browser.get(f"/cases/{case.id}").text
        assert (kinds(console, case.id), actions(console)) == (["state"], [f"case.{state}"])

    def test_a_sleep_has_an_end_in_the_brands_time(self, console: Console, fill: Fill) -> None:
        case = fill(whole_case)
        browser = console.signed_in()
        told = {"revision": case.revision, "state": "snoozed"}
        for until in ("", "tomorrow", "2026-11-16T09:00", "2031-01-01T09:00"):
            assert browser.send_form(f"/cases/{case.id}/step", **told, until=until).status_code == 422, until
        assert browser.send_form(f"/cases/{case.id}/step", **told, until="2026-11-18T09:00").status_code == 303
        assert case_now(console, case.id).snoozed_until == datetime(2026, 11, 18, 8, tzinfo=UTC)

    @pytest.mark.parametrize("state", ["new", "merged", "reopened", "closed", "resolved"])
    def test_what_its_life_does_not_allow_is_refused(self, console: Console, fill: Fill, state: str) -> None:
        case = fill(whole_case)
        browser = console.signed_in()
        sent = browser.send_form(f"/cases/{case.id}/step", revision=case.revision, state=state, why="x")
        assert sent.status_code == 409
        assert case_now(console, case.id).state == "new"

    def test_of_two_at_once_the_second_sees_what_changed(self, console: Console, fill: Fill) -> None:
        case = fill(whole_case)
        for state, status in (("open", 303), ("waiting_customer", 409)):
            sent = console.signed_in(email=f"{state}@example.org").send_form(
                f"/cases/{case.id}/step", revision=case.revision, state=state
            )
            assert sent.status_code == status

    def test_the_page_offers_what_is_allowed(self, console: Console, fill: Fill) -> None:
        case = fill(whole_case)
        text = console.signed_in().get(f"/cases/{case.id}").text
        assert '<option value="snoozed">' in text
        assert '<option value="closed">' not in text
        assert "Étapes, réunir" not in console.signed_in("analyst").get(f"/cases/{case.id}").text


class TestMerging:
    def test_a_case_that_looks_like_it_is_proposed_joined_and_parted(self, console: Console, fill: Fill) -> None:
        case, other = fill(pair)
        browser = console.signed_in()
        assert "même compte" in browser.get(f"/cases/{case.id}").text
        sent = browser.send_form(f"/cases/{case.id}/merge", revision=case.revision, other=other.id, why="Même colis")
        assert (sent.status_code, sent.headers["location"]) == (303, f"/cases/{other.id}")
        assert len(posts_in(console, other)) == 3
        text = browser.get(f"/cases/{other.id}").text
        assert "Même colis" in text
        with console.database.read() as session:
            move = session.scalars(select(CaseMoveRow)).one()
        assert f'name="move" value="{move.id}"' in text
        sent = browser.send_form(f"/cases/{other.id}/undo", revision=revision(console, other), move=move.id)
        assert (sent.status_code, sent.headers["location"]) == (303, f"/cases/{case.id}")
        assert (len(posts_in(console, case)), len(posts_in(console, other))) == (2, 1)
        assert case_now(console, case.id).state == "new"
        assert actions(console) == ["case.merge", "case.merge_undone"]
        assert "même compte" not in browser.get(f"/cases/{case.id}").text, "it is not proposed again"

    def test_what_is_impossible_is_said_in_a_line(self, console: Console, fill: Fill) -> None:
        case, other = fill(pair)
        browser = console.signed_in()
        sent = browser.send_form(f"/cases/{case.id}/merge", revision=case.revision, other=case.id)
        assert sent.status_code == 409
        assert "deux dossiers différents" in sent.text
        assert "n’existe pas" in browser.send_form(f"/cases/{case.id}/merge", revision=1, other=999).text
        browser.send_form(f"/cases/{case.id}/merge", revision=case.revision, other=other.id)
        sent = browser.send_form(f"/cases/{other.id}/merge", revision=revision(console, other), other=case.id)
        assert "déjà été réuni" in sent.text
        assert f'href="/cases/{other.id}"' in sent.text

    def test_only_within_one_brand(self, console: Console, fill: Fill) -> None:
        def make(session: Session) -> tuple[CaseRow, CaseRow]:
            told = factories.post(session, "x", factories.author(session, brand_id="pelican"), brand_id="pelican")
            return whole_case(session), factories.case(session, told)

        case, foreign = fill(make)
        browser = console.signed_in("agent", "hirondelle", "pelican")
        sent = browser.send_form(f"/cases/{case.id}/merge", revision=case.revision, other=foreign.id)
        assert "n’existe pas" in sent.text
        assert console.signed_in().send_form(f"/cases/{foreign.id}/merge", revision=1, other=case.id).status_code == 404

    def test_the_second_of_two_sees_what_changed(self, console: Console, fill: Fill) -> None:
        case, other = fill(pair)
        console.signed_in(email="lea@example.org").send_form(f"/cases/{case.id}/assign", revision=case.revision)
        sent = console.signed_in().send_form(f"/cases/{case.id}/merge", revision=case.revision, other=other.id)
        assert "Attribué à lea@example.org" in sent.text
        assert case_now(console, case.id).merged_into is None

    def test_analysts_change_nothing(self, console: Console, fill: Fill) -> None:
        case, other = fill(pair)
        browser = console.signed_in("analyst")
        for path, told in (("merge", {"other": other.id}), ("split", {"post": 1}), ("undo", {"move": 1})):
            assert browser.send_form(f"/cases/{case.id}/{path}", revision=case.revision, **told).status_code == 403


class TestSplitting:
    def test_chosen_posts_become_a_case_and_come_back(self, console: Console, fill: Fill) -> None:
        case, _ = fill(pair)
        browser = console.signed_in()
        first, second = posts_in(console, case)
        assert "&lt;b&gt;Toujours&lt;/b&gt;" in browser.get(f"/cases/{case.id}").text
        sent = browser.send_form(f"/cases/{case.id}/split", revision=case.revision, post=[second])
        assert sent.status_code == 303
        assert posts_in(console, case) == [first]
        apart = int(sent.headers["location"].rpartition("/")[2])
        with console.database.read() as session:
            move = session.scalars(select(CaseMoveRow)).one()
        console.clock.at += timedelta(hours=1)
        sent = browser.send_form(f"/cases/{apart}/undo", revision=case_now(console, apart).revision, move=move.id)
        assert (sent.status_code, sorted(posts_in(console, case))) == (303, [first, second])
        assert case_now(console, apart).merged_into == case.id

    def test_something_has_to_be_chosen_and_something_to_stay(self, console: Console, fill: Fill) -> None:
        case, _ = fill(pair)
        browser = console.signed_in()
        for posts, words in (([], "Aucune publication"), (posts_in(console, case), "Il ne resterait rien")):
            sent = browser.send_form(f"/cases/{case.id}/split", revision=case.revision, post=posts)
            assert (sent.status_code, words in sent.text) == (409, True)

    def test_a_move_of_another_case_is_none_of_its_own(self, console: Console, fill: Fill) -> None:
        case, other = fill(pair)
        third = fill(whole_case)
        browser = console.signed_in()
        browser.send_form(f"/cases/{case.id}/merge", revision=case.revision, other=other.id)
        with console.database.read() as session:
            move = session.scalars(select(CaseMoveRow)).one()
        sent = browser.send_form(f"/cases/{third.id}/undo", revision=third.revision, move=move.id)
        assert sent.status_code == 404
