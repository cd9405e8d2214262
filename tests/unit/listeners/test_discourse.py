"""What a post of a Discourse forum says, and what a forum is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Delete, Post, Upsert
from listeners.base import Around, Budget, Known
from listeners.discourse.listener import EVERYTHING, DiscourseListener, DiscourseSettings
from listeners.discourse.posts import as_raw, post_of
from listeners.query import parse_query
from listeners.values import BadRow
from tests.fakes.discourse_server import DiscourseServer
from tests.fakes.server import Fault

NOW = datetime(2026, 11, 4, tzinfo=UTC)
BASE = "https://forum.example"


@pytest.fixture
def server() -> Iterator[DiscourseServer]:
    with DiscourseServer() as running:
        yield running


@pytest.fixture
def listener(server: DiscourseServer) -> Iterator[DiscourseListener]:
    made = DiscourseListener(server.base_url, clock=lambda: NOW)
    yield made
    made.close()


def post(**changes: Any) -> Post:
    item = {**DiscourseServer().post(12, "<p>It is <b>late</b></p>"), **changes}
    return post_of(as_raw(item, BASE, "11"))


def events(listener: DiscourseListener, query: str = EVERYTHING, cursor: Any = None) -> list[Any]:
    return [event for batch in listener.pull(query, cursor, Budget()) for event in batch.events]


def test_a_post_is_known_by_its_forum_and_belongs_to_its_topic() -> None:
    said = post()
    assert (said.id, said.text, said.url) == ("forum.example:12", "It is late", "https://forum.example/p/12")
    assert (said.reply_to, said.conversation) == ("forum.example:11", "forum.example:topic-50")
    assert said.author is not None
    assert (said.author.id, said.author.handle, said.author.name) == ("forum.example:7", "alice", "Alice A.")
    assert (said.likes, said.replies, said.edited_at) == (4, 1, None)
    assert said.attributes["title"] == "Parcels"


def test_the_first_post_of_a_topic_has_its_title() -> None:
    assert post(post_number=1).text == "Parcels\n\nIt is late"


def test_only_a_version_above_the_first_is_an_edit() -> None:
    assert post(version=1, updated_at="2026-11-03T10:00:00Z").edited_at is None
    assert post(version=2, updated_at="2026-11-03T10:00:00Z").edited_at == datetime(2026, 11, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [{"created_at": None}, {"created_at": "soon"}, {"cooked": []}, {"cooked": "x" * 100_001}, {"cooked": "\x00"},
     {"user_id": 1.5}, {"version": 2, "updated_at": "soon"}],
)  # fmt: skip
def test_values_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        post(**changes)


@pytest.mark.parametrize(
    "name", ["actions_summary", "reply_count", "username", "name", "locale", "version", "link_counts"]
)
@pytest.mark.parametrize("value", [None, -3, "many", [], {"a": None}, [None, 3]])
def test_unknown_values_beside_the_point_break_nothing(name: str, value: Any) -> None:
    assert post(**{name: value}).id == "forum.example:12"


def test_an_answer_names_its_parent_where_the_page_shows_it(
    server: DiscourseServer, listener: DiscourseListener
) -> None:
    server.post(1, post_number=1)
    server.post(2, post_number=2, reply_to_post_number=1)
    server.post(3, post_number=3, reply_to_post_number=1, topic_id=51)
    told = {event.post.id.partition(":")[2].partition(":")[2]: event.post for event in events(listener)}
    assert told["2"].reply_to == f"{server.host}:1"
    assert told["3"].reply_to is None


def test_what_nobody_said_in_public_is_not_told(server: DiscourseServer, listener: DiscourseListener) -> None:
    server.post(1, post_type=3)
    server.post(2, post_type=4)
    server.post(3, hidden=True)
    server.post(4, cooked="<p> </p>")
    assert events(listener) == []


@pytest.mark.parametrize("changes", [{"deleted_at": "2026-11-03T10:00:00Z"}, {"user_deleted": True}])
def test_a_post_shown_as_deleted_is_a_deletion(
    server: DiscourseServer, listener: DiscourseListener, changes: dict[str, Any]
) -> None:
    server.post(1, **changes)
    [event] = events(listener)
    assert isinstance(event, Delete)
    assert event.only_known
    [gone] = listener.verify([Known(f"{server.host}:1", {"number": "1"})])
    assert gone.id == f"{server.host}:1"


def test_a_hole_of_the_old_paging_is_crossed(server: DiscourseServer, listener: DiscourseListener) -> None:
    server.is_old = True
    for number in (1, 2, *range(400, 460)):
        server.post(number)
    assert len(events(listener)) == 62


def test_a_find_is_asked_for_in_full(server: DiscourseServer, listener: DiscourseListener) -> None:
    server.post(1, "<p>the whole of the parcel story</p>")
    [event] = events(listener, "search:parcel")
    assert event.post.text == "the whole of the parcel story"
    assert server.requests[0].query["q"] == "parcel after:2026-10-27 order:latest"


def test_what_was_found_before_is_not_asked_for_again(server: DiscourseServer, listener: DiscourseListener) -> None:
    server.post(1, created_at="2026-11-01T10:00:00Z")
    server.post(2, created_at="2026-11-03T10:00:00Z")
    [batch] = listener.pull("search:parcel", None, Budget())
    server.requests.clear()
    assert [event.post.attributes["number"] for event in events(listener, "search:parcel", batch.cursor_after)] == ["2"]
    assert [request.path for request in server.requests] == ["/search.json", "/posts/2.json"]


def test_a_find_that_was_deleted_meanwhile_is_left_out(server: DiscourseServer, listener: DiscourseListener) -> None:
    server.post(1)
    server.post(2)
    server.faults = [Fault(), Fault(status=404)]
    assert [event.post.attributes["number"] for event in events(listener, "search:parcel")] == ["1"]


def test_a_search_ends_at_the_last_page_that_the_forum_allows(
    server: DiscourseServer, listener: DiscourseListener
) -> None:
    server.finds_a_page = 2
    for number in range(1, 31):
        server.post(number)
    assert len([event for event in events(listener, "search:parcel") if isinstance(event, Upsert)]) == 20


def test_an_overloaded_search_is_asked_later(server: DiscourseServer, listener: DiscourseListener) -> None:
    server.every = Fault(body=b'{"posts": [], "grouped_search_result": {"error": "extreme load"}}')
    with pytest.raises(Transient):
        events(listener, "search:parcel")


@pytest.mark.parametrize(("headers", "seconds"), [({}, 7), ({"Retry-After": "9"}, 9), ({"Retry-After": "soon"}, 7)])
def test_a_limit_told_in_the_body_is_kept(
    server: DiscourseServer, listener: DiscourseListener, headers: dict[str, str], seconds: float
) -> None:
    body = b'{"errors": ["slow down"], "error_type": "rate_limit", "extras": {"wait_seconds": 7}}'
    server.every = Fault(status=429, headers=headers, body=body)
    with pytest.raises(Transient) as caught:
        events(listener)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_post_that_is_not_shown_any_more_is_gone(
    server: DiscourseServer, listener: DiscourseListener, status: int
) -> None:
    server.faults.append(Fault(status=status))
    known = [Known("elsewhere:1", {"number": "1"}), Known(f"{server.host}:1", {"number": "1"}), Known("x")]
    assert [gone.id for gone in listener.verify(known)] == [f"{server.host}:1"]


def test_a_forum_that_shows_nothing_at_all_deletes_nothing(
    server: DiscourseServer, listener: DiscourseListener
) -> None:
    server.keys = set()
    with pytest.raises(Permanent):
        list(listener.verify([Known(f"{server.host}:1", {"number": "1"})]))


def test_the_key_and_its_user_are_sent(server: DiscourseServer) -> None:
    made = DiscourseListener(server.base_url, "k3y", "vigie")
    made.check()
    made.close()
    headers = server.requests[0].headers
    assert (headers["api-key"], headers["api-username"]) == ("k3y", "vigie")


@pytest.mark.parametrize("key", ["k3y\n", "clé"])
def test_a_key_that_is_none_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        DiscourseListener(BASE, key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("query", ["", "parcel"])
def test_what_is_no_question_is_named(listener: DiscourseListener, query: str) -> None:
    with pytest.raises(BadInput, match="search:WORDS"):
        events(listener, query)


@pytest.mark.parametrize(("query", "below"), [(EVERYTHING, "x"), ("search:parcel", "1;2")])
def test_a_broken_place_in_the_cursor_is_named(listener: DiscourseListener, query: str, below: str) -> None:
    mark = {"ids": ["1"], "at": NOW.isoformat()}
    with pytest.raises(BadInput, match="cursor"):
        events(listener, query, {"since": None, "walk": {"high": mark, "below": below}})


def sources(*queries: str, **forum: Any) -> list[tuple[str, str | None]]:
    around = Around(Brand(), lambda: NOW, lambda _: None, Path, tuple(map(parse_query, queries)), parse_query)
    settings = DiscourseSettings.model_validate({"forums": [{"base_url": BASE, **forum}]})
    found = DiscourseListener.sources(settings, around)
    return [(source.query, source.wanted.text if source.wanted else None) for source in found]


def test_a_forum_is_read_whole_or_searched() -> None:
    assert sources() == [("posts", None)]
    assert sources("colis", "livraison") == [("posts", "(colis) OR (livraison)")]
    assert sources("colis", queries=["parcel"]) == [("posts", "parcel")]
    assert sources('colis from:@al "en retard"', search=True) == [
        ('search:colis "en retard" @al', 'colis from:@al "en retard"')
    ]
    assert list(DiscourseListener.sources(DiscourseSettings(), None)) == []  # type: ignore[arg-type]


def test_a_named_key_must_be_there() -> None:
    with pytest.raises(Misconfigured, match="KEY is not set"):
        sources(api_key_env="KEY")
