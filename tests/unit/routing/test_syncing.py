"""Sources read again and again: what is new comes in, what is gone is marked, what fails is told and goes on."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain.customer import Customer
from domain.errors import Transient
from domain.post import Rejected
from listeners.crm.base import BadCustomer, Cursor, SourceBatch
from routing.syncing import Synced, sync_source
from storage.brands import ensure_brands
from storage.database import Database
from storage.sources import gone_count, source_states
from storage.tables import CustomerRow, SourceMemberRow
from tests.unit.samples import BRAND, NOW, customer

A, B, C = (customer(id_, emails=(f"{id_.lower()}@example.org",)) for id_ in "ABC")


class Told:
    """A source that tells what it is given; it speaks the protocol, so nothing of the way is left out."""

    kind = "sql"

    def __init__(self, *batches: SourceBatch | Exception) -> None:
        self.batches = batches
        self.asked: list[Cursor | None] = []

    def changed_since(self, cursor: Cursor | None) -> Iterator[SourceBatch]:
        self.asked.append(cursor)
        for batch in self.batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    def check(self) -> str:
        return ""

    def close(self) -> None:
        pass


def whole(*customers: Customer, cursor: int = 1, **facts: Any) -> SourceBatch:
    return SourceBatch({"n": cursor}, customers, **{"whole": True, "first": True, "last": True, **facts})


@pytest.fixture
def ready(database: Database) -> Database:
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
    return database


def sync(database: Database, *batches: SourceBatch | Exception, days: int = 0) -> Synced:
    return sync_source(database, BRAND, "erp", Told(*batches), lambda: NOW + timedelta(days=days))


def gone_ids(database: Database) -> list[str]:
    with database.read() as session:
        query = select(CustomerRow.customer_id).join(SourceMemberRow, SourceMemberRow.customer_key == CustomerRow.id)
        return list(
            session.scalars(query.where(SourceMemberRow.gone_at.is_not(None)).order_by(CustomerRow.customer_id))
        )


def test_what_a_whole_reading_no_longer_tells_is_marked_and_kept(ready: Database) -> None:
    assert sync(ready, whole(A, B, C)) == Synced(rows=3, new=3, whole=True)
    assert sync(ready, whole(A, C), days=1) == Synced(rows=2, same=2, gone=1, whole=True)
    assert gone_ids(ready) == ["B"]
    with ready.read() as session:
        assert len(session.scalars(select(CustomerRow)).all()) == 3


def test_who_comes_back_is_no_longer_gone(ready: Database) -> None:
    sync(ready, whole(A, B))
    sync(ready, whole(A))
    assert sync(ready, whole(A, B)).back == 1
    assert gone_ids(ready) == []


def test_changes_mark_only_what_the_source_calls_deleted(ready: Database) -> None:
    sync(ready, whole(A, B, C))
    done = sync(ready, SourceBatch({"n": 2}, [A], gone=["B", "Z"], first=True, last=True))
    assert (done.gone, gone_ids(ready)) == (1, ["B"])


def test_a_reading_that_was_cut_off_marks_nobody_and_goes_on(ready: Database) -> None:
    sync(ready, whole(A, B, C))
    with pytest.raises(Transient):
        sync(ready, whole(A, cursor=2, last=False, waiting=2), Transient("down", 60), days=1)
    assert gone_ids(ready) == []
    with ready.read() as session:
        (row,) = source_states(session, BRAND.id)
        assert (row.cursor, row.paused, row.retry_at) == ({"n": 2}, "down", NOW + timedelta(days=1, seconds=60))
        assert (row.whole_at, row.waiting) == (NOW, 2)
    rest = Told(whole(B, cursor=3, first=False))
    done = sync_source(ready, BRAND, "erp", rest, lambda: NOW)
    assert (rest.asked, done.gone, gone_ids(ready)) == ([{"n": 2}], 1, ["C"])
    with ready.read() as session:
        (row,) = source_states(session, BRAND.id)
        assert (row.paused, row.retry_at, gone_count(session, row.id)) == (None, None, 1)


def test_rows_that_are_none_are_counted_and_told(ready: Database) -> None:
    done = sync(ready, whole(A, rejected=[Rejected("crm:erp", "7: country", "", 4)]))
    assert (done.rejected, done.reasons, done.new) == (1, ("line 4: 7: country",), 1)


def test_who_stands_in_a_row_that_cannot_be_used_is_not_gone(ready: Database) -> None:
    sync(ready, whole(A, B))
    bad = BadCustomer("crm:erp", "B: country", "", 3, "B")
    assert sync(ready, whole(A, rejected=[bad]), days=1).gone == 0
    assert gone_ids(ready) == []


def test_of_two_that_begin_at_once_one_goes_on_and_marks_nobody_wrongly(ready: Database) -> None:
    sync(ready, whole(A, B, cursor=0))

    def late() -> Iterator[SourceBatch]:
        yield whole(A, cursor=0, last=False)
        sync(ready, whole(A, B, cursor=0), days=1)  # another process, from the same place
        yield whole(cursor=0, first=False)

    one = Told()
    one.changed_since = lambda cursor: late()  # type: ignore[method-assign,assignment]
    with pytest.raises(Transient, match="another process"):
        sync_source(ready, BRAND, "erp", one, lambda: NOW)
    assert gone_ids(ready) == []
    with ready.read() as session:
        assert [row.paused for row in source_states(session, BRAND.id)] == [None]


def test_two_at_once_do_not_mix_their_readings(ready: Database) -> None:
    sync(ready, whole(A))

    def other() -> Iterator[SourceBatch]:
        sync(ready, whole(A, B, cursor=5))
        yield whole(cursor=6)

    late = Told()
    late.changed_since = lambda cursor: other()  # type: ignore[method-assign,assignment]
    with pytest.raises(Transient, match="another process"):
        sync_source(ready, BRAND, "erp", late, lambda: NOW)
    assert gone_ids(ready) == []
