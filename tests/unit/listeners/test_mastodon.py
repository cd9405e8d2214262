"""What a Mastodon status says, and what the listener asks."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Post, Upsert
from listeners.base import Around, Budget, Known, Source
from listeners.mastodon.listener import MastodonInstance, MastodonListener, MastodonSettings
from listeners.mastodon.query import questions
from listeners.mastodon.status import Statuses, remap
from listeners.mastodon.stream import streaming_address
from listeners.query import parse_query
from listeners.values import BadRow
from tests.fakes.mastodon_server import Fault, MastodonServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
HOST = "server.example"


def status(id_: str = "1", **changes: Any) -> dict[str, Any]:
    return {**MastodonServer().post(id_), **changes}


def posts(*statuses: Any) -> list[Post]:
    page = Statuses(list(statuses), HOST, {})
    assert page.rejected == []
    return [event.post for event in page.events]


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as running:
        yield running


@pytest.fixture
def listener(server: MastodonServer) -> Iterator[MastodonListener]:
    made = MastodonListener(server.base_url, clock=lambda: NOW)
    yield made
    made.close()


def test_a_post_is_known_by_its_uri_which_is_the_same_on_every_server() -> None:
    [here] = posts(status("1"))
    [there] = [e.post for e in Statuses([status("998", uri=here.id)], "other.example", {}).events]
    assert here.id == there.id == "https://home.example/users/alice/statuses/1"
    assert there.attributes["instance_id"] == "998"
    assert there.attributes["instance"] == "other.example"


def test_an_account_is_known_by_its_uri_and_its_handle_is_whole() -> None:
    account = MastodonServer.account(acct="bob", uri=None, url="https://server.example/@bob", followers_count=-1)
    [post] = posts(status(account={**account, "created_at": "1970-01-01T00:00:00Z"}))
    assert post.author is not None
    assert (post.author.id, post.author.handle) == ("https://server.example/@bob", "bob@server.example")
    assert post.author.followers is None
    assert post.author.created_at is None
    assert post.author.bio == "Rennes & pain"
    assert post.author.links == ("https://alice.example",)


def test_a_reply_names_its_parent_by_uri_where_the_page_shows_it() -> None:
    third, second, first = posts(status("3", in_reply_to_id="2"), status("2", in_reply_to_id="1"), status("1"))
    assert first.reply_to is None
    assert first.conversation is None
    assert second.reply_to == second.conversation == first.id
    assert third.reply_to == second.id
    assert third.conversation == first.id
    [lonely] = posts(status("4", in_reply_to_id="99"))
    assert lonely.reply_to == lonely.conversation == "server.example:99"


def test_posts_that_reply_to_each_other_do_not_hold_the_page() -> None:
    assert len(posts(status("1", in_reply_to_id="2"), status("2", in_reply_to_id="1"))) == 2


def test_a_repost_gives_the_original_and_itself() -> None:
    original = status("1", content="<p>Colis perdu</p>")
    first, second = posts(status("2", reblog=original, uri="https://b.example/activity/2"))
    assert first.repost_of is None
    assert second.repost_of == first.id
    assert second.id == "https://b.example/activity/2"
    assert second.text == "RT @alice@home.example: Colis perdu"


def test_content_warnings_are_part_of_the_text_and_pictures_speak_where_there_is_none() -> None:
    [warned] = posts(status(content="<p>Nul</p>", spoiler_text="Livraison"))
    assert warned.text == "Livraison\n\nNul"
    [shown] = posts({**status(), "content": "", "media_attachments": [{"description": "Un colis écrasé"}]})
    assert shown.text == "Un colis écrasé"
    assert posts({**status(), "content": "<p></p>"}) == []


def test_what_is_not_public_is_not_heard() -> None:
    assert posts(status(visibility="private"), status(visibility="direct")) == []
    assert len(posts(status(visibility="unlisted"))) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uri": None}, "uri is missing"),
        ({"uri": "x" * 501}, "uri has 501 characters"),
        ({"created_at": "yesterday"}, "created_at is no ISO 8601 time"),
        ({"created_at": None}, "created_at is missing"),
        ({"account": "alice"}, "account is not an object"),
        ({"account": {"id": "1"}}, "account has neither uri, url nor acct"),
        ({"content": "\ud83d"}, "content holds half a character"),
        ({"content": "a\x00"}, "content holds a NUL character"),
        ({"content": "a" * 200_001}, "content has 200,001 characters"),
        ({"content": ["a"]}, "content must be text"),
        ({"favourites_count": "lots"}, "favourites_count must be a whole number"),
    ],
)
def test_a_bad_status_is_rejected_alone(changes: dict[str, Any], reason: str) -> None:
    page = Statuses([status("1"), {**status("2"), **changes}, status("3")], HOST, {})
    assert len(page.events) == 2
    assert reason in page.rejected[0].reason
    assert page.rejected[0].raw.startswith("{")


@pytest.mark.parametrize("odd", [None, 1, "text", [], {}])
def test_what_is_no_status_at_all_is_rejected_alone(odd: Any) -> None:
    page = Statuses([odd, status("1")], HOST, {})
    assert len(page.events) == len(page.rejected) == 1


def pull(listener: MastodonListener, query: str) -> list[Upsert]:
    return [e for batch in listener.pull(query, None, Budget()) for e in batch.events if isinstance(e, Upsert)]


@pytest.mark.parametrize(
    ("query", "path", "parameters"),
    [
        ("public", "/api/v1/timelines/public", {"limit": "40"}),
        ("public:local", "/api/v1/timelines/public", {"limit": "40", "local": "1"}),
        ("#Réseau", "/api/v1/timelines/tag/R%C3%A9seau", {"limit": "40"}),
        ("perdu ?", "/api/v2/search", {"q": "perdu ?", "type": "statuses", "offset": "0", "limit": "40"}),
    ],
)
def test_a_query_asks_the_right_question(
    server: MastodonServer, listener: MastodonListener, query: str, path: str, parameters: dict[str, str]
) -> None:
    pull(listener, query)
    [asked] = server.requests
    assert (asked.path, asked.query, asked.token) == (path, parameters, None)


def test_an_empty_query_a_bad_address_and_a_bad_token_are_refused(listener: MastodonListener) -> None:
    with pytest.raises(BadInput):
        pull(listener, " ")
    for address in ("mastodon.social", "ftp://mastodon.social", "https://"):
        with pytest.raises(Misconfigured):
            MastodonListener(address)
    with pytest.raises(Misconfigured) as caught:
        MastodonListener("https://mastodon.social", "secret word\n2")
    assert "secret" not in str(caught.value)


def test_a_broken_cursor_is_refused(listener: MastodonListener) -> None:
    with pytest.raises(BadInput, match="cursor"):
        list(listener.pull("public", {"version": 1, "since": {"ids": []}}, Budget()))


def test_a_first_run_goes_back_so_many_days(server: MastodonServer) -> None:
    for number in range(100):
        server.post(str(number))
    young = MastodonListener(server.base_url, clock=lambda: NOW, first_run_days=0.1)
    assert len(pull(young, "public")) == 40
    young.close()


def test_a_post_from_the_future_hides_nothing(server: MastodonServer, listener: MastodonListener) -> None:
    server.post("1")
    server.post("2", created_at="2099-01-01T00:00:00Z")
    *_, last = listener.pull("public", None, Budget())
    for number in range(3, 90):
        server.post(str(number))
    heard = [e for batch in listener.pull("public", last.cursor_after, Budget()) for e in batch.events]
    assert len(heard) >= 87


def test_the_known_posts_may_be_deleted_and_the_run_still_ends(
    server: MastodonServer, listener: MastodonListener
) -> None:
    for number in range(130):
        server.post(str(number))
    *_, last = listener.pull("public", None, Budget())
    for number in range(90, 130):
        server.delete(str(number))
    server.post("new")
    server.requests.clear()
    batches = list(listener.pull("public", last.cursor_after, Budget()))
    assert batches[-1].complete
    assert len(server.requests) == 2


def test_a_misplaced_web_server_deletes_nothing(server: MastodonServer, listener: MastodonListener) -> None:
    server.post("1")
    [event] = pull(listener, "public")
    server.every = Fault(status=404, body=b"<h1>Not found</h1>")
    with pytest.raises(Transient, match="nothing is taken for deleted"):
        list(listener.verify([Known(event.post.id, event.post.attributes)]))


def test_posts_of_other_servers_are_left_to_their_listeners(server: MastodonServer, listener: MastodonListener) -> None:
    known = [Known("https://a.example/1", {"instance": "a.example", "instance_id": "1"}), Known("2", {})]
    assert list(listener.verify(known)) == []
    assert server.requests == []


def test_the_token_is_sent_and_a_redirection_is_not_followed(server: MastodonServer) -> None:
    trusted = MastodonListener(server.base_url, "t0ken")
    pull(trusted, "public")
    assert server.requests[0].token == "Bearer t0ken"
    server.every = Fault(status=302, headers={"Location": "http://127.0.0.1:1/steal"})
    with pytest.raises(Exception, match="has moved"):
        pull(trusted, "public")
    trusted.close()


# --- what the author wishes, what is kept -------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "attributes"),
    [
        ({"indexable": False, "noindex": True, "bot": True}, {"indexable": False, "noindex": True, "bot": True}),
        ({"note": '<p>Je lis <a href="https://x.example">#<span>NoBot</span></a></p>'}, {"nobot": True}),
        ({"indexable": True, "noindex": None, "bot": False}, {}),
        ({"indexable": "perhaps", "note": None}, {}),
    ],
)
def test_what_the_author_wishes_about_machines_is_kept(account: dict[str, Any], attributes: dict[str, Any]) -> None:
    [post] = posts(status(account=MastodonServer.account(**account)))
    kept = {"indexable", "noindex", "bot", "nobot"} & set(post.attributes)
    assert {name: post.attributes[name] for name in kept} == attributes


def test_what_was_told_gives_the_same_posts_again_with_their_threads_and_originals() -> None:
    page = [
        status("3", in_reply_to_id="2"),
        status("2", in_reply_to_id="1"),
        status("1"),
        status("4", in_reply_to_id="99"),
    ]
    page.append(status("6", reblog=status("5"), uri="https://b.example/activity/6"))
    events = Statuses(page, HOST, {}).events
    assert len(events) == 6
    for event in events:
        assert remap(json.loads(json.dumps(event.raw))) == event.post


@pytest.mark.parametrize(
    "raw", [{}, {"status": 1, "host": HOST}, {"status": {}, "host": ""}, {"status": {}, "host": HOST}]
)
def test_what_is_nothing_of_this_network_is_no_post(raw: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        remap(raw)


@pytest.mark.parametrize("bad", ["https://x.example/\x00", "\ud83d", 1.5, ["1"]])
def test_an_id_that_no_database_takes_reaches_none(bad: Any) -> None:
    page = Statuses([status("2", in_reply_to_id="1"), status("1", uri=bad), status("3", in_reply_to_id=bad)], HOST, {})
    assert [event.post.reply_to for event in page.events] == [f"{HOST}:1", None]
    assert len(page.rejected) == 1


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("colis perdu", ["colis perdu"]),
        ("colis OR livraison", ["colis", "livraison"]),
        ('"pas reçu" -merci NOT "bonne journée"', ['"pas reçu" -"merci" -"bonne journée"']),
        ("#colis", ["#colis"]),
        ("#colis lang:fr NOT merci", ["#colis"]),
        ("#colis perdu", ["#colis perdu"]),
        ("@hirondelle perdu", ["hirondelle perdu"]),
        ("colis lang:fr", ["colis language:fr"]),
        ("colis from:@lea@home.example", ["colis from:lea@home.example"]),
        ("colis from:@lea", ["colis"]),
        ("colis has:link to:@hirondelle min_followers:10", ["colis"]),
        ("colis NEAR/5 perdu", ["colis perdu"]),
        ("livr* colis", ["colis"]),
        ("livr*", ["public"]),
        ("lang:fr", ["public"]),
        ("public", ['"public"']),
        ("colis-privé", ['"colis-privé"']),
        ("colis network:x", []),
        ("colis NOT network:mastodon", []),
        ("colis network:mastodon", ["colis"]),
    ],
)
def test_a_query_is_asked_as_far_as_the_server_understands_it(query: str, asked: list[str]) -> None:
    assert list(questions([parse_query(query)])) == asked


def test_two_queries_that_ask_the_same_are_asked_once_and_both_are_wanted() -> None:
    one, two = parse_query("colis has:link"), parse_query("colis min_followers:5")
    [(words, wanted)] = questions([one, two]).items()
    assert words == "colis"
    assert [wanted.matches(post) for post in posts(status(content="<p>colis</p>"))] == [True]
    assert not wanted.matches(posts(status(content="<p>rien</p>"))[0])


def sources(instance: MastodonInstance, *queries: str, **secrets: str) -> list[Source]:
    around = Around(
        brand=Brand("hirondelle", "Hirondelle"),
        now=lambda: NOW,
        secret=secrets.get,
        path=Path,
        queries=tuple(map(parse_query, queries)),
        parse=parse_query,
    )
    made = list(MastodonListener.sources(MastodonSettings(instances=(instance,)), around))
    for source in made:
        source.listener.close()
    return made


def test_nothing_is_asked_until_a_server_is_named() -> None:
    assert list(MastodonListener.sources(MastodonSettings(), None)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "general", "asked"),
    [
        ((), (), [("public", None)]),
        ((), ("colis",), [("colis", "colis")]),
        (("#hirondelle", "public:local"), ("colis",), [("#hirondelle", None), ("public:local", None)]),
        (("#colis", "#colis lang:fr", "perdu"), ("x",), [("#colis", None), ("perdu", "perdu")]),
    ],
)
def test_a_server_is_asked_its_own_queries_or_those_for_everywhere(
    own: tuple[str, ...], general: tuple[str, ...], asked: list[tuple[str, str | None]]
) -> None:
    made = sources(MastodonInstance(base_url="https://a.example", queries=own), *general)
    assert [(source.query, source.wanted and source.wanted.text.strip("()")) for source in made] == asked
    assert not any(source.live for source in made)


def test_streams_are_live_and_one_of_everything_is_held_against_the_queries() -> None:
    instance = MastodonInstance(base_url="https://a.example", queries=("#b",), streams=("public", "hashtag:colis"))
    _, everything, hashtag = sources(instance)
    assert (everything.live, hashtag.live) == (True, True)
    assert everything.wanted is None
    assert everything.name != "mastodon https://a.example", "its cursor is its own"
    filtered, hashtag = sources(instance.model_copy(update={"queries": ("colis",)}))[1:]
    assert filtered.wanted is not None
    assert filtered.wanted.matches(posts(status(content="<p>colis</p>"))[0])
    assert hashtag.wanted is None
    with pytest.raises(BadInput):
        sources(MastodonInstance(base_url="https://a.example", streams=("everything",)))


def test_a_token_that_is_not_there_is_named_by_its_variable() -> None:
    instance = MastodonInstance(base_url="https://a.example", token_env="A_TOKEN")
    with pytest.raises(Misconfigured, match="A_TOKEN"):
        sources(instance)
    assert sources(instance, A_TOKEN="secret")


@pytest.mark.parametrize(
    ("instance", "address"),
    [
        ({"configuration": {"urls": {"streaming": "wss://stream.a.example"}}}, "https://stream.a.example"),
        ({"urls": {"streaming_api": "wss://stream.a.example/"}}, "https://stream.a.example"),
        ({"urls": {"streaming_api": "ws://a.example"}}, "https://a.example"),
        ({"urls": {"streaming_api": "wss://me:pw@a.example:8443"}}, "https://a.example:8443"),
        ({"urls": {"streaming_api": "ftp://a.example"}}, None),
        ({"urls": {"streaming_api": "https://[a"}}, None),
        ({"configuration": {"urls": {"streaming": 5}}, "urls": []}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_server_asked_over_tls_is_streamed_over_tls(instance: Any, address: str | None) -> None:
    assert streaming_address(instance, "https://a.example") == address


# --- whether it works ----------------------------------------------------------------------------


def test_the_check_says_whom_the_token_speaks_for(server: MastodonServer, listener: MastodonListener) -> None:
    assert listener.check() == "answers without a token"
    trusted = MastodonListener(server.base_url, "t0ken")
    assert trusted.check() == f"answers to @brand@{server.host}"
    server.account_scope = False
    assert trusted.check() == "answers to the application vigie"
    server.tokens = set()
    with pytest.raises(Permanent, match="refuses the token"):
        trusted.check()
    trusted.close()


@pytest.mark.parametrize("body", [b"[]", b'{"acct": ["a"]}', b'{"acct": "a\\u0007"}'])
def test_a_name_that_is_none_is_not_shown(server: MastodonServer, body: bytes) -> None:
    server.every = Fault(body=body)
    trusted = MastodonListener(server.base_url, "t0ken")
    assert trusted.check() == f"answers to @?@{server.host}"
    trusted.close()
