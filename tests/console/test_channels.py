"""Kill switches and calls back in the console: who may, what it does, what it says."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import callbacks, switches
from storage.tables import AuditRow, CallbackRow, CaseRow, MessageRow
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_pages import whole_case

ME = "agent.hirondelle@example.org"


def shut(console: Console) -> dict[str, str]:
    with console.database.read() as session:
        return {name: row.reason for name, row in switches.shut(session, "hirondelle").items()}


class TestSwitches:
    def test_an_admin_shuts_and_opens_a_channel_and_says_why(self, console: Console, fill: Fill):
        fill(whole_case)
        admin = console.signed_in("admin")
        answer = admin.send_form("/channels/sms/switch", to="off", reason="wrong text <b>today</b>")
        assert answer.status_code == 303
        assert shut(console) == {"sms": "wrong text <b>today</b>"}
        page = admin.get("/channels").text
        assert "wrong text &lt;b&gt;today&lt;/b&gt;" in page
        admin.send_form("/channels/all/switch", to="off", reason="incident")
        assert set(shut(console)) == {"sms", "all"}
        assert "incident" in admin.get("/channels").text
        admin.send_form("/channels/all/switch", to="on", reason="over")
        assert set(shut(console)) == {"sms"}
        with console.database.read() as session:
            told = select(AuditRow.action).where(AuditRow.action.startswith("channel "))
            assert list(session.scalars(told)) == ["channel shut", "channel shut", "channel opened"]

    @pytest.mark.parametrize("role", ["agent", "analyst"])
    def test_others_look_only(self, console: Console, fill: Fill, role: str):
        fill(whole_case)
        browser = console.signed_in(role)
        assert browser.get("/channels").status_code == 200
        assert browser.send_form("/channels/sms/switch", to="off", reason="x").status_code == 403
        assert shut(console) == {}

    def test_without_a_reason_or_a_channel_nothing_is_done(self, console: Console, fill: Fill):
        fill(whole_case)
        admin = console.signed_in("admin")
        assert admin.send_form("/channels/sms/switch", to="off", reason="  ").status_code == 422
        assert admin.send_form("/channels/pigeon/switch", to="off", reason="x").status_code == 404
        assert shut(console) == {}


@pytest.fixture
def call(fill: Fill) -> CallbackRow:
    def plan(session: Session) -> CallbackRow:
        told: dict[str, Any] = {"channel": "phone", "via": "phone", "address": "+33639987278"}
        message = factories.message(session, whole_case(session), **told)
        slot = (factories.NOW + timedelta(hours=1), factories.NOW + timedelta(hours=2))
        callbacks.plan(session, message, slot, "Bonjour Camille", factories.NOW)
        session.flush()
        return session.scalars(select(CallbackRow)).one()

    return fill(plan)


def now_of(console: Console, call: CallbackRow) -> tuple[str, str, str]:
    """The state of the call, of its message, and of its case."""
    with console.database.read() as session:
        row = session.get_one(CallbackRow, call.id)
        message, case = session.get_one(MessageRow, row.message_key), session.get_one(CaseRow, row.case_id)
        return row.state, message.state, case.state


class TestCalls:
    def test_the_number_is_shown_to_who_took_the_call(self, console: Console, call: CallbackRow):
        browser = console.signed_in()
        assert "+33639987278" not in browser.get("/callbacks").text
        assert browser.send_form(f"/callbacks/{call.id}/take").status_code == 303
        page = browser.get("/callbacks").text
        assert "tel:+33639987278" in page
        assert "Bonjour Camille" in page
        assert "+33639987278" not in console.signed_in("admin").get("/callbacks").text

    def test_reached_answers_the_customer_and_moves_the_case(self, console: Console, call: CallbackRow):
        browser = console.signed_in()
        browser.send_form(f"/callbacks/{call.id}/take")
        answer = browser.send_form(f"/callbacks/{call.id}/reached", after="ours", outcome="Remboursement promis")
        assert answer.status_code == 303
        assert now_of(console, call) == ("reached", "replied", "waiting_us")
        assert "Remboursement promis" in browser.get("/callbacks?done=yes").text
        with console.database.read() as session:
            assert session.get_one(CaseRow, call.case_id).first_answer_at == factories.NOW
        assert browser.send_form(f"/callbacks/{call.id}/reached", after="ours").status_code == 409

    def test_missed_three_times_is_given_up_and_looks_for_another_way(self, console: Console, call: CallbackRow):
        browser = console.signed_in()
        starts = []
        for _ in range(3):
            with console.database.read() as session:
                starts.append(session.get_one(CallbackRow, call.id).starts_at)
            browser.send_form(f"/callbacks/{call.id}/take")
            assert browser.send_form(f"/callbacks/{call.id}/missed").status_code == 303
        assert now_of(console, call)[:2] == ("missed", "failed")
        assert starts[1] != starts[0]

    def test_two_people_do_not_make_the_same_call(self, console: Console, call: CallbackRow):
        assert console.signed_in().send_form(f"/callbacks/{call.id}/take").status_code == 303
        assert console.signed_in("admin").send_form(f"/callbacks/{call.id}/take").status_code == 409

    def test_another_brand_and_analysts_find_nothing(self, console: Console, call: CallbackRow):
        assert console.signed_in("agent", "pelican").send_form(f"/callbacks/{call.id}/take").status_code == 404
        assert console.signed_in("analyst").get("/callbacks").status_code == 403
        assert console.signed_in().send_form("/callbacks/999999/take").status_code == 404

    def test_a_settled_case_needs_no_call(self, console: Console, call: CallbackRow):
        with console.database.begin() as session:
            session.get_one(CaseRow, call.case_id).state = "resolved"
            session.flush()
            assert callbacks.cancel_moot(session, "hirondelle", factories.NOW) == 1
            assert callbacks.cancel_moot(session, "hirondelle", factories.NOW) == 0
        assert now_of(console, call)[0] == "cancelled"
