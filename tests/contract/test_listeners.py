"""What every listener promises, tried on each of them alike."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Permanent, Transient
from domain.post import AuthorGone, Batch, Cursor, Delete, Gap, Post, Rejected, Upsert
from listeners.base import Budget, Known, Listener, find_listeners
from listeners.files import BATCH_ROWS, FileListener
from listeners.mastodon import PAGE_SIZE, MastodonListener
from tests.fakes.mastodon_server import Fault, MastodonServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
PLENTY = Budget(max_requests=1000, max_posts=1_000_000, deadline_seconds=30)


class Bench:
    """A listener before a source that the test may change."""

    listener: Listener
    query: str
    page: int

    def add(self, *ids: str) -> None:
        raise NotImplementedError

    def add_bad(self) -> None:
        raise NotImplementedError

    def edit(self, id_: str, text: str) -> None:
        raise NotImplementedError

    def delete(self, id_: str) -> None:
        raise NotImplementedError

    def key(self, id_: str) -> str:
        return id_

    def close(self) -> None:
        """Let go of what is open."""


class FileBench(Bench):
    page = BATCH_ROWS

    def __init__(self, folder: Path) -> None:
        self.listener = FileListener()
        self.path = folder / "posts.jsonl"
        self.query = str(self.path)
        self.rows: list[str] = []
        self._write()

    def add(self, *ids: str) -> None:
        self.rows += [json.dumps(self._row(id_, f"post {id_}")) for id_ in ids]
        self._write()

    def add_bad(self) -> None:
        self.rows.append('{"network": "forum", "id": ')
        self._write()

    def edit(self, id_: str, text: str) -> None:
        self._replace(id_, {**self._row(id_, text), "edited_at": "2026-11-03T10:00:00Z"})

    def delete(self, id_: str) -> None:
        self._replace(id_, {**self._row(id_, ""), "deleted": True})

    @staticmethod
    def _row(id_: str, text: str) -> dict[str, Any]:
        return {"network": "forum", "id": id_, "text": text, "created_at": "2026-11-02T10:00:00+01:00", "new": [1]}

    def _replace(self, id_: str, row: dict[str, Any]) -> None:
        self.rows = [json.dumps(row) if f'"id": "{id_}"' in old else old for old in self.rows]
        self._write()

    def _write(self) -> None:
        self.path.write_text("".join(f"{row}\n" for row in self.rows), encoding="utf-8")


class MastodonBench(Bench):
    page = PAGE_SIZE

    def __init__(self, query: str = "#colis", link_header: bool = True) -> None:
        self.server = MastodonServer().__enter__()
        self.server.link_header = link_header
        self.query = query
        self.mastodon = self.listen(timeout_seconds=20)
        self.listener = self.mastodon

    def listen(self, timeout_seconds: float) -> MastodonListener:
        return MastodonListener(self.server.base_url, "a-token", timeout_seconds=timeout_seconds, clock=lambda: NOW)

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.post(id_)

    def add_bad(self) -> None:
        self.server.post("bad", created_at=None)

    def edit(self, id_: str, text: str) -> None:
        self.server.edit(id_, f"<p>{text} about #colis</p>")

    def delete(self, id_: str) -> None:
        self.server.delete(id_)

    def key(self, id_: str) -> str:
        return f"https://home.example/users/alice/statuses/{id_}"

    def close(self) -> None:
        self.mastodon.close()
        self.server.__exit__(None, None, None)


NETWORK_BENCHES: dict[str, Callable[[], MastodonBench]] = {
    "mastodon hashtag": MastodonBench,
    "mastodon without Link": lambda: MastodonBench("public", link_header=False),
    "mastodon search": lambda: MastodonBench("about"),
}


@pytest.fixture(params=["file", *NETWORK_BENCHES])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = FileBench(tmp_path) if request.param == "file" else NETWORK_BENCHES[request.param]()
    yield made
    made.close()


@pytest.fixture(params=list(NETWORK_BENCHES))
def online(request: pytest.FixtureRequest) -> Iterator[MastodonBench]:
    made = NETWORK_BENCHES[request.param]()
    yield made
    made.close()


@dataclass
class Table:
    """Posts and cursor as a database keeps them: one row a post, a tombstone for what is gone."""

    posts: dict[str, Post | None] = field(default_factory=dict)
    cursor: Cursor | None = None
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def store(self, batch: Batch) -> None:
        for event in batch.events:
            if isinstance(event, Upsert) and self.posts.get(event.post.id, event.post) is not None:
                self.posts[event.post.id] = event.post
            elif isinstance(event, Delete):
                self.posts[event.id] = None
            elif isinstance(event, Gap):
                self.gaps.append(event)
            assert not isinstance(event, AuthorGone)
        self.rejected += batch.rejected
        if batch.cursor_after is not None:
            self.cursor = json.loads(json.dumps(batch.cursor_after))  # as a database gives it back

    def pull(self, bench: Bench, budget: Budget = PLENTY, batches: int | None = None) -> int:
        """How many batches were stored; the run is left there as by `kill -9`."""
        stored = 0
        for batch in bench.listener.pull(bench.query, self.cursor, budget):
            if stored == batches:
                break
            self.store(batch)
            stored += 1
        return stored

    def alive(self) -> set[str]:
        return {id_ for id_, post in self.posts.items() if post is not None}


def ids(count: int, start: int = 0) -> list[str]:
    """Not in any order, as some servers number."""
    return [f"{(number * 7919) % 100_003}x{number}" for number in range(start, start + count)]


def test_every_listener_is_on_this_bench() -> None:
    assert set(find_listeners()) == {FileListener.network, MastodonListener.network}


def test_all_pages_are_heard(bench: Bench) -> None:
    wanted = ids(2 * bench.page + 3)
    bench.add(*wanted)
    table = Table()
    assert table.pull(bench) >= 3
    assert table.alive() == {bench.key(id_) for id_ in wanted}
    assert table.rejected == []
    assert table.gaps == []


def test_only_the_last_batch_is_complete(bench: Bench) -> None:
    bench.add(*ids(2 * bench.page))
    batches = list(bench.listener.pull(bench.query, None, PLENTY))
    assert [batch.complete for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert all(batch.cost > 0 or not batch.events for batch in batches)


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_a_killed_run_goes_on_and_loses_nothing(bench: Bench, survived: int) -> None:
    before, meanwhile = ids(3 * bench.page), ids(bench.page + 1, start=50_000)
    bench.add(*before)
    table = Table()
    table.pull(bench, batches=survived)
    bench.add(*meanwhile)
    table.pull(bench)
    assert table.alive() == {bench.key(id_) for id_ in [*before, *meanwhile]}


def test_a_spent_budget_ends_the_run_and_the_next_ones_reach_the_end(bench: Bench) -> None:
    wanted = ids(4 * bench.page)
    bench.add(*wanted)
    table = Table()
    small = Budget(max_requests=1, max_posts=bench.page, deadline_seconds=30)
    assert table.pull(bench, small) == 1
    for _ in range(8):
        table.pull(bench, small)
    assert table.alive() == {bench.key(id_) for id_ in wanted}


def test_a_second_run_adds_what_is_new_and_nothing_else(bench: Bench) -> None:
    bench.add(*ids(bench.page + 5))
    table = Table()
    table.pull(bench)
    before = dict(table.posts)
    table.pull(bench)
    assert table.posts == before
    bench.add("fresh")
    table.pull(bench)
    assert table.alive() - set(before) == {bench.key("fresh")}


def test_an_edit_is_heard_with_its_time(bench: Bench) -> None:
    bench.add(*ids(3), "edited")
    table = Table()
    table.pull(bench)
    bench.edit("edited", "said better")
    table.pull(bench)
    post = table.posts[bench.key("edited")]
    assert post is not None
    assert post.text.startswith("said better")
    assert post.edited_at == datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_a_deletion_is_heard(bench: Bench) -> None:
    bench.add(*ids(3), "gone")
    table = Table()
    table.pull(bench)
    bench.delete("gone")
    table.pull(bench)
    known = [Known(post.id, post.attributes) for post in table.posts.values() if post]
    for delete in bench.listener.verify(known):
        table.store(Batch([delete]))
    assert table.posts[bench.key("gone")] is None
    assert len(table.alive()) == 3


def test_a_bad_item_is_rejected_with_its_reason_and_the_page_goes_on(bench: Bench) -> None:
    bench.add("first")
    bench.add_bad()
    bench.add("last")
    table = Table()
    table.pull(bench)
    assert table.alive() == {bench.key("first"), bench.key("last")}
    [rejected] = table.rejected
    assert rejected.reason
    assert rejected.raw


def test_events_are_of_the_promised_shape(bench: Bench) -> None:
    bench.add("one")
    [event] = [event for batch in bench.listener.pull(bench.query, None, PLENTY) for event in batch.events]
    assert isinstance(event, Upsert)
    assert event.post.created_at.tzinfo is not None
    json.dumps(dict(event.post.attributes))


# --- over a network ------------------------------------------------------------------------------

AT_NOON = "Wed, 04 Nov 2026 00:02:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": AT_NOON}, 120),
        ({"X-RateLimit-Reset": "2026-11-04T00:05:00.000000Z"}, 300),
        ({"X-RateLimit-Reset": str(int((NOW + timedelta(seconds=90)).timestamp()))}, 90),
        ({"Retry-After": "315360000"}, 3600),
        ({"Retry-After": "-5"}, 60),
        ({"Retry-After": "soon"}, 60),
        ({"X-RateLimit-Reset": "2016-11-04T00:05:00Z"}, 0),
        ({}, 60),
    ],
)
def test_a_rate_limit_says_when_to_come_back(online: MastodonBench, headers: dict[str, str], seconds: float) -> None:
    online.server.every = Fault(status=429, headers=headers, body=b'{"error": "Too many requests"}')
    with pytest.raises(Transient) as caught:
        list(online.listener.pull(online.query, None, PLENTY))
    assert caught.value.retry_after == seconds


TROUBLE = {
    "500": Fault(status=500, body=b"<html>oops</html>"),
    "502": Fault(status=502, body=b""),
    "503": Fault(status=503, headers={"Retry-After": "10"}, body=b"{}"),
    "time-out": Fault(delay_seconds=5),
    "slow bytes": Fault(drip_seconds=0.02),
    "slow headers": Fault(drip_seconds=0.02, drip_headers=True),
    "truncated JSON": Fault(change=lambda body: body[: len(body) // 2]),
    "a body shorter than announced": Fault(headers={"Content-Length": "1000000"}),
    "HTML with 200": Fault(headers={"Content-Type": "text/html"}, body=b"<!doctype html><p>Maintenance</p>"),
    "an empty body": Fault(body=b""),
    "an object": Fault(body=b'{"error": "not now"}'),
    "null": Fault(body=b"null"),
    "a number": Fault(body=b"12"),
    "endless depth": Fault(body=b"[" * 100_000),
    "not UTF-8": Fault(body=b'[{"id": "\xff\xfe"}]'),
}


SLOW = ("time-out", "slow bytes", "slow headers", "a body shorter than announced")


@pytest.mark.parametrize("trouble", list(TROUBLE))
def test_trouble_is_transient_and_what_was_stored_holds(online: MastodonBench, trouble: str) -> None:
    wanted = ids(2 * PAGE_SIZE)
    online.add(*wanted)
    table = Table()
    table.pull(online, batches=1)
    online.server.faults.append(TROUBLE[trouble])
    if trouble in SLOW:
        online.listener = online.listen(timeout_seconds=0.2)
    with pytest.raises(Transient):
        table.pull(online)
    online.listener = online.mastodon
    table.pull(online)
    assert table.alive() == {online.key(id_) for id_ in wanted}


@pytest.mark.parametrize("status", [401, 403])
def test_a_revoked_token_pauses_the_listener_and_is_never_told(online: MastodonBench, status: int) -> None:
    online.server.every = Fault(status=status, body=b'{"error": "The access token was revoked"}')
    with pytest.raises(Permanent) as caught:
        list(online.listener.pull(online.query, None, PLENTY))
    assert "a-token" not in str(caught.value)
    assert online.server.host in str(caught.value)
    assert len(online.server.requests) == 1


def test_a_server_that_repeats_its_page_does_not_hold_the_run(online: MastodonBench) -> None:
    online.add(*ids(3 * PAGE_SIZE))
    online.server.ignores_paging = True
    table = Table()
    assert table.pull(online) <= 3
    assert len(table.alive()) == PAGE_SIZE
    online.add(*ids(2 * PAGE_SIZE, start=90_000))
    table.pull(online)
    assert len(table.alive()) == 2 * PAGE_SIZE
    assert len(table.gaps) == 1, "what the server does not show is told as a gap"


def test_a_rate_header_that_nobody_can_read_costs_no_page(online: MastodonBench) -> None:
    online.add("one")
    online.server.every = Fault(headers={"X-RateLimit-Reset": "the day after", "X-RateLimit-Remaining": "few"})
    table = Table()
    table.pull(online)
    assert table.alive() == {online.key("one")}


def test_the_deadline_of_the_budget_holds_and_costs_nothing(online: MastodonBench) -> None:
    wanted = ids(5 * PAGE_SIZE)
    online.add(*wanted)
    online.server.faults += [Fault(), Fault(), Fault(delay_seconds=5)]
    table = Table()
    table.pull(online, Budget(deadline_seconds=1.5))
    assert 0 < len(table.alive()) < len(wanted)
    online.server.faults.clear()
    table.pull(online)
    assert len(table.alive()) == len(wanted)


def test_a_file_truncated_in_its_compression_keeps_what_could_be_read(tmp_path: Path) -> None:
    rows = [json.dumps(FileBench._row(id_, f"{id_ * 40}")) for id_ in ids(2000)]
    packed = gzip.compress("".join(f"{row}\n" for row in rows).encode())
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    table = Table()
    for batch in FileListener().pull(str(path), None, PLENTY):
        table.store(batch)
    assert 0 < len(table.alive()) < 2000
    [rejected] = table.rejected
    assert "damaged or cut off" in rejected.reason
