"""A notice goes once, says nothing of any person, and what nobody knows of is not sent again."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.team import Staff
from routing.assignment import assign_waiting
from routing.notices import NoticeRules, Sender, Told, deliver_notices, known_address, tell, words
from routing.outbox import Backoff
from storage.brands import ensure_brands
from storage.database import Database
from storage.tables import CaseEventRow, NoticeRow
from tests.unit.routing.caring import app, case, later, user
from tests.unit.samples import BRAND, NOW

TEAMS = [
    {"name": "care", "notify_env": "TELL_CARE", "notify": ["deadline_missed"]},
    {"name": "billing"},
]
PEOPLE = [{"email": "anna@example.org", "teams": ["care"], "notify_env": "TELL_ANNA"}]
STAFF: Staff = app(teams=TEAMS, people=PEOPLE).staff()
ADDRESSES = {"TELL_CARE": ("one", "two"), "TELL_ANNA": ("anna",)}


class Killed(BaseException):
    """The process dies here."""


class Service:
    """Takes notices, or does not."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.took: list[tuple[str, str, str]] = []

    def __call__(self, address: str, title: str, text: str) -> bool:
        if address in self.refused:
            return False
        self.took.append((address, title, text))
        return True


def rules(language: str = "en", **addresses: tuple[str, ...]) -> NoticeRules:
    known = {**ADDRESSES, **addresses}
    return NoticeRules(
        staff=STAFF,
        addresses=lambda variable: known.get(variable, ()),
        link=lambda case_id: f"https://care.example/cases/{case_id}",
        language=language,
        zone=ZoneInfo("Europe/Paris"),
        max_attempts=3,
        backoff=Backoff(first_seconds=60),
    )


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def noticed(database: Database) -> int:
    """A case of which the team is told; returns its id."""
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
        row = case(session, severity="high")
        assert told_of(session, row)
        return row.id


def told_of(session: Session, row: Any, to: str = "care", kind: str = "deadline_missed", occasion: str = "x") -> bool:
    return tell(session, STAFF, row, kind, occasion, to, NOW, "resolution", later(hours=2))


def deliver(database: Database, send: Sender, at: datetime = NOW, with_rules: NoticeRules | None = None) -> Told:
    return deliver_notices(database, with_rules or rules(), lambda: at, send=send)


def state(database: Database) -> tuple[str, int]:
    with database.read() as session:
        row = session.scalars(select(NoticeRow)).one()
        return row.state, row.attempts


def kinds(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(CaseEventRow.kind).order_by(CaseEventRow.id)))


def test_every_address_gets_it_once(database: Database, noticed: int) -> None:
    service = Service()
    assert deliver(database, service).sent == 1
    assert deliver(database, service) == Told()
    assert [address for address, _, _ in service.took] == ["one", "two"]
    assert (state(database), kinds(database)) == (("sent", 1), ["notice_sent"])


def test_one_occasion_is_told_once(database: Database, noticed: int) -> None:
    with database.begin() as session:
        row = case(session)
        assert told_of(session, row)
        assert not told_of(session, row)
        assert told_of(session, row, occasion="y")
        assert told_of(session, row, to="anna@example.org")


def test_whom_nobody_can_tell_or_who_does_not_want_it_is_not_told(database: Database, noticed: int) -> None:
    with database.begin() as session:
        row = case(session)
        assert not told_of(session, row, to="billing")
        assert not told_of(session, row, to="nobody")
        assert not told_of(session, row, kind="opened")


def test_an_address_that_took_it_is_not_told_again_while_another_is_tried(database: Database, noticed: int) -> None:
    service = Service("two")
    assert deliver(database, service).retried == 1
    assert state(database) == ("waiting", 1)
    assert deliver(database, service, later(seconds=59)) == Told(), "it waits"
    service.refused.clear()
    assert deliver(database, service, later(seconds=61)).sent == 1
    assert [address for address, _, _ in service.took] == ["one", "two"]


def test_what_is_never_taken_is_given_up(database: Database, noticed: int) -> None:
    at = NOW
    for _ in range(3):
        told = deliver(database, Service("one", "two"), at)
        at += timedelta(hours=1)
    assert (told.failed, state(database), kinds(database)) == (1, ("failed", 3), ["notice_failed"])


@pytest.mark.parametrize("dies_at", ["one", "two"])
def test_a_crash_leaves_it_unconfirmed_and_it_is_not_sent_again(database: Database, noticed: int, dies_at: str) -> None:
    service = Service()

    def dying(address: str, title: str, text: str) -> bool:
        if address == dies_at:
            raise Killed
        return service(address, title, text)

    with pytest.raises(Killed):
        deliver(database, dying)
    assert deliver(database, service) == Told(), "the lease still runs"
    before = list(service.took)
    assert deliver(database, service, later(hours=1)).unconfirmed == 1
    assert (service.took, state(database)[0], kinds(database)) == (before, "unconfirmed", ["notice_unconfirmed"])


def test_without_an_address_it_waits_and_the_operator_is_told(database: Database, noticed: int) -> None:
    told = deliver(database, Service(), with_rules=rules(TELL_CARE=()))
    assert told.errors == ("notices to care wait: TELL_CARE is not set",)
    assert state(database) == ("waiting", 0)
    assert deliver(database, Service(), later(minutes=2)).sent == 1


def test_what_is_too_old_is_not_sent(database: Database, noticed: int) -> None:
    service = Service()
    assert deliver(database, service, later(days=2)).failed == 1
    assert service.took == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_it_says_number_matter_severity_deadline_and_link_and_nothing_else(
    database: Database, noticed: int, language: str
) -> None:
    with database.begin() as session:
        row = case(session, subject="post:secret", thread="secret-thread", network="secretnet", team="care")
        told_of(session, row)
        notice = session.scalars(select(NoticeRow).where(NoticeRow.case_id == row.id)).one()
        title, text = words(notice, rules(language))
        link = f"https://care.example/cases/{row.id}"
    expected = {
        "fr": (f"Vigie V{row.id} : échéance dépassée (résolution)", f"Gravité : normale\nÉchéance : {{}}\n{link}"),
        "en": (f"Vigie V{row.id}: deadline missed (resolution)", f"Severity: normal\nDeadline: {{}}\n{link}"),
    }[language]
    assert (title, text) == (expected[0], expected[1].format("2026-11-16 12:30 (Europe/Paris)"))


def test_nothing_that_is_kept_of_it_names_a_customer(database: Database, noticed: int) -> None:
    with database.read() as session:
        row = session.scalars(select(NoticeRow)).one()
        assert set(row.detail) == {"severity", "which", "due"}
        assert row.key == f"{noticed}:x:{row.key.rpartition(':')[2]}"


def test_what_tells_and_the_notice_stand_or_fall_together(database: Database, noticed: int) -> None:
    with database.begin() as session:
        user(session, "anna@example.org")
        row = case(session)
    with pytest.raises(Killed):
        assign_and_die(database)
    with database.read() as session:
        assert session.scalars(select(NoticeRow).where(NoticeRow.case_id == row.id)).all() == []


def assign_and_die(database: Database) -> None:
    with database.begin() as session:
        assert assign_waiting(session, BRAND.id, STAFF, NOW).assigned == 2
        raise Killed


@pytest.fixture
def http() -> Iterator[tuple[str, list[dict[str, Any]], Callable[[int], None]]]:
    """A service that speaks HTTP: its address for apprise, what it took, and a way to set its answer."""
    took: list[dict[str, Any]] = []
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if status[0] == 200:
                took.append(body)
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/care", took, lambda code: status.__setitem__(0, code)
    server.shutdown()
    thread.join()
    server.server_close()


def test_by_apprise_over_http(
    database: Database, noticed: int, http: tuple[str, list[dict[str, Any]], Callable[[int], None]]
) -> None:
    address, took, answer = http
    by_http = rules(TELL_CARE=(address,))
    answer(503)
    assert deliver_notices(database, by_http, lambda: NOW).retried == 1
    answer(200)
    assert deliver_notices(database, by_http, lambda: later(hours=1)).sent == 1
    (body,) = took
    assert body["title"] == f"Vigie V{noticed}: deadline missed (resolution)"
    assert body["message"].endswith(f"https://care.example/cases/{noticed}")
    assert body["attachments"] == []


def test_an_address_that_apprise_does_not_know_is_known_before_it_is_used() -> None:
    assert known_address("json://localhost/x")
    assert not known_address("nonsense")
