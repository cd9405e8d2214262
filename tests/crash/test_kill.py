"""`kill -9` at random moments of `vigie run`: nothing lost, nothing twice, what was in the air is shown.

The short form runs in every test run; `--long` kills 60 times over 2,000 posts on each database.
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.server import LocalApi
from tests.crash.world import World
from tests.fakes.smtp import FakeSmtp

SENT = {"handed_over", "unconfirmed"}


@pytest.fixture(scope="module")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect API for all runs of the drill."""
    local = LocalApi(tmp_path_factory.mktemp("prefect"))
    yield local.wait(180)
    local.stop()


def size(long: bool) -> int:
    """How many posts."""
    return 2000 if long else 120


def kill_at_random(world: World, dice: random.Random, longest: float) -> bool:
    """Start a run and kill it that long, or less, after its work began; False if it was faster."""
    process = world.start("run")
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().endswith("…") and "API" not in line:
            break
    threading.Event().wait(dice.uniform(0, longest))
    killed = process.poll() is None
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return killed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, prefect_api: str, long: bool) -> dict[str, list[Any]]:
    """What the world comes to when nobody kills anything."""
    folder = tmp_path_factory.mktemp("calm")
    with FakeSmtp() as mail:
        world = World(folder / "world", f"sqlite:///{folder / 'vigie.db'}", mail.port, prefect_api, size(long))
        world.run()
        facts = world.facts()
        world.database.close()
    assert len(facts["messages"]) >= 10
    return facts


def test_a_killed_run_loses_nothing_and_does_nothing_twice(
    database_kind: str,
    database_url: str,
    tmp_path: Path,
    prefect_api: str,
    long: bool,
    undisturbed: dict[str, list[Any]],
) -> None:
    kills, longest = (60, 1.5) if long else (2, 1.0)
    dice = random.Random(f"{database_kind} {long}")
    with FakeSmtp() as mail:
        world = World(tmp_path / "world", database_url, mail.port, prefect_api, size(long))
        done = 0
        while done < kills and kill_at_random(world, dice, longest):
            done += 1
        world.run()
        got, messages = world.facts(), world.messages()
        world.database.close()
    assert done == kills, "the work was over before the last kill: give it more posts"
    for what, facts in undisturbed.items():
        assert got[what] == facts, what
    assert {message.state for message in messages.values()} <= SENT
    arrived = mail.count()
    assert max(arrived.values(), default=0) == 1, "mailed twice"
    mails = [message for message in messages.values() if message.channel == "email"]
    handed_over = {message.message_id for message in mails if message.state == "handed_over"}
    assert all(any(each in name for name in arrived) for each in handed_over), "marked as handed over, never arrived"
    assert all(any(each.message_id in name for each in mails) for name in arrived), "arrived, and nobody knows of it"
    unconfirmed = sum(message.state == "unconfirmed" for message in messages.values())
    sys.stdout.write(f"{database_kind}: {done} kills, {len(messages)} messages, {unconfirmed} unconfirmed\n")


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    with FakeSmtp() as mail:
        world = World(tmp_path / "world", f"sqlite:///{tmp_path / 'vigie.db'}", mail.port, "", 10)
        process = world.start("run")
        assert process.stderr is not None
        children: list[psutil.Process] = []
        for _ in process.stderr:
            children = psutil.Process(process.pid).children(recursive=True)
            if children:
                break
        assert children, "the run started no local API"
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive
        world.database.close()
