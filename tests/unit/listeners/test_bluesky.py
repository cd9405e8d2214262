"""What Bluesky tells of a post, what the listener asks, and how it keeps its session."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Batch, Delete, Gap, Post, Upsert
from listeners.base import Around, Budget, Known, Source
from listeners.bluesky import session as bluesky_session
from listeners.bluesky.frames import FrameFilter
from listeners.bluesky.listener import PAGE_SIZE, VERIFIED_AT_ONCE, BlueskyListener, BlueskySettings
from listeners.bluesky.posts import Views, post_of
from listeners.bluesky.query import parameters, questions
from listeners.bluesky.session import LOGIN_SECONDS, Account
from listeners.query import Query, Vocabulary, parse_query
from listeners.values import BadRow
from tests.fakes.bluesky_server import ALICE, BRAND, HANDLE, PASSWORD, START, BlueskyServer, Fault, uri_of

NOW = datetime(2026, 11, 4, tzinfo=UTC)
PLENTY = Budget(max_requests=1000, max_posts=1_000_000, deadline_seconds=30)


def view(text: str = "colis perdu", **record: Any) -> dict[str, Any]:
    told = BlueskyServer().post("3k1", text)
    return {**told, "record": {**told["record"], **record}}


def post(item: Any) -> Post:
    told = Views.read([item])
    assert told.rejected == []
    [event] = told.events
    assert isinstance(event, Upsert)
    assert event.raw is not None
    assert post_of(event.raw) == event.post
    return event.post


# --- a post --------------------------------------------------------------------------------------


def test_a_post_is_known_by_its_address_and_its_author_by_the_did() -> None:
    told = post(view())
    assert told.id == uri_of("3k1")
    assert told.url == f"https://bsky.app/profile/{ALICE}/post/3k1"
    assert told.author is not None
    assert (told.author.id, told.author.handle, told.author.name) == (ALICE, "alice.example", "Alice")
    assert told.author.created_at == datetime(2024, 2, 6, 16, tzinfo=UTC)
    assert (told.lang, told.likes, told.reposts, told.replies) == ("fr", 3, 2, 1)
    assert told.attributes == {"cid": "bafyrei3k1"}


def test_a_reply_names_its_parent_and_the_root_of_its_thread() -> None:
    told = post(view(reply={"parent": {"uri": "at://p", "cid": "x"}, "root": {"uri": "at://r", "cid": "y"}}))
    assert (told.reply_to, told.conversation) == ("at://p", "at://r")


def test_links_tags_and_quotes_are_found() -> None:
    facets = [
        {"features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example/x"}], "index": {}},
        {"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "colis"}]},
        {"features": [{"$type": "app.bsky.richtext.facet#tomorrow", "what": 1}, None]},
        "no facet",
    ]
    told = post(view(facets=facets, tags=["livraison", 7], langs=["fr", "en", 3]))
    assert told.attributes["links"] == ["https://a.example/x"]
    assert told.attributes["has_link"] is True
    assert told.attributes["tags"] == ["colis", "livraison"]
    assert told.attributes["languages"] == ["en"]
    quote = {"$type": "app.bsky.embed.record", "record": {"uri": "at://quoted", "cid": "c"}}
    assert post(view(embed=quote)).attributes["quoted"] == "at://quoted"
    card = {"$type": "app.bsky.embed.external", "external": {"uri": "https://b.example", "title": "B"}}
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": quote, "media": card}
    told = post(view(embed=both))
    assert (told.attributes["quoted"], told.attributes["links"]) == ("at://quoted", ["https://b.example"])


def test_a_picture_without_words_says_what_it_shows_and_one_without_either_is_no_post() -> None:
    embed = {"$type": "app.bsky.embed.images", "images": [{"alt": "un carton écrasé"}, {"alt": ""}, {"alt": 7}]}
    assert post(view("", embed=embed)).text == "un carton écrasé"
    assert Views.read([view(" ")]).events == []


@pytest.mark.parametrize("place", ["account", "post", "record"])
def test_who_wants_to_be_seen_by_signed_in_readers_alone_is_marked(place: str) -> None:
    label = {"src": ALICE, "val": "!no-unauthenticated", "cts": "2025-01-01T00:00:00Z"}
    item = view(labels={"$type": "com.atproto.label.defs#selfLabels", "values": [label]} if place == "record" else None)
    if place == "post":
        item["labels"] = [label]
    if place == "account":
        item["author"]["labels"] = [label]
    assert post(item).attributes["no_unauthenticated"] is True
    assert post(item).attributes["labels"] == ["!no-unauthenticated"]


def test_a_label_that_was_taken_back_does_not_stand() -> None:
    label = {"src": ALICE, "val": "!no-unauthenticated"}
    item = view()
    item["author"]["labels"] = [label, {**label, "neg": True}]
    assert "no_unauthenticated" not in post(item).attributes


def test_no_post_is_older_than_the_network_or_younger_than_its_index() -> None:
    item = view()
    assert post({**item, "record": {**item["record"], "createdAt": "2031-01-01T00:00:00Z"}}).created_at > START
    assert post({**item, "record": {**item["record"], "createdAt": "yesterday"}}).created_at > START
    earlier = post({**item, "record": {**item["record"], "createdAt": "2019-01-01T00:00:00Z"}})
    assert earlier.created_at == datetime(2019, 1, 1, tzinfo=UTC)


def test_a_handle_that_does_not_hold_is_none() -> None:
    told = post(view() | {"author": BlueskyServer.author(handle="handle.invalid", displayName="", createdAt="?")})
    assert told.author is not None
    assert (told.author.handle, told.author.name, told.author.created_at) == (None, None, None)


def test_a_repost_of_a_feed_gives_the_original_and_itself() -> None:
    by = BlueskyServer.author("did:plc:bob", handle="bob.example")
    reason = {
        "$type": "app.bsky.feed.defs#reasonRepost",
        "by": by,
        "indexedAt": "2026-11-03T10:00:00Z",
        "uri": "at://b",
    }
    told = Views.read([{"post": view(), "reason": reason}])
    first, second = [event.post for event in told.events if isinstance(event, Upsert)]
    assert first.repost_of is None
    assert (second.id, second.repost_of, second.text) == ("at://b", first.id, "RT @alice.example: colis perdu")
    assert second.author is not None
    assert second.author.id == "did:plc:bob"
    assert post_of(told.events[1].raw or {}) == second  # type: ignore[union-attr]
    assert second.is_repost


HOSTILE: list[Any] = [
    None,
    "post",
    [],
    {},
    {"uri": 7},
    view() | {"uri": None},
    view() | {"uri": ["at://x"]},
    view() | {"record": "text"},
    view() | {"record": {"text": {"a": 1}}},
    view() | {"indexedAt": 12},
    view() | {"indexedAt": "2026-11-02"},
    view() | {"author": {"handle": "x"}},
    view() | {"likeCount": -1},
    view() | {"likeCount": "many"},
    view("colis \x00"),
    view("colis \ud800"),
    view("c" * 100_001),
]


@pytest.mark.parametrize("item", HOSTILE)
def test_what_is_no_post_is_rejected_by_itself(item: Any) -> None:
    told = Views.read([view(), item])
    assert len(told.events) == 1
    [rejected] = told.rejected
    assert rejected.reason
    assert len(rejected.raw) <= 10_000


def test_odd_values_beside_the_point_cost_nothing() -> None:
    told = post(
        view(
            facets={"not": "a list"},
            embed=["not", "an object"],
            reply="at://x",
            langs="fr",
            tags=None,
            labels=3,
        )
        | {"labels": "none", "viewer": None, "replyCount": None}
    )
    assert told.attributes == {"cid": "bafyrei3k1"}
    assert (told.lang, told.reply_to, told.replies) == (None, None, None)


# --- what is asked -------------------------------------------------------------------------------


def asked(text: str) -> list[str]:
    vocabulary = Vocabulary(("Hirondelle", "L'Hirondelle Bleue"), ("tapis",))
    return list(questions([parse_query(text, vocabulary)]))


@pytest.mark.parametrize(
    ("query", "native"),
    [
        ("colis perdu", ["colis perdu"]),
        ("colis OR livraison", ["colis", "livraison"]),
        ("brand colis", ["Hirondelle colis", '"L\'Hirondelle Bleue" colis']),
        ('"colis perdu" NOT merci', ['"colis perdu"']),
        ("#colis @hirondelle", ["#colis hirondelle"]),
        ("colis livr*", ["colis"]),
        ("livr*", ["livr"]),
        ("colis NEAR/3 perdu", ["colis perdu"]),
        ("colis lang:fr", ["colis lang:fr"]),
        ("colis lang:fr-CA", ["colis"]),
        ("colis from:alice.bsky.social", ["colis from:alice.bsky.social"]),
        ("colis from:alice", ["colis"]),
        ("from:alice.bsky.social", ["from:alice.bsky.social"]),
        ("to:@hirondelle.example", ["to:hirondelle.example"]),
        ("colis network:mastodon", []),
        ("colis NOT network:bluesky", []),
        ("colis network:bluesky has:link", ["colis"]),
        ("(colis OR livraison) (perdu OR volé)", ["colis perdu", "colis volé", "livraison perdu", "livraison volé"]),
    ],
)
def test_a_query_is_asked_in_the_words_of_the_search(query: str, native: list[str]) -> None:
    assert sorted(asked(query)) == sorted(native)


@pytest.mark.parametrize("query", ["has:link", "lang:fr", "NOT colis"])
def test_a_query_without_a_word_cannot_be_searched(query: str) -> None:
    with pytest.raises(Misconfigured, match="needs a word"):
        asked(query)


def test_a_query_is_the_same_question_however_it_is_written() -> None:
    assert asked("perdu colis") == asked("colis AND perdu") == ["colis perdu"]


def test_what_two_queries_ask_alike_is_asked_once_for_both() -> None:
    one, other = parse_query("colis NOT merci"), parse_query("colis has:link")
    [(words, wanted)] = questions([one, other]).items()
    assert words == "colis"
    assert wanted.matches(post(view("colis merci https://a.example")))
    assert not wanted.matches(post(view("colis merci")))


def test_language_and_who_is_spoken_to_go_beside_the_words() -> None:
    told = parameters('"colis perdu" from:a.example to:b.example lang:fr')
    assert told == {"q": '"colis perdu" from:a.example', "sort": "latest", "lang": "fr", "mentions": "b.example"}
    assert parameters("to:b.example")["q"] == "b.example"
    assert parameters('"lang:fr colis"')["q"] == '"lang:fr colis"'


# --- the settings --------------------------------------------------------------------------------


def sources(
    tmp_path: Path, secret: str | None = None, queries: tuple[str, ...] = ("colis",), **table: Any
) -> list[Source]:
    around = Around(
        Brand(),
        lambda: NOW,
        lambda name: secret if name == "BLUESKY_PASSWORD" else None,
        lambda name: tmp_path / name,
        tuple(map(parse_query, queries)),
        parse_query,
    )
    found = list(BlueskyListener.sources(BlueskySettings(**table), around))
    for listener in {id(source.listener): source.listener for source in found}.values():
        listener.close()
    return found


def test_nothing_is_asked_until_it_is_switched_on(tmp_path: Path) -> None:
    assert sources(tmp_path) == []
    assert sources(tmp_path, handle="brand.example", password_env="BLUESKY_PASSWORD") == []


def test_each_clause_is_a_source_and_the_stream_is_one_for_all(tmp_path: Path) -> None:
    found = sources(
        tmp_path,
        "pw",
        queries=("colis OR livraison", "#hirondelle"),
        search=True,
        handle="@brand.example",
        password_env="BLUESKY_PASSWORD",
        jetstream="wss://jetstream.us-east.bsky.network",
        posts_a_day=5000,
    )
    assert [(source.name, source.query, source.live) for source in found] == [
        ("bluesky:bsky.social", "colis", False),
        ("bluesky:bsky.social", "livraison", False),
        ("bluesky:bsky.social", "#hirondelle", False),
        ("bluesky jetstream.us-east.bsky.network", "jetstream", True),
    ]
    assert {source.account for source in found[:3]} == {"bluesky:bsky.social:brand.example"}
    assert found[0].posts_a_day == 5000
    assert found[3].wanted is not None
    assert found[3].wanted.matches(post(view("ma livraison")))
    assert not found[3].wanted.matches(post(view("il fait beau")))


def test_signed_out_another_server_is_asked(tmp_path: Path) -> None:
    [source] = sources(tmp_path, search=True)
    assert source.name == "bluesky:public.api.bsky.app"


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"search": True, "handle": "a.example"}, "needs an app password"),
        ({"search": True, "handle": "a.example", "password_env": "NOT_SET"}, "NOT_SET is empty"),
        ({"search": True, "base_url": "bsky.social"}, "is no server's address"),
        ({"jetstream": "https://jetstream.example"}, "is no stream's address"),
    ],
)
def test_settings_that_cannot_work_are_told(tmp_path: Path, table: dict[str, Any], line: str) -> None:
    with pytest.raises(Misconfigured, match=line):
        sources(tmp_path, **table)


def test_without_queries_there_is_nothing_to_hear(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="nothing to hear"):
        sources(tmp_path, queries=(), search=True)


# --- the session ---------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[BlueskyServer]:
    with BlueskyServer() as running:
        running.post("3k1")
        yield running


@pytest.fixture
def account(server: BlueskyServer, tmp_path: Path) -> Account:
    return Account.of(HANDLE, PASSWORD, server.base_url, tmp_path / ".vigie")


def ask(server: BlueskyServer, account: Account | None, query: str = "colis") -> list[Batch]:
    """What a new process would hear."""
    listener = BlueskyListener(server.base_url, account, clock=lambda: NOW)
    try:
        return list(listener.pull(query, None, PLENTY))
    finally:
        listener.close()


def test_one_login_serves_every_run(server: BlueskyServer, account: Account) -> None:
    for _ in range(3):
        ask(server, account)
    assert (server.logins, server.refreshes) == (1, 0)
    assert stat.S_IMODE(account.kept_in.stat().st_mode) == 0o600
    assert PASSWORD not in account.kept_in.read_text()


def test_a_session_that_is_about_to_end_is_renewed_and_kept_anew(server: BlueskyServer, account: Account) -> None:
    server.session_seconds = 60
    ask(server, account)
    before, refreshes = account.kept_in.read_text(), server.refreshes
    server.session_seconds = 7200
    ask(server, account)
    assert (server.logins, server.refreshes) == (1, refreshes + 1)
    assert account.kept_in.read_text() != before
    ask(server, account)
    assert (server.logins, server.refreshes) == (1, refreshes + 1)


def test_a_session_that_the_server_no_longer_takes_is_renewed_without_a_login(
    server: BlueskyServer, account: Account
) -> None:
    ask(server, account)
    server.expire()
    assert len(ask(server, account)) == 1
    assert (server.logins, server.refreshes) == (1, 1)
    ask(server, account)
    assert (server.logins, server.refreshes) == (1, 1)


def test_the_session_that_another_process_renewed_is_taken_over(server: BlueskyServer, account: Account) -> None:
    listener = BlueskyListener(server.base_url, account, clock=lambda: NOW)
    list(listener.pull("colis", None, PLENTY))
    server.expire()
    ask(server, account)
    assert server.refreshes == 1
    list(listener.pull("colis", None, PLENTY))
    listener.close()
    assert (server.logins, server.refreshes) == (1, 1)


@pytest.mark.parametrize("kept", ["", "not a session", "a:::b:::c:::d:::e", "\xff", "x" * 10_000])
def test_a_session_file_that_is_broken_counts_as_none(server: BlueskyServer, account: Account, kept: str) -> None:
    account.kept_in.parent.mkdir()
    account.kept_in.write_text(kept)
    ask(server, account)
    ask(server, account)
    assert server.logins == 1


def test_a_session_that_is_over_for_good_costs_one_login_in_an_hour(
    server: BlueskyServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(server, account)
    server._access.clear()
    server._refresh.clear()
    with pytest.raises(Transient) as caught:
        ask(server, account)
    assert caught.value.retry_after == pytest.approx(LOGIN_SECONDS, abs=5)
    assert server.logins == 1
    monkeypatch.setattr(bluesky_session, "_LOGINS", {})  # as in another process, or an hour later
    ask(server, account)
    assert server.logins == 2


def test_a_revoked_app_password_is_permanent_and_never_told(server: BlueskyServer, account: Account) -> None:
    server.revoke()
    with pytest.raises(Permanent, match="new app password") as caught:
        ask(server, account)
    assert PASSWORD not in str(caught.value)
    assert server.host in str(caught.value)


def test_too_many_logins_are_waited_out(server: BlueskyServer, account: Account) -> None:
    server.spared = ()
    server.faults.append(
        Fault(429, {"RateLimit-Reset": str(int(NOW.timestamp()) + 288)}, b'{"error":"RateLimitExceeded"}')
    )
    with pytest.raises(Transient) as caught:
        ask(server, account)
    assert caught.value.retry_after == 288
    ask(server, account)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"did": 7}', b"null", b'{"error": "not now"}'])
def test_a_login_that_answers_nonsense_is_transient(server: BlueskyServer, account: Account, body: bytes) -> None:
    server.spared = ()
    server.faults.append(Fault(body=body))
    with pytest.raises(Transient):
        ask(server, account)
    assert not account.kept_in.exists()


def test_a_folder_that_cannot_be_written_is_told(server: BlueskyServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    account = Account.of(HANDLE, PASSWORD, server.base_url, tmp_path / "file")
    with pytest.raises(Misconfigured, match="cannot be kept"):
        ask(server, account)


# --- signed out, and what is gone ----------------------------------------------------------------


def test_signed_out_the_first_page_is_heard_and_what_lies_below_it_is_told(server: BlueskyServer) -> None:
    server.signed_out = True
    listener = BlueskyListener(server.base_url, clock=lambda: NOW)
    [batch] = listener.pull("colis", None, PLENTY)
    for number in range(PAGE_SIZE + 10):
        server.post(f"new{number}")
    [batch] = listener.pull("colis", batch.cursor_after, PLENTY)
    listener.close()
    [gap] = [event for event in batch.events if isinstance(event, Gap)]
    assert len(batch.events) == PAGE_SIZE + 1
    assert gap.until > gap.since
    assert "set a handle" in gap.reason
    assert server.logins == 0


def test_signed_out_a_server_that_asks_for_a_login_is_permanent(server: BlueskyServer) -> None:
    with pytest.raises(Permanent, match="the token is missing"):
        ask(server, None)


def test_an_empty_question_is_refused(server: BlueskyServer) -> None:
    with pytest.raises(BadInput):
        ask(server, None, " ")


def _gone(server: BlueskyServer, account: Account | None, uris: list[str]) -> list[Delete]:
    listener = BlueskyListener(server.base_url, account, clock=lambda: NOW)
    try:
        return list(listener.verify(Known(uri) for uri in uris))
    finally:
        listener.close()


def test_posts_that_are_no_longer_shown_are_gone_wherever_they_stand(server: BlueskyServer, account: Account) -> None:
    names = [f"v{number}" for number in range(2 * VERIFIED_AT_ONCE + 1)]
    for name in names:
        server.post(name)
    server.delete("v0")
    server.delete(names[-1])
    gone = _gone(server, account, ["https://no.address", *map(uri_of, names)])
    assert gone == [Delete("bluesky", uri_of("v0"), NOW), Delete("bluesky", uri_of(names[-1]), NOW)]


def test_who_blocks_this_account_has_deleted_nothing(server: BlueskyServer, account: Account) -> None:
    server.post("b1", did="did:plc:bob")
    server.post("c1", did="did:plc:carol")
    server.blocked.add("did:plc:bob")
    server.gone_accounts.add("did:plc:carol")
    uris = [uri_of("b1", "did:plc:bob"), uri_of("c1", "did:plc:carol"), uri_of("3k1")]
    assert [delete.id for delete in _gone(server, account, uris)] == [uris[1]]


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"posts": null}', b'{"posts": [{"uri": "at://another"}]}', b"<html>", b'"x"']
)
def test_a_server_that_answers_something_else_deletes_nothing(
    server: BlueskyServer, account: Account, body: bytes
) -> None:
    ask(server, account)
    server.every = Fault(body=body)
    with pytest.raises(Transient):
        _gone(server, account, [uri_of("3k1")])


def test_a_server_that_lost_its_accounts_deletes_nothing(server: BlueskyServer, account: Account) -> None:
    server.posts.clear()
    server.gone_accounts.add(BRAND)
    with pytest.raises(Transient, match="does not show its own account"):
        _gone(server, account, [uri_of("3k1")])


def test_the_access_can_be_checked(server: BlueskyServer, account: Account) -> None:
    listener = BlueskyListener(server.base_url, account, clock=lambda: NOW)
    assert listener.check() == f"signed in as {HANDLE}"
    listener.close()
    signed_out = BlueskyListener(server.base_url, clock=lambda: NOW)
    with pytest.raises(Permanent):
        signed_out.check()
    server.signed_out = True
    assert signed_out.check() == "can be searched signed out, first page only"
    signed_out.close()


# --- frames --------------------------------------------------------------------------------------

FRAME = (
    b'{"did":"did:plc:x","time_us":1793613600000000,"kind":"commit","commit":{"operation":"create",'
    b'"collection":"app.bsky.feed.post","rkey":"3k1","cid":"c","record":{"$type":"app.bsky.feed.post",'
    b'"text":"mon colis","createdAt":"2026-11-02T09:00:00Z"}}}'
)


def test_a_frame_is_heard_for_what_its_text_says() -> None:
    [event] = FrameFilter(parse_query("colis"), 1).events(FRAME)
    assert isinstance(event, Upsert)
    assert event.post.created_at == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert FrameFilter(parse_query("livraison"), 1).events(FRAME) == []
    assert FrameFilter(Query.any_of([]), 1).events(FRAME) == []
    assert len(FrameFilter(Query.everything(), 1).events(FRAME)) == 1


@pytest.mark.parametrize("bad", [b'"rkey":"3 k"', b'"rkey":""', b'"rkey":"a/b"', b'"rkey":7'])
def test_a_commit_that_names_no_post_is_no_frame(bad: bytes) -> None:
    with pytest.raises(BadRow):
        FrameFilter(parse_query("colis"), 1).events(FRAME.replace(b'"rkey":"3k1"', bad))


def test_a_time_that_cannot_be_is_no_frame() -> None:
    with pytest.raises(BadRow):
        FrameFilter(parse_query("colis"), 1).events(FRAME.replace(b"1793613600000000", b"9" * 18))
