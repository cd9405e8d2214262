"""The world of the crash drill: as many posts as wanted, drawn from the sample brand, and a run over them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

from sqlalchemy import select

from config.load import load_settings
from config.wiring import App
from demo.sample import SAMPLE_NOW
from listeners.files import read_customers, read_interactions, read_orders
from routing.crm import import_customers, import_interactions, import_orders
from storage.database import Database
from storage.tables import AuthorRow, CasePostRow, CaseRow, CustomerRow, MessageRow, PostRow, ReadingRow

SETTING_VARIABLES = ("VIGIE_DATABASE_URL", "VIGIE_CLOCK__OFFSET_SECONDS")
ROOT = Path(__file__).parents[2]
OFFSET = str((SAMPLE_NOW - datetime.now(UTC)).total_seconds())  # one for all runs: quiet hours fall alike


def write_posts(path: Path, wanted: int) -> int:
    """At least so many posts; beyond the sample's own, other people say the same with other ids."""
    lines = list(islice(sample_lines(), wanted))
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return len({(line["network"], line["id"]) for line in lines})


def sample_lines() -> Iterator[dict[str, Any]]:
    """The sample's posts, those of customers first, then the same of other people, without end."""
    sample = [post for file in sorted((ROOT / "demo/posts").glob("*.jsonl")) for post in _rows(file)]
    customers = {(row["network"], row["id"]) for row in _rows(ROOT / "demo/truth.jsonl") if row["customer_id"]}
    # Those of customers first: they are the ones who get messages.
    sample.sort(key=lambda post: ((post["network"], post["id"]) not in customers, post["created_at"], post["id"]))
    for copy in count():
        for post in sample:
            yield _another(post, copy) if copy else post


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _another(post: dict[str, Any], copy: int) -> dict[str, Any]:
    other = dict(post)
    for name in ("id", "reply_to", "conversation", "repost_of"):
        if other.get(name):
            other[name] = f"{other[name]}-{copy}"
    if other.get("text"):
        other["text"] = f"{other['text']} ({copy})"
    if other.get("author"):
        other["author"] = other["author"] | {"id": f"{other['author']['id']}-{copy}"}
    return other


class World:
    """A folder with settings, a database and the sample's customers, for `vigie run` as a real process."""

    def __init__(self, folder: Path, database_url: str, smtp_port: int, prefect_api: str, posts: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.posts = write_posts(folder / "posts.jsonl", posts)
        (folder / "vigie.toml").write_text(_SETTINGS.format(port=smtp_port), encoding="utf-8")
        self._environment = os.environ | {
            "VIGIE_CONFIG": str(folder / "vigie.toml"),
            "VIGIE_DATABASE_URL": database_url,
            "VIGIE_CLOCK__OFFSET_SECONDS": OFFSET,
            "PREFECT_API_URL": prefect_api,
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PYTHONPATH": str(ROOT),
        }
        app = App(load_settings(folder / "vigie.toml", {name: self._environment[name] for name in SETTING_VARIABLES}))
        self.database = app.database
        _import(app)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`vigie` with these arguments as a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            env=self._environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self) -> None:
        """`vigie run` to its end."""
        process = self.start("run")
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err

    def facts(self) -> dict[str, list[Any]]:
        """What the world has come to."""
        return facts_of(self.database)

    def messages(self) -> dict[str, MessageRow]:
        """Every message by its id."""
        with self.database.read() as session:
            return {row.message_id: row for row in session.scalars(select(MessageRow))}


def facts_of(database: Database) -> dict[str, list[Any]]:
    """Everything that two runs must have in common: no ids of ours, no times."""
    with database.read() as session:
        posts = {post.id: post for post in session.scalars(select(PostRow))}
        names = {post.id: (post.network, post.native_id) for post in posts.values()}
        people = {row.id: row.customer_id for row in session.scalars(select(CustomerRow))}
        authors = {row.id: (row.network, row.native_id) for row in session.scalars(select(AuthorRow))}
        places: dict[int, list[Any]] = {}
        for place in session.scalars(select(CasePostRow)):
            places.setdefault(place.case_id, []).append((*names[place.post_id], place.role))
        cases = [case for case in session.scalars(select(CaseRow)) if case.merged_into is None]
        return {
            "posts": sorted((*names[p.id], p.stage, p.text or "") for p in posts.values()),
            "readings": sorted(
                (*names[r.post_id], r.intent, r.complaint, r.about_brand)
                for r in session.scalars(select(ReadingRow))
                if r.version == posts[r.post_id].version
            ),
            "cases": sorted((_case(case, people, authors), sorted(places[case.id])) for case in cases),
            "messages": sorted(
                (people.get(m.customer_key or 0), m.channel, m.address, sorted(places[m.case_id]))
                for m in session.scalars(select(MessageRow))
                if m.state != "cancelled"
            ),
        }


def _case(case: CaseRow, people: dict[int, str], authors: dict[int, tuple[str, str]]) -> tuple[Any, ...]:
    who = people.get(case.customer_key or 0, ""), authors.get(case.author_id or 0, ())
    return (*who, case.severity, case.priority, case.grade, case.contact_state, case.contact_action or "")


def _import(app: App) -> None:
    """The sample's customers, orders and past contacts."""
    brand, sample = app.brand(), ROOT / "demo"
    with app.database.begin() as session:
        import_customers(session, brand, _values(read_customers(sample / "customers.csv")), app.now())
        import_orders(session, brand, _values(read_orders(sample / "orders.csv")))
        import_interactions(session, brand, _values(read_interactions(sample / "interactions.jsonl")))


def _values(rows: Iterable[Any]) -> list[Any]:
    return [row.value for row in rows]


_SETTINGS = """\
[brand]
id = "hirondelle"
name = "Hirondelle"
products = ["box Nid", "le Nid"]
accounts = ["mastodon:HirondelleAide", "x:HirondelleAide", "bluesky:HirondelleAide"]

[listeners.files]
paths = ["posts.jsonl"]

[matching]
start = "acting"
start_reason = "the sample's truth is known"

[work]
batch = 25

[contact]
proactive_per_30_days = 100

[channels.email]
on = true
host = "127.0.0.1"
port = {port}
security = "none"
sender = "aide@hirondelle.example"
"""
