"""The same files in whatever order, the stages however often: the same posts, readings, cases and messages.

A share of the sample in every run, most of it of customers; the whole of it with `--long`.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from flows.base import Outcome, current_app
from flows.classify import classify_batch
from flows.contact import hand_over, plan
from flows.follow_up import recover, tidy
from flows.route import reopen, route_posts
from listeners.files import read_customers, read_interactions, read_orders, read_posts
from routing.crm import import_customers, import_interactions, import_orders
from storage.brands import lock_brand
from storage.posts import store_events
from tests.crash.world import OFFSET, ROOT, facts_of, sample_lines

BRAND = "hirondelle"
POSTS, POSTS_LONG = 120, 815
SETTINGS = """\
[brand]
id = "hirondelle"
name = "Hirondelle"
products = ["box Nid", "le Nid"]
accounts = ["mastodon:HirondelleAide", "x:HirondelleAide", "bluesky:HirondelleAide"]

[matching]
start = "acting"
start_reason = "the sample's truth is known"
"""


@contextmanager
def home_in(folder: Path, database_url: str) -> Iterator[Path]:
    """A folder with settings, and the application of this process on a fresh database."""
    (folder / "vigie.toml").write_text(SETTINGS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_CONFIG", str(folder / "vigie.toml"))
        patch.setenv("VIGIE_DATABASE_URL", database_url)
        patch.setenv("VIGIE_CLOCK__OFFSET_SECONDS", OFFSET)
        current_app.cache_clear()
        yield folder
        current_app().database.close()
        current_app.cache_clear()


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Path]:
    """On each kind of database."""
    with home_in(tmp_path, database_url) as folder:
        yield folder


@pytest.fixture(scope="module")
def posts(long: bool) -> int:
    """How many posts."""
    return POSTS_LONG if long else POSTS


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, posts: int) -> dict[str, Any]:
    """What it comes to when everything is imported in order and run once."""
    folder = tmp_path_factory.mktemp("in-order")
    with home_in(folder, f"sqlite:///{folder / 'vigie.db'}"):
        for path in reversed(files(folder, posts, random.Random(0))):
            bring(path)
        facts = run_stages()
    assert facts["messages"], "a sample without messages shows nothing"
    return facts


def run_stages() -> dict[str, Any]:
    """Every stage after collect once, as the flows do, and what the world has come to."""
    recover.fn()
    reopen.fn(BRAND)
    for step in (classify_batch.fn, route_posts.fn, plan.fn):
        _until_done(step)
    hand_over.fn()
    tidy.fn(BRAND)
    return facts_of(current_app().database)


def _until_done(step: Callable[[str], Outcome]) -> None:
    while step(BRAND).took:
        pass


def bring(path: Path) -> None:
    """Import one file of the sample."""
    app = current_app()
    brand = app.brand(BRAND)
    with app.database.begin() as session:
        if path.parent.name == "posts" or "posts" in path.name:
            lock_brand(session, BRAND)
            store_events(session, BRAND, [item.value for item in read_posts(path)], app.now())
        elif path.stem == "customers":
            import_customers(session, brand, [item.value for item in read_customers(path)], app.now())
        elif path.stem == "orders":
            import_orders(session, brand, [item.value for item in read_orders(path)])
        else:
            import_interactions(session, brand, [item.value for item in read_interactions(path)])


def files(folder: Path, posts: int, dice: random.Random) -> list[Path]:
    """The sample's files, so many posts cut at random into five."""
    lines = [json.dumps(line, ensure_ascii=False) for line in islice(sample_lines(), posts)]
    dice.shuffle(lines)
    parts = []
    for number in range(5):
        part = folder / f"posts-{number}.jsonl"
        part.write_text("\n".join(lines[number::5]) + "\n", encoding="utf-8")
        parts.append(part)
    return [*parts, *(ROOT / "demo" / name for name in ("customers.csv", "orders.csv", "interactions.jsonl"))]


def test_the_order_of_the_files_does_not_matter(home: Path, posts: int, expected: dict[str, Any]) -> None:
    order = files(home, posts, random.Random(0))
    random.Random(str(home)).shuffle(order)
    for path in order:
        bring(path)
    assert run_stages() == expected
    for path in order[:4]:
        bring(path)
    assert run_stages() == expected, "the same again changes nothing"


def test_customers_who_come_after_the_run_are_found_and_written_to(
    home: Path, posts: int, expected: dict[str, Any]
) -> None:
    order = files(home, posts, random.Random(0))
    for path in order[:5]:
        bring(path)
    assert not run_stages()["messages"]
    for path in reversed(order[5:]):
        bring(path)
    late = run_stages()
    assert late["cases"] == expected["cases"]
    assert late["messages"] == expected["messages"]
