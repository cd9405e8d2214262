"""The Bluesky listener before Bluesky's own servers: what is stored is what was said, through kills, edits, deletions.

Only with VIGIE_TEST_ATPROTO=1, because it fetches Node and 660 packages at the first time (tests/fakes/atproto/).
These servers have no Jetstream: a bridge tells their real firehose on its wire. Their search looks for a text
within the text, case and all, and pages like the real one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from config.load import load_settings
from config.wiring import App
from domain.errors import Permanent, Transient
from flows.hearing import listen, pull
from listeners.base import Known, Source
from listeners.bluesky import session as bluesky_session
from storage.posts import store_events
from storage.tables import AuthorRow, PostRow, PostVersionRow
from tests.fakes.atproto.servers import PASSWORD, AtprotoServers

if TYPE_CHECKING:
    from atproto import Client

VARIABLE = "VIGIE_TEST_ATPROTO"
ROOT = Path(__file__).parents[2]
POST = "app.bsky.feed.post"
PATIENCE_SECONDS = 30.0

pytestmark = pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"Bluesky's own servers: {VARIABLE}=1")

SETTINGS = """
[brand]
id = "hirondelle"
name = "Hirondelle"
[database]
url = "{database}"
[listeners]
queries = ['colis']
[listeners.bluesky]
search = {search}
base_url = "{pds}"
handle = "{handle}"
password_env = "BLUESKY_PASSWORD"
jetstream = "{jetstream}"
jetstream_version = {version}
"""

# A process that tells after each transaction, so that it can be killed between two of them.
HEAR = """
import sys
from pathlib import Path
from config.load import load_settings
from config.wiring import App
from flows.hearing import store

app = App(load_settings(Path(sys.argv[1])))
brand = app.brand()
[source] = app.sources(brand)
batches = source.listener.stream(source.query, None) if source.live else source.listener.pull(source.query, None, source.budget)
for batch in batches:
    print("stored", store(app, brand, source, batch).new, flush=True)
"""


@dataclass
class Town:
    """People on the servers, and the truth about what they said of parcels: address to text."""

    servers: AtprotoServers
    suffix: str
    people: dict[str, "Client"] = field(default_factory=dict)
    truth: dict[str, str] = field(default_factory=dict)

    def person(self, name: str) -> "Client":
        if name not in self.people:
            self.people[name] = self.servers.client(f"{name}{self.suffix}")
        return self.people[name]

    def did(self, name: str) -> str:
        return str(self.person(name).export_session_string().split(":::")[1])

    def _record(self, text: str, **fields: Any) -> dict[str, Any]:
        at = self.person("brand").get_current_time_iso()
        return {"$type": POST, "text": text, "createdAt": at, "langs": ["fr"], **fields}

    def say(self, who: str, text: str, **fields: Any) -> str:
        record = {"repo": self.did(who), "collection": POST, "record": self._record(text, **fields)}
        uri = str(self.person(who).com.atproto.repo.create_record(record).uri)
        if "colis" in text:
            self.truth[uri] = text
        return uri

    def edit(self, who: str, uri: str, text: str) -> None:
        place = {"repo": self.did(who), "collection": POST, "rkey": uri.rpartition("/")[2]}
        self.person(who).com.atproto.repo.put_record({**place, "record": self._record(text)})
        self.truth[uri] = text

    def delete(self, who: str, uri: str) -> None:
        self.person(who).delete_post(uri)
        del self.truth[uri]

    def leave(self, who: str) -> None:
        self.person(who).com.atproto.server.deactivate_account({})
        self.truth = {uri: text for uri, text in self.truth.items() if self.did(who) not in uri}

    def come_back(self, who: str) -> None:
        self.person(who).com.atproto.server.activate_account()

    def block(self, who: str, whom: str) -> None:
        record = {"$type": "app.bsky.graph.block", "subject": self.did(whom), "createdAt": "2026-11-01T00:00:00Z"}
        place = {"repo": self.did(who), "collection": "app.bsky.graph.block"}
        self.person(who).com.atproto.repo.create_record({**place, "record": record})

    def app_password(self) -> str:
        made = self.person("brand").com.atproto.server.create_app_password({"name": f"vigie{self.suffix}"})
        return str(made.password)

    def indexed(self) -> bool:
        """Whether the AppView shows exactly what was said."""
        found, cursor = {}, None
        while True:
            page = self.person("brand").app.bsky.feed.search_posts({"q": "colis", "limit": 100, "cursor": cursor})
            found |= {post.uri: post.record.text for post in page.posts}
            cursor = page.cursor
            if not cursor or not page.posts:
                return {uri: text for uri, text in found.items() if uri in self._mine(found)} == self.truth

    def _mine(self, uris: Any) -> set[str]:
        """The servers hold what the people of other tests said too."""
        dids = {self.did(name) for name in self.people}
        return {uri for uri in uris if uri.removeprefix("at://").partition("/")[0] in dids}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtprotoServers]:
    with AtprotoServers(tmp_path_factory.mktemp("atproto")) as running:
        yield running


@pytest.fixture
def town(servers: AtprotoServers) -> Iterator[Town]:
    made = Town(servers, f"-{time.monotonic_ns() % 10**7:x}")
    made.person("brand")
    yield made
    for uri in made.truth:
        name = next(name for name in made.people if made.did(name) in uri)
        made.person(name).delete_post(uri)
    for client in made.people.values():
        client.request.close()


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

    def hear(self, until: Callable[[], bool]) -> None:
        """The stream, until it holds."""
        end = time.monotonic() + PATIENCE_SECONDS
        with closing(listen(self.app, self.app.brand(), self.source)) as batches:  # type: ignore[type-var]
            for _ in batches:
                if until():
                    return
                assert time.monotonic() < end, f"it never happened; stored {self.stored()}"

    def sweep(self) -> None:
        with self.app.database.read() as session:
            alive = select(PostRow).where(PostRow.deleted_at.is_(None))
            known = [Known(row.native_id, row.attributes) for row in session.scalars(alive)]
        gone = list(self.source.listener.verify(known))
        with self.app.database.begin() as session:
            store_events(session, self.app.brand().id, gone, self.app.now())

    def stored(self) -> dict[str, str]:
        """Address to text of what lives."""
        with self.app.database.read() as session:
            alive = select(PostRow.native_id, PostRow.text).where(PostRow.deleted_at.is_(None))
            return {uri: text or "" for uri, text in session.execute(alive)}

    def versions(self) -> set[str]:
        with self.app.database.read() as session:
            return set(session.scalars(select(PostVersionRow.text)))

    def handle(self, did: str) -> str | None:
        with self.app.database.read() as session:
            return session.scalar(select(AuthorRow.handle).where(AuthorRow.native_id == did))


MakeVigie = Callable[..., Vigie]


@pytest.fixture
def vigie(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeVigie]:
    apps: list[App] = []

    def make(jetstream: str = "", version: int = 2, handle: str | None = None, password: str = PASSWORD) -> Vigie:
        monkeypatch.setenv("BLUESKY_PASSWORD", password)
        file = tmp_path / "vigie.toml"
        told = {"database": f"sqlite:///{tmp_path / 'vigie.db'}", "pds": town.servers.pds, "jetstream": jetstream}
        search = "false" if jetstream else "true"
        handle = f"brand{town.suffix}.test" if handle is None else handle
        file.write_text(SETTINGS.format(**told, version=version, search=search, handle=handle), encoding="utf-8")
        apps.append(App(load_settings(file, {})))
        return Vigie(file, apps[-1])

    yield make
    for app in apps:
        app.close()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.2)


def hear_and_be_killed(vigie: Vigie, enough: int) -> None:
    """A process that hears, and is killed (kill -9) as soon as it has stored so many posts."""
    command = [sys.executable, "-c", HEAR, str(vigie.settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        stored = 0
        for line in process.stdout:
            stored += int(line.split()[1])
            if stored >= enough:
                break
        process.kill()
    assert stored >= enough


# --- search --------------------------------------------------------------------------------------


def test_what_the_search_stored_is_what_was_said(town: Town, vigie: MakeVigie) -> None:
    here = vigie(password=town.app_password())
    for number in range(240):
        town.say(("alice", "bob")[number % 2], f"Le colis n° {number} n'est pas arrivé & c'est « long »")
    asked = town.say("alice", "Où est mon colis ?")
    reference = {"uri": asked, "cid": "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi"}
    answered = town.say("bob", "Quel colis ?", reply={"root": reference, "parent": reference})
    town.say("bob", "Il fait beau")
    wait_for(town.indexed)

    hear_and_be_killed(here, 1)
    assert 0 < len(here.stored()) < len(town.truth), "the process was done before it was killed: this shows nothing"
    town.say("alice", "Encore un colis, pendant que personne n'écoute")
    wait_for(town.indexed)
    here.collect()
    assert here.stored() == town.truth
    assert here.handle(town.did("alice")) == f"alice{town.suffix}.test"
    with here.app.database.read() as session:
        assert session.scalar(select(PostRow.thread).where(PostRow.native_id == answered)) == asked

    again = here.collect()
    assert (again.made["new"], again.made["edited"]) == (0, 0)


def test_edits_deletions_and_accounts_that_left_are_found_by_asking(town: Town, vigie: MakeVigie) -> None:
    here = vigie()
    lost, wrong = town.say("alice", "colis perdu"), town.say("alice", "colis faux")
    town.say("bob", "colis de bob")
    town.say("carol", "colis de carol")
    wait_for(town.indexed)
    here.collect()
    assert here.stored() == town.truth

    town.edit("alice", wrong, "colis juste")
    town.delete("alice", lost)
    town.leave("bob")
    wait_for(town.indexed)
    assert here.collect().made["edited"] == 1
    assert {"colis faux", "colis juste"} <= here.versions()
    here.sweep()
    assert here.stored() == town.truth

    town.block("carol", "brand")
    time.sleep(1)
    here.sweep()
    assert here.stored() == town.truth, "who blocks the account has deleted nothing"

    town.come_back("bob")
    town.say("bob", "colis de bob, de retour")
    wait_for(lambda: here.collect().made["new"] == 1)
    assert here.stored() == town.truth


def test_signed_out_the_appview_can_be_searched(town: Town, tmp_path: Path) -> None:
    from listeners.base import Budget
    from listeners.bluesky.listener import BlueskyListener

    uri = town.say("alice", "colis perdu")
    wait_for(town.indexed)
    with closing(BlueskyListener(town.servers.appview)) as listener:
        assert "signed out" in listener.check()
        events = [event for batch in listener.pull("colis", None, Budget()) for event in batch.events]
    assert uri in {event.post.id for event in events}  # type: ignore[union-attr]


def test_one_session_serves_many_processes_and_a_revoked_password_is_told(town: Town, vigie: MakeVigie) -> None:
    password = town.app_password()
    here = vigie(password=password)
    town.say("alice", "colis perdu")
    wait_for(town.indexed)
    hear_and_be_killed(here, 1)
    [kept] = (here.settings.parent / ".vigie").glob("*.session")
    first = kept.read_text()
    here.collect()
    assert kept.read_text() == first
    assert "brand" in here.source.listener.check()

    kept.write_text(first.replace(first.split(":::")[2], _spoiled(first.split(":::")[2])))
    here.collect()
    assert kept.read_text() != first, "an access token that the server does not take is renewed"

    town.person("brand").com.atproto.server.revoke_app_password({"name": f"vigie{town.suffix}"})
    kept.unlink()
    later = vigie(password=password)
    with pytest.raises(Permanent, match="new app password"):
        list(later.source.listener.pull("colis", None, later.source.budget))


def _spoiled(token: str) -> str:
    head, claims, signature = token.split(".")
    return ".".join((head, claims, signature[::-1]))


def test_too_many_logins_are_told_with_their_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from listeners.base import Budget
    from listeners.bluesky.listener import BlueskyListener
    from listeners.bluesky.session import Account

    with AtprotoServers(tmp_path, rate_limits=True) as limited:
        client = limited.client("often")
        for _ in range(29):
            client.login("often.test", PASSWORD, fetch_bsky_profile=False)
        client.request.close()
        account = Account.of("often.test", PASSWORD, limited.pds, tmp_path)
        monkeypatch.setattr(bluesky_session, "_LOGINS", {})
        with closing(BlueskyListener(limited.pds, account)) as listener, pytest.raises(Transient) as caught:
            list(listener.pull("colis", None, Budget()))
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 300


# --- stream --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_what_the_stream_stored_is_what_happened(town: Town, vigie: MakeVigie, version: int) -> None:
    from tests.fakes.atproto.bridge import JetstreamBridge

    with JetstreamBridge(town.servers.pds, version) as bridge:
        here = vigie(bridge.url, version)
        process = subprocess.Popen(
            [sys.executable, "-c", HEAR, str(here.settings)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        wait_for(lambda: bridge.listeners == 1)
        lost, wrong, away = (town.say("alice", f"colis {word}") for word in ("perdu", "faux", "dit de travers"))
        town.say("bob", "colis de bob")
        town.say("bob", "Il fait beau")
        _killed_after(process, stored=4)
        assert here.stored() == town.truth

        for number in range(60):
            town.say(("alice", "carol")[number % 2], f"colis n° {number}, pendant que personne n'écoute")
        town.edit("alice", wrong, "colis juste")
        town.edit("alice", away, "l'affaire est réglée, merci")
        town.delete("alice", lost)
        town.leave("bob")
        here.hear(lambda: here.stored() == town.truth)
        assert {"colis faux", "colis juste"} <= here.versions()

        town.come_back("bob")
        town.say("bob", "colis de bob, de retour")
        town.person("carol").com.atproto.identity.update_handle({"handle": f"carole{town.suffix}.test"})
        renamed = f"carole{town.suffix}.test"
        here.hear(lambda: here.stored() == town.truth and here.handle(town.did("carol")) == renamed)


def _killed_after(process: "subprocess.Popen[str]", stored: int) -> None:
    assert process.stdout is not None
    told = 0
    while told < stored:
        told += int(process.stdout.readline().split()[1])
    process.kill()
    process.wait()
    process.stdout.close()
