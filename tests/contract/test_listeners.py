"""What every listener promises, tried on each of them alike."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import Permanent, Transient
from domain.post import AuthorGone, Batch, Cursor, Delete, Gap, Post, Rejected, Upsert
from listeners.base import Budget, Known, Remapping, find_listeners
from listeners.files import FileListener
from tests.contract.benches.base import Bench, OnlineBench, find_benches, ids
from tests.contract.benches.file import FileBench
from tests.fakes.server import Fault

NOW = datetime(2026, 11, 4, tzinfo=UTC)
PLENTY = Budget(max_requests=1000, max_posts=1_000_000, deadline_seconds=30)
BENCHES = find_benches()
NOT_OVER_HTTP = {"file", "mailbox", "webhook"}
ONLINE = [name for name in BENCHES if name not in NOT_OVER_HTTP]


def _made(request: pytest.FixtureRequest, folder: Path) -> Iterator[Bench]:
    made = BENCHES[request.param](folder)
    try:
        marker = request.node.get_closest_marker("needs")
        for needed in marker.args if marker else ():
            if needed in made.lacks:
                pytest.skip(made.lacks[needed])
        yield made
    finally:
        made.close()


@pytest.fixture(params=list(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from _made(request, tmp_path)


@pytest.fixture(params=ONLINE)
def online(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from _made(request, tmp_path)


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


def test_every_listener_is_on_this_bench() -> None:
    files = {path.stem for path in (Path(__file__).parent / "benches").glob("*.py")}
    assert [kind.section for name, kind in find_listeners().items() if not {name, kind.section} & files] == []


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


@pytest.mark.needs("edit")
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


@pytest.mark.needs("undated edit")
def test_an_edit_replaces_what_was_said(bench: Bench) -> None:
    bench.add(*ids(3), "edited")
    table = Table()
    table.pull(bench)
    bench.edit("edited", "said better")
    table.pull(bench)
    post = table.posts[bench.key("edited")]
    assert post is not None
    assert post.text.startswith("said better")


@pytest.mark.needs("delete")
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


@pytest.mark.needs("bad")
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


def test_what_the_network_told_gives_the_same_post_again(bench: Bench) -> None:
    bench.add("one")
    [event] = [event for batch in bench.listener.pull(bench.query, None, PLENTY) for event in batch.events]
    assert isinstance(event, Upsert)
    if isinstance(bench.listener, Remapping):
        assert event.raw is not None
        assert bench.listener.remap(json.loads(json.dumps(event.raw))) == event.post
    else:
        assert bench.network == "file", "what a file told stands in the file; every other listener keeps it"


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
def test_a_rate_limit_says_when_to_come_back(online: OnlineBench, headers: dict[str, str], seconds: float) -> None:
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
def test_trouble_is_transient_and_what_was_stored_holds(online: OnlineBench, trouble: str) -> None:
    wanted = ids(2 * online.page)
    online.add(*wanted)
    table = Table()
    table.pull(online, batches=1)
    online.server.faults.append(TROUBLE[trouble])
    if trouble in SLOW:
        online.relisten(timeout_seconds=0.2)
    with pytest.raises(Transient):
        table.pull(online)
    online.server.faults.clear()
    online.relisten()
    table.pull(online)
    assert table.alive() == {online.key(id_) for id_ in wanted}


@pytest.mark.parametrize("status", [401, 403])
def test_a_revoked_token_pauses_the_listener_and_is_never_told(online: OnlineBench, status: int) -> None:
    online.server.every = Fault(status=status, body=b'{"error": "The access token was revoked"}')
    with pytest.raises(Permanent) as caught:
        list(online.listener.pull(online.query, None, PLENTY))
    assert online.secret not in str(caught.value)
    assert online.server.host in str(caught.value)
    assert len([asked for asked in online.server.requests if asked.path not in online.server.spared]) == 1


@pytest.mark.needs("paging")
def test_a_server_that_repeats_its_page_does_not_hold_the_run(online: OnlineBench) -> None:
    online.add(*ids(3 * online.page))
    online.repeat_pages()
    table = Table()
    assert table.pull(online) <= 3
    assert len(table.alive()) == online.page
    online.add(*ids(2 * online.page, start=90_000))
    table.pull(online)
    assert len(table.alive()) == 2 * online.page
    assert len(table.gaps) == 1, "what the server does not show is told as a gap"


def test_a_rate_header_that_nobody_can_read_costs_no_page(online: OnlineBench) -> None:
    online.add("one")
    online.server.every = Fault(headers={"X-RateLimit-Reset": "the day after", "X-RateLimit-Remaining": "few"})
    table = Table()
    table.pull(online)
    assert table.alive() == {online.key("one")}


@pytest.mark.needs("deadline")
def test_the_deadline_of_the_budget_holds_and_costs_nothing(online: OnlineBench) -> None:
    wanted = ids(5 * online.page)
    online.add(*wanted)
    online.server.faults += [Fault(), Fault(), Fault(delay_seconds=5)]
    table = Table()
    table.pull(online, Budget(deadline_seconds=0.8))
    assert 0 < len(table.alive()) < len(wanted)
    online.server.faults.clear()
    table.pull(online)
    assert len(table.alive()) == len(wanted)


def test_a_file_truncated_in_its_compression_keeps_what_could_be_read(tmp_path: Path) -> None:
    rows = [json.dumps(FileBench.row(id_, f"{id_ * 40}")) for id_ in ids(2000)]
    packed = gzip.compress("".join(f"{row}\n" for row in rows).encode())
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    table = Table()
    for batch in FileListener().pull(str(path), None, PLENTY):
        table.store(batch)
    assert 0 < len(table.alive()) < 2000
    [rejected] = table.rejected
    assert "damaged or cut off" in rejected.reason
