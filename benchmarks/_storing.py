"""Posts stored, and known again, on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import URL, text

from benchmarks import _plain, _samples
from benchmarks._databases import BRAND, KINDS, NOW, database, server, settings
from benchmarks._report import Section, at_rest, seconds
from domain.post import Batch, Upsert
from storage.database import Database
from storage.listening import spend, store_batch
from storage.posts import Stored

BATCH = 500
PASSES = 2  # the better one counts, since others use the machine too
MOST_SECONDS = 4.0
_COUNTED = ("posts", "pragma_index_list('posts')")
TABLES = ("authors", "posts", "post_versions", "raw_posts")

Told = tuple[float, str]  # a rate, and what there is to say of it


def measure(count: int) -> Iterator[Section]:
    """Two sections a kind of database: new posts, and the same posts again."""
    posts = _samples.upserts(count)
    at_rest()
    for kind in KINDS:
        yield from _of_kind(kind, posts)


def _of_kind(kind: str, posts: Sequence[Upsert]) -> list[Section]:
    with server(kind) as place, database(place) as opened:
        what = f"{kind} ({settings(opened)}), {len(posts):,} posts with raw items"
        new = Section(f"New posts: {what}, batches of {BATCH}", "posts/s")
        again = Section(f"The same posts again: {what}", "posts/s")
        passes = [_twice(opened, posts), *(_elsewhere(place, posts) for _ in range(PASSES - 1))]
        for section, runs in zip((new, again), zip(*passes, strict=True), strict=True):
            section.add("vigie", *max(runs))
        _row_by_row(place, posts, new, again)
        new.add(*(_sqlite_limit if kind == "sqlite" else _postgresql_limit)(place, opened))
    return [new, again]


def _elsewhere(place: URL, posts: Sequence[Upsert]) -> tuple[Told, Told]:
    with database(place) as opened:
        return _twice(opened, posts)


def _twice(opened: Database, posts: Sequence[Upsert]) -> tuple[Told, Told]:
    return _own(opened, posts), _own(opened, posts)


def _own(opened: Database, posts: Sequence[Upsert]) -> Told:
    total = Stored()

    def run() -> None:
        nonlocal total
        for start in range(0, len(posts), BATCH):
            batch = Batch(posts[start : start + BATCH], cursor_after={"since": start}, cost=1.0)
            with opened.begin() as session:
                spend(session, "bench", NOW, len(batch.events), batch.cost)
                total += store_batch(session, BRAND.id, batch, NOW, "mastodon", "bench")

    rate = len(posts) / seconds(run)
    return rate, f"{total.new} new, {total.same} known"


# --- row by row ----------------------------------------------------------------------------------


def _row_by_row(place: URL, posts: Sequence[Upsert], new: Section, again: Section) -> None:
    for every, name in ((1, "ORM row by row, commit each"), (BATCH, f"ORM row by row, commit {BATCH}")):
        passes = [_plain_twice(place, posts, every) for _ in range(PASSES)]
        new.add(name, max(rate for rate, _ in passes), "two indexes, no authors, no versions")
        again.add(name, max(rate for _, rate in passes))


def _plain_twice(place: URL, posts: Sequence[Upsert], every: int) -> tuple[float, float]:
    with database(place) as opened:
        count, first = _plain.store(opened.engine, map(_item, posts), every, MOST_SECONDS)
        _, second = _plain.store(opened.engine, map(_item, posts[:count]), every, MOST_SECONDS)
        return first, second


def _item(upsert: Upsert) -> _plain.Item:
    post = upsert.post
    same = {name: getattr(post, name) for name in ("network", "text", "lang", "url", "created_at")}
    return {**same, "native_id": post.id, "author": post.author and post.author.handle, "raw": upsert.raw}


# --- what the database itself can do -------------------------------------------------------------


def _sqlite_limit(place: URL, filled: Database) -> tuple[str, float, str]:
    """The rows that Vigie wrote, into the same tables with the same indexes, by sqlite3 alone."""
    with database(place) as opened:
        source = sqlite3.connect(str(filled.engine.url.database))
        target = sqlite3.connect(str(opened.engine.url.database), isolation_level=None)
        target.execute("PRAGMA synchronous=FULL")
        target.execute("PRAGMA foreign_keys=ON")
        batches = list(_batches(source))
        spent = seconds(lambda: _write(target, batches))
        count, indexes = (target.execute(f"SELECT count(*) FROM {what}").fetchone()[0] for what in _COUNTED)
        source.close()
        target.close()
    return "limit: sqlite3 executemany, same rows", count / spent, f"{len(TABLES)} tables, {indexes} indexes on posts"


def _batches(source: sqlite3.Connection) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    rows = {table: iter(source.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()) for table in TABLES}
    authors = list(rows.pop("authors"))
    first = True
    while posts := list(islice(rows["posts"], BATCH)):
        others = {table: list(islice(rows[table], BATCH)) for table in TABLES[2:]}
        yield {"authors": authors if first else [], "posts": posts, **others}
        first = False


def _write(target: sqlite3.Connection, batches: Sequence[dict[str, list[tuple[Any, ...]]]]) -> None:
    for batch in batches:
        target.execute("BEGIN IMMEDIATE")
        for table, rows in batch.items():
            if rows:
                target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        target.execute("COMMIT")


def _postgresql_limit(place: URL, filled: Database) -> tuple[str, float, str]:
    """The rows that Vigie wrote, into the same tables with the same indexes, by one COPY a table."""
    told = {table: _copied_out(filled, table) for table in TABLES}
    with database(place) as opened:
        spent = seconds(lambda: _copy_in(opened, told))
        with opened.engine.connect() as connection:
            count = int(connection.execute(text("SELECT count(*) FROM posts")).scalar_one())
    return "limit: COPY of the same rows, one commit", count / spent, f"{len(TABLES)} tables"


def _copied_out(filled: Database, table: str) -> bytes:
    with filled.engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        with cursor.copy(f"COPY {table} TO STDOUT") as copy:
            return b"".join(bytes(part) for part in copy)


def _copy_in(opened: Database, told: dict[str, bytes]) -> None:
    with opened.engine.begin() as connection:
        cursor: Any = connection.connection.cursor()
        for table, rows in told.items():
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(rows)
