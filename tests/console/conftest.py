"""A console over a fresh database, and a way to write rows into it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from storage.database import Database
from tests.console import factories
from tests.console.harness import Console, Fill, make_console


@pytest.fixture
def database_kind() -> str:
    """Pages are tested on SQLite; modules that write or count ask for every kind."""
    return "sqlite"


@pytest.fixture
def console(database: Database) -> Console:
    with database.begin() as session:
        factories.brand(session)
        factories.brand(session, "pelican", "Pélican")
    return make_console(database)


@pytest.fixture
def fill(database: Database) -> Fill:
    """Write rows in one transaction and hand back what the function returns."""

    def fill(make: Callable[[Session], Any]) -> Any:
        with database.begin() as session:
            return make(session)

    return fill
