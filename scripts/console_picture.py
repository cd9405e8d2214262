"""Makes docs/images/console.png anew: the demo's queue and a case, as a care team sees them.

Run `make demo DEMO_ARGS=--no-serve` first; needs Chromium (`scripts/chromium`).
"""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from cli.demo import DEMO_PASSWORD, DEMO_USER
from config.load import load_settings
from config.wiring import App
from console.accounts import ensure_user
from console.app import create_app
from demo.sample import OFFSET_VARIABLE, SAMPLE_NOW

DEMO = Path(os.environ.get("VIGIE_DEMO_FOLDER", ".vigie/demo"))
TARGET = Path(__file__).parents[1] / "docs/images/console.png"
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
CHROMIUM += ["--disable-background-networking", "--disable-component-update"]


def main() -> None:
    """Serve the demo for a moment and photograph it."""
    offset = str((SAMPLE_NOW - datetime.now(UTC)).total_seconds())
    app = App(load_settings(DEMO / "vigie.toml", {OFFSET_VARIABLE: offset}))
    ensure_user(app.database, DEMO_USER, "Démo", DEMO_PASSWORD, "admin", [app.brand().id], app.now())
    server = uvicorn.Server(uvicorn.Config(create_app(app.database, app.settings, app.now), port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/")
        page.fill("input[name=email]", DEMO_USER)
        page.fill("input[name=password]", DEMO_PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_selector("main")
        page.goto(f"http://127.0.0.1:{port}/")
        page.screenshot(path=str(TARGET))
        for name, path in (("trends", "/trends"), ("messages", "/messages"), ("reviews", "/reviews")):
            if os.environ.get("VIGIE_MORE_PICTURES"):
                page.goto(f"http://127.0.0.1:{port}{path}")
                page.screenshot(path=str(TARGET.with_name(f"{name}.png")), full_page=True)
        browser.close()
    server.should_exit = True
    print(TARGET)


if __name__ == "__main__":
    main()
