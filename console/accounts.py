"""Making accounts from outside of the web application."""

from collections.abc import Iterable
from datetime import datetime

from storage import users
from storage.database import Database


def ensure_user(
    database: Database, email: str, name: str, password: str, role: str, brand_ids: Iterable[str], now: datetime
) -> None:
    """Add a user, or give an existing one this name, password and these rights; idempotent.

    Raises BadInput for a bad address, role, brand or password.
    """
    with database.begin() as session:
        users.ensure_user(session, email, name, password, role, brand_ids, now)
