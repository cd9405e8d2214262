"""The claim pages in a real browser: both languages, by keyboard alone, on a phone; nothing foreign, nothing for axe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from tests.console.claiming import Claiming, make_claiming
from tests.console.test_browser import AXE, AXE_RULES, Window, chromium, pytestmark, served

__all__ = ["chromium", "pytestmark"]
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def claiming(database: Database, tmp_path: Path) -> Claiming:
    return make_claiming(database, tmp_path / "outbox")


@pytest.fixture
def address(claiming: Claiming) -> Iterator[str]:
    with served(claiming.console) as found:
        yield found


class Person:
    """Somebody at a link who has no mouse."""

    def __init__(self, chromium: Any, address: str, claiming: Claiming, language: str) -> None:
        self.window = Window(chromium, address, claiming.console, locale=language, viewport=PHONE)
        self.window.context.clear_cookies()
        self.page = self.window.open(f"/c/{claiming.link()}")

    def reach(self, selector: str) -> None:
        """Press Tab until the element has the focus."""
        for _ in range(40):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"{selector} cannot be reached by keyboard")

    def type(self, selector: str, text: str) -> None:
        self.reach(selector)
        self.page.keyboard.type(text)

    def tick(self, selector: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("Space")

    def press(self, selector: str) -> None:
        self.reach(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def look(self, shots: Path, name: str) -> None:
        """The page fits a phone, axe finds nothing, by day and by night; a picture is kept."""
        self.page.screenshot(path=shots / f"{name}.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        if not AXE.is_file():
            return
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour on its way
            found = self.page.evaluate("rules => axe.run(document, rules).then(found => found.violations)", AXE_RULES)
            assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], scheme


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_customer_goes_all_the_way_by_keyboard(
    chromium: Any, address: str, claiming: Claiming, language: str, tmp_path: Path
) -> None:
    person = Person(chromium, address, claiming, language)
    assert person.page.get_attribute("html", "lang") == language
    person.look(tmp_path, "1-start")
    person.type("#who", claiming.email)
    person.press("form[action$=identify] button")
    person.look(tmp_path, "2-code")
    person.type("#typed", "12345678")
    person.press("form[action$=code] button")
    assert person.page.query_selector("[role=alert]")
    person.type("#typed", claiming.wait_for_code())
    person.press("form[action$=code] button")
    person.look(tmp_path, "3-review")
    person.tick("input[name=own]")
    person.press("form[action$=agree] button")
    person.look(tmp_path, "4-word")
    claiming.hear(str(person.page.text_content("#word")))
    person.page.reload()
    person.look(tmp_path, "5-done")
    assert len(claiming.identities()) == 1
    person.press("button[value=not_me]")
    person.look(tmp_path, "6-noted")
    assert claiming.identities() == []
    assert [line for line in person.window.trouble if "422" not in line] == []


def test_the_agents_page_of_a_claim(chromium: Any, address: str, claiming: Claiming, tmp_path: Path) -> None:
    agent = Window(chromium, address, claiming.console, viewport=PHONE)
    page = agent.open(f"/claims/new?case={claiming.case_id}")
    page.click("main form button.primary")
    claiming.proven(claiming.link()).agree()
    page.reload()
    page.screenshot(path=tmp_path / "7-ask.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if AXE.is_file():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("rules => axe.run(document, rules).then(found => found.violations)", AXE_RULES)
        assert [one["id"] for one in found] == []
    page.click("button[value=yes]")
    assert [identity.proof for identity in claiming.identities()] == ["declared"]
    assert agent.trouble == []
