"""What time does to open cases: each warning and each escalation once, deadlines as the settings and the states say."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.wiring import App
from domain.case import CaseState
from routing.batch import IntakeRules
from routing.crm import import_customers
from routing.intake import route_batch
from routing.upkeep import Kept, keep_up
from storage.customers import find_customer
from storage.merges import merge_customers
from storage.tables import CaseRow, CustomerRow, InteractionRow, NoticeRow
from tests.unit.routing.caring import app, case, events, later, step
from tests.unit.routing.test_intake import hear, read, says
from tests.unit.samples import ACTING, BRAND, NOW, customer

HOUR = timedelta(hours=1)
CARE = {"name": "care", "notify_env": "TELL_CARE", "escalate_to": "retention"}
RETENTION = {"name": "retention", "notify_env": "TELL_RETENTION"}
PLAIN = app(teams=[CARE, RETENTION])


@pytest.fixture(scope="module")
def database_kind() -> str:
    return "sqlite"


def keep(session: Session, at: Any = NOW, by: App = PLAIN, after: int = 0, limit: int = 100) -> Kept:
    return keep_up(session, BRAND.id, by.upkeep_rules(), after, limit, at)


def told(session: Session) -> list[tuple[str, str | None]]:
    return [(row.kind, row.team) for row in session.scalars(select(NoticeRow).order_by(NoticeRow.id))]


def kinds(session: Session, row: CaseRow) -> list[str]:
    return [event.kind for event in events(session, row)]


def test_a_warning_then_an_escalation_each_once(session: Session) -> None:
    row = case(session)  # normal: 24 hours to the first answer, 120 to the resolution
    assert (keep(session).warned, row.due_first_answer_at) == (0, later(hours=24))
    for _ in range(2):
        keep(session, later(hours=18))
    assert told(session) == [("deadline_near", "care")]
    for _ in range(2):
        keep(session, later(hours=24))
    assert row.escalation == 1
    assert told(session)[1:] == [("deadline_missed", "retention")]
    found = [event.detail for event in events(session, row) if event.kind == "deadline_missed"]
    assert found == [{"which": "first_answer", "round": 0, "due": later(hours=24).isoformat(), "to": "retention"}]


def test_an_escalation_raises_the_priority(session: Session) -> None:
    row = case(session)
    keep(session, later(hours=23))
    before = row.priority
    keep(session, later(hours=24))
    assert row.priority > before
    assert "1 deadlines missed" in row.priority_reasons[0]["why"]


def test_an_answer_ends_the_first_clock_and_not_the_other(session: Session) -> None:
    row = case(session, first_answer_at=NOW)
    assert keep(session, later(hours=48)).escalated == 0
    assert keep(session, later(hours=120)).escalated == 1
    assert [e.detail["which"] for e in events(session, row) if e.kind == "deadline_missed"] == ["resolution"]


def test_the_clock_of_the_resolution_stands_while_the_customer_is_waited_for(session: Session) -> None:
    row = case(session, first_answer_at=NOW, state="open")
    step(session, row, CaseState.WAITING_CUSTOMER, later(hours=10))
    assert keep(session, later(hours=500)).escalated == 0
    assert row.due_resolution_at is None
    step(session, row, CaseState.WAITING_US, later(hours=500))
    keep(session, later(hours=500))
    assert row.due_resolution_at == later(hours=500 + 110)


def test_the_clock_of_the_first_answer_never_stands(session: Session) -> None:
    case(session, state="snoozed", snoozed_until=later(days=9))
    assert keep(session, later(hours=24)).escalated == 1


def test_opened_again_a_case_has_its_time_anew_and_is_warned_of_anew(session: Session) -> None:
    row = case(session, first_answer_at=NOW, state="open")
    keep(session, later(hours=120))
    step(session, row, CaseState.RESOLVED, later(hours=121))
    step(session, row, CaseState.REOPENED, later(hours=200))
    keep(session, later(hours=200))
    assert row.due_resolution_at == later(hours=320)
    assert keep(session, later(hours=320)).escalated == 1
    assert row.escalation == 2


def test_a_team_has_its_own_hours(session: Session) -> None:
    care = {**CARE, "hours": ["mon-fri 09:00-18:00"], "first_answer_normal_hours": 9}
    row = case(session)  # Monday 10:30 in Paris
    keep(session, by=app(teams=[care, RETENTION]))
    assert row.due_first_answer_at == later(hours=24)
    row.team = "billing"
    keep(session)
    assert row.due_first_answer_at == later(hours=24)


def test_what_became_milder_keeps_its_deadline_and_what_became_graver_has_a_nearer_one(session: Session) -> None:
    rules: IntakeRules = App(ACTING).intake_rules()
    mild = says("1", intent="service_quality")
    hear(session, mild)
    read(session, mild)
    route_batch(session, BRAND, rules, 10, NOW)
    row = session.scalars(select(CaseRow)).one()
    assert (row.severity, row.due_first_answer_at, row.due_resolution_at) == ("normal", later(hours=24), later(days=5))
    grave = says("2", intent="delivery", at=5, t="1")
    hear(session, grave)
    read(session, grave)
    route_batch(session, BRAND, rules, 10, later(hours=2))
    row = session.scalars(select(CaseRow)).one()
    assert (row.severity, row.due_first_answer_at, row.due_resolution_at) == ("high", later(hours=4), later(hours=48))
    assert [e.detail for e in events(session, row) if e.kind == "severity"] == [{"old": "normal", "new": "high"}]
    row.severity = "normal"
    keep(session, later(hours=2))
    assert row.due_first_answer_at == later(hours=4)


def test_how_often_and_how_long_weigh(session: Session) -> None:
    import_customers(session, BRAND, [customer("C1")], NOW)
    claire = find_customer(session, BRAND.id, "C1")
    assert claire is not None
    one = case(session, subject=f"customer:{claire.id}", customer_key=claire.id, grade="stated")
    two = case(session, subject=f"customer:{claire.id}", customer_key=claire.id, grade="stated", state="resolved")
    other = case(session)
    for number, (days, direction) in enumerate([(1, "in"), (2, "in"), (3, "out"), (40, "in")]):
        session.add(
            InteractionRow(
                brand_id=BRAND.id,
                interaction_id=str(number),
                customer_id="C1",
                channel="phone",
                direction=direction,
                at=later(days=-days),
                row_hash="",
            )
        )
    session.flush()
    keep(session, later(minutes=1))
    assert one.priority_reasons[0]["why"] == "severity normal, 1 other cases in 90 days, 2 contacts in 30 days"
    assert other.priority_reasons[0]["why"] == "severity normal"
    assert two.priority_reasons[0]["why"] == "severity normal", "nobody weighs what is settled"
    keep(session, later(days=3))
    assert "open for 3 days" in other.priority_reasons[0]["why"]


def test_what_a_merged_record_holds_is_the_customers_too(session: Session) -> None:
    import_customers(session, BRAND, [customer("C1"), customer("C2")], NOW)
    keys = {row.customer_id: row.id for row in session.scalars(select(CustomerRow))}
    row = case(session, subject="customer:1", customer_key=keys["C1"], grade="stated")
    case(session, subject="customer:2", customer_key=keys["C2"], grade="stated", state="resolved")
    call = {"interaction_id": "1", "customer_id": "C2", "channel": "phone", "direction": "in", "row_hash": ""}
    session.add(InteractionRow(brand_id=BRAND.id, at=later(days=-1), **call))
    merge_customers(session, BRAND.id, "C2", "C1", "lea@example.org", NOW)
    keep(session, later(minutes=1))
    assert row.priority_reasons[0]["why"] == "severity normal, 1 other cases in 90 days, 1 contacts in 30 days"


def test_a_grave_new_case_is_told_once_and_an_old_one_wakes_nobody(session: Session) -> None:
    case(session, severity="high")
    case(session, severity="high", opened_at=later(days=-4))
    for _ in range(2):
        keep(session, later(minutes=1))
    assert told(session) == [("opened", "care")]


def test_a_second_run_changes_nothing(session: Session) -> None:
    row = case(session)
    keep(session, later(hours=30))
    session.flush()
    before = (row.priority, row.escalation, row.revision, kinds(session, row))
    assert keep(session, later(hours=30)) == Kept(cases=1)
    assert (row.priority, row.escalation, row.revision, kinds(session, row)) == before


def test_batches_go_on_where_they_ended(session: Session) -> None:
    rows = [case(session) for _ in range(3)]
    first = keep(session, limit=2)
    assert (first.cases, first.last) == (2, rows[1].id)
    rest = keep(session, after=rows[1].id, limit=2)
    assert (rest.cases, rest.last) == (1, None)


def test_without_teams_nobody_is_told_and_the_hours_of_the_clock_count(session: Session) -> None:
    row = case(session)
    keep(session, later(hours=24), by=app())
    assert (row.due_first_answer_at, row.escalation, told(session)) == (later(hours=24), 1, [])
