"""The drill: kill -9 at random moments, then count at the mail server.

Eight kills in every run, 250 with `--long`, or as many as VIGIE_TEST_KILLS says.
"""

import multiprocessing
import os
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.tables import MessageRow
from tests.fakes.outbox import fill
from tests.fakes.outbox_worker import Order, work
from tests.fakes.smtp import FakeSmtp

QUEUE = 25  # messages that wait at the start of each life, so that there is work to be killed at


@pytest.fixture(scope="module")
def kills(long: bool) -> int:
    return int(os.environ.get("VIGIE_TEST_KILLS") or (250 if long else 8))


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Fresh processes that need not import everything anew: a drill is many short lives."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fakes.outbox_worker"])
    return context


def drill(database: Database, processes: multiprocessing.context.ForkServerContext, order: Order, kills: int) -> int:
    """Start a worker, kill it at a random moment, so many times; returns how many were killed at work."""
    dice, killed = random.Random(20261116), 0
    whole = life(database, processes, order)
    for _ in range(kills):
        top_up(database)
        at_work = processes.Event()
        worker = processes.Process(target=work, args=(order, at_work))
        worker.start()
        assert at_work.wait(60)
        worker.join(dice.uniform(0, whole))
        killed += worker.is_alive()
        worker.kill()
        worker.join(60)
    work(order)
    assert killed >= kills / 3, "the workers were done before they were killed: the drill shows nothing"
    assert len(states(database)) > QUEUE + kills, "the workers were killed before they began: the drill shows nothing"
    return killed


def life(database: Database, processes: multiprocessing.context.ForkServerContext, order: Order) -> float:
    """How long a life takes that nobody ends, on this machine as it is now (seconds)."""
    top_up(database)
    at_work = processes.Event()
    worker = processes.Process(target=work, args=(order, at_work))
    worker.start()
    assert at_work.wait(60)
    begun = time.monotonic()
    worker.join(300)
    return time.monotonic() - begun


def top_up(database: Database) -> None:
    told = Counter(states(database).values())
    with database.begin() as session:
        fill(session, max(QUEUE - told["reserved"], 0), datetime.now(UTC) - timedelta(minutes=1), first=told.total())


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        return dict(session.execute(select(MessageRow.message_id, MessageRow.state)).all())


def test_kill_9_at_any_moment_mails_nobody_twice_and_loses_nobody(
    database, database_url, processes, kills, record_testsuite_property
):
    with FakeSmtp() as server:
        killed = drill(database, processes, Order(database_url, server.port), kills)
        mails = {name.strip("<>").partition("@")[0]: times for name, times in server.count().items()}
    outcome = states(database)
    told = Counter(outcome.values())
    record_testsuite_property("drill", f"{killed} killed, {len(outcome)} messages, {len(mails)} mails, {dict(told)}")
    assert set(mails.values()) == {1}, "somebody was mailed twice"
    assert set(outcome.values()) <= {"handed_over", "unconfirmed"}, told
    assert {name for name, state in outcome.items() if state == "handed_over"} <= set(mails), "somebody was lost"
    assert set(mails) <= set(outcome)
    assert told["unconfirmed"] <= killed


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_kill_9_in_shadow_mode_leaves_every_file_once_and_nothing_open(
    database, database_url, processes, kills, tmp_path: Path
):
    folder = tmp_path / "outbox"
    drill(database, processes, Order(database_url, 0, folder), kills // 2)
    outcome = states(database)
    assert set(outcome.values()) == {"handed_over"}
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"email-{name}.eml" for name in outcome)
