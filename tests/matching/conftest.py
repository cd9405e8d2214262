"""The databases of these tests: one of each kind, left as it was found after every case."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from storage.database import Database
from tests.matching.world import World
from tests.unit.conftest import shared_database
from tests.unit.samples import undone

__all__ = ["shared_database"]


@pytest.fixture
def session(shared_database: Database) -> Iterator[Session]:
    """An open transaction with the sample brand in it."""
    with undone(shared_database) as opened:
        yield opened


@pytest.fixture
def world(session: Session) -> World:
    """An empty customer file and nothing heard yet."""
    return World(session)
