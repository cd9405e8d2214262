"""What X tells, what the listener asks for it, and what it pays."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Batch, Cursor, Gap, Post, Rejected, Upsert
from listeners.base import Around, Budget, Known, Source
from listeners.query import And, Is, Near, Not, Or, Query, Term, parse_query
from listeners.values import BadRow
from listeners.x.listener import XListener, XSettings
from listeners.x.names import sent
from listeners.x.posts import Told, post_of, told_by
from listeners.x.query import native
from tests.fakes.x_server import NOW, START, Fault, XServer, snowflake

PLENTY = Budget(max_requests=100, max_posts=10_000, deadline_seconds=30)
EDITED = datetime(2026, 11, 2, 10, 20, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[XServer]:
    with XServer() as running:
        yield running


@pytest.fixture
def listener(server: XServer) -> Iterator[XListener]:
    made = listening(server)
    yield made
    made.close()


def listening(server: XServer, **changes: Any) -> XListener:
    settings = {"base_url": server.base_url, "page_size": 10, "first_run_days": 7, **changes}
    return XListener("a-token", XSettings.model_validate(settings), own=["Hirondelle"], clock=lambda: server.now)


def pulled(listener: XListener, cursor: Cursor | None = None, query: str = "colis", **budget: Any) -> list[Batch]:
    return list(listener.pull(query, cursor, replace(PLENTY, **budget)))


def posts(batches: list[Batch]) -> list[Post]:
    return [event.post for batch in batches for event in batch.events if isinstance(event, Upsert)]


def gaps(batches: list[Batch]) -> list[Gap]:
    return [event for batch in batches for event in batch.events if isinstance(event, Gap)]


def item(**changes: Any) -> dict[str, Any]:
    return {**XServer().post("one"), **changes}


def drawn(post: dict[str, Any], author: Any = None, own: list[str] | None = None) -> Post:
    return post_of({"post": post, "author": author, "own": own or ["hirondelle"]})


def link(full: str, short: str = "https://t.co/abcdefghij", **more: Any) -> dict[str, Any]:
    return {"url": short, "expanded_url": full, **more}


# --- what a post says ----------------------------------------------------------------------------


def test_an_edit_is_a_version_of_the_same_post() -> None:
    server = XServer()
    first = dict(server.post("one"))
    newest = server.edit("one", "le colis est arrivé", EDITED)
    post = drawn(newest)
    assert post.id == first["id"] == drawn(first).id
    assert (post.created_at, post.edited_at) == (drawn(first).created_at, EDITED)
    assert drawn(first).edited_at is None
    assert (post.attributes["version_id"], post.attributes["versions"]) == (newest["id"], 2)


@pytest.mark.parametrize("generation", ["tweet", "post"])
def test_both_generations_of_names_say_the_same(generation: str) -> None:
    server = XServer()
    server.post("one", referenced_tweets=[{"type": "replied_to", "id": "12"}], note_tweet={"text": "the whole text"})
    post = server.edit("one", "cut", EDITED)
    told = server.message(post, generation=generation)["data"]
    assert ("referenced_posts" in told) == (generation == "post")
    read = drawn(told)
    assert (read.text, read.reply_to, read.reposts, read.edited_at) == ("the whole text", "12", 2, EDITED)
    assert read.id == server.ids["one"]


def test_the_text_is_what_a_human_reads() -> None:
    urls = [
        link("https://colis.example/suivi?a=1&b=2"),
        link("https://x.com/alice/status/1/photo/1", "https://t.co/klmnopqrst", media_key="3_1"),
    ]
    post = drawn(
        item(
            text="Perdu &amp; pas content https://t.co/abcdefghij https://t.co/klmnopqrst",
            entities={"urls": urls},
        )
    )
    assert post.text == "Perdu & pas content https://colis.example/suivi?a=1&b=2"
    assert post.attributes["links"] == ["https://colis.example/suivi?a=1&b=2"]
    assert post.attributes["has_link"] is True


def test_a_post_of_a_picture_alone_keeps_its_link() -> None:
    picture = link("https://x.com/alice/status/1/photo/1", media_key="3_1")
    post = drawn(item(text="https://t.co/abcdefghij", entities={"urls": [picture]}))
    assert post.text == "https://t.co/abcdefghij"
    assert post.attributes["has_link"] is False


def test_a_long_text_is_whole_with_the_links_and_mentions_of_its_end() -> None:
    note = {
        "text": "long " * 80 + "@Hirondelle https://t.co/abcdefghij",
        "entities": {"urls": [link("https://a.example")], "mentions": [{"username": "Hirondelle"}]},
    }
    post = drawn(item(text="long …", note_tweet=note))
    assert post.text.endswith("@Hirondelle https://a.example")
    assert post.attributes["addressed"] is True


@pytest.mark.parametrize(
    ("changes", "summoned"),
    [
        ({"entities": {"mentions": [{"username": "HIRONDELLE"}]}}, True),
        ({"entities": {"mentions": [{"username": "hirondelle_fan"}]}}, False),
        ({"text": "about @hirondelle"}, False),
        (
            {
                "referenced_tweets": [{"type": "quoted", "id": "55"}],
                "entities": {"urls": [link("https://twitter.com/Hirondelle/status/55")]},
            },
            True,
        ),
        ({"entities": {"urls": [link("https://twitter.com/Hirondelle/status/55")]}}, False),
        (
            {
                "referenced_tweets": [{"type": "retweeted", "id": "55"}],
                "entities": {"mentions": [{"username": "hirondelle"}]},
            },
            False,
        ),
        ({"referenced_tweets": [{"type": "replied_to", "id": "55"}]}, False),
    ],
)
def test_a_reply_is_allowed_where_the_author_mentioned_or_quoted_the_brand(
    changes: dict[str, Any], summoned: bool
) -> None:
    attributes = drawn(item(**changes)).attributes
    assert attributes["addressed"] is summoned
    assert attributes["reply_allowed"] is summoned


def test_references_conversation_and_counts() -> None:
    told = [{"type": "retweeted", "id": "1"}, {"type": "quoted", "id": "2"}, {"type": "replied_to", "id": "3"}]
    post = drawn(item(referenced_tweets=told, conversation_id="9"))
    assert (post.repost_of, post.attributes["quote_of"], post.reply_to, post.conversation) == ("1", "2", "3", "9")
    assert (post.likes, post.reposts, post.replies) == (3, 2, 1)
    assert post.is_repost


def test_an_author_is_told_whole_or_by_the_id_alone() -> None:
    author = drawn(item(), XServer.user("77", "alice")).author
    assert author is not None
    assert (author.id, author.handle, author.name, author.followers) == ("77", "alice", "Alice", 12)
    assert (author.bio, author.location, author.links) == ("Rennes & pain", "Rennes", ("https://alice.example",))
    assert author.created_at == datetime(2019, 3, 1, tzinfo=UTC)
    unknown = drawn(item()).author
    assert unknown is not None
    assert (unknown.id, unknown.handle) == ("77", None)
    assert drawn(item(author_id=None)).author is None


def test_the_address_holds_the_handle_where_it_is_known() -> None:
    assert drawn(item(), XServer.user("77", "alice")).url == f"https://x.com/alice/status/{item()['id']}"
    assert drawn(item()).url == f"https://x.com/i/status/{item()['id']}"


@pytest.mark.parametrize(("told", "lang"), [("fr", "fr"), ("und", None), ("qme", None), ("iw", "he"), (7, None)])
def test_languages_are_the_ones_that_others_use(told: Any, lang: str | None) -> None:
    assert drawn(item(lang=told)).lang == lang


@pytest.mark.parametrize("told", ["2026-11-02T10:01:00Z", "2026-11-02T10:01:00.000Z", None])
def test_a_time_without_fractions_or_none_at_all_is_read(told: str | None) -> None:
    assert drawn(item(created_at=told)).created_at == START + timedelta(minutes=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 12},
        {"id": "../../2/users/me"},
        {"id": "9" * 25},
        {"text": None},
        {"text": ["a"]},
        {"text": "a" * 200_000},
        {"text": "half \ud83d"},
        {"created_at": "yesterday"},
        {"created_at": 12},
    ],
)
def test_what_is_no_post_is_rejected_with_a_reason(changes: dict[str, Any]) -> None:
    told = told_by({"data": [item(), item(**changes), 7, None]}, ())
    assert [event.post.id for event in told.events] == [item()["id"]]
    assert len(told.rejected) == 3
    assert all(rejected.reason and rejected.raw for rejected in told.rejected)


HOSTILE = [None, 7, "text", [], {}, [None, 7, "x", {}], {"x": []}, True, -1]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "key",
    [
        *("entities", "note_tweet", "note_post", "public_metrics", "referenced_tweets", "referenced_posts", "lang"),
        *("edit_history_tweet_ids", "edit_history_post_ids", "conversation_id", "possibly_sensitive", "author_id"),
    ],
)
def test_unknown_values_cost_no_post(key: str, value: Any) -> None:
    assert drawn(item(**{key: value})).id == item()["id"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", ["entities", "public_metrics", "url", "created_at", "description", "username"])
def test_unknown_values_cost_no_author(key: str, value: Any) -> None:
    author = drawn(item(), XServer.user("77", "alice", **{key: value})).author
    assert author is not None
    assert author.id == "77"


@pytest.mark.parametrize("includes", HOSTILE)
def test_includes_of_any_shape_cost_no_page(includes: Any) -> None:
    for told in ({"data": [item()], "includes": includes}, {"data": [item()], "includes": {"users": includes}}):
        assert len(told_by(told, ()).events) == 1


def test_what_is_kept_draws_the_same_post_again() -> None:
    [event] = told_by({"data": [item()], "includes": {"users": [XServer.user("77", "alice")]}}, {"hirondelle"}).events
    assert event.raw is not None
    assert XListener.remap(json.loads(json.dumps(event.raw))) == event.post
    with pytest.raises(BadRow):
        XListener.remap({})


def test_the_errors_beside_a_page_are_kept_and_the_page_too() -> None:
    error = {"resource_id": "4", "title": "Not Found Error", "detail": "Could not find tweet", "type": "a/b"}
    told: Told = told_by({"data": [item()], "errors": [error, {"title": "Other"}, 7]}, ())
    assert len(told.events) == 1
    assert [bad.reason for bad in told.rejected] == [
        "X: Could not find tweet",
        "X: Other",
        "X: an error without a word",
    ]
    assert all(isinstance(bad, Rejected) for bad in told.rejected)


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("colis", "colis -is:retweet"),
        ("colis perdu", "colis perdu -is:retweet"),
        ("colis OR perdu", "(colis OR perdu) -is:retweet"),
        ("colis (perdu OR cassé) NOT merci", "colis (perdu OR cassé) -merci -is:retweet"),
        ("colis NOT (merci OR bravo)", "colis -merci -bravo -is:retweet"),
        ("colis NOT (merci bravo)", "colis -is:retweet"),
        ('"colis perdu"', '("colis perdu" OR #colisperdu) -is:retweet'),
        ('colis NOT "grand merci"', 'colis -"grand merci" -is:retweet'),
        ("coca-cola", '("coca-cola" OR #cocacola) -is:retweet'),
        ("colis NEAR/5 perdu", "colis perdu -is:retweet"),
        ("colis NOT (a NEAR/5 b)", "colis -is:retweet"),
        ("livr*", "livr -is:retweet"),
        ("#colis @Hirondelle", "#colis @Hirondelle -is:retweet"),
        ("colis lang:fr has:link", "colis lang:fr has:links -is:retweet"),
        ("colis NOT lang:fr NOT has:link", "colis -lang:fr -has:links -is:retweet"),
        ("colis lang:he", "colis lang:iw -is:retweet"),
        ("colis lang:zh", "colis (lang:zh-CN OR lang:zh-TW) -is:retweet"),
        ("from:@alice OR to:@hirondelle", "(from:alice OR @hirondelle) -is:retweet"),
        ("colis from:alice@mastodon.social", None),
        ("colis NOT from:alice@mastodon.social", "colis -is:retweet"),
        ("colis min_followers:1000", "colis -is:retweet"),
        ("colis network:x", "colis -is:retweet"),
        ("colis network:twitter", "colis -is:retweet"),
        ("colis network:mastodon", None),
        ("colis NOT network:mastodon", "colis -is:retweet"),
        ("colis NOT network:x", None),
        ("(colis network:mastodon) OR perdu", "perdu -is:retweet"),
        ('"OR" colis', '"OR" colis -is:retweet'),
    ],
)
def test_a_query_in_the_words_of_x(query: str, asked: str | None) -> None:
    assert native(parse_query(query), 512) == (() if asked is None else (asked,))


@pytest.mark.parametrize(
    "query", ["lang:fr", "has:link", "colis OR lang:fr", "NOT colis", "colis OR NOT lang:fr", "min_followers:10"]
)
def test_what_x_answers_to_nobody_is_said_in_one_line(query: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be asked of X") as caught:
        native(parse_query(query), 512)
    assert "\n" not in str(caught.value)


def test_everything_cannot_be_asked() -> None:
    with pytest.raises(Misconfigured):
        native(Query.everything(), 512)


def test_a_word_that_would_be_syntax_is_only_a_word() -> None:
    hostile = And((Term('a" OR "b'), Term("x) OR (y"), Term("AND"), Term("-c"), Term('"')))
    [asked] = native(Query("q", hostile), 512)
    assert asked == '("a OR b" OR #aorb) ("x) OR (y" OR #xory) "AND" "-c" -is:retweet'


def test_rules_match_accents_to_the_letter() -> None:
    assert native(parse_query("cassé"), 1024, rules=True) == ("(cassé OR casse) -is:retweet",)


@pytest.mark.parametrize("limit", [110, 200, 512])
def test_a_long_query_is_taken_apart_and_means_the_same(limit: int) -> None:
    names = tuple(Term(f"hirondelle{number}") for number in range(40))
    words = tuple(Term(f"colis{number}") for number in range(6))
    asked = native(Query("long", And((Or(names), Or(words), Is("lang", "fr")))), limit)
    assert len(asked) > 1 or limit == 512
    assert all(len(text) <= limit and text.endswith("lang:fr -is:retweet") for text in asked)
    pairs = {(name.text, word.text) for name in names for word in words}
    for text in asked:
        tokens = set(text.replace("(", " ").replace(")", " ").split())
        pairs -= {(name.text, word.text) for name in names for word in words if {name.text, word.text} <= tokens}
    assert pairs == set()


def test_what_cannot_be_made_shorter_says_so() -> None:
    with pytest.raises(Misconfigured, match="too long for X"):
        native(Query("long", And(tuple(Term(f"word{number}") for number in range(100)))), 512)
    with pytest.raises(Misconfigured, match="too long for X"):
        native(Query("long", Or(tuple(Term(f"word{number}") for number in range(9000)))), 512)
    near = Near(Term("a"), Term("b"), 3)
    assert native(Query("near", Or((near, Not(Not(near))))), 512) == ("a b -is:retweet",)


# --- the settings --------------------------------------------------------------------------------


def around(*queries: str, brand: Brand | None = None, secret: str | None = "a-token") -> Around:
    return Around(
        brand=brand
        or Brand("default", "Hirondelle", accounts=("x:@Hirondelle", "twitter:aide_h", "mastodon:h@h.example")),
        now=lambda: NOW,
        secret=lambda name: secret if name == "X_TOKEN" else None,
        path=Path,
        queries=tuple(map(parse_query, queries)),
        parse=parse_query,
    )


def sources(settings: Mapping[str, Any], *queries: str, **options: Any) -> list[Source]:
    made = list(XListener.sources(XSettings.model_validate(settings), around(*queries, **options)))
    for source in made:
        source.listener.close()
    return made


def test_it_is_off_until_a_token_is_named() -> None:
    assert sources({}, "colis") == []
    with pytest.raises(Misconfigured, match="X_OTHER"):
        sources({"token_env": "X_OTHER"}, "colis")


def test_every_query_and_own_account_is_a_source_of_one_account() -> None:
    made = sources({"token_env": "X_TOKEN", "stream": True}, "colis", "perdu network:mastodon")
    assert [(source.name, source.query, source.live) for source in made] == [
        ("x search", "colis -is:retweet", False),
        ("x mentions", "mentions:@Hirondelle", False),
        ("x mentions", "mentions:@aide_h", False),
        ("x stream", "stream", True),
    ]
    assert {source.account for source in made} == {"x:X_TOKEN"}
    assert {(source.posts_a_day, source.cost_a_day, source.verify_cost) for source in made} == {(500, 5.0, 0.005)}
    assert made[0].wanted is not None
    assert made[1].wanted is None


def test_queries_of_its_own_are_heard_instead() -> None:
    made = sources({"token_env": "X_TOKEN", "queries": ["perdu"], "mentions": False}, "colis")
    assert [source.query for source in made] == ["perdu -is:retweet"]
    assert sources({"token_env": "X_TOKEN", "search": False, "mentions": False}, "colis") == []


@pytest.mark.parametrize("token", ["two words", "tökén"])
def test_a_token_that_is_none_is_refused_and_not_told(token: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        sources({"token_env": "X_TOKEN"}, "colis", secret=token)
    assert token not in str(caught.value)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(Misconfigured):
        sources({"token_env": "X_TOKEN", "base_url": "api.x.com"}, "colis")


# --- names ---------------------------------------------------------------------------------------


def test_the_later_names_ask_for_author_and_references_as_expansions() -> None:
    asked = {"tweet.fields": "author_id,created_at,edit_history_tweet_ids,note_tweet,referenced_tweets", "query": "a"}
    assert sent(asked, "tweet") == asked
    assert sent({**asked, "expansions": "author_id"}, "post") == {
        "query": "a",
        "post.fields": "created_at,note_post",
        "expansions": "author_id,edit_history_post_ids,referenced_posts",
    }
    assert sent({"ids": "1"}, "post") == {"ids": "1"}


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize(("asked", "spoken"), [("tweet", "post"), ("post", "tweet")])
def test_names_that_x_does_not_know_are_changed_for_the_other_ones(
    server: XServer, asked: str, spoken: str, refuses: bool
) -> None:
    server.post("one", note_tweet={"text": "the whole text"})
    server.speaks, server.refuses_names = {spoken}, refuses
    listener = listening(server, field_names=asked)
    [post] = posts(pulled(listener))
    listener.close()
    assert post.text == "the whole text"
    assert post.author is not None
    assert post.author.handle == "alice"
    assert len(server.requests) == 2


def test_where_x_knows_no_names_at_all_a_post_still_has_its_text_and_time(server: XServer) -> None:
    server.post("one", "un colis")
    server.speaks = set()
    listener = listening(server)
    [post] = posts(pulled(listener))
    listener.close()
    assert (post.text, post.created_at) == ("un colis", START + timedelta(minutes=1))


# --- paging and gaps -----------------------------------------------------------------------------


def test_a_second_run_asks_for_nothing_that_was_paid_for(server: XServer, listener: XListener) -> None:
    for number in range(12):
        server.post(str(number))
    first = pulled(listener)
    cursor = first[-1].cursor_after
    assert server.charged["posts"] == 12
    again = pulled(listener, cursor)
    assert posts(again) == []
    assert server.requests[-1].query["since_id"] == server.ids["11"]
    server.post("new")
    assert [post.id for post in posts(pulled(listener, again[-1].cursor_after))] == [server.ids["new"]]
    assert server.charged["posts"] == 13


def test_a_run_that_was_cut_off_goes_on_with_what_it_asked_for(server: XServer, listener: XListener) -> None:
    server.post("old")
    whole = pulled(listener)[-1].cursor_after
    for number in range(25):
        server.post(str(number))
    cut = pulled(listener, whole, max_requests=1)
    assert len(posts(cut)) == 10
    rest = pulled(listener, json.loads(json.dumps(cut[-1].cursor_after)))
    assert len(posts(rest)) == 15
    assert [asked.query.get("since_id") for asked in server.requests[1:-1]] == [server.ids["old"]] * 3
    assert gaps(rest) == []


def test_a_quiet_week_is_no_gap(server: XServer, listener: XListener) -> None:
    server.post("old")
    cursor = pulled(listener)[-1].cursor_after
    for day in range(1, 10):
        server.now = NOW + timedelta(days=day)
        batches = pulled(listener, cursor)
        cursor = batches[-1].cursor_after
        assert gaps(batches) == []
    server.now += timedelta(hours=2)
    server.post("new", at=server.now - timedelta(hours=1))
    assert [post.id for post in posts(pulled(listener, cursor))] == [server.ids["new"]]


def test_more_than_a_week_without_listening_is_a_gap(server: XServer, listener: XListener) -> None:
    server.post("old")
    cursor = pulled(listener)[-1].cursor_after
    server.now = NOW + timedelta(days=12)
    server.post("new", at=server.now - timedelta(days=1))
    batches = pulled(listener, cursor)
    [gap] = gaps(batches)
    assert gap.since < NOW <= gap.until - timedelta(days=4)
    assert [post.id for post in posts(batches)] == [server.ids["new"]]
    assert gaps(pulled(listener, batches[-1].cursor_after)) == []


def test_an_id_that_x_finds_too_old_is_left_out_and_the_time_is_asked_for(server: XServer, listener: XListener) -> None:
    server.post("old")
    cursor = dict(pulled(listener)[-1].cursor_after or {})
    ancient = snowflake(NOW - timedelta(days=8))
    cursor["since"] = {"ids": [ancient], "at": (NOW - timedelta(hours=1)).isoformat()}
    server.post("new", at=NOW + timedelta(minutes=30))
    server.now += timedelta(hours=1)
    batches = pulled(listener, cursor)
    assert [post.id for post in posts(batches)] == [server.ids["new"]]
    assert gaps(batches) == []
    assert "start_time" in server.requests[-1].query


def test_a_page_that_x_no_longer_shows_ends_the_run_with_a_gap(server: XServer, listener: XListener) -> None:
    server.post("old")
    whole = pulled(listener)[-1].cursor_after
    for number in range(25):
        server.post(str(number))
    cut = pulled(listener, whole, max_requests=1)[-1].cursor_after
    server.tokens.clear()
    batches = pulled(listener, cut)
    [gap] = gaps(batches)
    assert gap.reason == "the source shows no older page"
    server.post("new")
    assert [post.id for post in posts(pulled(listener, batches[-1].cursor_after))] == [server.ids["new"]]


def test_the_first_run_goes_back_as_far_as_the_settings_say(server: XServer) -> None:
    server.post("old", at=NOW - timedelta(days=2))
    server.post("new", at=NOW - timedelta(hours=2))
    listener = listening(server, first_run_days=1)
    assert [post.id for post in posts(pulled(listener))] == [server.ids["new"]]
    assert [post.id for post in posts(pulled(listener, query="mentions:@hirondelle"))] == [server.ids["new"]]
    listener.close()


def test_an_edit_is_heard_as_a_new_version(server: XServer, listener: XListener) -> None:
    server.post("one")
    cursor = pulled(listener)[-1].cursor_after
    server.edit("one", "un autre colis", EDITED)
    [post] = posts(pulled(listener, cursor))
    assert (post.id, post.text, post.edited_at) == (server.ids["one"], "un autre colis", EDITED)


def test_a_broken_cursor_is_said(listener: XListener) -> None:
    with pytest.raises(BadInput):
        pulled(listener, {"version": 1, "since": None, "walk": None, "whole": 7})


@pytest.mark.parametrize("query", ["", "  ", "stream"])
def test_what_is_no_search_is_refused(listener: XListener, query: str) -> None:
    with pytest.raises(BadInput):
        pulled(listener, query=query)


# --- mentions ------------------------------------------------------------------------------------


def test_an_account_is_looked_up_once(server: XServer, listener: XListener) -> None:
    server.post("one")
    first = pulled(listener, query="mentions:@Hirondelle")
    assert [batch.cost for batch in first] == [0.01, pytest.approx(0.001 + 0.01)]
    pulled(listener, first[0].cursor_after, query="mentions:@Hirondelle")
    pulled(listener, first[-1].cursor_after, query="mentions:@Hirondelle")
    paths = [asked.path for asked in server.requests]
    assert paths == ["/2/users/by/username/Hirondelle", *["/2/users/900/mentions"] * 3]


def test_an_account_that_x_does_not_have_is_said(listener: XListener) -> None:
    with pytest.raises(Permanent, match="no account @nobody"):
        pulled(listener, query="mentions:@nobody")


def test_an_account_is_looked_up_only_where_there_is_money(server: XServer, listener: XListener) -> None:
    assert pulled(listener, query="mentions:@Hirondelle", max_cost=0.005) == []
    assert server.requests == []


# --- money ---------------------------------------------------------------------------------------


def spent(server: XServer) -> float:
    return server.charged["posts"] * 0.005 + server.charged["users"] * 0.010


def test_a_page_costs_its_posts_and_its_distinct_authors(server: XServer, listener: XListener) -> None:
    for number in range(10):
        server.post(str(number))
    [batch] = pulled(listener)
    assert batch.cost == pytest.approx(10 * 0.005 + 0.010)
    assert batch.cost == pytest.approx(spent(server))


@pytest.mark.parametrize("cents", [1, 14, 15, 16, 30, 31, 47, 100])
@pytest.mark.parametrize("field_names", ["tweet", "post"])
def test_a_pull_stops_before_it_could_cost_more_than_is_left(server: XServer, cents: int, field_names: str) -> None:
    for number in range(60):
        server.users[str(number)] = server.user(str(number), f"user{number}")
        server.post(str(number), author_id=str(number))
    listener = listening(server, page_size=100, field_names=field_names)
    batches = pulled(listener, max_cost=cents / 100)
    listener.close()
    assert round(spent(server), 6) <= cents / 100
    assert sum(batch.cost for batch in batches) == pytest.approx(spent(server))
    if field_names == "tweet":
        assert bool(server.requests) == (cents >= 15)


@pytest.mark.parametrize(("left", "asked"), [(9, None), (10, "10"), (37, "37"), (1000, "100")])
def test_a_page_is_no_larger_than_what_may_still_be_taken(server: XServer, left: int, asked: str | None) -> None:
    listener = listening(server, page_size=100)
    pulled(listener, max_posts=left)
    listener.close()
    assert [request.query["max_results"] for request in server.requests] == ([asked] if asked else [])


def test_mentions_come_in_pages_of_five_and_more(server: XServer) -> None:
    listener = listening(server, user_ids={"Hirondelle": "900"}, authors=False)
    pulled(listener, query="mentions:@hirondelle", max_posts=6)
    pulled(listener, query="mentions:@hirondelle", max_cost=0.0045)
    pulled(listener, query="mentions:@hirondelle", max_cost=0.0055)
    listener.close()
    assert [request.query["max_results"] for request in server.requests] == ["6", "5"]


def test_without_authors_no_user_is_read(server: XServer) -> None:
    server.post("one")
    listener = listening(server, authors=False)
    [batch] = pulled(listener)
    listener.close()
    assert batch.cost == pytest.approx(0.005)
    assert server.charged["users"] == 0
    [post] = posts([batch])
    assert post.author is not None
    assert post.author.id == "77"


# --- refusals ------------------------------------------------------------------------------------

CREDITS = b'{"title":"CreditsDepleted","detail":"Your enrolled account does not have any credits","type":"https://api.x.com/2/problems/credits"}'
CAPPED = b'{"title":"UsageCapExceeded","period":"Monthly","scope":"Product","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}'
SYNTAX = b'{"errors":[{"parameters":{"query":["(a"]},"message":"There were errors processing your request: missing \')\'"}],"title":"Invalid Request"}'


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (402, CREDITS, "no credits are left"),
        (402, b"", "no credits are left"),
        (429, CAPPED, "cap is used up"),
        (403, CAPPED, "cap is used up"),
        (400, SYNTAX, "missing"),
        (400, b"[1", "without a reason"),
        (404, b"{}", "does not know"),
        (301, b"", "base_url"),
    ],
)
def test_what_a_person_must_mend_is_said_in_one_line(
    server: XServer, listener: XListener, status: int, body: bytes, said: str
) -> None:
    server.every = Fault(status=status, body=body)
    with pytest.raises(Permanent, match=said) as caught:
        pulled(listener)
    assert "\n" not in str(caught.value)
    assert "a-token" not in str(caught.value)


def test_a_rate_limit_of_x_is_never_slept_through(server: XServer, listener: XListener) -> None:
    reset = int((NOW + timedelta(minutes=14)).timestamp())
    server.every = Fault(status=429, headers={"x-rate-limit-reset": str(reset)}, body=b'{"title":"Too Many Requests"}')
    with pytest.raises(Transient) as caught:
        pulled(listener)
    assert caught.value.retry_after == 14 * 60
    assert len(server.requests) == 1


def test_a_server_that_is_over_capacity_is_only_in_trouble(server: XServer, listener: XListener) -> None:
    server.every = Fault(status=503, body=b'{"title":"Over capacity","detail":"Service Unavailable"}')
    with pytest.raises(Transient):
        pulled(listener)


def test_an_answer_that_counts_posts_and_shows_none_is_not_believed(server: XServer, listener: XListener) -> None:
    server.every = Fault(body=b'{"meta": {"result_count": 10}}')
    with pytest.raises(Transient):
        pulled(listener)


def test_the_token_is_never_logged(server: XServer, listener: XListener, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        pulled(listener)
    assert "a-token" not in caplog.text
    assert server.requests[0].token == "Bearer a-token"


# --- looking again -------------------------------------------------------------------------------


def known(server: XServer, name: str) -> Known:
    chain = next(
        post["edit_history_tweet_ids"] for post in server.posts if server.ids[name] in post["edit_history_tweet_ids"]
    )
    return Known(chain[0], {"version_id": chain[-1]})


def test_deleted_and_hidden_posts_are_gone_and_the_newest_version_is_asked_for(
    server: XServer, listener: XListener
) -> None:
    for name in ("here", "edited", "deleted", "protected"):
        server.post(name)
    server.edit("deleted", "un colis", EDITED)
    server.edit("edited", "un colis", EDITED + timedelta(minutes=1))
    server.delete("deleted")
    server.hide("protected")
    asked = [known(server, name) for name in ("here", "edited", "deleted", "protected")]
    gone = [event.id for event in listener.verify([*asked, Known("not-an-id")])]
    assert gone == [server.ids["deleted"], server.ids["protected"]]
    [request] = server.requests
    assert request.query["ids"].split(",") == [known.attributes["version_id"] for known in asked]
    assert server.charged == {"posts": 2, "users": 0}


def test_a_hundred_are_asked_for_at_once_and_no_more_than_the_settings_allow(server: XServer) -> None:
    names = [str(number) for number in range(130)]
    for name in names:
        server.post(name)
    listener = listening(server, verify_a_day=130)
    assert list(listener.verify(known(server, name) for name in names)) == []
    assert [len(request.query["ids"].split(",")) for request in server.requests] == [100, 30]
    with pytest.raises(Transient, match="verify_a_day") as caught:
        list(listener.verify([known(server, "1")]))
    assert caught.value.retry_after == 86_400
    server.now += timedelta(days=1)
    assert list(listener.verify([known(server, "1")])) == []
    listener.close()


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"meta": {}}', b'{"data": null}', b"<html>"])
def test_an_answer_that_is_none_deletes_nothing(server: XServer, listener: XListener, body: bytes) -> None:
    server.post("one")
    server.every = Fault(body=body)
    with pytest.raises(Transient):
        list(listener.verify([known(server, "one")]))


def test_other_errors_delete_nothing(server: XServer, listener: XListener) -> None:
    server.post("one")
    errors = [{"resource_id": server.ids["one"], "type": "https://api.x.com/2/problems/not-authorized-for-field"}, 7]
    server.every = Fault(body=json.dumps({"errors": errors}).encode())
    assert list(listener.verify([known(server, "one")])) == []


def test_check_asks_for_nothing_that_is_paid_for(server: XServer, listener: XListener) -> None:
    assert listener.check() == "answers"
    assert server.charged == {"posts": 0, "users": 0}
    server.every = Fault(status=401, body=b'{"title":"Unauthorized"}')
    with pytest.raises(Permanent):
        listener.check()
    server.every = Fault(body=b"{}")
    with pytest.raises(Transient):
        listener.check()
