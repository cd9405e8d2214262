"""What the Mastodon listener promises of streams, against a server that speaks them over a socket."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import BadInput, Permanent, Transient
from domain.post import Batch, Delete, Gap, Upsert
from listeners.base import Streaming
from listeners.mastodon.feed import LARGEST_EVENT_BYTES
from listeners.mastodon.listener import MastodonListener, Patience
from tests.fakes.mastodon_server import Fault, MastodonServer

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)  # when the posts begin
SECRET = "a-token"


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as running:
        yield running


class Heard:
    """A listener at a stream, and everything that it heard."""

    def __init__(self, server: MastodonServer, query: str = "public", cursor: Any = None, **options: Any) -> None:
        self.listener = MastodonListener(server.base_url, SECRET, clock=lambda: NOW, **options)
        self.batches: list[Batch] = []
        self._stream = self.listener.stream(query, cursor)

    def once(self) -> Batch:
        self.batches.append(next(self._stream))
        return self.batches[-1]

    def until(self, count: int) -> list[Any]:
        """At least so many events, or a failure."""
        end = time.monotonic() + 5
        while len(self.events) < count and time.monotonic() < end:
            self.once()
        return self.events

    @property
    def events(self) -> list[Any]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def cursor(self) -> Any:
        return [batch.cursor_after for batch in self.batches if batch.cursor_after is not None][-1]

    def close(self) -> None:
        self._stream.close()
        self.listener.close()


@pytest.fixture
def heard(server: MastodonServer) -> Iterator[Heard]:
    ear = Heard(server, patience=Patience(quiet_seconds=0.02))
    ear.once()
    yield ear
    ear.close()


def status(server: MastodonServer, id_: str, **changes: Any) -> dict[str, Any]:
    return server.post(id_, **changes)


def test_the_listener_streams() -> None:
    assert isinstance(MastodonListener("http://127.0.0.1:1"), Streaming)


def test_new_posts_edits_and_deletions_are_heard_in_their_order(server: MastodonServer, heard: Heard) -> None:
    first = status(server, "1", content="<p>Colis perdu</p>")
    server.tell("update", first)
    server.tell("status.update", {**first, "content": "<p>Colis trouvé</p>", "edited_at": "2026-11-03T10:00:00Z"})
    server.tell("delete", "1")
    said, edited, gone = heard.until(3)
    assert (said.post.text, edited.post.text) == ("Colis perdu", "Colis trouvé")
    assert said.post.id == edited.post.id
    assert edited.post.edited_at == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert gone == Delete("mastodon", first["uri"], NOW, only_known=True)
    assert heard.listener.remap(said.raw) == said.post


def test_the_deletion_of_a_post_that_was_not_heard_cannot_be_named(server: MastodonServer, heard: Heard) -> None:
    server.tell("delete", "4711")
    server.tell("update", status(server, "1"))
    [event] = heard.until(1)
    assert isinstance(event, Upsert)


def test_signs_of_life_and_unknown_events_are_nothing(server: MastodonServer, heard: Heard) -> None:
    server.send(b":thump\n:thump\n\n")
    server.tell("notification", {"type": "mention"})
    server.tell("filters_changed", "undefined")
    server.tell("an.event.of.tomorrow", "{")
    server.send(b"data: {}\n\nevent: update\n\nid: 7\nretry: 10\nmore\n\n")
    server.tell("update", status(server, "1"))
    assert len(heard.until(1)) == 1
    assert [rejected for batch in heard.batches for rejected in batch.rejected] == []


def test_bytes_that_come_one_by_one_with_any_line_end_are_events(server: MastodonServer, heard: Heard) -> None:
    del status(server, "1")["media_attachments"]
    [told] = server.statuses
    server.tell("update", told)
    for byte in b"event:delete\r\ndata:1\r\n\r\n":
        server.send(bytes([byte]))
    said, gone = heard.until(2)
    assert (type(said), type(gone)) == (Upsert, Delete)


def test_a_bad_event_is_rejected_with_its_reason_and_the_stream_goes_on(server: MastodonServer, heard: Heard) -> None:
    server.tell("update", "{'id':")
    server.tell("update", status(server, "bad", created_at=None))
    server.tell("update", "[" * 100_000)
    server.send(b'event: update\ndata: {"id": "\xff"}\n\n')
    server.tell("update", status(server, "1"))
    heard.until(1)
    rejected = [rejected for batch in heard.batches for rejected in batch.rejected]
    assert len(rejected) == 4
    assert all(item.reason and item.raw for item in rejected)


def test_silence_gives_empty_batches(server: MastodonServer, heard: Heard) -> None:
    assert [heard.once().events for _ in range(3)] == [[], [], []]
    assert heard.batches[-1].cursor_after is None


def test_a_server_that_says_nothing_at_all_is_cut_off(server: MastodonServer) -> None:
    ear = Heard(server, patience=Patience(quiet_seconds=0.02, idle_seconds=0.1))
    with pytest.raises(Transient, match=r"said nothing for 0\.1 s"):
        ear.until(1)
    ear.close()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (None, "cut its stream off"),
        (b"data: " + b"x" * (LARGEST_EVENT_BYTES + 100), "more than 1 MB"),
        (b"data: x\n" * (LARGEST_EVENT_BYTES // 6), "more than 1 MB"),
    ],
)
def test_a_stream_that_ends_is_transient_after_what_it_told(
    server: MastodonServer, heard: Heard, sent: bytes | None, reason: str
) -> None:
    server.tell("update", status(server, "1"))
    server.send(sent)
    with pytest.raises(Transient, match=reason):
        heard.until(2)
    assert len(heard.events) == 1


def test_what_was_said_while_nobody_listened_is_read_from_the_timeline(server: MastodonServer, heard: Heard) -> None:
    server.tell("update", status(server, "1"))
    heard.until(1)
    heard.close()
    for number in range(2, 60):
        status(server, str(number))
    again = Heard(server, cursor=heard.cursor)
    again.once()
    again.once()
    assert {event.post.id for event in again.events} == {told["uri"] for told in server.statuses}
    server.tell("delete", "59")
    [gone] = [event for event in again.until(len(again.events) + 1) if isinstance(event, Delete)]
    assert gone.id.endswith("/59")
    assert not [event for event in again.events if isinstance(event, Gap)]
    again.close()


def test_the_first_connection_reads_nothing_from_before_it(server: MastodonServer) -> None:
    status(server, "1")
    ear = Heard(server, "public:local")
    assert ear.once().events == []
    assert ear.cursor["since"]["ids"] == []
    ear.close()


def test_closing_closes_the_connection(server: MastodonServer, heard: Heard) -> None:
    heard.close()
    [stream] = server.streams or []
    end = time.monotonic() + 5
    while not stream.left and time.monotonic() < end:
        time.sleep(0.005)
    assert stream.left


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("public", "/api/v1/streaming/public"),
        ("public:local", "/api/v1/streaming/public/local"),
        ("hashtag:Réseau", "/api/v1/streaming/hashtag?tag=R%C3%A9seau"),
    ],
)
def test_the_token_goes_in_the_header_to_where_the_server_streams(
    server: MastodonServer, query: str, path: str
) -> None:
    with MastodonServer() as elsewhere:
        server.instance["configuration"]["urls"]["streaming"] = f"ws://{elsewhere.host}"
        ear = Heard(server, query)
        ear.once()
        [asked] = elsewhere.requests
        assert (asked.path, asked.token) == (path, f"Bearer {SECRET}")
        ear.close()


def test_an_address_in_the_settings_goes_before_what_the_server_says(server: MastodonServer) -> None:
    ear = Heard(server, streaming_url=server.base_url)
    ear.once()
    assert [asked.path for asked in server.requests] == ["/api/v1/streaming/public"]
    ear.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=401), Permanent),
        (Fault(status=404), Permanent),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), Permanent),
        (Fault(status=429, headers={"Retry-After": "30"}), Transient),
        (Fault(status=503), Transient),
        (Fault(delay_seconds=5), Transient),
    ],
)
def test_a_stream_that_does_not_open_says_why(
    server: MastodonServer, fault: Fault, error: type[Permanent | Transient]
) -> None:
    server.every = fault
    ear = Heard(server, streaming_url=server.base_url, timeout_seconds=0.2)
    with pytest.raises(error) as caught:
        ear.once()
    assert server.host in str(caught.value)
    assert SECRET not in str(caught.value)
    assert getattr(caught.value, "retry_after", None) == (30 if fault.status == 429 else None)
    ear.close()


def test_a_page_of_html_is_no_stream(server: MastodonServer) -> None:
    server.stream_type = "text/html"
    ear = Heard(server)
    with pytest.raises(Transient, match="no stream"):
        ear.once()
    ear.close()


@pytest.mark.parametrize("name", ["", "user", "hashtag:", "hashtag:a b", "hashtag:a&only_media=1", "#colis"])
def test_a_stream_that_no_server_has_is_refused(server: MastodonServer, name: str) -> None:
    with pytest.raises(BadInput):
        Heard(server, name).once()
