"""Two never take the same work, and what a dead one held is free again; a living one's is not."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select, update

from storage import owner
from storage.brands import ensure_brands
from storage.claims import claim, hold, let_go, release, release_dead
from storage.database import Database
from storage.owner import is_dead, this_process
from storage.posts import store_events
from storage.tables import LeaseRow, PostRow
from tests.unit.samples import BRAND, NOW, heard

LEASE = 60.0
ROOT = Path(__file__).parents[3]
CLAIMER = """
import sys, time
from datetime import datetime, UTC
from storage.claims import claim, hold
from storage.database import Database
from storage.tables import PostRow
with Database(sys.argv[1]).begin() as session:
    claim(session, PostRow, PostRow.stage == "heard", (PostRow.id,), 3, datetime(2026, 11, 16, 9, 30, tzinfo=UTC), 60)
    hold(session, "listen", datetime(2026, 11, 16, 9, 30, tzinfo=UTC), 60)
print("held", flush=True)
sys.stdin.read()
"""

T = TypeVar("T")


@pytest.fixture
def posts(database: Database) -> Database:
    """A database with twenty posts to be read."""
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
        store_events(session, BRAND.id, [heard(f"p{number}") for number in range(20)], NOW)
    return database


def take(database: Database, limit: int = 5, after: timedelta = timedelta()) -> list[int]:
    with database.begin() as session:
        rows = claim(session, PostRow, PostRow.stage == "heard", (PostRow.id,), limit, NOW + after, LEASE)
        return [row.id for row in rows]


def held(database: Database) -> dict[int, str]:
    with database.read() as session:
        rows = session.execute(select(PostRow.id, PostRow.lease_owner).where(PostRow.lease_owner.is_not(None)))
        return {id_: str(name) for id_, name in rows}


def at_once(work: Callable[[], T], times: int) -> list[T | BaseException]:
    """The same work in so many threads that begin together."""
    start, done = threading.Barrier(times), list[T | BaseException]()

    def run() -> None:
        start.wait()
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - it is looked at by the test
            done.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return done


def test_claimers_at_the_same_time_never_take_the_same_row(posts: Database) -> None:
    taken = at_once(lambda: [*take(posts, 3), *take(posts, 2)], 4)
    rows = [id_ for part in taken for id_ in (part if isinstance(part, list) else [repr(part)])]
    assert len(rows) == len(set(rows)) == 20
    assert take(posts) == []


def test_a_claimer_does_not_wait_for_rows_that_another_is_just_taking(posts: Database) -> None:
    if posts.engine.dialect.name == "sqlite":
        pytest.skip("there the write transaction is the lock")
    with posts.begin() as session:
        first = claim(session, PostRow, PostRow.stage == "heard", (PostRow.id,), 5, NOW, LEASE)
        assert len({row.id for row in first} | set(take(posts))) == 10


def test_a_lease_holds_until_its_time_and_no_longer(posts: Database) -> None:
    first = take(posts, 20)
    assert take(posts, 20, timedelta(seconds=LEASE)) == []
    assert take(posts, 20, timedelta(seconds=LEASE + 1)) == first


def test_what_a_failed_transaction_took_is_free(posts: Database) -> None:
    with suppress(ZeroDivisionError), posts.begin() as session:
        claim(session, PostRow, PostRow.stage == "heard", (PostRow.id,), 20, NOW, LEASE)
        _ = 1 / 0
    assert len(take(posts, 20)) == 20


def test_only_rows_that_fit_are_taken_in_their_order(posts: Database) -> None:
    with posts.begin() as session:
        session.execute(update(PostRow).where(PostRow.native_id.in_(["p0", "p2"])).values(stage="read"))
    assert len(take(posts, 3)) == 3
    with posts.read() as session:
        names = session.scalars(select(PostRow.native_id).where(PostRow.lease_owner.is_not(None)))
        assert sorted(names) == ["p1", "p3", "p4"]


def test_what_is_given_back_can_be_taken_again(posts: Database) -> None:
    rows = take(posts)
    with posts.begin() as session:
        release(session, PostRow, rows[:2])
        release(session, PostRow, [])
    assert take(posts, 2) == rows[:2]


def test_what_a_dead_process_held_is_free_and_what_a_living_one_holds_is_not(
    posts: Database, database_url: str
) -> None:
    mine = take(posts, 2)
    child = subprocess.Popen(
        [sys.executable, "-c", CLAIMER, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with posts.begin() as session:
        assert release_dead(session) == 0
        assert not hold(session, "listen", NOW, LEASE)
    assert len(held(posts)) == 5
    child.kill()
    child.communicate()
    with posts.begin() as session:
        assert release_dead(session) == 4
    assert sorted(held(posts)) == sorted(mine)
    with posts.begin() as session:
        assert hold(session, "listen", NOW, LEASE)


def test_a_process_id_that_is_used_again_is_not_mistaken() -> None:
    machine, pid, start = this_process().rsplit(":", 2)
    assert int(pid) == os.getpid()
    assert not is_dead(this_process())
    assert is_dead(f"{machine}:{pid}:{float(start) - 60:.2f}")


def test_nobody_calls_a_process_of_another_machine_dead() -> None:
    assert not is_dead("elsewhere/boot-id:999999:1.00")
    assert not is_dead("not an owner")
    assert owner.this_process() == this_process()


def test_a_named_lease_has_one_holder_also_the_first_time(posts: Database) -> None:
    def one() -> bool:
        with posts.begin() as session:
            return hold(session, "listen:first", NOW, LEASE)

    assert at_once(one, 4) == [True] * 4  # one process: each of its threads is the holder
    with posts.read() as session:
        assert session.scalars(select(LeaseRow.owner)).all() == [this_process()]


def test_a_named_lease_can_be_given_back_only_by_its_holder(posts: Database) -> None:
    with posts.begin() as session:
        session.add(LeaseRow(name="listen", owner="elsewhere/x:1:1.00", until=NOW))
    with posts.begin() as session:
        let_go(session, "listen")
        assert not hold(session, "listen", NOW, LEASE)
        assert hold(session, "listen", NOW + timedelta(seconds=1), LEASE)
    with posts.begin() as session:
        let_go(session, "listen")
        let_go(session, "listen")
    with posts.read() as session:
        assert session.get(LeaseRow, "listen") is None
