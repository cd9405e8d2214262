"""The console in a real browser: keyboard, no script needed, nothing refused by the policy, nothing foreign run.

Run by `make test-browser`. The accessibility check needs axe-core: `npm install axe-core` in this folder, or the
file's path in `VIGIE_TEST_AXE`.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from storage.database import Database
from tests.console import factories
from tests.console.harness import Console
from tests.console.test_pages import HOSTILE, under_review, whole_case

pytestmark = [
    pytest.mark.browser,
    # Playwright leaves its event loop to the interpreter's end.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CHROMIUM = os.environ.get("VIGIE_TEST_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(os.environ.get("VIGIE_TEST_AXE", "node_modules/axe-core/axe.min.js"))
AXE_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}: `make test-browser` installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served(console: Console) -> Iterator[str]:
    """The console on a real port; the address of it."""
    server = uvicorn.Server(uvicorn.Config(console.app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        threading.Event().wait(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


class Window:
    """A page that remembers what went wrong in it: refused loads, script errors, dialogs, foreign requests."""

    def __init__(self, chromium: Any, address: str, console: Console, **options: Any) -> None:
        self.address = address
        self.context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        secret = console.signed_in(email=f"u{time.monotonic_ns()}@example.org").cookies["vigie_session"]
        self.context.add_cookies([{"name": "vigie_session", "value": secret, "url": address}])
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self._foreign(request.url))

    def open(self, path: str) -> Any:
        self.page.goto(self.address + path)
        return self.page

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.id"))

    def _foreign(self, url: str) -> None:
        if not url.startswith(self.address):
            self.trouble.append(f"request to {url}")


@pytest.fixture
def ids(console: Console, database: Database) -> dict[str, int]:
    with database.begin() as session:
        case, review = whole_case(session), under_review(session)
        writer = factories.author(session, name=HOSTILE)
        evil = factories.post(session, HOSTILE, writer, url="javascript:alert(9)")
        factories.reading(session, evil, doubts="intent", details={"abstain": ["intent", "language"]})
        hostile = factories.case(session, evil)
        return {"case": case.id, "review": review.id, "hostile": hostile.id}


def paths(ids: dict[str, int]) -> list[str]:
    return [
        "/",
        *(f"/cases/{number}" for number in ids.values()),
        f"/cases/{ids['case']}/resolution",
        f"/cases/{ids['case']}/reply",
        "/reviews",
        "/doubts",
        "/messages",
        "/trends",
        "/listening",
        "/quality",
        "/team",
        "/callbacks",
        "/channels",
        "/nowhere",
    ]


def test_no_page_hits_the_policy_or_runs_foreign_words(chromium: Any, console: Console, ids: dict[str, int]) -> None:
    with served(console) as address:
        window = Window(chromium, address, console)
        for path in paths(ids):
            page = window.open(path)
            for summary in page.query_selector_all("summary"):
                if summary.is_visible():
                    summary.click()
        trouble = [line for line in window.trouble if "404" not in line]
        assert trouble == []
        assert window.page.evaluate("document.querySelectorAll('script:not([src])').length") == 0


def test_a_case_is_worked_by_keyboard_alone(chromium: Any, console: Console, ids: dict[str, int]) -> None:
    with served(console) as address:
        window = Window(chromium, address, console)
        page = window.open("/")
        rows = [link.get_attribute("href") for link in page.query_selector_all(".rows .line > a")]
        page.keyboard.press("j")
        assert window.focused() == rows[0]
        page.keyboard.press("j")
        assert window.focused() == rows[1]
        page.keyboard.press("k")
        assert window.focused() == rows[0]
        page.keyboard.press("/")
        assert window.focused() == "q"
        page.keyboard.type("jk?")
        assert page.input_value("#q") == "jk?", "while typing, letters are letters"
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert page.evaluate("document.getElementById('keys').open")
        page.keyboard.press("Escape")
        page.wait_for_function("!document.getElementById('keys').open")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}{rows[0]}")


def test_shortcuts_can_be_switched_off(chromium: Any, console: Console, ids: dict[str, int]) -> None:
    with served(console) as address:
        window = Window(chromium, address, console)
        page = window.open("/")
        page.click("#help")
        page.uncheck("#keys-on")
        page = window.open("/")
        page.keyboard.press("j")
        assert not window.focused().startswith("/cases/")


def test_everything_works_without_scripts(chromium: Any, console: Console, ids: dict[str, int]) -> None:
    with served(console) as address:
        window = Window(chromium, address, console, java_script_enabled=False)
        page = window.open(f"/cases/{ids['case']}")
        page.fill("#note", "Écrit sans script.")
        page.click(".note-form button")
        assert "Écrit sans script." in page.content()
        page.click("button.primary")
        assert "Rouvrir" in page.content()
        page = window.open("/?view=resolved")
        page.select_option("#f-intent", "delivery")
        page.click(".filters button")
        assert page.locator(".rows > li").count() == 1


@pytest.mark.parametrize("width", [320, 640, 1024])
def test_nothing_scrolls_sideways(chromium: Any, console: Console, ids: dict[str, int], width: int) -> None:
    """320 CSS pixels are 1280 at 400 % zoom (WCAG 1.4.10), 640 are 1280 at 200 %."""
    with served(console) as address:
        window = Window(chromium, address, console)
        window.page.set_viewport_size({"width": width, "height": 800})
        for path in paths(ids):
            page = window.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_every_chart_has_its_marks(chromium: Any, console: Console, ids: dict[str, int]) -> None:
    with served(console) as address:
        page = Window(chromium, address, console).open("/trends")
        assert page.locator(".chart .wide svg").count() == 5
        assert page.locator(".chart .wide .mark-rect path").count() >= 3
        colour = page.eval_on_selector(".chart .wide .mark-rect path", "mark => getComputedStyle(mark).fill")
        assert colour not in ("none", "rgb(0, 0, 0)"), "the theme's colours reach the chart"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Any, console: Console, ids: dict[str, int], scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("no axe-core: npm install axe-core")
    with served(console) as address:
        window = Window(chromium, address, console, color_scheme=scheme)
        found = {}
        for path in (*paths(ids), "/sign-in"):
            page = window.open(path)
            page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            page.evaluate(AXE.read_text(encoding="utf-8"))
            violations = page.evaluate("rules => axe.run(document, rules).then(found => found.violations)", AXE_RULES)
            for violation in violations:
                targets = [node["target"] for node in violation["nodes"]][:3]
                found[f"{path} {violation['id']}"] = targets
        assert found == {}
