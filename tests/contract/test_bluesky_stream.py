"""What the stream of Bluesky promises, on both wires of Jetstream."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import BadInput, Permanent, Transient
from domain.post import (
    AuthorChanged,
    AuthorGone,
    Batch,
    Cursor,
    Delete,
    Event,
    Gap,
    Post,
    Rejected,
    Upsert,
)
from listeners.base import Streaming
from listeners.bluesky.listener import STREAM, BlueskyListener
from listeners.bluesky.stream import LARGEST_FRAME_BYTES, LARGEST_MESSAGE_BYTES, Jetstream, Pace
from listeners.query import parse_query
from tests.fakes.bluesky_server import ALICE, uri_of
from tests.fakes.jetstream_server import START_US, JetstreamServer, Refusal, wait_for

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
QUICK = Pace(events=50, seconds=0.03, idle_seconds=0.05, silent_seconds=5.0)
PATIENCE_SECONDS = 5.0


@dataclass
class Table:
    """Posts and cursor as a database keeps them."""

    posts: dict[str, Post | None] = field(default_factory=dict)
    cursor: Cursor | None = None
    events: list[Event] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def store(self, batch: Batch) -> None:
        for event in batch.events:
            self.events.append(event)
            if isinstance(event, Upsert) and self.posts.get(event.post.id, event.post) is not None:
                self.posts[event.post.id] = event.post
            elif isinstance(event, Delete) and event.id in self.posts:
                self.posts[event.id] = None
        self.rejected += batch.rejected
        if batch.cursor_after is not None:
            self.cursor = json.loads(json.dumps(batch.cursor_after))

    def hear(self, listener: Streaming, until: Callable[[], bool]) -> None:
        """Store batches until it holds, then stop as by `kill -9`: what comes after the last batch is lost."""
        end = time.monotonic() + PATIENCE_SECONDS
        for batch in listener.stream(STREAM, self.cursor):
            self.store(batch)
            if until():
                return
            assert time.monotonic() < end, f"it never happened; heard {self.events}"

    def has(self, *rkeys: str) -> Callable[[], bool]:
        return lambda: {uri_of(rkey) for rkey in rkeys} <= self.posts.keys()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(params=[1, 2])
def server(request: pytest.FixtureRequest) -> Iterator[JetstreamServer]:
    with JetstreamServer(request.param) as running:
        yield running


@pytest.fixture
def second_wire() -> Iterator[JetstreamServer]:
    with JetstreamServer(2) as running:
        yield running


def listening(server: JetstreamServer, query: str = "colis", pace: Pace = QUICK, timeout: float = 5) -> BlueskyListener:
    jetstream = Jetstream(server.url, server.version, parse_query(query), timeout, pace=pace, clock=lambda: NOW)
    return BlueskyListener("https://unasked.example", jetstream=jetstream, clock=lambda: NOW)


@pytest.fixture
def started(server: JetstreamServer) -> tuple[BlueskyListener, Table]:
    """A listener, and a table that has heard one post, so that it has a cursor."""
    return _start(server)


def _start(server: JetstreamServer) -> tuple[BlueskyListener, Table]:
    listener, table = listening(server), Table()
    stream = listener.stream(STREAM, None)
    next(stream)  # the first batch is empty: nothing is replayed before the first cursor
    server.post("first")
    for batch in stream:
        table.store(batch)
        if table.has("first")():
            break
    stream.close()
    return listener, table


# --- what is heard -------------------------------------------------------------------------------


def test_of_all_posts_those_are_heard_that_the_query_names(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    server.like("like")
    server.post("other", "il fait beau")
    server.post("wanted", "Mon COLIS est perdu", reply={"parent": {"uri": "at://p"}, "root": {"uri": "at://r"}})
    table.hear(listener, table.has("wanted"))
    assert table.posts.keys() == {uri_of("first"), uri_of("wanted")}
    post = table.posts[uri_of("wanted")]
    assert post is not None
    assert post.author is not None
    assert (post.author.id, post.author.handle) == (ALICE, None)
    assert (post.lang, post.reply_to, post.conversation) == ("fr", "at://p", "at://r")
    assert post.url == f"https://bsky.app/profile/{ALICE}/post/wanted"
    assert post.edited_at is None


def test_what_the_stream_told_gives_the_same_post_again(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    server.update("first", "colis retrouvé")
    table.hear(listener, lambda: len(table.of(Upsert)) >= 3)
    for event in table.of(Upsert):
        assert listener.remap(json.loads(json.dumps(event.raw))) == event.post


def test_an_edit_is_heard_with_its_time_whatever_it_says(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    server.update("first", "tout va bien")
    table.hear(listener, lambda: table.posts[uri_of("first")].text == "tout va bien")  # type: ignore[union-attr]
    post = table.posts[uri_of("first")]
    assert post is not None
    assert post.edited_at == datetime(2026, 11, 2, 10, 0, 1, tzinfo=UTC)


def test_a_deletion_is_heard_and_leaves_no_trace_of_what_was_never_stored(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    server.delete("first")
    server.delete("never-heard")
    table.hear(listener, lambda: len(table.of(Delete)) == 2)
    assert table.posts == {uri_of("first"): None}
    assert all(event.only_known for event in table.of(Delete))


@pytest.mark.parametrize("status", ["deactivated", "deleted", "suspended", "takendown"])
def test_an_account_that_may_no_longer_be_shown_is_gone(
    server: JetstreamServer, started: tuple[BlueskyListener, Table], status: str
) -> None:
    listener, table = started
    server.account(False, "throttled")
    server.account(False, "a status of tomorrow")
    server.account(True)
    server.account(False, status)
    table.hear(listener, lambda: bool(table.of(AuthorGone)))
    at = datetime(2026, 11, 2, 10, 0, 4, tzinfo=UTC)
    assert table.of(AuthorGone) == [AuthorGone("bluesky", ALICE, at, only_known=True)]


def test_a_new_handle_is_heard(server: JetstreamServer, started: tuple[BlueskyListener, Table]) -> None:
    listener, table = started
    server.identity(None)
    server.identity("handle.invalid")
    server.identity("alice.example")
    table.hear(listener, lambda: bool(table.of(AuthorChanged)))
    [changed] = table.of(AuthorChanged)
    assert (changed.author.id, changed.author.handle, changed.only_known) == (ALICE, "alice.example", True)


# --- cursors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("killed_after", [1, 7, 60, 119])
def test_a_killed_listener_goes_on_and_loses_nothing(
    server: JetstreamServer, started: tuple[BlueskyListener, Table], killed_after: int
) -> None:
    listener, table = started
    names = [f"p{number}" for number in range(120)]
    for name in names:
        server.post(name)
        server.like(f"like-{name}")
    table.hear(listener, lambda: len(table.posts) > killed_after)
    server.post("meanwhile")
    table.hear(listener, table.has(*names, "meanwhile"))
    assert len(table.posts) == 122
    assert table.rejected == []
    assert table.of(Gap) == []


def test_the_cursor_moves_while_nothing_is_wanted(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    before = table.cursor
    for number in range(5):
        server.post(f"other{number}", "il fait beau")
    batches = listener.stream(STREAM, table.cursor)
    empty = next(batch for batch in batches if not batch.events and batch.cursor_after != before)
    batches.close()
    assert empty.cursor_after is not None
    assert before is not None
    assert empty.cursor_after["time_us"] == START_US + 5_000_000


def test_an_idle_stream_yields_empty_batches(server: JetstreamServer, started: tuple[BlueskyListener, Table]) -> None:
    listener, table = started
    stream = listener.stream(STREAM, table.cursor)
    began = time.monotonic()
    batches = [next(stream) for _ in range(4)]
    stream.close()
    assert time.monotonic() - began < 2
    assert [batch.events for batch in batches[1:]] == [[], [], []]
    assert batches[-1].cursor_after == table.cursor


def test_a_server_that_ignores_the_cursor_does_not_turn_it_back(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    server.post("second")
    table.hear(listener, table.has("second"))
    reached = table.cursor
    server.ignores_cursor = True
    seen: list[Cursor | None] = []
    table.hear(listener, lambda: seen.append(table.cursor) or len(seen) == 3)  # type: ignore[func-returns-value]
    assert seen == [reached] * 3


def test_a_broken_cursor_is_told(server: JetstreamServer) -> None:
    with pytest.raises(BadInput, match="remove it"):
        next(listening(server).stream(STREAM, {"version": 1, "seq": "many"}))


def test_a_number_that_is_too_old_leaves_a_gap_and_the_stream_goes_on(second_wire: JetstreamServer) -> None:
    listener, table = _start(second_wire)
    second_wire.post("lost")
    second_wire.pass_time(3600)
    second_wire.post("kept")
    second_wire.floor = second_wire.events[-1].seq
    table.hear(listener, table.has("kept"))
    [gap] = table.of(Gap)
    assert gap.since == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert gap.until == datetime(2026, 11, 2, 11, 0, 2, tzinfo=UTC)
    assert uri_of("lost") not in table.posts


def test_a_number_of_another_archive_gives_way_to_its_time(second_wire: JetstreamServer) -> None:
    listener, table = _start(second_wire)
    assert table.cursor is not None
    table.cursor = {**table.cursor, "seq": 10**9}
    second_wire.post("second")
    table.hear(listener, table.has("second"))
    assert table.of(Gap) == []
    table.hear(listener, lambda: True)
    assert second_wire.asked[-1]["cursor"] == "2", "the new archive's numbers hold from now on"


def test_another_server_is_asked_by_time_from_a_little_before(server: JetstreamServer) -> None:
    with JetstreamServer(server.version) as other:
        other.post("elsewhere")
        other.pass_time(60)
        other.post("earlier")
        for number in range(40):
            server.like(f"like{number}")
        _, table = _start(server)
        other.pass_time(60)
        other.post("later")
        assert table.cursor is not None
        table.cursor = {**table.cursor, "time_us": other.events[1].time_us}
        table.hear(listening(other), table.has("later"))
    assert table.posts.keys() == {uri_of("first"), uri_of("earlier"), uri_of("later")}


def test_what_a_server_of_wire_1_no_longer_has_is_told_as_a_gap() -> None:
    with JetstreamServer(1) as server:
        listener, table = _start(server)
        server.pass_time(timedelta(hours=40).total_seconds())
        server.post("kept")
        server.floor = server.events[-1].seq
        jetstream = Jetstream(server.url, 1, parse_query("colis"), pace=QUICK, clock=lambda: NOW + timedelta(hours=40))
        listener = BlueskyListener("https://unasked.example", jetstream=jetstream)
        table.hear(listener, table.has("kept"))
    [gap] = table.of(Gap)
    assert gap.since == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert gap.until - gap.since == timedelta(hours=40, seconds=1)


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_cut_connection_is_transient_and_what_came_before_it_is_handed_on(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    stream = listening(server, pace=Pace(seconds=60, idle_seconds=60)).stream(STREAM, table.cursor)
    server.post("second")
    cutting = threading.Thread(target=_cut_soon, args=[server])
    cutting.start()
    with pytest.raises(Transient):
        any(table.store(batch) for batch in stream)  # type: ignore[func-returns-value]
    cutting.join()
    assert uri_of("second") in table.posts
    server.post("third")
    table.hear(listener, table.has("third"))


def _cut_soon(server: JetstreamServer) -> None:
    wait_for(lambda: server.listeners > 0)
    time.sleep(0.1)
    server.cut()


@pytest.mark.parametrize(
    "frame",
    [
        b"not json",
        b'{"did": "did:plc:x"',
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"a": "\xff"}',
        b'{"$type": "novelty"}',
    ],
)
def test_a_frame_that_is_none_is_rejected_and_the_stream_goes_on(
    server: JetstreamServer, started: tuple[BlueskyListener, Table], frame: bytes
) -> None:
    listener, table = started
    server.say(frame)
    server.post("second")
    table.hear(listener, table.has("second"))
    [rejected] = table.rejected
    assert rejected.reason
    assert rejected.raw


@pytest.mark.parametrize(
    "record",
    [
        {"text": None},
        {"text": ["colis"]},
        {"text": "colis \x00"},
        {"text": "colis" * 25_000},
        {"text": "colis", "deep": json.loads("[" * 40 + "]" * 40)},
    ],
)
def test_a_post_that_is_none_is_rejected_and_the_stream_goes_on(
    server: JetstreamServer, started: tuple[BlueskyListener, Table], record: dict[str, Any]
) -> None:
    listener, table = started
    server.post("bad", **record)
    server.post("second")
    table.hear(listener, table.has("second"))
    assert len(table.rejected) == 1
    assert uri_of("bad") not in table.posts


def test_events_of_tomorrow_are_passed_over(server: JetstreamServer, started: tuple[BlueskyListener, Table]) -> None:
    listener, table = started
    server.tell("sync", ALICE, None, {"rev": "3k", "blocks": "…"})
    server.tell("novelty", ALICE, None, {"new": [1]})
    server._commit("transmute", "rkey", ALICE, {"text": "colis"})
    server.post("second")
    table.hear(listener, table.has("second"))
    assert table.rejected == []
    assert table.posts.keys() == {uri_of("first"), uri_of("second")}


def test_an_oversized_frame_is_rejected_and_the_cursor_leaves_it_behind(
    server: JetstreamServer, started: tuple[BlueskyListener, Table]
) -> None:
    listener, table = started
    server.post("large", "colis", blob="x" * LARGEST_FRAME_BYTES)
    table.hear(listener, lambda: bool(table.rejected))
    [rejected] = table.rejected
    assert "at most 1,048,576" in rejected.reason
    assert len(rejected.raw) <= 10_000
    assert table.cursor is not None
    assert table.cursor["time_us"] == START_US + 1_000_000


def test_a_frame_without_end_ends_the_stream(server: JetstreamServer, started: tuple[BlueskyListener, Table]) -> None:
    listener, table = started
    server.say(b'{"x": "' + b"x" * LARGEST_MESSAGE_BYTES + b'"}')
    with pytest.raises(Transient):
        table.hear(listener, lambda: False)


def test_the_servers_last_words_are_told(second_wire: JetstreamServer) -> None:
    listener, table = _start(second_wire)
    second_wire.say(b'{"$type":"error","error":"ConsumerTooSlow","message":"reading below the floor rate"}')
    with pytest.raises(Transient, match="ConsumerTooSlow"):
        table.hear(listener, lambda: False)


def test_a_stream_without_a_single_frame_is_cut_off_in_the_end(server: JetstreamServer) -> None:
    pace = Pace(idle_seconds=0.02, silent_seconds=0.1)
    with pytest.raises(Transient, match="silent"):
        list(listening(server, pace=pace).stream(STREAM, None))


@pytest.mark.parametrize(
    ("refusal", "error", "retry_after"),
    [
        (Refusal(429, headers={"Retry-After": "30"}), Transient, 30),
        (Refusal(503, b"service not ready", {"Retry-After": "7"}), Transient, 7),
        (Refusal(500, b"<html>oops</html>"), Transient, None),
        (Refusal(403), Permanent, None),
        (Refusal(404, b"page not found"), Permanent, None),
        (Refusal(400, b'{"error":"InvalidRequest"}'), Permanent, None),
    ],
)
def test_a_refused_handshake_says_what_it_means(
    server: JetstreamServer, refusal: Refusal, error: type[Exception], retry_after: float | None
) -> None:
    server.refusals.append(refusal)
    with pytest.raises(error) as caught:
        next(listening(server).stream(STREAM, None))
    assert getattr(caught.value, "retry_after", None) == retry_after


def test_a_server_that_is_not_there_is_transient() -> None:
    with JetstreamServer() as server:
        gone = listening(server)
    with pytest.raises(Transient):
        next(gone.stream(STREAM, None))


def test_a_server_that_does_not_answer_the_handshake_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        jetstream = Jetstream(address, 2, parse_query("colis"), timeout_seconds=0.1)
        with pytest.raises(Transient):
            next(jetstream.stream(None))


def test_closing_the_iterator_closes_the_connection(server: JetstreamServer) -> None:
    stream = listening(server).stream(STREAM, None)
    next(stream)
    wait_for(lambda: server.listeners == 1)
    stream.close()
    wait_for(lambda: server.listeners == 0)


def test_the_access_can_be_checked(server: JetstreamServer) -> None:
    assert "answers" in listening(server).check()
    assert isinstance(listening(server), Streaming)
    server.refusals.append(Refusal(503))
    with pytest.raises(Transient):
        listening(server).check()


def test_the_server_is_asked_for_posts_accounts_and_identities_alone(server: JetstreamServer) -> None:
    listening(server).check()
    [asked] = server.asked
    name = {1: "wantedCollections", 2: "collections"}[server.version]
    assert asked[name] == "app.bsky.feed.post"
    assert asked["path"] == {1: "/subscribe", 2: "/xrpc/network.bsky.jetstream.subscribeEvents"}[server.version]
    assert asked["maxMessageSizeBytes"] == str(LARGEST_FRAME_BYTES)
    assert "cursor" not in asked
