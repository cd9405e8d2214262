"""The same words are read once: copies take the reading over, as long as model, brand and settings are the same."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import Settings
from config.wiring import App
from domain.brand import Brand
from domain.post import Post, Upsert
from domain.reading import Reading
from flows import classify
from models.reader import Reader
from storage.database import Database
from storage.posts import store_events
from storage.tables import PostRow, ReadingRow

WORDS = "Colis Hirondelle HR4829174637 toujours pas livré"
COPY = "RT @camille: " + WORDS


class Counting:
    """The real reader, and what it was given."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.name = reader, reader.name
        self.given: list[str] = []

    def read(self, texts: Sequence[str], brand: Brand) -> list[Reading]:
        self.given += texts
        if "fails" in texts:
            raise ValueError("cannot")
        return self.reader.read(texts, brand)


@pytest.fixture
def make_app(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[Any]:
    made: list[App] = []

    def make(**settings: Any) -> App:
        plain = {"brand": {"id": "b", "name": "Hirondelle"}, "database": {"url": database_url}, **settings}
        app = App(Settings.model_validate(plain))
        app.now = lambda: now  # type: ignore[method-assign]
        app.reader = Counting(app.reader)
        made.append(app)
        monkeypatch.setattr(classify, "current_app", lambda: app)
        return app

    yield make
    for app in made:
        app.close()


def hear(app: App, **posts: str) -> None:
    events = [Upsert(Post("mastodon", name, words, app.now())) for name, words in posts.items()]
    with app.database.begin() as session:
        store_events(session, "b", events, app.now())


def read(app: App) -> list[str]:
    """One batch; what the model was given for it."""
    assert isinstance(app.reader, Counting)
    app.reader.given.clear()
    classify.classify_batch.fn("b")
    return app.reader.given


def entities(app: App) -> dict[str, list[tuple[str, str]]]:
    with app.database.read() as session:
        query = select(PostRow.native_id, PostRow.text, ReadingRow.details).join(
            ReadingRow, ReadingRow.post_id == PostRow.id
        )
        return {
            name: [(found["text"], str(words)[found["start"] : found["end"]]) for found in details["entities"]]
            for name, words, details in session.execute(query)
        }


def test_copies_in_a_batch_and_after_it_are_read_once(make_app: Callable[..., App]) -> None:
    app = make_app()
    hear(app, a=WORDS, b=WORDS, c="autre chose")
    assert sorted(read(app)) == sorted([WORDS, "autre chose"])
    hear(app, d=WORDS)
    assert read(app) == []
    with app.database.read() as session:
        rows = session.scalars(select(ReadingRow).order_by(ReadingRow.id)).all()
        stages = set(session.scalars(select(PostRow.stage)))
    assert stages == {"read"}
    same = [row for row in rows if row.content_hash == rows[-1].content_hash]
    assert len(same) == 3
    assert all(
        (row.details, row.intent, row.complaint) == (same[0].details, same[0].intent, same[0].complaint) for row in same
    )


def test_entities_stand_where_each_text_has_them(make_app: Callable[..., App]) -> None:
    app = make_app()
    hear(app, a=WORDS)
    read(app)
    hear(app, b=COPY, c=WORDS.upper())
    assert sorted(read(app)) == sorted([COPY, WORDS.upper()]), "the same content in other words is read"
    assert all(told == stands for found in entities(app).values() for told, stands in found)
    assert all(found for found in entities(app).values())


def test_another_name_of_the_brand_or_other_settings_are_read_anew(make_app: Callable[..., App]) -> None:
    app = make_app()
    hear(app, a=WORDS)
    read(app)
    for name, changed in {
        "b": {"brand": {"id": "b", "name": "Mésange"}},
        "c": {"reading": {"complaint_threshold": 0.7}},
    }.items():
        app = make_app(**changed)
        hear(app, **{name: WORDS})
        assert read(app) == [WORDS]


def test_a_text_on_which_the_model_fails_fails_its_copies_and_no_other(make_app: Callable[..., App]) -> None:
    app = make_app()
    hear(app, a="fails", b="fails", c=WORDS)
    read(app)
    with app.database.read() as session:
        told = dict(session.execute(select(PostRow.native_id, PostRow.failed)).all())
    assert told == {"a": "cannot be read: ValueError", "b": "cannot be read: ValueError", "c": None}
