"""Sources heard by the application: what is wanted, what may be spent, pauses, second looks, streams, drawing again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from config.load import load_settings
from config.wiring import App
from domain.errors import Transient
from flows.hearing import pull
from flows.streaming import Ear
from flows.verifying import let_old_go, look_again
from listeners.base import Budget, Source
from storage.listening import load_cursor, spend, spent_today
from storage.tables import CursorRow, PostRow, RawPostRow
from tests.fakes.mastodon_server import MastodonServer
from tests.fakes.server import Fault
from tests.fakes.warm_vigie import WarmVigie

SETTINGS = """
[brand]
name = "Hirondelle"
[listeners]
queries = ['brand colis']
[[listeners.mastodon.instances]]
base_url = "{url}"
queries = ["public"]
"""


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as running:
        yield running


@pytest.fixture
def app(server: MastodonServer, tmp_path: Path) -> Iterator[App]:
    file = tmp_path / "vigie.toml"
    file.write_text(SETTINGS.format(url=server.base_url), encoding="utf-8")
    made = App(load_settings(file))
    made.now = lambda: datetime(2026, 11, 4, tzinfo=UTC)  # type: ignore[method-assign]
    yield made
    made.close()


def source(app: App, **changes: object) -> Source:
    [found] = app.sources(app.brand())
    return replace(found, **changes)  # type: ignore[arg-type]


def texts(app: App) -> list[str]:
    with app.database.read() as session:
        query = select(PostRow.text).where(PostRow.deleted_at.is_(None)).order_by(PostRow.native_id)
        return [str(text) for text in session.scalars(query)]


def test_only_what_is_wanted_is_stored_and_edits_of_what_is_known(server: MastodonServer, app: App) -> None:
    [wanted] = app.around(app.brand()).queries
    server.post("1", "<p>mon colis chez Hirondelle</p>")
    server.post("2", "<p>une hirondelle sur le toit</p>")
    asked = source(app, wanted=wanted)
    assert pull(app, app.brand(), asked).made["new"] == 1
    server.edit("1", "<p>tout est rentré dans l'ordre</p>")
    server.edit("2", "<p>deux oiseaux</p>")
    assert pull(app, app.brand(), asked).made["edited"] == 1
    assert texts(app) == ["tout est rentré dans l'ordre"]


def test_an_account_stops_before_what_it_may_take_a_day(server: MastodonServer, app: App) -> None:
    for number in range(90):
        server.post(str(number))
    asked = source(app, account="x:KEY", posts_a_day=60, cost_a_day=5.0)
    first = pull(app, app.brand(), asked)
    assert first.took == 80, "a page of forty is taken whole; the listener of a paid network asks for less"
    refused = pull(app, app.brand(), asked)
    assert refused.took == 0
    assert refused.retry_at == datetime(2026, 11, 5, tzinfo=UTC)
    assert "today" in refused.notes[0]
    with app.database.begin() as session:
        assert spent_today(session, "x:KEY", app.now()) == (80, 2.0)
        spend(session, "dear", app.now(), 0, 9.0)
    assert pull(app, app.brand(), source(app, account="dear", cost_a_day=9.0)).took == 0


def test_trouble_pauses_this_source_and_says_until_when(server: MastodonServer, app: App) -> None:
    server.every = Fault(status=429, headers={"Retry-After": "120"})
    paused = pull(app, app.brand(), source(app))
    assert paused.retry_at == app.now() + timedelta(seconds=120)
    asked = len(server.requests)
    assert pull(app, app.brand(), source(app)).notes == paused.notes
    assert len(server.requests) == asked, "nobody is asked before it is time"
    server.every = None
    app.now = lambda: datetime(2026, 11, 4, 1, tzinfo=UTC)  # type: ignore[method-assign]
    server.post("1")
    assert pull(app, app.brand(), source(app)).took == 1
    with app.database.read() as session:
        [row] = session.scalars(select(CursorRow))
        assert row.paused is None


def test_what_was_stored_before_trouble_is_told(server: MastodonServer, app: App) -> None:
    for number in range(90):
        server.post(str(number))
    server.faults += [Fault(), Fault(status=502)]
    done = pull(app, app.brand(), source(app))
    assert (done.took, done.left) == (40, 1)


def test_posts_that_are_gone_are_followed_and_the_others_are_left(server: MastodonServer, app: App) -> None:
    for number in range(3):
        server.post(str(number), f"<p>post {number}</p>")
    pull(app, app.brand(), source(app))
    server.delete("1")
    assert look_again(app, app.brand(), source(app)).took == 0, "they were shown a moment ago"
    app.now = lambda: datetime(2026, 11, 5, 1, tzinfo=UTC)  # type: ignore[method-assign]
    done = look_again(app, app.brand(), source(app))
    assert (done.took, done.made) == (3, {"seen again": 2, "deleted": 1})
    assert texts(app) == ["post 0", "post 2"]
    server.requests.clear()
    assert look_again(app, app.brand(), source(app)).took == 0
    assert server.requests == []


def test_a_server_in_trouble_deletes_nothing(server: MastodonServer, app: App) -> None:
    server.post("1")
    pull(app, app.brand(), source(app))
    app.now = lambda: datetime(2026, 11, 6, tzinfo=UTC)  # type: ignore[method-assign]
    server.every = Fault(status=503)
    done = look_again(app, app.brand(), source(app))
    assert (done.took, done.left) == (0, 1)
    assert len(texts(app)) == 1


def test_second_looks_that_cost_stop_before_the_cap(server: MastodonServer, app: App) -> None:
    for number in range(3):
        server.post(str(number))
    pull(app, app.brand(), source(app))
    app.now = lambda: datetime(2026, 11, 6, tzinfo=UTC)  # type: ignore[method-assign]
    dear = source(app, account="x:KEY", cost_a_day=0.011, verify_cost=0.005)
    done = look_again(app, app.brand(), dear)
    assert (done.took, done.left) == (2, 1)
    with app.database.read() as session:
        assert spent_today(session, "x:KEY", app.now()) == (2, pytest.approx(0.01))


def test_what_its_network_lets_nobody_keep_is_forgotten(app: App, tmp_path: Path, vigie: WarmVigie) -> None:
    rows = [
        {"network": network, "id": "1", "text": "bonjour", "created_at": "2026-09-01T10:00:00Z"}
        for network in ("youtube", "mastodon")
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert vigie(tmp_path, "import", "posts", "p.jsonl").code == 0
    app.now = lambda: datetime(2027, 12, 24, tzinfo=UTC)  # type: ignore[method-assign]
    assert let_old_go(app, app.brand()).made["forgotten"] == 1
    assert let_old_go(app, app.brand()).took == 0
    assert texts(app) == ["bonjour"]


class _Stop(Exception):
    pass


def test_an_ear_takes_up_a_broken_stream_and_waits_ever_longer(server: MastodonServer, app: App) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds))
        later = app.now() + timedelta(seconds=seconds)
        app.now = lambda: later  # type: ignore[method-assign]
        if len(waits) == 4:
            raise _Stop

    said: list[str] = []
    server.post("1")
    streaming = source(app)

    class Breaks(type(streaming.listener)):  # type: ignore[misc]
        def stream(self, query: str, cursor: object) -> Iterator[object]:
            if not waits:
                yield from self.pull("public", None, Budget())
            raise Transient("cut off")

    streaming.listener.__class__ = Breaks
    ear = Ear(app, app.brand(), streaming, said.append, sleep)
    with pytest.raises(_Stop):
        ear.listen()
    assert waits == [1, 2, 4, 8]
    assert ear.said().startswith("1 new")
    assert "cut off; again in 1 s" in said[0]


def test_check_and_remap_and_listen_as_commands(server: MastodonServer, tmp_path: Path, vigie: WarmVigie) -> None:
    (tmp_path / "vigie.toml").write_text(SETTINGS.format(url=server.base_url), encoding="utf-8")
    server.post("1", "<p>mon colis, Hirondelle !</p>", created_at=datetime.now(UTC).isoformat())
    app = App(load_settings(tmp_path / "vigie.toml"))
    pull(app, app.brand(), source(app))
    with app.database.begin() as session:
        assert session.scalars(select(RawPostRow)).one()
        session.scalars(select(PostRow)).one().lang = None
        row = load_cursor(session, "default", source(app).name, "public")
        assert row is not None
    app.close()

    checks = {line["what"]: line for line in vigie(tmp_path, "check", "--json").json["checks"]}
    assert checks[f"listener mastodon {server.base_url}"]["state"] == "ok"
    assert "last heard" in checks[f"question mastodon {server.base_url} public"]["detail"]
    assert checks["query brand colis"]["detail"].startswith("about 1.0 posts a day (1 of 1 stored")

    done = vigie(tmp_path, "remap", "--json")
    assert done.json == {"listeners": {f"mastodon {server.base_url}": {"posts": 1, "changed": 1, "refused": 0}}}
    assert vigie(tmp_path, "remap", "x").out == "no raw items are stored for x\n"

    assert vigie(tmp_path, "listen", "pigeon").code == 2
    told = vigie(tmp_path, "listen", "mastodon")
    assert (told.code, told.out) == (2, "")
    assert "mastodon has no stream in the settings" in told.err
