"""What a hit of the Hacker News search says, and what it is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Transient
from domain.post import Upsert
from listeners.base import Around, Budget, Known
from listeners.hackernews.listener import HackerNewsListener, HackerNewsSettings
from listeners.hackernews.posts import post_of
from listeners.query import parse_query
from listeners.values import BadRow
from tests.fakes.hackernews_server import HackerNewsServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[HackerNewsServer]:
    with HackerNewsServer() as running:
        yield running


@pytest.fixture
def listener(server: HackerNewsServer) -> Iterator[HackerNewsListener]:
    settings = HackerNewsSettings(base_url=server.base_url, items_url=server.base_url)
    made = HackerNewsListener(settings, clock=lambda: NOW)
    yield made
    made.close()


def comment(**changes: Any) -> dict[str, Any]:
    return HackerNewsServer().post(1, "<p>It&#x27;s <i>late</i></p>", **changes)


def heard(listener: HackerNewsListener, query: str, cursor: Any = None) -> list[str]:
    batches = listener.pull(query, cursor, Budget())
    return [event.post.id for batch in batches for event in batch.events if isinstance(event, Upsert)]


def sources(*queries: str, **settings: Any) -> list[tuple[str, str | None]]:
    around = Around(Brand(), lambda: NOW, lambda _: None, Path, tuple(map(parse_query, queries)), parse_query)
    found = HackerNewsListener.sources(HackerNewsSettings.model_validate(settings), around)
    return [(source.query, source.wanted.text if source.wanted else None) for source in found]


def test_a_comment_belongs_to_its_story() -> None:
    post = post_of(comment())
    assert (post.id, post.text, post.reply_to, post.conversation) == ("1", "It's late", "4001", "4000")
    assert post.created_at == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert post.url == "https://news.ycombinator.com/item?id=1"
    assert post.author is not None
    assert (post.author.id, post.author.handle) == ("alice", "alice")
    assert post.attributes == {"kind": "comment", "title": "Parcels are late"}


def test_a_story_has_a_title_and_a_link() -> None:
    post = post_of(HackerNewsServer().story(4000, "Parcels are late", story_text="<p>All of them</p>"))
    assert post.text == "Parcels are late\n\nAll of them"
    assert (post.reply_to, post.conversation, post.likes, post.replies) == (None, None, 7, 2)
    assert post.attributes["link"] == "https://news.example/parcels"
    assert post.attributes["kind"] == "story"


@pytest.mark.parametrize(
    "changes",
    [
        {"objectID": None},
        {"objectID": 1.5},
        {"created_at_i": None, "created_at": None},
        {"created_at_i": -1, "created_at": "soon"},
        {"comment_text": 12, "created_at": []},
        {"comment_text": "\x00"},
        {"comment_text": "x" * 100_001},
    ],
)
def test_values_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        post_of(
            {**comment(), **changes} if "created_at" not in changes else {**comment(), **changes, "created_at_i": 1e300}
        )


@pytest.mark.parametrize("hit", [None, 12, "x", []])
def test_what_is_no_object_is_refused(hit: Any) -> None:
    with pytest.raises(BadRow):
        post_of(hit)


@pytest.mark.parametrize("name", ["points", "num_comments", "_tags", "story_title", "url", "_highlightResult"])
@pytest.mark.parametrize("value", [None, -3, "many", [], {"a": None}, [None, 3]])
def test_unknown_values_beside_the_point_break_nothing(name: str, value: Any) -> None:
    assert post_of(comment(**{name: value})).id == "1"


def test_it_is_off_until_it_is_on_or_has_queries() -> None:
    assert sources("colis") == []
    assert sources("colis", on=True) == [("colis", "colis")]
    assert sources("colis", queries=["parcel"]) == [("parcel", "parcel")]


def test_a_query_is_asked_an_alternative_at_a_time() -> None:
    asked = sources('colis (perdu OR "en retard") NOT merci', on=True)
    assert [query for query, _ in asked] == ["colis perdu -merci", 'colis "en retard" -merci']


def test_two_queries_that_ask_the_same_are_one_question() -> None:
    assert sources("colis lang:fr", "colis", on=True) == [("colis", "(colis lang:fr) OR (colis)")]


def test_a_query_for_another_network_asks_nothing() -> None:
    assert sources("colis network:x", "livraison NOT network:hackernews", on=True) == []


def test_an_author_is_asked_for_by_tag(server: HackerNewsServer, listener: HackerNewsListener) -> None:
    [(query, _)] = sources("parcel from:@alice", on=True)
    assert query == "parcel author:alice"
    heard(listener, query)
    assert server.requests[-1].query["query"] == "parcel"
    assert server.requests[-1].query["tags"] == "(story,comment,poll),author_alice"


def test_a_query_without_a_word_cannot_be_searched_for() -> None:
    with pytest.raises(Misconfigured, match="wants a word"):
        sources("lang:fr", on=True)


def test_a_hundred_items_of_one_second_lose_none(server: HackerNewsServer, listener: HackerNewsListener) -> None:
    server.seconds_apart = 0
    for number in range(1000, 1250):
        server.post(number)
    assert sorted(heard(listener, "parcel")) == [str(number) for number in range(1000, 1250)]


def test_more_than_the_search_shows_of_one_question_is_heard(
    server: HackerNewsServer, listener: HackerNewsListener
) -> None:
    server.seconds_apart = 1
    for number in range(1000, 2100):
        server.post(number)
    assert len(set(heard(listener, "parcel"))) == 1100


def test_a_comment_that_the_search_learns_of_late_is_heard(
    server: HackerNewsServer, listener: HackerNewsListener
) -> None:
    server.post(1)
    [batch] = listener.pull("parcel", None, Budget())
    server.post(2, created_at_i=int((datetime(2026, 11, 2, 9, tzinfo=UTC)).timestamp()))
    assert "2" in heard(listener, "parcel", batch.cursor_after)


@pytest.mark.parametrize("answer", [None, {"id": 7, "deleted": True}, {"id": 7, "dead": True}])
def test_deleted_and_killed_items_are_gone(server: HackerNewsServer, listener: HackerNewsListener, answer: Any) -> None:
    server.post(7)
    server.delete(7, answer)
    assert [gone.id for gone in listener.verify([Known("7"), Known("8"), Known("no number")])] == ["7"]


def test_a_server_that_is_not_the_network_deletes_nothing(
    server: HackerNewsServer, listener: HackerNewsListener
) -> None:
    class Placeholder(HackerNewsServer):
        def answer(self, request: Any) -> Any:
            reply = super().answer(request)
            reply.body, reply.status = None, 200
            return reply

    with Placeholder() as other:
        made = HackerNewsListener(HackerNewsSettings(base_url=other.base_url, items_url=other.base_url))
        with pytest.raises(Transient, match="nothing is taken for deleted"):
            list(made.verify([Known("7")]))
        made.close()


def test_a_broken_place_in_the_cursor_is_named(listener: HackerNewsListener) -> None:
    mark = {"ids": ["1"], "at": (NOW - timedelta(days=1)).isoformat()}
    with pytest.raises(BadInput, match="cursor"):
        heard(listener, "parcel", {"since": None, "walk": {"high": mark, "below": "1 OR 1"}})


def test_check_answers_without_an_account(listener: HackerNewsListener) -> None:
    assert listener.check() == "answers; needs no account"
