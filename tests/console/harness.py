"""One console over one database, a clock that tests set, and browsers that are signed in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import Settings
from console.app import create_app
from storage import users
from storage.database import Database
from storage.tables import AuditRow, SessionRow
from tests.console import factories

Fill = Callable[[Callable[[Session], Any]], Any]
SETTINGS: dict[str, Any] = {
    "brands": [{"id": "hirondelle", "name": "Hirondelle"}, {"id": "pelican", "name": "Pélican"}],
    "console": {"idle_hours": 8, "session_hours": 24},
    "teams": [{"name": "logistics", "hours": ["mon-fri 09:00-18:00"], "escalate_to": "lea@example.org"}],
    "people": [
        {"email": "agent.hirondelle@example.org", "teams": ["logistics"], "capacity": 5, "languages": ["fr"]},
        {"email": "lea@example.org", "teams": ["logistics", "billing"], "skills": ["delivery"], "notify_env": "X"},
    ],
}


@dataclass
class Clock:
    """A clock that a test sets."""

    at: datetime = field(default_factory=lambda: factories.NOW)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


class Browser(TestClient):
    """A client that behaves as a browser does: it says where its forms come from and carries their token."""

    csrf = ""

    def send_form(self, path: str, **values: Any) -> Response:
        headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
        return self.post(path, data={"csrf": self.csrf, **values}, headers=headers)


@dataclass
class Console:
    """One console: its database, its clock, and browsers for it."""

    database: Database
    app: FastAPI
    clock: Clock

    def browser(self) -> Browser:
        """Nobody is signed in."""
        return Browser(self.app, follow_redirects=False, raise_server_exceptions=False)

    def signed_in(self, role: str = "agent", *brands: str, email: str = "") -> Browser:
        """A browser of a fresh user, past the sign-in page."""
        email = email or f"{role}.{'.'.join(brands) or 'hirondelle'}@example.org"
        with self.database.begin() as session:
            user = factories.user(session, email, role, *brands)
            secret = users.open_session(session, user.id, self.clock())
        browser = self.browser()
        browser.cookies.set("vigie_session", secret)
        with self.database.read() as session:
            row = session.scalars(select(SessionRow).order_by(SessionRow.user_id.desc())).first()
            browser.csrf = row.csrf if row else ""
        return browser

    def audits(self, action: str) -> int:
        """How many audit lines there are of a kind."""
        with self.database.read() as session:
            query = select(func.count()).select_from(AuditRow).where(AuditRow.action == action)
            return session.execute(query).scalar_one()


def make_console(database: Database, **console: Any) -> Console:
    """A console for the brands of the settings; `console` changes its own settings."""
    settings = Settings.model_validate({**SETTINGS, "console": {**SETTINGS["console"], **console}})
    clock = Clock()
    return Console(database, create_app(database, settings, clock), clock)
