"""Reading with a database that refuses every write, whatever is asked of it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from storage.database import Database
from storage.messages import SUPPRESSION_KEY
from storage.tables import SecretRow


class _Written(RuntimeError):
    """Something was to be written; a fault of the program."""


@contextmanager
def reading_only(database: Database) -> Iterator[Session]:
    """A session in one transaction that the database itself keeps from writing; rolled back at its end."""
    with database.read() as session:
        session.autoflush = False
        event.listen(session, "before_flush", _refuse)
        sqlite = session.get_bind().dialect.name == "sqlite"
        session.execute(text("PRAGMA query_only = ON" if sqlite else "SET TRANSACTION READ ONLY"))
        try:
            _know_secrets(session)
            yield session
        finally:
            session.rollback()
            if sqlite:
                session.execute(text("PRAGMA query_only = OFF"))
                session.rollback()


def _refuse(session: Session, *_: object) -> None:
    if session.new or session.dirty or session.deleted:
        raise _Written("a reading session was asked to write")


def _know_secrets(session: Session) -> None:
    """Without the secret of suppressions there are none: any will do for looking them up, and none is kept."""
    if session.get(SecretRow, SUPPRESSION_KEY) is None:
        session.info.setdefault("secrets", {})[SUPPRESSION_KEY] = secrets.token_bytes(32)
