"""What a thing of Reddit says, and what the listener asks."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Delete, Gap, Post, Upsert
from listeners.base import Around, Budget, Known, Source
from listeners.query import parse_query
from listeners.reddit.access import App
from listeners.reddit.listener import RedditListener, RedditSettings
from listeners.reddit.posts import events, remap
from listeners.reddit.query import LONGEST_SEARCH, searches
from listeners.values import BadRow
from tests.fakes.reddit_server import CLIENT, START, Fault, RedditServer
from tests.fakes.server import Reply

NOW = datetime(2026, 11, 4, tzinfo=UTC)
APP = App(*CLIENT, "server:vigie-test:1.0 (by /u/test)")


def submission(**changes: Any) -> dict[str, Any]:
    thing = RedditServer().submit("a1", "Colis perdu", "Depuis une *semaine*")
    return {**thing, "data": thing["data"] | changes}


def comment(**changes: Any) -> dict[str, Any]:
    thing = RedditServer().comment("c1", "Moi aussi")
    return {**thing, "data": thing["data"] | changes}


def heard(*things: Any) -> list[Upsert | Delete]:
    found, rejected = events(list(things), NOW)
    assert rejected == []
    return found


def post(thing: Any) -> Post:
    [event] = heard(thing)
    assert isinstance(event, Upsert)
    assert event.raw is not None
    assert remap(json.loads(json.dumps(event.raw))) == event.post
    return event.post


@pytest.fixture
def server() -> Iterator[RedditServer]:
    with RedditServer() as running:
        yield running


@pytest.fixture
def listener(server: RedditServer) -> Iterator[RedditListener]:
    made = listening(server)
    yield made
    made.close()


def listening(server: RedditServer, app: App = APP, now: datetime = NOW) -> RedditListener:
    return RedditListener(app, base_url=server.base_url, reddit_url=server.base_url, clock=lambda: now)


# --- things as posts -----------------------------------------------------------------------------


def test_a_submission_says_its_title_and_its_words() -> None:
    said = post(submission())
    assert (said.network, said.id, said.text) == ("reddit", "t3_a1", "Colis perdu\n\nDepuis une *semaine*")
    assert said.created_at == START + timedelta(minutes=1)
    assert said.author is not None
    assert (said.author.id, said.author.handle) == ("t2_77", "lea")
    assert said.url == "https://www.reddit.com/r/acme/comments/a1/colis/"
    assert (said.reply_to, said.conversation, said.repost_of) == (None, None, None)
    assert (said.likes, said.replies) == (3, 2)
    assert said.attributes == {
        "title": "Colis perdu",
        "subreddit": "acme",
        "account": "t2_77",
        "flair": "Question",
    }


def test_a_comment_says_its_words_and_what_it_answers() -> None:
    said = post(comment(parent_id="t1_c0"))
    assert (said.id, said.text) == ("t1_c1", "Moi aussi")
    assert (said.reply_to, said.conversation) == ("t1_c0", "t3_top")
    assert said.attributes == {"subreddit": "acme", "account": "t2_77", "thread_title": "Où est mon colis ?"}


def test_a_link_is_an_attribute_and_the_text_is_the_title() -> None:
    said = post(submission(is_self=False, selftext="", url="https://journal.example/colis"))
    assert said.text == "Colis perdu"
    assert said.attributes["link"] == "https://journal.example/colis"
    assert said.attributes["has_link"] is True


def test_a_crosspost_that_adds_nothing_is_a_repost() -> None:
    original = [{"title": "Colis perdu", "name": "t3_o"}]
    plain = submission(selftext="", crosspost_parent="t3_o", crosspost_parent_list=original)
    assert post(plain).repost_of == "t3_o"
    own = submission(selftext="", crosspost_parent="t3_o", crosspost_parent_list=[{"title": "Autre"}])
    assert post(own).repost_of is None
    assert post(own).attributes["crosspost_of"] == "t3_o"
    assert post(submission(crosspost_parent="t3_o", crosspost_parent_list="?")).repost_of is None


@pytest.mark.parametrize(
    ("edited", "at"),
    [
        (False, None),
        (True, None),
        (None, None),
        (1793613600.0, datetime(2026, 11, 2, 10, tzinfo=UTC)),
        (1793613600, datetime(2026, 11, 2, 10, tzinfo=UTC)),
    ],
)
def test_an_edit_is_dated_where_reddit_dates_it(edited: Any, at: datetime | None) -> None:
    assert post(comment(edited=edited)).edited_at == at


def test_an_author_without_an_id_is_known_by_name_and_a_deleted_one_not_at_all() -> None:
    named = post(comment(author_fullname=None))
    assert named.author is not None
    assert named.author.id == "@lea"
    nobody = post(comment(author="[deleted]", author_fullname=None))
    assert nobody.author is None
    assert "account" not in nobody.attributes


def test_a_score_below_zero_or_hidden_is_no_count_of_likes() -> None:
    assert post(comment(score=-7)).likes is None
    assert post(comment(score=-7)).attributes["score"] == -7
    assert post(comment(score=1, score_hidden=True)).likes is None
    assert post(comment(score="many")).likes is None


@pytest.mark.parametrize(
    "thing",
    [
        comment(body="[deleted]", author="[deleted]"),
        comment(body=" [removed] "),
        submission(selftext="[removed]"),
        submission(selftext="", title="[deleted by user]"),
        submission(selftext="", title="[ Removed by moderator ]"),
        submission(removed_by_category="a_category_of_tomorrow"),
    ],
)
def test_what_was_taken_away_is_a_deletion(thing: dict[str, Any]) -> None:
    assert heard(thing) == [Delete("reddit", thing["data"]["name"], NOW, only_known=True)]


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (submission(name=None), "name is missing"),
        (submission(name="x" * 501), "name has 501 characters"),
        (submission(name="t3_\x00"), "name holds a NUL character"),
        (submission(title=None), "title is missing"),
        (submission(title=["Colis"]), "title must be text"),
        (comment(body=None), "body is missing"),
        (comment(body="\ud83d"), "body holds half a character"),
        (comment(body="a" * 100_001), "body has 100,001 characters"),
        (comment(created_utc=None), "created_utc is missing"),
        (comment(created_utc="yesterday"), "created_utc is no time"),
        (comment(created_utc=True), "created_utc is no time"),
        (comment(created_utc=1e20), "created_utc is no time"),
        (comment(created_utc=float("nan")), "created_utc is no time"),
        (comment(created_utc=0), "created_utc cannot be: 1970"),
        (comment(edited="once"), "edited is no time"),
        (comment(parent_id=["t1_c0"]), "parent_id must be a string"),
        ({"kind": "t5", "data": submission()["data"]}, "neither a submission nor a comment"),
        ({"kind": "more", "data": {"children": ["c1"]}}, "neither a submission nor a comment"),
        ({"kind": "t3"}, "it has no data"),
        ({"kind": "t3", "data": []}, "it has no data"),
        ("t3", "not an object"),
        (None, "not an object"),
    ],
)
def test_a_bad_thing_is_rejected_alone(thing: Any, reason: str) -> None:
    found, rejected = events([submission(), thing, comment()], NOW)
    assert len(found) == 2
    assert reason in rejected[0].reason
    assert rejected[0].raw


def test_an_odd_permalink_or_author_spoils_no_post() -> None:
    said = post(comment(permalink="javascript:alert(1)", author=None, num_comments="?", over_18="maybe"))
    assert (said.url, said.author, said.replies) == (None, None, None)
    assert "over_18" not in said.attributes


def test_what_is_kept_is_small() -> None:
    [event] = heard(submission(crosspost_parent_list=[{"title": "x"}]))
    assert isinstance(event, Upsert)
    assert event.raw is not None
    assert not {"preview", "selftext_html", "crosspost_parent_list"} & set(event.raw["data"])
    with pytest.raises(BadRow):
        remap({})


# --- queries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "subreddits", "asked"),
    [
        ("colis perdu", (), '(("colis" AND "perdu"))'),
        ('colis (perdu OR "jamais reçu")', (), '(("colis" AND "perdu") OR ("colis" AND "jamais reçu"))'),
        ("colis NOT merci NOT #pub", (), '(("colis" AND NOT "merci"))'),
        ("colis from:@lea", (), '(("colis" AND author:lea))'),
        ("#colis @hirondelle lang:fr has:link", (), '(("colis" AND "hirondelle"))'),
        ("colis livr*", ("r/france", "quebec"), '(("colis")) AND (subreddit:france OR subreddit:quebec)'),
        ("livr* OR lang:fr", (), None),
        ("colis network:x", (), None),
        ("colis NOT network:reddit", (), None),
    ],
)
def test_a_query_is_searched_for_as_far_as_reddit_understands_it(
    query: str, subreddits: tuple[str, ...], asked: str | None
) -> None:
    questions = list(searches([parse_query(query)], subreddits))
    assert questions == ([] if asked is None else [f"search {asked}"])


def test_a_long_query_is_several_searches() -> None:
    words = " OR ".join(f"expressions{number}longues" for number in range(30))
    questions = searches([parse_query(f"colis ({words})")], ["france"])
    assert len(questions) > 1
    assert all(len(question) <= LONGEST_SEARCH + len("search ") for question in questions)
    assert all(question.endswith(" AND (subreddit:france)") for question in questions)
    assert sum(question.count("expressions") for question in questions) == 30


def sources(settings: RedditSettings, *queries: str, **secrets: str) -> list[Source]:
    around = Around(
        brand=Brand("hirondelle", "Hirondelle"),
        now=lambda: NOW,
        secret={"SECRET": "a-secret", **secrets}.get,
        path=Path,
        queries=tuple(map(parse_query, queries)),
        parse=parse_query,
    )
    made = list(RedditListener.sources(settings, around))
    for source in made:
        source.listener.close()
    return made


SETTINGS = RedditSettings(
    client_id="an-id", client_secret_env="SECRET", user_agent="server:vigie:1.0 (by /u/hirondelle)"
)


def test_it_is_off_until_it_is_configured() -> None:
    assert sources(RedditSettings(), "colis") == []


def test_subreddits_are_heard_whole_others_filtered_and_all_is_searched() -> None:
    settings = SETTINGS.model_copy(
        update={"subreddits": ("r/hirondelle",), "filtered_subreddits": ("france", "hirondelle")}
    )
    made = {source.query: source.wanted and source.wanted.text for source in sources(settings, "colis")}
    assert made == {
        "new r/hirondelle": None,
        "comments r/hirondelle": None,
        "new r/france": "colis",
        "comments r/france": "colis",
        'search (("colis"))': "colis",
    }
    assert list(sources(settings.model_copy(update={"search": False}), "colis"))[-1].query == "comments r/france"
    assert [source.query for source in sources(settings)] == ["new r/hirondelle", "comments r/hirondelle"]
    own = sources(SETTINGS.model_copy(update={"queries": ("perdu",)}), "colis")
    assert [source.query for source in own] == ['search (("perdu"))']


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_id": "", "subreddits": ("hirondelle",)}, "client_id: Reddit gives access only to applications"),
        ({"client_secret_env": ""}, "client_secret_env"),
        ({"user_agent": ""}, "user_agent"),
        ({"user_agent": "vigie\n"}, "user_agent"),
        ({"client_secret_env": "NOWHERE"}, "NOWHERE"),
        ({"refresh_token_env": "NOWHERE"}, "NOWHERE"),
        ({"base_url": "reddit.com"}, "reddit.com"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        sources(SETTINGS.model_copy(update=changes), "colis")


@pytest.mark.parametrize("name", ["", "r/", "a b", "france/new", "../x", "x" * 22])
def test_a_subreddit_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is no subreddit"):
        sources(SETTINGS.model_copy(update={"subreddits": (name,)}))


# --- asking --------------------------------------------------------------------------------------


def pull(listener: RedditListener, query: str = "new r/acme", cursor: Any = None) -> list[Any]:
    return [event for batch in listener.pull(query, cursor, Budget()) for event in batch.events]


@pytest.mark.parametrize("query", ["", "r/acme", "search ", "new r/a/../b", "top r/acme"])
def test_what_asks_for_nothing_is_refused(listener: RedditListener, query: str) -> None:
    with pytest.raises(BadInput):
        pull(listener, query)


@pytest.mark.parametrize(
    ("query", "path", "parameters"),
    [
        ("new r/acme", "/r/acme/new", {}),
        ("comments r/acme", "/r/acme/comments", {}),
        ('search ("colis")', "/search", {"q": '("colis")', "sort": "new", "type": "link", "t": "all"}),
    ],
)
def test_a_question_is_asked_with_a_token_of_the_application(
    server: RedditServer, listener: RedditListener, query: str, path: str, parameters: dict[str, str]
) -> None:
    pull(listener, query)
    token, asked = server.requests
    assert (token.method, token.path) == ("POST", "/api/v1/access_token")
    assert token.body == b"grant_type=client_credentials"
    assert (asked.path, asked.query) == (path, {"limit": "100", "raw_json": "1", **parameters})
    assert asked.headers["user-agent"].startswith("server:vigie-test:1.0 (by /u/test)")


def test_one_token_serves_many_requests(server: RedditServer, listener: RedditListener) -> None:
    for _ in range(3):
        pull(listener)
    assert [asked.method for asked in server.requests] == ["POST", "GET", "GET", "GET"]


def test_a_refresh_token_speaks_for_an_account(server: RedditServer) -> None:
    trusted = listening(server, replace(APP, refresh_token="a-refresh-token"))
    pull(trusted)
    assert server.requests[0].body == b"grant_type=refresh_token&refresh_token=a-refresh-token"
    trusted.close()


def test_a_token_that_was_revoked_is_replaced_once(server: RedditServer, listener: RedditListener) -> None:
    server.submit("a1")
    pull(listener)
    server.revoke()
    assert len(pull(listener)) == 1
    server.every = Fault(status=401)
    with pytest.raises(Permanent):
        pull(listener)


@pytest.mark.parametrize(
    ("reply", "error", "told"),
    [
        (Reply({"message": "Unauthorized", "error": 401}, 401), Permanent, r"gives no token \(401\).*approved"),
        (Reply({"error": "invalid_grant"}, 400), Permanent, "invalid_grant"),
        (Reply({"error": "invalid_grant"}), Permanent, "invalid_grant"),
        (Reply({"error": "<script>"}), Permanent, r"\(200\)"),
        (Reply({"error": {}}, 429, {"Retry-After": "30"}), Transient, "wait"),
        (Reply(b"<h1>down</h1>", 503), Transient, "in trouble"),
        (Reply(b"<h1>down</h1>"), Transient, "no token"),
        (Reply(b"null"), Transient, "no token"),
        (Reply({"access_token": "x"}), Transient, "no token"),
        (Reply({"access_token": "x", "expires_in": "soon", "scope": "*"}), Transient, "no token"),
        (Reply(b"", 302, {"Location": "https://elsewhere.example/"}), Permanent, "has moved"),
    ],
)
def test_no_token_says_why_and_no_secret(
    server: RedditServer, listener: RedditListener, reply: Reply, error: type[Permanent | Transient], told: str
) -> None:
    server.token_reply = reply
    with pytest.raises(error, match=told) as caught:
        listener.check()
    assert CLIENT[1] not in str(caught.value)
    assert {asked.path for asked in server.requests} == {"/api/v1/access_token"}


def test_a_spent_rate_limit_is_waited_for_elsewhere(server: RedditServer, listener: RedditListener) -> None:
    server.submit("a1")
    server.limits = {"x-ratelimit-used": "100", "x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "300"}
    begun = time.monotonic()
    assert len(pull(listener)) == 1
    with pytest.raises(Transient, match="no requests left") as caught:
        pull(listener, "comments r/acme")
    assert caught.value.retry_after == 300
    assert time.monotonic() - begun < 2, "nobody slept"
    assert len(server.requests) == 2


def test_few_requests_left_and_servers_in_trouble_make_nobody_sleep(
    server: RedditServer, listener: RedditListener
) -> None:
    server.limits = {"x-ratelimit-used": "99", "x-ratelimit-remaining": "1.0", "x-ratelimit-reset": "590"}
    begun = time.monotonic()
    for _ in range(3):
        pull(listener)
    server.every = Fault(status=503)
    with pytest.raises(Transient):
        pull(listener)
    assert time.monotonic() - begun < 2


def test_an_unknown_or_private_subreddit_is_named(server: RedditServer, listener: RedditListener) -> None:
    with pytest.raises(Permanent, match="does not know 'new r/nowhere'"):
        pull(listener, "new r/nowhere")
    server.every = Fault(status=403, body=b'{"reason": "private", "message": "Forbidden", "error": 403}')
    with pytest.raises(Permanent, match="it is private"):
        pull(listener)


def test_a_listing_that_is_as_long_as_any_gets_tells_its_gap(server: RedditServer, listener: RedditListener) -> None:
    server.comment("first")
    *_, last = listener.pull("comments r/acme", None, Budget())
    for number in range(1_100):
        server.comment(str(number))
    batches = list(listener.pull("comments r/acme", last.cursor_after, Budget()))
    assert sum(isinstance(event, Upsert) for batch in batches for event in batch.events) == 1_000
    [gap] = [event for batch in batches for event in batch.events if isinstance(event, Gap)]
    assert (gap.since, gap.until) == (START + timedelta(minutes=1), START + timedelta(minutes=102))
    assert batches[-1].complete


def test_a_run_goes_on_below_a_post_that_was_deleted_meanwhile(server: RedditServer, listener: RedditListener) -> None:
    for number in range(250):
        server.comment(str(number))
    first = next(listener.pull("comments r/acme", None, Budget())).cursor_after
    server.delete("t1_150")
    rest = [event.post.id for event in pull(listener, "comments r/acme", first) if isinstance(event, Upsert)]
    assert {f"t1_{number}" for number in range(150)} <= set(rest)


def test_only_what_is_gone_is_deleted(server: RedditServer, listener: RedditListener) -> None:
    for number in range(120):
        server.comment(str(number))
    server.submit("s1")
    known = [Known(event.post.id, event.post.attributes) for event in pull(listener, "comments r/acme")]
    known += [Known("t3_s1", {}), Known("t1_never", {}), Known("https://elsewhere.example/1", {})]
    server.delete("t1_3")
    server.delete("t1_7", "[removed]")
    server.things[5]["data"] |= {"author": "[deleted]", "author_fullname": None}
    server.requests.clear()
    assert {gone.id for gone in listener.verify(known)} == {"t1_3", "t1_7", "t1_5", "t1_never"}
    assert len(server.requests) == 2


def test_a_server_that_shows_nothing_deletes_nothing(server: RedditServer, listener: RedditListener) -> None:
    empty = json.dumps({"kind": "Listing", "data": {"after": None, "children": []}}).encode()
    server.every = Fault(body=empty)
    with pytest.raises(Transient, match="nothing is taken for deleted"):
        list(listener.verify([Known("t1_1", {})]))
    server.every = None
    server.submit("s1")
    assert [gone.id for gone in listener.verify([Known("t1_1", {})])] == ["t1_1"]


def test_the_check_says_how_much_is_left(server: RedditServer, listener: RedditListener) -> None:
    assert listener.check() == "answers"
    server.limits = {"x-ratelimit-remaining": "96.0", "x-ratelimit-reset": "300"}
    assert listener.check() == "answers; 96 requests left in this window"


def test_no_file_and_no_variable_of_praw_changes_whom_it_asks(
    server: RedditServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from praw.config import Config

    monkeypatch.setattr(Config, "CONFIG", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "praw.ini").write_text(
        "[DEFAULT]\nusername=mallory\npassword=x\nrefresh_token=x\noauth_url=http://127.0.0.1:1\n[other]\nclient_id=x\n"
    )
    mallory = {"praw_site": "other", "praw_username": "mallory", "praw_password": "x", "praw_client_id": "x"}
    for name, value in {**mallory, "PRAW_ALLOW_ENDPOINT_OVERRIDE": "1"}.items():
        monkeypatch.setenv(name, value)
    made = listening(server)
    assert made.check() == "answers"
    assert server.requests[0].body == b"grant_type=client_credentials"
    made.close()
