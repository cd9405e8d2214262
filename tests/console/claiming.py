"""A console that hands out claim links, an author who posted, customers, and visitors who open the link."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from console.app import create_app
from domain.brand import Brand
from routing.claim_accounts import take_word, words_heard
from routing.claim_asking import recheck_claim
from routing.outbox import Cancel, deliver
from storage.database import Database
from storage.tables import AuthorRow, CaseRow, CustomerRow, IdentityRow, MessageRow
from tests.console import factories
from tests.console.harness import SETTINGS, Browser, Clock, Console

ADDRESS = "https://care.example.org"
TOKEN = re.compile(re.escape(ADDRESS) + r"/c/([A-Za-z0-9_-]+)")


@dataclass
class Claiming:
    """One case of an unknown author, one customer who may be he, and the folder that messages are written to."""

    console: Console
    outbox: Path
    case_id: int
    customer_key: int
    customer_id: str
    email: str
    _agent: Browser | None = None

    def agent(self) -> Browser:
        """One agent of both brands, always the same."""
        if self._agent is None:
            self._agent = self.console.signed_in("agent", "hirondelle", "pelican", email="lea@example.org")
        return self._agent

    def link(self, case_id: int = 0) -> str:
        """The token of a fresh link, as the agent sees it."""
        browser = self.agent()
        answer = browser.send_form("/claims/new", case=str(case_id or self.case_id))
        assert answer.status_code == 303, answer.text
        found = TOKEN.search(browser.get(answer.headers["location"]).text)
        assert found is not None
        return found[1]

    def visitor(self, token: str, language: str = "fr") -> "Visitor":
        browser = self.console.browser()
        browser.headers["accept-language"] = language
        return Visitor(browser, token)

    def codes(self) -> list[str]:
        """The codes that were sent, oldest first."""
        files = sorted(self.outbox.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        found = (re.search(r"code est (\d{8})", file.read_text(encoding="utf-8")) for file in files)
        return [match[1] for match in found if match]

    def wait_for_code(self) -> str:
        """The newest code; over a real port it comes after the answer."""
        until = time.monotonic() + 20
        while not self.codes() and time.monotonic() < until:
            time.sleep(0.05)
        return self.codes()[-1]

    def identities(self) -> list[IdentityRow]:
        with self.console.database.read() as session:
            return list(session.scalars(select(IdentityRow).where(IdentityRow.revoked_at.is_(None))))

    def hear(self, text: str, author_id: int = 0, **changes: Any) -> None:
        """The author of the case, or another, posts something, and it is routed."""
        with self.console.database.begin() as session:
            writer = session.get_one(AuthorRow, author_id) if author_id else author_of(session, self.case_id)
            at = {"created_at": self.console.clock(), "heard_at": self.console.clock()}
            factories.post(session, text, writer, writer.brand_id, **{**at, **changes})
        self.route()

    def route(self) -> int:
        """What the flow `route` does first; returns how many accounts were proven."""
        rules = App(self.console.app.state.web.settings).claim_rules(Brand(id="hirondelle", name="Hirondelle"))
        now = self.console.clock()
        with self.console.database.read() as session:
            heard = words_heard(session, "hirondelle", now)
        done = 0
        for claim_id, attempt_id in heard:
            with self.console.database.begin() as session:
                done += take_word(session, claim_id, attempt_id, rules, now)
        return done

    def linked(self, token: str) -> "Visitor":
        """A visitor who went all the way, with a word from the account."""
        visitor = self.proven(token)
        visitor.agree()
        self.hear(visitor.word())
        return visitor

    def deliver(self) -> None:
        """Hand over what is due, as the flow `contact` does at its end."""
        app = App(self.console.app.state.web.settings)
        deliver(self.console.database, app.carriers(), self._recheck, self.console.clock)

    def _recheck(self, session: Session, message: MessageRow) -> Cancel | None:
        refused = recheck_claim(session, message, self.console.clock())
        return Cancel(refused) if refused else None

    def proven(self, token: str) -> "Visitor":
        """A visitor who typed his address and the code that came."""
        visitor = self.visitor(token)
        visitor.open()
        visitor.send("identify", who=self.email)
        assert visitor.send("code", typed=self.codes()[-1]).status_code == 303
        return visitor


@dataclass
class Visitor:
    """Somebody with a browser at a link."""

    browser: Browser
    token: str

    def open(self) -> Response:
        answer = self.browser.get(f"/c/{self.token}")
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)
        self.browser.csrf = found[1] if found else self.browser.csrf
        return answer

    def send(self, step: str, **values: Any) -> Response:
        return self.browser.send_form(f"/c/{self.token}/{step}", **values)

    def agree(self, **values: Any) -> Response:
        return self.send("agree", own="yes", **values)

    def word(self) -> str:
        """The word that the page shows, "" where it shows none."""
        found = re.search(r'id="word">([A-Z0-9]{4}-[A-Z0-9]{4})<', self.open().text)
        return found[1] if found else ""


def make_claiming(database: Database, outbox: Path, pace: float = 0.0, **settings: Any) -> Claiming:
    """The whole, over one database. Answers leave at multiples of `pace` seconds."""
    told = {
        **SETTINGS,
        "claims": {"base_url": ADDRESS, "answer_seconds": pace},
        "channels": {"folder": {"path": str(outbox)}},
        **settings,
    }
    clock = Clock()
    console = Console(database, create_app(database, Settings.model_validate(told), clock), clock)
    with database.begin() as session:
        factories.brand(session)
        factories.brand(session, "pelican", "Pélican")
        owner, case = factories.customer(session), unknown(session)
        return Claiming(console, outbox, case.id, owner.id, owner.customer_id, email_of(owner))


def unknown(session: Session, **changes: Any) -> CaseRow:
    """A case whose author nobody knows; `changes` are his."""
    writer = factories.author(session, handle="plume_bleue@tilleul.example", name="Plume bleue", **changes)
    told = factories.post(session, writer=writer, brand_id=writer.brand_id)
    factories.reading(session, told)
    return factories.case(session, told, grade="none")


def email_of(customer: CustomerRow) -> str:
    return f"camille.{customer.customer_id.lower()}@example.org"


def author_of(session: Session, case_id: int) -> AuthorRow:
    return session.get_one(AuthorRow, session.get_one(CaseRow, case_id).author_id)
