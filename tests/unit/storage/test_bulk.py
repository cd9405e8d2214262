"""Many rows at once mean the same on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.brands import ensure_brands
from storage.bulk import among, insert_rows, next_ids
from storage.database import Database
from storage.posts import store_events
from storage.tables import AuthorRow
from tests.unit.samples import BRAND, NOW, heard

COLUMNS = [column.key for column in inspect(AuthorRow).columns]


def author(session: Session, native_id: str, **values: Any) -> dict[str, Any]:
    (id_,) = next_ids(session, AuthorRow, 1)
    row = {"id": id_, "brand_id": BRAND.id, "network": "x", "native_id": native_id, "links": [], **values}
    return dict.fromkeys(COLUMNS) | row


@pytest.mark.parametrize(
    "said", ["a\ttab", "two\nlines", r"a\backslash \N \.", '"quoted", {braced}', "", "été 🐦", "%s ? :name"]
)
def test_values_come_back_as_they_went_in(session: Session, said: str) -> None:
    at = datetime(2026, 11, 2, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    insert_rows(session, AuthorRow, [author(session, "1", bio=said, links=[said], created_at=at, followers=2**40)])
    row = session.scalars(select(AuthorRow)).one()
    assert (row.bio, row.links, row.created_at, row.followers, row.name) == (said, [said], at, 2**40, None)
    assert row.created_at is not None
    assert row.created_at.tzinfo is UTC


def test_what_stands_there_already_is_refused_as_the_orm_refuses_it(session: Session) -> None:
    insert_rows(session, AuthorRow, [author(session, "1")])
    with pytest.raises(IntegrityError):
        insert_rows(session, AuthorRow, [author(session, "1")])


def test_ids_are_not_those_of_rows_that_the_orm_adds(session: Session) -> None:
    row = author(session, "1")
    insert_rows(session, AuthorRow, [row])
    session.add(AuthorRow(brand_id=BRAND.id, network="x", native_id="2", links=[]))
    session.flush()
    ids = session.scalars(select(AuthorRow.id).order_by(AuthorRow.id)).all()
    assert len(set(ids)) == 2
    assert set(next_ids(session, AuthorRow, 3)).isdisjoint(ids)


def test_a_value_is_found_whole_or_not_at_all(session: Session) -> None:
    for native_id in ("1", "a" * 300):
        insert_rows(session, AuthorRow, [author(session, native_id)])
    for values, found in ((["1", "3"], ["1"]), ([], []), (["a" * 301], []), (["a" * 300], ["a" * 300])):
        wanted = among(session, AuthorRow.native_id, values)
        assert session.scalars(select(AuthorRow.native_id).where(wanted)).all() == found


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_postgresql_looks_at_its_tables_when_the_first_posts_are_in(database: Database) -> None:
    rows = text("SELECT reltuples FROM pg_class WHERE relname = 'posts'")
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
        store_events(session, BRAND.id, [heard(str(number)) for number in range(99)], NOW)
        assert session.scalar(rows) < 0
        store_events(session, BRAND.id, [heard(str(number)) for number in range(100, 200)], NOW)
        assert session.scalar(rows) == 199
