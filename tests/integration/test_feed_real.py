"""The feed listener before a real comment server: isso 0.14, whose ETag stays as it was after an edit or a deletion.

Only with VIGIE_TEST_ISSO=1, because isso is fetched by pip into a virtual environment of its own (kept in pytest's
cache), unless VIGIE_TEST_ISSO names the program.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.post import Cursor, Upsert
from listeners.base import Budget
from listeners.rss.listener import RssFeed, RssListener

VARIABLE = "VIGIE_TEST_ISSO"
CHOSEN = os.environ.get(VARIABLE, "")
FULL_EVERY = 3
SETTINGS = """
[general]
dbpath = {folder}/comments.db
host = {base_url}
max-age = 24h
[server]
listen = {base_url}
[guard]
enabled = false
[rss]
base = {base_url}
limit = 100
[moderation]
enabled = false
"""

pytestmark = pytest.mark.skipif(not CHOSEN, reason=f"a real comment server (isso): {VARIABLE}=1")


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Path:
    if CHOSEN != "1":
        return Path(CHOSEN)
    folder = request.config.cache.mkdir("isso")
    found = folder / "venv/bin/isso"
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
        install: list[str | Path] = [folder / "venv/bin/pip", "install", "-q", "isso==0.14.0", "setuptools<81"]
        subprocess.run(install, check=True, timeout=300)
    return found


@dataclass
class Isso:
    """A running server with one thread, and the browser of somebody who comments there."""

    base_url: str
    browser: httpx.Client = field(default_factory=httpx.Client)

    @property
    def feed(self) -> str:
        return f"{self.base_url}/feed?uri=%2Fthread"

    def say(self, text: str, parent: int | None = None) -> int:
        body = {"text": text, "parent": parent, "author": "Alice", "title": "Thread"}
        answer = self.browser.post(f"{self.base_url}/new", params={"uri": "/thread"}, json=body)
        assert answer.is_success, answer.text
        return int(answer.json()["id"])

    def edit(self, number: int, text: str) -> None:
        assert self.browser.put(f"{self.base_url}/id/{number}", json={"text": text}).status_code == 200

    def delete(self, number: int) -> None:
        assert self.browser.delete(f"{self.base_url}/id/{number}").status_code == 200


@pytest.fixture
def isso(program: Path, tmp_path: Path) -> Iterator[Isso]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings = tmp_path / "isso.cfg"
    settings.write_text(SETTINGS.format(folder=tmp_path, base_url=base_url))
    with (tmp_path / "isso.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", settings, "run"], stdout=log, stderr=log)
    server = Isso(base_url)
    try:
        _wait_for(server)
        yield server
    finally:
        server.browser.close()
        process.terminate()
        process.wait(10)


def _wait_for(server: Isso) -> None:
    for _ in range(200):
        try:
            server.browser.get(server.feed)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("isso does not answer")


@dataclass
class Ear:
    """The listener with its cursor, as a database keeps it."""

    listener: RssListener
    cursor: Cursor | None = None

    def hear(self) -> list[Upsert]:
        events: list[Any] = []
        for batch in self.listener.pull(self.listener.url, self.cursor, Budget()):
            assert list(batch.rejected) == []
            events += batch.events
            self.cursor = json.loads(json.dumps(batch.cursor_after))
        return events


@pytest.fixture
def ear(isso: Isso) -> Iterator[Ear]:
    listener = RssListener(RssFeed(url=isso.feed, network="forum", language="fr"), full_every=FULL_EVERY)
    yield Ear(listener)
    listener.close()


def test_comments_are_heard_with_their_thread(isso: Isso, ear: Ear) -> None:
    first = isso.say("colis **perdu** depuis lundi")
    isso.say("moi aussi", parent=first)
    posts = {event.post.text: event.post for event in ear.hear()}
    assert set(posts) == {"colis perdu depuis lundi", "moi aussi"}
    question, answer = posts["colis perdu depuis lundi"], posts["moi aussi"]
    assert answer.reply_to == question.id
    assert answer.conversation == question.conversation == f"{isso.base_url}/thread"
    assert question.attributes["author_name"] == "Alice"
    assert question.author is None
    assert question.network == "forum"
    assert abs((datetime.now(UTC) - question.created_at).total_seconds()) < 60
    assert ear.hear() == []


def test_an_edit_behind_an_unchanged_etag_is_heard(isso: Isso, ear: Ear) -> None:
    number = isso.say("colis perdu")
    isso.say("moi aussi", parent=number)
    told = {event.post.id: event.post for event in ear.hear()}
    isso.edit(number, "colis toujours perdu")
    heard = [event for _ in range(FULL_EVERY) for event in ear.hear()]
    [edited] = heard
    assert edited.post.text == "colis toujours perdu"
    assert edited.post.created_at == told[edited.post.id].created_at
    assert edited.post.edited_at is not None
    assert edited.post.edited_at > edited.post.created_at


def test_the_server_has_the_fault_that_this_is_for(isso: Isso) -> None:
    number = isso.say("colis perdu")
    etag = isso.browser.get(isso.feed).headers["etag"]
    isso.edit(number, "colis toujours perdu")
    assert isso.browser.get(isso.feed, headers={"If-None-Match": etag}).status_code == 304


def test_a_deleted_comment_leaves_the_feed_and_takes_no_other_with_it(isso: Isso, ear: Ear) -> None:
    isso.say("premier")
    number = isso.say("deuxieme")
    isso.say("troisieme")
    assert len(ear.hear()) == 3
    isso.delete(number)
    heard = [event for _ in range(FULL_EVERY) for event in ear.hear()]
    assert heard == []
    assert ear.cursor is not None
    assert len(ear.cursor["feed"]["entries"]) == 2
