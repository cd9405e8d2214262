"""Two workers at once give what one gives, on either kind of database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from domain.team import Staff
from routing.assignment import assign_waiting
from routing.notices import NoticeRules, deliver_notices
from routing.upkeep import keep_up
from storage.brands import ensure_brands
from storage.database import Database
from storage.tables import CaseEventRow, CaseRow, NoticeRow
from tests.unit.routing.caring import app, case, user
from tests.unit.samples import BRAND, NOW

PEOPLE = [{"email": f"{name}@example.org", "teams": ["care"], "capacity": 4} for name in ("anna", "ben", "caro")]
CARE = app(people=PEOPLE, teams=[{"name": "care", "notify_env": "TELL"}])
STAFF: Staff = CARE.staff()
LATE = NOW + timedelta(hours=24)


def both(work: Callable[[], object]) -> None:
    """Twice at once."""
    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(work) for _ in range(2)]:
            done.result()


def fill(database: Database, cases: int) -> None:
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
        for person in PEOPLE:
            user(session, str(person["email"]))
        for _ in range(cases):
            case(session)


def events(database: Database, kind: str) -> int:
    with database.read() as session:
        query = select(func.count()).select_from(CaseEventRow).where(CaseEventRow.kind == kind)
        return session.execute(query).scalar_one()


def test_a_case_is_given_once_and_nobody_gets_too_much(database: Database) -> None:
    fill(database, 15)

    def assign() -> None:
        with database.begin() as session:
            assign_waiting(session, BRAND.id, STAFF, NOW)

    both(assign)
    with database.read() as session:
        query = select(CaseRow.assignee, func.count()).where(CaseRow.assignee.is_not(None)).group_by(CaseRow.assignee)
        assert dict(session.execute(query).all()) == {str(person["email"]): 4 for person in PEOPLE}
    assert events(database, "assigned") == 12


def test_a_missed_deadline_is_told_once(database: Database) -> None:
    fill(database, 5)
    took: list[str] = []
    rules = NoticeRules(STAFF, lambda _: ("team",), str, "en", ZoneInfo("UTC"))

    def follow_up() -> None:
        with database.begin() as session:
            keep_up(session, BRAND.id, CARE.upkeep_rules(), 0, 100, LATE)
        deliver_notices(database, rules, lambda: LATE, send=lambda _to, title, _text: took.append(title) is None)

    both(follow_up)
    assert len(took) == len(set(took)) == 5
    assert events(database, "deadline_missed") == events(database, "notice_sent") == 5
    with database.read() as session:
        assert set(session.scalars(select(NoticeRow.state))) == {"sent"}
        assert set(session.scalars(select(CaseRow.escalation))) == {1}
