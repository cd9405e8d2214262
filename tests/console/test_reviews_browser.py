"""Reviews in a real browser: answered by keyboard alone, nothing for axe, two people and an undo, a link that was wrong."""

from typing import Any

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.tables import CaseRow, LinkEventRow, MatchRow
from tests.console import factories
from tests.console.harness import Console
from tests.console.test_browser import AXE, AXE_RULES, Window, chromium, served
from tests.console.test_pages import under_review
from tests.console.test_reviews import linked, sensitive

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def asked(console: Console, database: Database) -> None:
    """One of each kind: plain, sensitive, a second look."""
    with database.begin() as session:
        under_review(session, severity="high")
        sensitive(session)
        linked(session)


def said(console: Console) -> list[str]:
    with console.database.read() as session:
        return list(session.scalars(select(LinkEventRow.kind).order_by(LinkEventRow.id)))


def test_the_queue_is_answered_by_keyboard_alone(chromium: Any, console: Console, asked: None) -> None:
    with served(console) as address:
        window = Window(chromium, address, console)
        page = window.open("/reviews")
        assert page.locator("article").count() == 3
        for key, kinds in (("y", ["confirmed"]), ("n", ["confirmed", "refused"])):
            page.keyboard.press("j")
            with page.expect_navigation():
                page.keyboard.press(key)
            assert said(console)[: len(kinds)] == kinds or said(console) == kinds[:1]
        assert window.trouble == []


def test_the_score_is_closed_until_it_is_wanted(chromium: Any, console: Console, asked: None) -> None:
    with served(console) as address:
        page = Window(chromium, address, console).open("/reviews")
        score = page.get_by_text("Probabilité calculée").first
        assert not score.is_visible()
        page.locator("summary").first.click()
        assert score.is_visible()


def test_an_answer_is_taken_back_on_the_page(chromium: Any, console: Console, asked: None) -> None:
    with served(console) as address:
        page = Window(chromium, address, console).open("/reviews")
        page.locator("[data-key=y]").first.click()
        before = page.locator("article").count()
        page.get_by_role("button", name="Annuler").first.click()
        assert said(console)[-1] == "undone"
        assert page.locator("article").count() == before + 1


def test_a_wrong_link_is_said_on_the_case_and_on_every_page(
    chromium: Any, console: Console, database: Database, asked: None
) -> None:
    with database.read() as session:
        match = session.scalars(select(MatchRow).filter_by(action="link")).one()
        case = session.scalars(select(CaseRow).filter_by(customer_key=match.customer_key)).one()
    with served(console) as address:
        window = Window(chromium, address, console)
        page = window.open(f"/cases/{case.id}")
        page.get_by_text("Ce n’est pas cette personne ?").click()
        page.get_by_role("button", name="C’est une autre personne").click()
        assert page.url == f"{address}/cases/{case.id}"
        assert page.get_by_text("sont suspendus depuis").is_visible()
        assert window.trouble == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing_in_reviews(
    chromium: Any, console: Console, database: Database, asked: None, scheme: str, width: int
) -> None:
    if not AXE.is_file():
        pytest.skip(f"no axe-core at {AXE}")
    with database.begin() as session:
        factories.brand(session)
    with served(console) as address:
        window = Window(chromium, address, console, color_scheme=scheme, viewport={"width": width, "height": 800})
        page = window.open("/reviews")
        for summary in page.locator("summary").all():
            summary.click()
        page.locator("[data-key=n]").first.click()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("rules => axe.run(document, rules)", AXE_RULES)
        assert [(bad["id"], bad["nodes"][0]["html"][:200]) for bad in found["violations"]] == []
