"""Outside desks at the console: what a case shows of its ticket, and the door that desks call."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from config.settings import Settings
from console.app import create_app
from storage.database import Database
from storage.tables import CaseEventRow, CaseRow, DeskTicketRow, NoteRow
from tests.console import factories
from tests.console.harness import SETTINGS, Browser, Clock, Console, Fill

SECRET = "a-long-delivery-secret"
KEY = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
HOOKS = "/api/v1/hooks/desks/"
ADDRESS: dict[str, Any] = {"on": True, "base_url": "https://desk.example.org"}
TOKENS = {**ADDRESS, "token": "t", "delivery_secret": SECRET}
DESKS = {
    "zendesk": TOKENS,
    "zammad": {**TOKENS, "customer": "care@example.org"},
    "chatwoot": {**TOKENS, "account": 7, "inbox": 3},
    "freshdesk": {**ADDRESS, "token": "t"},
    "webhook": {**ADDRESS, "secret": KEY},
}


@pytest.fixture
def console(database: Database) -> Console:
    with database.begin() as session:
        factories.brand(session)
        factories.brand(session, "pelican", "Pélican")
    settings, clock = Settings.model_validate({**SETTINGS, "desks": DESKS}), Clock()
    return Console(database, create_app(database, settings, clock), clock)


@pytest.fixture
def ticketed(fill: Fill, console: Console) -> Callable[..., int]:
    """A case with a ticket; returns the case's number."""

    def make(desk: str = "zendesk", **changes: Any) -> int:
        def write(session: Any) -> int:
            case = factories.case(session, factories.post(session), state="open")
            facts = {"remote_id": "4711", "remote_state": "open", "url": "https://desk.example.org/4711"}
            times = {"created_at": factories.NOW, "pulled_at": factories.NOW - timedelta(hours=1)}
            row = DeskTicketRow(brand_id="hirondelle", case_id=case.id, desk=desk, pushed_revision=1, **facts, **times)
            for name, value in changes.items():
                setattr(row, name, value)
            session.add(row)
            return int(case.id)

        return int(fill(write))

    return make


def ticket(console: Console) -> DeskTicketRow:
    with console.database.read() as session:
        return session.scalars(select(DeskTicketRow)).one()


def zendesk(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    told = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    sign = hmac.new(secret.encode(), told.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(sign).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": told,
    }


def zammad(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha1={hmac.new(secret.encode(), body, 'sha1').hexdigest()}"}


def chatwoot(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    told = str(int(at.timestamp()))
    sign = hmac.new(secret.encode(), told.encode() + b"." + body, "sha256").hexdigest()
    return {"X-Chatwoot-Signature": f"sha256={sign}", "X-Chatwoot-Timestamp": told}


SIGN = {"zendesk": zendesk, "zammad": zammad, "chatwoot": chatwoot}
SAID = {
    "zendesk": {"type": "zen:event-type:ticket.status_changed", "detail": {"id": "4711", "status": "SOLVED"}},
    "zammad": {"ticket": {"id": 4711, "state": {"name": "closed"}}},
    "chatwoot": {"event": "message_created", "id": 1, "conversation": {"id": 4711, "status": "resolved"}},
}


def deliver(browser: Browser, desk: str, told: Any, headers: dict[str, str] | None = None) -> Response:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    headers = SIGN[desk](body, factories.NOW) if headers is None else headers
    return browser.post(HOOKS + desk, content=body, headers=headers)


@pytest.mark.parametrize("desk", SIGN)
def test_a_signed_delivery_makes_us_look_and_is_believed_in_nothing_else(console, ticketed, desk: str):
    case_id = ticketed(desk)
    for _ in range(2):
        answer = deliver(console.browser(), desk, SAID[desk])
        assert (answer.status_code, answer.json()) == (202, {"tickets": 1})
    assert ticket(console).pulled_at is None
    with console.database.read() as session:
        assert session.get_one(CaseRow, case_id).state == "open"


@pytest.mark.parametrize("desk", SIGN)
@pytest.mark.parametrize("what", ["no signature", "another secret", "another body", "signature of nothing"])
def test_a_forged_delivery_stays_outside(console, ticketed, desk: str, what: str):
    ticketed(desk)
    body = json.dumps(SAID[desk]).encode()
    good = SIGN[desk](body, factories.NOW)
    headers = {
        "no signature": {},
        "another secret": SIGN[desk](body, factories.NOW, "another-long-secret"),
        "another body": SIGN[desk](body + b" ", factories.NOW),
        "signature of nothing": dict.fromkeys(good, ""),
    }[what]
    assert deliver(console.browser(), desk, body, headers).status_code == 401
    assert ticket(console).pulled_at is not None


@pytest.mark.parametrize("desk", ["zendesk", "chatwoot"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_recorded_delivery_is_too_old_where_its_time_is_signed(console, ticketed, desk: str, minutes: int):
    ticketed(desk)
    body = json.dumps(SAID[desk]).encode()
    headers = SIGN[desk](body, factories.NOW + timedelta(minutes=minutes))
    assert deliver(console.browser(), desk, body, headers).status_code == 401


@pytest.mark.parametrize("name", ["freshdesk", "salesforce", "nosuchdesk", "%00"])
def test_what_has_no_door_answers_as_a_wrong_signature_does(console, name: str):
    assert console.browser().post(HOOKS + name, content=b"{}").status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"detail": 7}', b'{"detail": {"id": [1]}}'])
def test_a_delivery_of_another_shape_is_refused_or_says_nothing(console, ticketed, body: bytes):
    ticketed()
    answer = deliver(console.browser(), "zendesk", body)
    assert answer.status_code in (202, 400)
    assert ticket(console).pulled_at is not None


def test_the_ticket_of_nobody_changes_nothing(console, ticketed):
    ticketed()
    answer = deliver(console.browser(), "zendesk", {"ticket_id": "1 OR 1=1"})
    assert answer.json() == {"tickets": 0}


def event(browser: Browser, **data: Any) -> Response:
    at = datetime.now(UTC)  # the library compares with the machine's clock
    told = {"specversion": "1.0", "id": "1", "source": "/desk", "type": "vigie.ticket.changed", "subject": "4711"}
    body = json.dumps({**told, "time": at.isoformat(), "data": data}).encode()
    sign = {"webhook-id": "1", "webhook-timestamp": str(int(at.timestamp()))}
    headers = {**sign, "webhook-signature": Webhook(KEY).sign("1", at, body.decode())}
    return browser.post(HOOKS + "webhook", content=body, headers=headers)


def test_a_desk_of_ones_own_tells_states_and_comments_once(console, ticketed):
    case_id = ticketed("webhook")
    said = {"id": "c1", "text": "Remboursé\u202e aujourd'hui", "public": True}
    for _ in range(2):
        assert event(console.browser(), id="4711", state="solved", comments=[said, {"no": "id"}]).status_code == 202
    with console.database.read() as session:
        assert session.get_one(CaseRow, case_id).state == "resolved"
        assert list(session.scalars(select(NoteRow.text))) == ["Remboursé aujourd'hui"]
        actors = set(session.scalars(select(CaseEventRow.actor).where(CaseEventRow.kind.in_(("note", "state")))))
    assert actors == {"desk:webhook"}


def test_the_case_shows_its_ticket_and_what_is_wrong_with_it(console, ticketed):
    case_id = ticketed(problem="the ticket is gone in the desk")
    page = console.signed_in().get(f"/cases/{case_id}").text
    assert 'href="https://desk.example.org/4711"' in page
    assert "n&#39;existe plus" in page
    assert f"/cases/{case_id}/desk/retry" in page


def test_a_hostile_address_of_a_ticket_is_no_link(console, ticketed):
    case_id = ticketed(url="javascript:alert(1)")
    assert "javascript:" not in console.signed_in().get(f"/cases/{case_id}").text


def test_an_agent_has_a_ticket_tried_again(console, ticketed):
    case_id = ticketed(problem="refused", retry_at=factories.NOW + timedelta(hours=1))
    browser = console.signed_in()
    assert browser.send_form(f"/cases/{case_id}/desk/retry", desk="zendesk").status_code == 303
    row = ticket(console)
    assert (row.problem, row.retry_at, row.pulled_at) == (None, None, None)
    assert console.audits("desk.retry") == 1
    assert browser.send_form(f"/cases/{case_id}/desk/retry", desk="zendesk").status_code == 303
    assert console.audits("desk.retry") == 1
    assert browser.send_form(f"/cases/{case_id}/desk/retry", desk="nosuch").status_code == 404


def test_analysts_and_other_brands_try_nothing_again(console, ticketed):
    case_id = ticketed(problem="refused")
    assert console.signed_in("analyst").send_form(f"/cases/{case_id}/desk/retry", desk="zendesk").status_code == 403
    other = console.signed_in("agent", "pelican")
    assert other.send_form(f"/cases/{case_id}/desk/retry", desk="zendesk").status_code == 404
    assert ticket(console).problem == "refused"
