"""The customer's own page and the survey in a real browser: a phone and a desk, two languages, light and dark."""

from typing import Any

import pytest

from routing.preferences import stop_everything, token_of
from storage.database import Database
from storage.tables import CustomerRow
from tests.console import factories
from tests.console.harness import Console
from tests.console.test_after import asked
from tests.console.test_browser import AXE, AXE_RULES, Window, chromium, pytestmark, served

__all__ = ["chromium", "pytestmark"]


@pytest.fixture
def paths(console: Console, database: Database) -> list[str]:
    with database.begin() as session:
        _, survey = asked(session)
        open_, stopped = factories.customer(session), factories.customer(session)
        stop_everything(session, session.get_one(CustomerRow, stopped.id), True, console.clock())
        pages = [token_of(session, session.get_one(CustomerRow, one.id), console.clock()) for one in (open_, stopped)]
    return [*(f"/p/{page}" for page in pages), f"/p/{pages[0]}?saved=yes", f"/s/{survey}/4", "/p/forged", "/s/forged"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_they_fit_a_phone_and_axe_finds_nothing(
    chromium: Any, console: Console, paths: list[str], language: str, scheme: str
) -> None:
    with served(console) as address:
        window = Window(chromium, address, console, locale=language, color_scheme=scheme)
        window.context.clear_cookies()
        found = {}
        for path in paths:
            page = window.open(path)
            assert page.get_attribute("html", "lang") == language
            for width in (390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
                if AXE.is_file():
                    page.evaluate(AXE.read_text(encoding="utf-8"))
                    told = page.evaluate("rules => axe.run(document, rules).then(told => told.violations)", AXE_RULES)
                    found |= {f"{path} {width} {one['id']}": [node["target"] for node in one["nodes"]] for one in told}
        assert found == {}
        assert [line for line in window.trouble if "404" not in line] == []


def test_a_customer_says_what_he_wants_without_a_mouse(chromium: Any, console: Console, paths: list[str]) -> None:
    with served(console) as address:
        window = Window(chromium, address, console, locale="en", viewport={"width": 390, "height": 800})
        page = window.open(paths[0])
        for _ in range(40):
            if page.evaluate("document.activeElement.matches('input[name=no_learning]')"):
                break
            page.keyboard.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", "where the focus is can be seen"
        page.keyboard.press("Space")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.query_selector("[role=status]")
        assert page.is_checked("input[name=no_learning]")
