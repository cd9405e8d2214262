"""Cases, people and teams in one line each."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from domain.case import CaseState
from domain.team import Staff
from storage import cases
from storage.tables import CaseEventRow, CaseRow, UserBrandRow, UserRow
from tests.unit.samples import BRAND, NOW

PARIS = ZoneInfo("Europe/Paris")
_names = count(1)


def app(**tables: Any) -> App:
    """An application with these tables in its settings."""
    return App(Settings.model_validate(tables))


def staff(*people: dict[str, Any], teams: tuple[dict[str, Any], ...] = ()) -> Staff:
    """People of the team `care`, unless they say otherwise."""
    told = [{"teams": ["care"], **person} for person in people]
    return app(people=told, teams=teams).staff()


def user(session: Session, email: str, brand_id: str = BRAND.id, role: str = "agent") -> UserRow:
    """A user with a right in the brand."""
    row = UserRow(email=email, name=email.split("@")[0], password_hash="scrypt$", created_at=NOW)
    session.add(row)
    session.flush()
    session.add(UserBrandRow(user_id=row.id, brand_id=brand_id, role=role))
    session.flush()
    return row


def case(session: Session, **facts: Any) -> CaseRow:
    """An open case of the team `care`."""
    number = next(_names)
    row = CaseRow(
        **{
            "brand_id": BRAND.id,
            "subject": f"post:{number}",
            "network": "mastodon",
            "thread": f"t{number}",
            "grade": "none",
            "intent": "service_quality",
            "severity": "normal",
            "moment": "use",
            "language": "fr",
            "priority": 40,
            "priority_reasons": [{"part": "harm", "points": 40, "why": "severity normal"}],
            "team": "care",
            "opened_at": NOW,
            "last_post_at": NOW,
            **facts,
        }
    )
    session.add(row)
    session.flush()
    return row


def step(session: Session, case: CaseRow, state: CaseState, at: datetime) -> None:
    cases.step(session, case, state, at, "marie@example.org")


def events(session: Session, case: CaseRow) -> list[CaseEventRow]:
    session.flush()
    return session.query(CaseEventRow).filter_by(case_id=case.id).order_by(CaseEventRow.id).all()


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)
