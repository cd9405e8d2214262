"""What entries of feeds say, and how a feed is asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Gap, Post, Rejected, Upsert
from listeners.base import Around, Budget, Known
from listeners.query import parse_query
from listeners.rss.feed import NotAFeed, read_feed
from listeners.rss.listener import RssFeed, RssListener, RssSettings
from listeners.rss.memory import is_outside, key_of
from listeners.rss.posts import post_of
from listeners.values import BadRow
from tests.fakes.feed_server import FeedServer
from tests.fakes.server import Fault

NOW = datetime(2026, 11, 4, tzinfo=UTC)
URL = "https://blog.example/feed.xml"
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"'


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


def listener(server: FeedServer, **settings: Any) -> RssListener:
    made = {name: settings.pop(name) for name in ("full_every", "timeout_seconds") if name in settings}
    return RssListener(RssFeed(url=server.url, **settings), **made, clock=lambda: NOW)


def pulled(made: RssListener, cursor: Any = None) -> tuple[list[Any], Any]:
    """All events, and the cursor as a database gives it back."""
    events: list[Any] = []
    for batch in made.pull(made.url, cursor, Budget()):
        events += batch.events
        cursor = json.loads(json.dumps(batch.cursor_after))
    return events, cursor


def posts(body: str, first: str = "2026-11-04T00:00:00+00:00", **around: Any) -> list[Post]:
    feed = read_feed(body.encode(), URL)
    raws = [
        {"format": feed.format, "network": "rss", "feed": "blog.example/feed.xml", "language": feed.language}
        | {"first": first, "entry": json.loads(json.dumps(entry)), **around}
        for entry in feed.entries
    ]
    return [post for raw in raws if (post := post_of(raw)) is not None]


def atom(entry: str, more: str = "") -> str:
    return f"{ATOM} xmlns:thr='http://purl.org/syndication/thread/1.0' {more}><entry>{entry}</entry></feed>"


def rss(item: str, more: str = "") -> str:
    return f"<rss version='2.0' {more}><channel><item>{item}</item></channel></rss>"


# --- entries ---------------------------------------------------------------------------------------


def test_an_atom_entry_is_a_post() -> None:
    [post] = posts(
        atom(
            "<id>tag:a,1</id><title type='html'>Lost &amp;amp; found</title><link href='/x'/>"
            "<published>2026-11-02T11:00:00+01:00</published><updated>2026-11-03T10:00:00Z</updated>"
            "<author><name>Al</name><uri>https://al.example</uri></author><category term='parcels'/>"
            "<content type='html'>&lt;p&gt;My &lt;b&gt;parcel&lt;/b&gt;&lt;script&gt;x&lt;/script&gt;&lt;/p&gt;</content>",
            "xml:lang='fr-FR'",
        )
    )
    assert (post.id, post.url, post.lang) == ("tag:a,1", "https://blog.example/x", "fr")
    assert post.text == "Lost & found\n\nMy parcel"
    assert post.created_at == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert post.edited_at == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert post.author is not None
    assert (post.author.id, post.author.name) == ("https://al.example", "Al")
    assert post.attributes["tags"] == ["parcels"]
    assert post.attributes["title"] == "Lost & found"


RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<item rdf:about="https://b.example/1"><title>T</title><description>D</description></item></rdf:RDF>"""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (RDF, "T\n\nD"),
        ("<rss version='0.91'><channel><item><title>T</title><link>https://b.example/1</link></item></channel></rss>", "T"),
        (rss("<link>https://b.example/1</link><description>&lt;p&gt;D&lt;/p&gt;</description>"), "D"),
        (rss("<guid>https://b.example/1</guid><title>1 &amp;lt; 2</title>"), "1 < 2"),
        (atom("<id>https://b.example/1</id><title type='text'>a &lt;b</title>"), "a <b"),
        ('{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "https://b.example/1", "content_text": "a <b"}]}',
         "a <b"),
    ],
)  # fmt: skip
def test_every_kind_of_feed_is_read(body: str, text: str) -> None:
    [post] = posts(body)
    assert (post.id, post.text) == ("https://b.example/1", text)


def test_an_id_that_is_not_unique_in_the_world_gets_the_feeds_address() -> None:
    [post] = posts(rss("<guid isPermaLink='false'>12</guid><title>T</title>"))
    assert post.id == "blog.example/feed.xml#12"


def test_an_entry_without_id_and_link_is_refused() -> None:
    with pytest.raises(BadRow, match="neither id nor link"):
        posts(rss("<title>T</title>"))


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("<pubDate>Mon, 02 Nov 2026 10:00:00 +0100</pubDate>", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("<pubDate>Mon, 02 Nov 2026 10:00:00</pubDate>", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("<pubDate>2026-11-02 10:00</pubDate>", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("<pubDate>yesterday</pubDate>", NOW),
        ("<pubDate>Mon, 02 Nov 1526 10:00:00 GMT</pubDate>", NOW),
        ("", NOW),
    ],
)
def test_dates_with_and_without_a_zone_or_none_at_all(written: str, at: datetime) -> None:
    [post] = posts(rss(f"<guid>https://b.example/1</guid><title>T</title>{written}"))
    assert post.created_at == at
    assert post.attributes.get("undated", False) is (at == NOW)


def test_an_answer_belongs_to_its_page_and_has_no_title_of_its_own() -> None:
    [post] = posts(
        atom(
            "<id>tag:a,2</id><title>Comment #2</title><link href='https://b.example/t#isso-2'/>"
            "<thr:in-reply-to ref='tag:a,1' href='https://b.example/t#isso-1'/><content type='html'>me too</content>"
        )
    )
    assert (post.reply_to, post.conversation, post.text) == ("tag:a,1", "https://b.example/t", "me too")


@pytest.mark.parametrize("link", ["https://b.example/page", "https://b.example/#!/page", "https://b.example/page#more"])
def test_an_article_is_no_answer(link: str) -> None:
    [post] = posts(rss(f"<link>{link}</link><title>T</title>"))
    assert (post.reply_to, post.conversation) == (None, None)


@pytest.mark.parametrize(
    ("written", "id_", "name"),
    [
        ("<author>ann@a.example (Ann B)</author>", "mailto:ann@a.example", "Ann B"),
        ("<author>noreply@blogger.com (Ann B)</author>", None, "Ann B"),
        ("<dc:creator>Ann B</dc:creator>", None, "Ann B"),
        ("", None, None),
    ],
)
def test_a_name_alone_is_no_account(written: str, id_: str | None, name: str | None) -> None:
    [post] = posts(rss(f"<guid>urn:1</guid><title>T</title>{written}", "xmlns:dc='http://purl.org/dc/elements/1.1/'"))
    assert (post.author.id if post.author else None) == id_
    assert post.attributes.get("author_name") == name


def test_reviews_of_the_app_store_have_a_rating_and_the_app_itself_is_no_review() -> None:
    found = posts(
        f"{ATOM} xmlns:im='http://itunes.apple.com/rss'><entry><id>1</id><title>The app</title><im:name>App</im:name>"
        "</entry><entry><id>2</id><title>Bad</title><im:rating>1</im:rating><im:version>2.3</im:version>"
        "<content type='text'>Crashes</content><content type='html'>&lt;table&gt;x&lt;/table&gt;</content></entry></feed>"
    )
    [post] = found
    assert (post.text, post.attributes["rating"], post.attributes["app_version"]) == ("Bad\n\nCrashes", 1, "2.3")


@pytest.mark.parametrize(("written", "rating"), [("5", 5), ("4.5", 4.5), ("0", None), ("9", None), ("many", None)])
def test_only_stars_from_one_to_five_are_a_rating(written: str, rating: float | None) -> None:
    [post] = posts(rss(f"<guid>urn:1</guid><title>T</title><rating>{written}</rating>"))
    assert post.attributes.get("rating") == rating


def test_comments_and_their_number_are_told() -> None:
    namespaces = "xmlns:wfw='http://wellformedweb.org/CommentAPI/' xmlns:slash='http://purl.org/rss/1.0/modules/slash/'"
    [post] = posts(
        rss(
            "<guid>urn:1</guid><title>T</title><slash:comments>3</slash:comments><comments>https://b.example/c</comments>"
            "<wfw:commentRss>https://b.example/c.xml</wfw:commentRss>",
            namespaces,
        )
    )
    assert post.replies == 3
    assert post.attributes["comments_feed"] == "https://b.example/c.xml"


@pytest.mark.parametrize(
    "entry",
    [None, 12, [], {"id": 1.5}, {"id": "x" * 600}, {"id": "1", "title": "\x00"}, {"id": "1", "summary": "x" * 100_001}],
)
def test_values_that_are_none_are_refused(entry: Any) -> None:
    raw = {"format": "xml", "network": "rss", "feed": "f", "first": "2026-11-04T00:00:00Z", "entry": entry}
    with pytest.raises(BadRow):
        post_of(raw)


@pytest.mark.parametrize("name", ["link", "author_detail", "tags", "content", "published", "in-reply-to", "language"])
@pytest.mark.parametrize("value", [None, 12, [], {}, [None, {"term": 3}], "x"])
@pytest.mark.parametrize("kind", ["xml", "json"])
def test_unknown_values_break_no_entry(name: str, value: Any, kind: str) -> None:
    entry = {"id": "urn:1", "title": "T", name: value}
    if not (name == "in-reply-to" and isinstance(value, list) and kind == "xml"):
        post = post_of({"format": kind, "network": "rss", "feed": "f", "first": "2026-11-04T00:00:00Z", "entry": entry})
        assert post is not None
        assert post.id == "urn:1"


# --- what is no feed -------------------------------------------------------------------------------

BOMB = "".join(f"<!ENTITY b{level} '{f'&b{level - 1};' * 10 if level else 'x' * 10}'>" for level in range(10))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><html><body><p>Maintenance</p></body></html>",
        b'{"error": "not now"}',
        b'{"version": "https://jsonfeed.org/version/1.1", "items": {}}',
        b"{" * 100_000,
        b"<rss version='2.0'><channel><item><guid>urn:1</guid><title>half a",
        b"<rss version='2.0'>" + b"<a>" * 200_001,
        b"<rss version='2.0'><channel><item><description>" + b"&lt;!--" * 10_001,
        b"<rss version='2.0'>" + b"x" * (5 * 2**20),
    ],
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(NotAFeed):
        read_feed(body, URL)


def test_a_bomb_of_entities_does_not_go_off() -> None:
    body = f"<?xml version='1.0'?><!DOCTYPE r [{BOMB}]>{rss('<guid>urn:1</guid><title>&b9;</title>')}"
    assert len(json.dumps(read_feed(body.encode(), URL).entries)) < 1000


def test_entities_from_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    body = f"<!DOCTYPE r [<!ENTITY s SYSTEM 'file://{tmp_path}/secret'>]>{rss('<guid>urn:1</guid><title>&s;</title>')}"
    assert "the secret" not in json.dumps(read_feed(body.encode(), URL).entries)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (rss("<guid>urn:1</guid><title>a &nbsp;&nosuch; b</title>").encode(), "a"),
        (rss("<guid>urn:1</guid><title>été</title>").encode("latin-1"), "été"),
        (
            b"<?xml version='1.0' encoding='utf-8'?>" + rss("<guid>urn:1</guid><title>été</title>").encode("latin-1"),
            "été",
        ),
        (rss("<guid>urn:1</guid><x:y>1</x:y><title>été</title>").encode(), "été"),
        (
            ("<?xml version='1.0' encoding='utf-16'?>" + rss("<guid>urn:1</guid><title>été</title>")).encode("utf-16"),
            "été",
        ),
    ],
)
def test_of_a_broken_feed_is_taken_what_can_be_read(body: bytes, title: str) -> None:
    [entry] = read_feed(body, URL).entries
    assert entry["title"].startswith(title)


# --- how a feed is asked ---------------------------------------------------------------------------


def test_an_unchanged_feed_costs_one_question_and_tells_nothing(server: FeedServer) -> None:
    server.post("1")
    made = listener(server)
    _, cursor = pulled(made)
    events, _ = pulled(made, cursor)
    assert events == []
    assert "if-none-match" in server.requests[-1].headers


def test_an_edit_behind_an_etag_that_stays_is_heard_by_the_full_question(server: FeedServer) -> None:
    server.frozen_etag = '"1-1"'
    server.post("1", "as it was")
    made = listener(server, full_every=3)
    _, cursor = pulled(made)
    server.edit("1", "said better", None)
    heard = []
    for _ in range(3):
        events, cursor = pulled(made, cursor)
        heard.append([event.post.text for event in events])
    assert heard == [[], [], ["said better"]]
    assert pulled(made, cursor)[0] == []


def test_an_entry_dated_by_its_last_change_keeps_its_age(server: FeedServer) -> None:
    server.post("1", at=None, edited="2026-11-02T10:00:00+00:00")
    made = listener(server)
    [created], cursor = pulled(made)
    server.edit("1", "said better", datetime(2026, 11, 3, 10, tzinfo=UTC))
    [edited], _ = pulled(made, cursor)
    assert created.post.created_at == edited.post.created_at == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert (created.post.edited_at, edited.post.edited_at) == (None, datetime(2026, 11, 3, 10, tzinfo=UTC))


def test_an_entry_without_a_date_is_as_old_as_it_was_when_first_heard(server: FeedServer) -> None:
    server.post("1", at=None)
    made = listener(server)
    [first], cursor = pulled(made)
    server.edit("1", "said better", None)
    later = RssListener(RssFeed(url=server.url), clock=lambda: NOW + timedelta(days=1))
    [second], _ = pulled(later, cursor)
    assert first.post.created_at == second.post.created_at == NOW
    assert second.post.text == "said better"


def test_the_cursor_keeps_what_the_feed_shows_and_no_more(server: FeedServer) -> None:
    made = listener(server)
    cursor: Any = None
    server.page_limit = 5
    for number in range(12):
        server.post(str(number))
        _, cursor = pulled(made, cursor)
    assert len(cursor["feed"]["entries"]) == 5


def test_what_a_feed_no_longer_shows_is_neither_deleted_nor_forgotten_silently(server: FeedServer) -> None:
    server.post("1")
    made = listener(server)
    _, cursor = pulled(made)
    server.delete("1")
    assert pulled(made, cursor)[0] == []
    server.post("2")
    events, _ = pulled(made, cursor)
    assert [type(event) for event in events] == [Upsert, Gap]


def test_posts_are_of_the_network_that_the_settings_name(server: FeedServer) -> None:
    server.post("1")
    [event], _ = pulled(listener(server, network="review", language="de"))
    assert event.post.network == "review"
    assert event.post.lang == "fr", "what the feed says goes before the settings"
    with pytest.raises(Misconfigured, match="nearest known: 'review'"):
        listener(server, network="revue")


def test_a_following_page_that_is_no_address_is_none() -> None:
    body = atom("<id>urn:1</id><title>T</title>").replace("<entry>", "<link rel='next' href='http://[::1'/><entry>")
    assert read_feed(body.encode(), URL).following is None


def test_redirections_are_followed_three_times(server: FeedServer) -> None:
    server.post("1")
    server.redirections = {"/feed": "/b", "/b": "/c", "/c": "/d"}
    with pytest.raises(Permanent, match="its feed"):
        pulled(listener(server))
    server.redirections["/d"] = "/e"
    with pytest.raises(Transient, match="more than 3 times"):
        pulled(listener(server))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.example/f", "http://localhost/", "https://"])
def test_a_redirection_leads_nowhere_else_than_to_the_web(server: FeedServer, target: str) -> None:
    server.redirections = {"/feed": target}
    with pytest.raises(Permanent, match="none for a feed"):
        pulled(listener(server))


@pytest.mark.parametrize(
    ("host", "outside"),
    [
        ("blog.example", True),
        ("93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("::1", False),
        ("localhost", False),
        ("intranet", False),
        ("db.internal", False),
    ],
)
def test_addresses_written_by_others_do_not_lead_inside(host: str, outside: bool) -> None:
    assert is_outside(host) is outside


def test_two_feeds_of_one_address_are_told_apart_without_their_secrets() -> None:
    plain, first, second = key_of(URL), key_of(f"{URL}?f=1&key=s3cret"), key_of(f"{URL}?f=2")
    assert plain == "blog.example/feed.xml"
    assert len({plain, first, second}) == 3
    assert "s3cret" not in first


def test_a_link_is_asked_for_only_where_that_is_wanted(server: FeedServer) -> None:
    server.post("1")
    [event], _ = pulled(listener(server))
    server.gone.add("/pages/1")
    known = [Known(event.post.id, event.post.attributes)]
    assert list(listener(server).verify(known)) == []
    assert [gone.id for gone in listener(server, verify_links=True).verify(known)] == [event.post.id]


def test_a_feed_that_is_not_there_proves_nothing_gone(server: FeedServer) -> None:
    server.post("1")
    [event], _ = pulled(listener(server))
    server.every = Fault(status=404, body=b"nobody here")
    with pytest.raises(Permanent):
        list(listener(server, verify_links=True).verify([Known(event.post.id, event.post.attributes)]))


@pytest.mark.parametrize("status", [429, 503])
def test_a_page_that_asks_to_wait_is_waited_for(server: FeedServer, status: int) -> None:
    server.post("1")
    [event], _ = pulled(listener(server))
    server.faults.append(Fault(status=status, headers={"Retry-After": "30"}))
    with pytest.raises(Transient) as caught:
        list(listener(server, verify_links=True).verify([Known(event.post.id, event.post.attributes)]))
    assert caught.value.retry_after == 30


def test_a_broken_cursor_is_named(server: FeedServer) -> None:
    with pytest.raises(BadInput, match="cursor"):
        pulled(listener(server), {"feed": {"waits": "many"}})


def test_a_source_a_feed_with_what_is_wanted_of_it() -> None:
    settings = RssSettings.model_validate(
        {"feeds": [{"url": URL}, {"url": "https://b.example/f", "queries": ["colis", "livraison"]}]}
    )
    around = Around(Brand("b", "B"), lambda: NOW, lambda _: None, Path, (parse_query("x"),), parse_query)
    first, second = RssListener.sources(settings, around)
    assert (first.query, first.wanted) == (URL, None)
    assert second.wanted is not None
    assert second.wanted.text == "(colis) OR (livraison)"
    assert list(RssListener.sources(RssSettings(), around)) == []


def test_a_rejected_entry_costs_no_other(server: FeedServer) -> None:
    server.post("1")
    server.post("2", "x" * 100_001)
    [batch] = listener(server).pull(server.url, None, Budget())
    assert len(batch.events) == 1
    [rejected] = batch.rejected
    assert isinstance(rejected, Rejected)
    assert "100,001 characters" in rejected.reason


def test_check_says_what_is_there(server: FeedServer) -> None:
    server.post("1")
    assert listener(server).check() == "answers; 1 entries"
