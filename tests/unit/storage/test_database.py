"""The database itself keeps its promises, on both kinds alike."""

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.errors import Misconfigured
from storage.brands import ensure_brands
from storage.database import Database, head_revision
from storage.tables import AuditRow, AuthorRow, Base, BrandRow, CaseEventRow, CaseRow

ROOT = Path(__file__).parents[3]
UPGRADE = "import sys; from storage.database import Database; Database(sys.argv[1]).upgrade()"


@pytest.fixture
def empty(empty_database_url: str) -> Database:
    return Database(empty_database_url)


@pytest.fixture
def audited(database: Database, now: datetime) -> Database:
    with database.begin() as session:
        ensure_brands(session, [Brand()], now)
    with database.begin() as session:
        session.add(AuditRow(brand_id="default", at=now, actor="anna@example.org", action="viewed", subject="case:1"))
    return database


def test_the_migrations_make_the_schema_that_the_tables_describe(empty: Database) -> None:
    assert empty.revision() is None
    empty.upgrade()
    with empty.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    empty.close()
    assert differences == []


def test_an_upgrade_run_again_changes_nothing(audited: Database) -> None:
    audited.upgrade()
    assert audited.revision() == head_revision()
    with audited.read() as session:
        assert session.query(AuditRow).count() == 1


def test_two_processes_may_upgrade_at_once(empty: Database, empty_database_url: str) -> None:
    command = [sys.executable, "-c", UPGRADE, empty_database_url]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert empty.revision() == head_revision()
    empty.close()


def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="newer version of vigie"):
        database.require_current()
    with pytest.raises(Misconfigured, match="newer version of vigie"):
        database.upgrade()


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_audit_is_append_only(audited: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), audited.begin() as session:
        session.execute(text(statement))
    with audited.read() as session:
        assert session.query(AuditRow).one().actor == "anna@example.org"


@pytest.mark.parametrize("statement", ["UPDATE case_events SET kind = 'x'", "DELETE FROM case_events"])
def test_the_history_of_a_case_is_append_only(audited: Database, now: datetime, statement: str) -> None:
    with audited.begin() as session:
        case = _case(session, now)
        session.flush()
        session.add(CaseEventRow(brand_id="default", case_id=case.id, at=now, actor="vigie", kind="opened"))
    with pytest.raises(DBAPIError, match="append-only"), audited.begin() as session:
        session.execute(text(statement))


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 11, 16, 9, 30)
    with pytest.raises(StatementError, match="without a zone"), database.begin() as session:
        session.add(BrandRow(id="other", created_at=naive))


def test_a_time_comes_back_as_the_same_moment_in_utc(database: Database, now: datetime) -> None:
    with database.begin() as session:
        session.add(BrandRow(id="other", created_at=now.astimezone(timezone(timedelta(hours=5, minutes=30)))))
    with database.read() as session:
        found = session.get_one(BrandRow, "other").created_at
    assert (found, found.utcoffset()) == (now, timedelta(0))


def test_a_failed_transaction_leaves_nothing(database: Database, now: datetime) -> None:
    def half_done() -> None:
        with database.begin() as session:
            session.add(BrandRow(id="half", created_at=now))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    with database.read() as session:
        assert session.get(BrandRow, "half") is None


def test_an_impossible_row_is_refused_by_the_database(audited: Database, now: datetime) -> None:
    with pytest.raises(DBAPIError, match="merged_names_case"), audited.begin() as session:
        _case(session, now).state = "merged"


def test_a_row_of_an_unknown_brand_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), database.begin() as session:
        session.add(AuditRow(brand_id="nobody", at=now, actor="vigie", action="viewed", subject="case:1"))


@pytest.mark.parametrize("url", ["mysql://localhost/vigie", "not a url", "postgresql+nosuchdriver://localhost/vigie"])
def test_an_unusable_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(Misconfigured) as error:
        Database(url)
    assert "\n" not in str(error.value)


def _case(session: Session, now: datetime) -> CaseRow:
    author = AuthorRow(brand_id="default", network="mastodon", native_id="1")
    session.add(author)
    session.flush()
    case = CaseRow(
        brand_id="default",
        subject=f"author:{author.id}",
        author_id=author.id,
        network="mastodon",
        thread="1",
        grade="none",
        intent="delivery",
        severity="normal",
        moment="after",
        language="fr",
        priority=50,
        team="care",
        opened_at=now,
        last_post_at=now,
    )
    session.add(case)
    return case
