"""The databases of these tests: left as they were found after every case. On PostgreSQL with `--long` alone.

What they read from a database is tried on both kinds in tests/unit/routing/test_matching.py.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from storage.database import Database
from tests.matching.world import World
from tests.unit.conftest import migrated
from tests.unit.samples import undone


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One migrated database of each kind."""
    yield from migrated(request, tmp_path_factory)


@pytest.fixture
def session(shared_database: Database) -> Iterator[Session]:
    """An open transaction with the sample brand in it."""
    with undone(shared_database) as opened:
        yield opened


@pytest.fixture
def world(session: Session) -> World:
    """An empty customer file and nothing heard yet."""
    return World(session)
