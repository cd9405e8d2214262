"""The Mastodon listener before a real server: what is stored is what was said, through a kill, an edit, a deletion.

Only with VIGIE_TEST_SNAC=1, because it may fetch snac2 from Debian's package index: see tests/fakes/snac.py.
What snac 2.75 does not have: the Link header, streams, rate limits (tests/fakes/mastodon_server.py has them), and
the deletion of a post by the API, which answers 404; here posts are deleted by the form of its web pages.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from mastodon import Mastodon
from sqlalchemy import func, select

from config.load import load_settings
from config.wiring import App
from flows.hearing import pull
from listeners.base import Known, Source
from storage.posts import store_events
from storage.tables import PostRow, PostVersionRow
from tests.fakes.snac import Snac, Unavailable, find_snac

VARIABLE = "VIGIE_TEST_SNAC"
ROOT = Path(__file__).parents[2]
PAGES = 6
PAGE = 40

pytestmark = pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"a real server (snac2): {VARIABLE}=1")

# A collecting process that tells after each transaction, so that it can be killed between two of them.
COLLECT = """
import sys
from pathlib import Path
from config.load import load_settings
from config.wiring import App
from storage.listening import store_batch

app = App(load_settings(Path(sys.argv[1])))
brand = app.brand()
[source] = app.sources(brand)
for batch in source.listener.pull(source.query, None, source.budget):
    with app.database.begin() as session:
        store_batch(session, brand.id, batch, app.now(), source.name, source.query)
    print("stored", flush=True)
"""


@dataclass
class Town:
    """A server with two people on it, and the truth about what they said in public: uri to text."""

    server: Snac
    people: Mapping[str, Mastodon]
    truth: dict[str, str] = field(default_factory=dict)

    def say(self, who: str, text: str, **options: Any) -> Any:
        status = self.people[who].status_post(text, **options)
        if options.get("visibility", "public") == "public":
            self.truth[status.uri] = text
        return status

    def delete(self, who: str, uri: str) -> None:
        form = {"id": uri, "actor": f"{self.server.base_url}/{who}", "action": "Delete", "redir": "top"}
        login = (who, self.server.password(who))
        assert httpx.post(f"{self.server.base_url}/{who}/admin/action", auth=login, data=form).status_code == 303
        del self.truth[uri]


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Path:
    try:
        return find_snac(request.config.cache.mkdir("snac"))
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def town(program: Path, tmp_path: Path) -> Iterator[Town]:
    with Snac(program, tmp_path / "snac", ["alice", "bob"]) as server:
        names = ("alice", "bob")
        people = {name: Mastodon(api_base_url=server.base_url, access_token=server.token(name)) for name in names}
        yield Town(server, people)


@dataclass
class Vigie:
    """The settings, and a database of its own."""

    settings: Path
    app: App

    @property
    def source(self) -> Source:
        [source] = self.app.sources(self.app.brand())
        return source

    def collect(self) -> Any:
        return pull(self.app, self.app.brand(), self.source)

    def sweep(self) -> None:
        with self.app.database.read() as session:
            known = [Known(row.native_id, row.attributes) for row in session.scalars(select(PostRow))]
        with self.app.database.begin() as session:
            store_events(session, self.app.brand().id, list(self.source.listener.verify(known)), self.app.now())

    def stored(self) -> dict[str, str]:
        """uri to text of what lives."""
        with self.app.database.read() as session:
            alive = select(PostRow.native_id, PostRow.text).where(PostRow.deleted_at.is_(None))
            return {uri: text or "" for uri, text in session.execute(alive)}

    def rows(self) -> int:
        with self.app.database.read() as session:
            return session.scalar(select(func.count()).select_from(PostRow)) or 0


@pytest.fixture
def vigie(town: Town, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vigie]:
    monkeypatch.setenv("SNAC_TOKEN", town.people["alice"].access_token)
    file = tmp_path / "vigie.toml"
    file.write_text(
        f'[brand]\nid = "hirondelle"\nname = "Hirondelle"\n[database]\nurl = "{database_url}"\n'
        f'[[listeners.mastodon.instances]]\nbase_url = "{town.server.base_url}"\ntoken_env = "SNAC_TOKEN"\n'
        'queries = ["#colis"]\n'
    )
    app = App(load_settings(file, {}))
    vigie = Vigie(file, app)
    yield vigie
    vigie.source.listener.close()
    app.database.close()


def test_what_is_stored_is_what_was_said(town: Town, vigie: Vigie) -> None:
    for number in range(PAGES * PAGE):
        town.say(("alice", "bob")[number % 2], f"Le #colis n° {number} n'est pas arrivé & c'est « long »")
    asked = town.say("alice", "Où est mon #colis ?")
    town.say("bob", "Quel #colis ?", in_reply_to_id=asked.id)
    town.say("bob", "Entre nous : mon #colis", visibility="direct")

    killed_after(vigie, batches=2)
    assert 0 < len(vigie.stored()) < len(town.truth), "the process was done before it was killed: this shows nothing"
    town.say("alice", "Encore un #colis, pendant que personne n'écoute")
    vigie.collect()
    assert vigie.stored() == town.truth
    assert vigie.rows() == len(town.truth), "what was heard twice is there once"

    again = vigie.collect()
    assert (again.made["new"], again.made["edited"]) == (0, 0)


def test_an_edit_and_a_deletion_are_followed(town: Town, vigie: Vigie) -> None:
    lost, wrong, kept = (town.say("alice", f"{word} #colis") for word in ("Perdu", "Faux", "Gardé"))
    vigie.collect()
    town.people["alice"].status_update(wrong.id, "Juste #colis")
    town.truth[wrong.uri] = "Juste #colis"
    assert vigie.collect().made["edited"] == 1
    assert vigie.stored() == town.truth
    with vigie.app.database.read() as session:
        versions = session.scalars(select(PostVersionRow.text).order_by(PostVersionRow.post_id, PostVersionRow.version))
        assert "Faux #colis" in versions.all()

    town.delete("alice", lost.uri)
    vigie.sweep()
    assert vigie.stored() == town.truth
    assert kept.uri in vigie.stored()


def test_a_reply_is_joined_to_its_thread(town: Town, vigie: Vigie) -> None:
    asked = town.say("alice", "Où est mon #colis ?")
    answered = town.say("bob", "Quel #colis ?", in_reply_to_id=asked.id)
    vigie.collect()
    with vigie.app.database.read() as session:
        thread = select(PostRow.thread).where(PostRow.native_id == answered.uri)
        assert session.scalar(thread) == asked.uri


def test_the_check_says_whose_token_it_is(town: Town, vigie: Vigie) -> None:
    assert "@alice" in vigie.source.listener.check()


def killed_after(vigie: Vigie, batches: int) -> None:
    """A collecting process that is killed (kill -9) as soon as so many batches are stored."""
    command = [sys.executable, "-c", COLLECT, str(vigie.settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(batches)]
        process.kill()
    assert told == ["stored\n"] * batches
