"""The command `vigie` for every test here."""

from collections.abc import Iterator

import pytest

from tests.fakes.warm_vigie import WarmVigie


@pytest.fixture(scope="session")
def vigie() -> Iterator[WarmVigie]:
    """Runs the command; one warm parent for all tests here."""
    command = WarmVigie()
    yield command
    command.close()
