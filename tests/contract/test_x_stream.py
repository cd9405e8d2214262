"""X's filtered stream, over a socket: rules, signs of life, cuts, gaps, and the day's money."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Batch, Gap, Post, Upsert
from listeners.base import Streaming
from listeners.x.listener import XListener, XSettings
from tests.fakes.x_server import NOW, Fault, XServer, snowflake

Make = Callable[..., XListener]


@pytest.fixture
def server() -> Iterator[XServer]:
    with XServer() as running:
        yield running


@pytest.fixture
def listen(server: XServer) -> Iterator[Make]:
    made: list[XListener] = []

    def make(*rules: str, **changes: Any) -> XListener:
        settings = XSettings.model_validate(
            {"base_url": server.base_url, "timeout_seconds": 5, "idle_seconds": 5, **changes}
        )
        wanted = rules or ("colis -is:retweet",)
        made.append(XListener("a-token", settings, own=["h"], brand="b", rules=wanted, clock=lambda: server.now))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


def heard(batches: Iterator[Batch], posts: int) -> list[Batch]:
    """Batches until so many posts were told."""
    told: list[Batch] = []
    while len(posts_of(told)) < posts:
        told.append(next(batches))
    return told


def posts_of(batches: list[Batch]) -> list[Post]:
    return [event.post for batch in batches for event in batch.events if isinstance(event, Upsert)]


def gaps_of(batches: list[Batch]) -> list[Gap]:
    return [event for batch in batches for event in batch.events if isinstance(event, Gap)]


def test_it_is_a_stream(listen: Make) -> None:
    assert isinstance(listen(), Streaming)
    with pytest.raises(BadInput):
        next(listen().stream("colis", None))


@pytest.mark.parametrize("generation", ["tweet", "post"])
def test_what_matches_is_told_as_it_happens(server: XServer, listen: Make, generation: str) -> None:
    with closing(listen(field_names=generation).stream("stream", None)) as batches:
        first = next(batches)
        assert (list(first.events), first.cost) == ([], 0)
        post = server.post("one")
        server.say(b"", server.message(post, generation=generation), b"")
        [told] = posts_of(heard(batches, 1))
        edited = server.edit("one", "un autre colis", NOW)
        server.say(server.message(edited, generation=generation))
        [again] = posts_of(heard(batches, 1))
    assert (told.id, told.text) == (server.ids["one"], "post one about #colis")
    assert told.author is not None
    assert told.author.handle == "alice"
    assert (again.id, again.text, again.edited_at) == (server.ids["one"], "un autre colis", NOW)
    [connection] = [asked for asked in server.requests if asked.path == "/2/tweets/search/stream"]
    assert f"{generation}.fields" in connection.query
    assert connection.token == "Bearer a-token"


def test_the_rules_become_what_is_wanted_and_those_of_others_stay(server: XServer, listen: Make) -> None:
    server.rules = [
        {"id": "1", "value": "old -is:retweet", "tag": "vigie:b:abc"},
        {"id": "2", "value": "kept -is:retweet", "tag": "vigie:b:def"},
        {"id": "3", "value": "theirs", "tag": "vigie:bb:abc"},
        {"id": "4", "value": "theirs too"},
    ]
    with closing(listen("kept -is:retweet", "new -is:retweet").stream("stream", None)) as batches:
        next(batches)
    assert [rule["value"] for rule in server.rules] == ["kept -is:retweet", "theirs", "theirs too", "new -is:retweet"]
    assert server.rules[-1]["tag"].startswith("vigie:b:")
    asked = len(server.requests)
    server.until_alone()
    with closing(listen("kept -is:retweet", "new -is:retweet").stream("stream", None)) as batches:
        next(batches)
    assert [request.method for request in server.requests[asked:]] == ["GET", "GET"]


def test_posts_of_the_rules_of_others_are_left_out_and_counted(server: XServer, listen: Make) -> None:
    server.rules = [{"id": "4", "value": "theirs"}]
    with closing(listen().stream("stream", None)) as batches:
        next(batches)
        server.say(server.message(server.post("theirs"), "4"), server.message(server.post("ours")))
        told = heard(batches, 1)
    assert [post.id for post in posts_of(told)] == [server.ids["ours"]]
    assert sum(batch.cost for batch in told) == pytest.approx(2 * 0.015)


def test_a_rule_that_x_does_not_take_is_said(listen: Make) -> None:
    with pytest.raises(Misconfigured, match="no viable alternative"):
        next(listen("forbidden").stream("stream", None))


def test_silence_gives_empty_batches_and_a_stream_that_stays_silent_is_cut_off(listen: Make) -> None:
    with closing(listen(idle_seconds=0.1).stream("stream", None)) as batches:
        next(batches)
        quiet = next(batches)
        assert (list(quiet.events), quiet.cursor_after) == ([], None)
        with pytest.raises(Transient, match=r"said nothing for 0\.1 s") as caught:
            list(batches)
    assert caught.value.retry_after == 0.25


def test_a_sign_of_life_moves_the_time_that_was_heard(server: XServer, listen: Make) -> None:
    with closing(listen().stream("stream", None)) as batches:
        next(batches)
        server.now = NOW + timedelta(seconds=20)
        server.say(b"")
        alive = next(batches)
    assert list(alive.events) == []
    assert alive.cursor_after is not None
    assert alive.cursor_after["heard"] == (NOW + timedelta(seconds=20)).isoformat()


def test_what_was_missed_between_two_connections_is_a_gap(server: XServer, listen: Make) -> None:
    listener = listen()
    with closing(listener.stream("stream", None)) as batches:
        cursor = next(batches).cursor_after
        server.cut()
        with pytest.raises(Transient, match="ended its stream") as caught:
            list(islice(batches, 5))
    assert caught.value.retry_after == 0.25
    server.now = NOW + timedelta(minutes=3)
    server.until_alone()
    with closing(listener.stream("stream", cursor)) as batches:
        [gap] = gaps_of([next(batches)])
    assert (gap.since, gap.until) == (NOW, NOW + timedelta(minutes=3))


def test_x_says_in_the_stream_that_it_ends_it(server: XServer, listen: Make) -> None:
    problem = {"title": "operational-disconnect", "detail": "This stream has been disconnected upstream."}
    with closing(listen().stream("stream", None)) as batches:
        next(batches)
        server.say(server.message(server.post("one")), {"errors": [problem]})
        assert len(posts_of(heard(batches, 1))) == 1
        with pytest.raises(Transient, match="disconnected upstream"):
            list(islice(batches, 5))  # what came before it may be told apart


def test_lines_that_are_no_posts_cost_nothing_but_themselves(server: XServer, listen: Make) -> None:
    with closing(listen().stream("stream", None)) as batches:
        next(batches)
        bad = server.message(server.post("bad"))
        bad["data"] = {"id": "x", "created_at": bad["data"]["created_at"]}  # the names are those that were asked for
        server.say(b"{", b"[1]", b"\xff", b'{"a_message_of_tomorrow": 1}', bad, server.message(server.post("good")))
        told = heard(batches, 1)
    assert [post.id for post in posts_of(told)] == [server.ids["good"]]
    rejected = [bad for batch in told for bad in batch.rejected]
    assert len(rejected) == 4
    assert all(bad.reason and bad.raw for bad in rejected)


@pytest.mark.parametrize("refuses", [True, False])
def test_names_that_x_does_not_know_are_changed_for_the_next_connection(
    server: XServer, listen: Make, refuses: bool
) -> None:
    server.refuses_names, server.speaks = refuses, {"post"}
    listener, post = listen(), server.post("one")
    told = server.message(post, generation="post")
    server.say({**told, "data": {"id": post["id"], "text": post["text"]}})
    with pytest.raises(Transient, match="other names") as caught:
        list(listener.stream("stream", None))
    assert caught.value.retry_after == 0.25
    server.until_alone()
    server.say(told)
    with closing(listener.stream("stream", None)) as batches:
        assert posts_of(heard(batches, 1))[0].created_at is not None
    assert "post.fields" in server.requests[-1].query


def test_closing_it_closes_the_connection(server: XServer, listen: Make) -> None:
    batches = listen().stream("stream", None)
    next(batches)
    assert server.connected == 1
    batches.close()  # type: ignore[attr-defined]
    server.until_alone()
    assert server.connected == 0


# --- when it cannot be opened --------------------------------------------------------------------


def test_the_only_connection_is_taken(server: XServer, listen: Make) -> None:
    listener = listen()
    with closing(listen().stream("stream", None)) as batches:
        next(batches)
        waits = []
        for _ in range(3):
            with pytest.raises(Transient, match="another connection") as caught:
                next(listener.stream("stream", None))
            waits.append(caught.value.retry_after)
    assert waits == [60, 120, 240]


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Fault(status=503), [5, 10]),
        (Fault(status=429, headers={"x-rate-limit-reset": str(int(NOW.timestamp()) + 600)}), [600, 600]),
    ],
)
def test_a_refused_connection_waits_ever_longer(
    server: XServer, listen: Make, fault: Fault, waits: list[float]
) -> None:
    server.rules = [{"id": "1", "value": "colis -is:retweet", "tag": "vigie:b:abc"}]
    listener, told = listen(), []
    for _ in waits:
        server.faults += [Fault(), fault]  # the rules are shown, the stream is not
        with pytest.raises(Transient) as caught:
            next(listener.stream("stream", None))
        told.append(caught.value.retry_after)
    assert told == waits


def test_a_server_that_never_opens_its_stream_is_left(server: XServer, listen: Make) -> None:
    server.rules = [{"id": "1", "value": "colis -is:retweet", "tag": "vigie:b:abc"}]
    server.faults += [Fault(), Fault(delay_seconds=5)]
    with pytest.raises(Transient, match=r"in time|nothing for too long") as caught:
        next(listen(timeout_seconds=0.15).stream("stream", None))
    assert caught.value.retry_after == 0.25


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_token_that_is_not_let_in_pauses_the_stream(server: XServer, listen: Make, status: int) -> None:
    server.every = Fault(status=status, body=b'{"title": "no"}')
    with pytest.raises(Permanent) as caught:
        next(listen().stream("stream", None))
    assert "a-token" not in str(caught.value)


def test_an_endless_line_ends_it(server: XServer, listen: Make) -> None:
    with closing(listen().stream("stream", None)) as batches:
        next(batches)
        server.says.put(b"a" * (2**20 + 2))
        with pytest.raises(Transient, match="cut its stream off"):
            list(batches)


# --- money ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limits", "allowed"), [({"posts_a_day": 3}, 3), ({"cost_a_day": 0.047}, 3)])
def test_the_stream_ends_before_it_takes_more_than_the_day_allows(
    server: XServer, listen: Make, limits: dict[str, float], allowed: int
) -> None:
    told: list[Batch] = []
    with closing(listen(**limits).stream("stream", None)) as batches:
        told.append(next(batches))
        server.say(*(server.message(server.post(str(number))) for number in range(6)))
        with pytest.raises(Transient, match="what it may take today") as caught:
            told.extend(batches)
    assert len(posts_of(told)) == allowed
    assert caught.value.retry_after == 86_400
    cursor = told[-1].cursor_after
    assert cursor is not None
    assert (cursor["day"], cursor["posts"]) == ("2026-11-04", allowed)
    asked = len(server.requests)
    with pytest.raises(Transient, match="today"):
        next(listen(**limits).stream("stream", cursor))
    assert len(server.requests) == asked
    server.now = NOW + timedelta(days=1)
    server.until_alone()
    with closing(listen(**limits).stream("stream", cursor)) as batches:
        assert len(gaps_of([next(batches)])) == 1


def test_a_broken_cursor_is_said(listen: Make) -> None:
    with pytest.raises(BadInput):
        next(listen().stream("stream", {"heard": 7}))


def test_the_cursor_of_a_stream_is_json(server: XServer, listen: Make) -> None:
    with closing(listen().stream("stream", None)) as batches:
        assert next(batches).cursor_after == {
            "version": 1,
            "heard": datetime(2026, 11, 4, tzinfo=UTC).isoformat(),
            "day": "2026-11-04",
            "posts": 0,
            "cost": 0.0,
        }
    assert snowflake(NOW).isdigit()
