"""Transactions that are taken back: what a test wrote is gone at its end, so that one database serves them all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from storage.database import Database
from tests.conftest import KINDS, _create, _drop, _url
from tests.unit.samples import undone


@pytest.fixture(scope="session", params=KINDS)
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One migrated database of each kind, to be left as it was found: see `undone`."""
    yield from migrated(request, tmp_path_factory)


def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        opened = Database(f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('shared') / 'vigie.db')}")
        yield opened
        opened.close()
        return
    server = request.getfixturevalue("_postgresql_server")
    name = _create(server, request.getfixturevalue("_postgresql_template"))
    opened = Database(_url(server, name))
    yield opened
    opened.close()
    _drop(server, name)


@pytest.fixture
def session(shared_database: Database) -> Iterator[Session]:
    """An open transaction with the brands of `samples` in it."""
    with undone(shared_database) as opened:
        yield opened
