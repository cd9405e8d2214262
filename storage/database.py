"""Opening the database: engines, transactions, migrations.

SQLite runs in WAL mode with foreign keys on and waits `busy_seconds` for a writer;
PostgreSQL bounds its waits for locks by the same figure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from domain.errors import Misconfigured, Transient

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_WORDS = ("locked", "lock timeout", "deadlock", "could not serialize")


class Database:
    """One engine and its sessions. `begin()` is the only way to write: a transaction, whole or not at all."""

    def __init__(self, url: str, busy_seconds: float = 30.0) -> None:
        self.url = url
        self.engine = _engine(url, busy_seconds)
        self._writes = sessionmaker(self.engine.execution_options(writes=True), expire_on_commit=False)
        self._reads = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session inside one transaction; commits at the end, rolls back on any error."""
        try:
            with self._writes.begin() as session:
                yield session
        except OperationalError as error:
            raise _known(error) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; nothing is committed."""
        try:
            with self._reads() as session:
                yield session
        except OperationalError as error:
            raise _known(error) from error

    def upgrade(self) -> None:
        """Bring the schema to this version of the program. Safe to run again and from several processes."""
        if self.revision() == head_revision():
            return
        self.require_current()
        with self.engine.execution_options(writes=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(867530901)")
            command.upgrade(_alembic(connection), "head")

    def revision(self) -> str | None:
        """The schema's revision, None for an empty database."""
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def require_current(self) -> None:
        """Refuse a schema that this program does not know."""
        found = self.revision()
        known = {script.revision for script in _scripts().walk_revisions()}
        if found is not None and found not in known:
            raise Misconfigured(
                f"the database was made by a newer version of vigie (schema {found}): update this program"
            )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def head_revision() -> str | None:
    """The schema revision that this program writes."""
    return _scripts().get_current_head()


def _engine(url: str, busy_seconds: float) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise Misconfigured(f"database: {parsed.drivername} is not supported, use sqlite or postgresql")
        options: dict[str, Any] = {"connect_args": {"timeout": busy_seconds}}
        if parsed.get_backend_name() == "postgresql":
            milliseconds = int(busy_seconds * 1000)
            arguments = {
                "options": f"-c lock_timeout={milliseconds} -c timezone=UTC",
                "connect_timeout": 10,
                "prepare_threshold": None,  # a prepared plan takes a list of 500 values for one of ten
            }
            options = {"connect_args": arguments, "pool_pre_ping": True}
        elif parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, hide_parameters=True, **options)  # parameters are personal data
    except (ArgumentError, NoSuchModuleError) as error:
        raise Misconfigured(f"database: cannot read the URL {_masked(url)!r}: {error}") from error
    except OSError as error:
        raise Misconfigured(f"database: cannot make the folder for {_masked(url)!r}: {error.strerror}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # FULL: a message marked "handing over" must still be marked after a power cut. 64 MB of pages: indexes of a
    # million posts are written at random places.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads and then writes waits for its turn instead of failing half-way.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic())


def _masked(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"…@{tail}" if at else head + tail


def _known(error: OperationalError) -> Exception:
    text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else str(error)
    if any(word in text.lower() for word in LOCK_WORDS):
        return Transient(f"the database is busy: {text}", retry_after=5)
    if "no such table" in text or "no such column" in text:
        return Misconfigured("the database has no tables of this version yet: run `vigie check`")
    return Transient(f"the database cannot be used: {text}", retry_after=30)
