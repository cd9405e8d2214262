"""What YouTube's comments and videos say, what is asked of its API, and what that costs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Cursor, Gap, Post, Rejected, Upsert
from listeners.base import Around, Budget, Known
from listeners.google_http import QuotaSpent, until_quota_returns
from listeners.query import Query, Vocabulary, parse_query
from listeners.values import BadRow
from listeners.youtube.listener import YouTubeListener, YouTubeSettings
from listeners.youtube.posts import comment_post, remap, video_post
from listeners.youtube.query import searches
from listeners.youtube.search import Followed, Following
from tests.fakes.server import Fault
from tests.fakes.youtube_server import START, YouTubeServer, error, written

NOW = datetime(2026, 11, 4, tzinfo=UTC)
VIDEO, OTHER, THIRD = "dQw4w9WgXcQ", "jNQXAC9IVRw", "9bZkp7q19f0"
WORDS = Vocabulary(("hirondelle", "hirondel"), ("colis suivi",))
PLENTY = Budget(max_requests=1000, deadline_seconds=30)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def server() -> Iterator[YouTubeServer]:
    with YouTubeServer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listener(server: YouTubeServer, clock: Clock) -> Iterator[YouTubeListener]:
    made = YouTubeListener(
        "a-token",
        server.base_url,
        wanted={"search:hirondelle": parse_query("hirondelle")},
        videos=[VIDEO],
        following=Following(videos=3, for_time=timedelta(days=30), between_searches=timedelta(hours=1)),
        clock=clock,
    )
    yield made
    made.close()


@dataclass
class Table:
    """What a database keeps: posts and the cursor."""

    posts: dict[str, Post] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    cursor: Cursor | None = None
    cost: float = 0.0

    def pull(self, listener: YouTubeListener, query: str, budget: Budget = PLENTY, batches: int = 1000) -> bool:
        """Whether the pull came to its end; it is left after so many batches, as by `kill -9`."""
        for number, batch in enumerate(listener.pull(query, self.cursor, budget), 1):
            self.posts |= {event.post.id: event.post for event in batch.events if isinstance(event, Upsert)}
            self.gaps += [event for event in batch.events if isinstance(event, Gap)]
            self.rejected += batch.rejected
            self.cursor = json.loads(json.dumps(batch.cursor_after))
            self.cost += batch.cost
            if batch.complete or number == batches:
                return batch.complete
        return False


# --- what a comment and a video say ------------------------------------------------------------------


def comment(**changes: Any) -> dict[str, Any]:
    server = YouTubeServer()
    server.comment(VIDEO, "Ugx1", "jamais reçu", **changes)
    top: dict[str, Any] = server.threads[0]["snippet"]["topLevelComment"]
    return top


def test_a_comment_is_a_post_of_its_author_s_channel() -> None:
    post = comment_post({"comment": comment(), "replies": 4, "video_title": "Hirondelle"})
    assert (post.network, post.id, post.text) == ("youtube", "Ugx1", "jamais reçu")
    assert post.author is not None
    assert (post.author.id, post.author.handle, post.author.name) == ("UCalice", "alice", None)
    assert post.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ugx1"
    assert (post.likes, post.replies, post.edited_at, post.reply_to) == (2, 4, None, None)
    assert post.attributes == {
        "kind": "comment",
        "video_id": VIDEO,
        "video_title": "Hirondelle",
        "channel_id": "UCchannel",
    }


def test_a_reply_belongs_to_the_thread_of_its_comment() -> None:
    post = comment_post({"comment": comment(parentId="Ugx0"), "video_id": VIDEO})
    assert (post.reply_to, post.conversation, post.attributes["kind"]) == ("Ugx0", "Ugx0", "reply")


def test_an_edit_has_its_time() -> None:
    assert comment_post({"comment": comment(updatedAt="2026-11-03T10:00:00Z")}).edited_at == datetime(
        2026, 11, 3, 10, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("changes", "author"),
    [
        ({"authorDisplayName": "Alice Martin"}, ("UCalice", None, "Alice Martin")),
        ({"authorDisplayName": None}, ("UCalice", None, None)),
        ({"authorDisplayName": "@"}, ("UCalice", None, "@")),
        ({"authorChannelId": None}, None),
        ({"authorChannelId": "UCalice"}, None),
        ({"authorChannelId": {"value": ""}}, None),
    ],
)
def test_authors_are_told_as_far_as_they_are_known(changes: dict[str, Any], author: tuple[Any, ...] | None) -> None:
    told = comment_post({"comment": comment(**changes)}).author
    assert (told and (told.id, told.handle, told.name)) == author


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"publishedAt": None}, "publishedAt is missing"),
        ({"publishedAt": "yesterday"}, "no ISO 8601 time"),
        ({"textDisplay": None}, "textDisplay is missing"),
        ({"textDisplay": "a\x00b"}, "NUL"),
        ({"textDisplay": "\ud800"}, "surrogate"),
        ({"textDisplay": {"html": "x"}}, "must be text"),
        ({"parentId": ["x"]}, "must be a string"),
    ],
)
def test_a_comment_that_is_none_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        comment_post({"comment": comment(**changes)})


@pytest.mark.parametrize(
    "raw", [{"comment": None}, {"comment": {"id": "x"}}, {"video": []}, {"video": {"id": "x"}}, {}]
)
def test_what_is_no_object_is_no_post(raw: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        remap(raw)


def test_figures_and_ids_that_nobody_can_read_cost_no_comment() -> None:
    post = comment_post({"comment": comment(likeCount="many", videoId="a b/c"), "replies": -1})
    assert (post.likes, post.replies, post.url) == (None, None, None)


def test_a_video_is_a_post_of_its_title_and_description() -> None:
    server = YouTubeServer()
    server.video(VIDEO, "Mon avis", description="Colis perdu.", defaultAudioLanguage="fr-FR")
    post = video_post(server.videos[VIDEO])
    assert post.text == "Mon avis\n\nColis perdu."
    assert post.attributes == {"kind": "video", "video_id": VIDEO, "title": "Mon avis", "views": 1200}
    assert (post.url, post.lang, post.likes, post.replies) == (
        f"https://www.youtube.com/watch?v={VIDEO}",
        "fr-FR",
        30,
        4,
    )
    assert post.author is not None
    assert (post.author.id, post.author.name) == ("UCchannel", "Bricoleur & co")


# --- what is asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("hirondelle", ["hirondelle"]),
        ("brand", ["hirondelle|hirondel"]),
        ("brand AND (colis OR livraison) NOT merci", ["hirondelle|hirondel colis|livraison -merci"]),
        ('"colis perdu" hirondelle', ['"colis perdu" hirondelle']),
        ("brand -(merci OR bravo)", ["hirondelle|hirondel -merci -bravo"]),
        ("colis NEAR/5 perdu", ["colis perdu"]),
        ("hirondelle livr*", ["hirondelle"]),
        ("livr*", ["livr"]),
        ("#colis @hirondelle", ["#colis @hirondelle"]),
        ("hirondelle lang:fr has:link", ["hirondelle"]),
        ("hirondelle network:mastodon", []),
        ("hirondelle -network:youtube", []),
        ("hirondelle network:youtube", ["hirondelle"]),
        ("(a b) OR (c -d)", ["a b", "c -d"]),
        ("(a b) OR (c network:x)", ["a b"]),
        ("c'est OR colis-privé", ['"c\'est"|"colis-privé"']),
    ],
)
def test_queries_become_few_searches(query: str, asked: list[str]) -> None:
    assert list(searches(parse_query(query, WORDS))) == asked


@pytest.mark.parametrize("query", [Query.everything(), parse_query("lang:fr"), parse_query("hirondelle OR has:link")])
def test_a_query_without_words_cannot_be_searched_for(query: Query) -> None:
    with pytest.raises(Misconfigured, match="cannot be searched for on YouTube"):
        searches(query)


def around(brand: Brand | None = None, **changes: Any) -> Around:
    told: dict[str, Any] = {
        "brand": brand or object(),
        "now": lambda: NOW,
        "secret": {"YOUTUBE_KEY": "a-token"}.get,
        "path": Path,
        "parse": lambda text: parse_query(text, WORDS),
        **changes,
    }
    return Around(**told)


def test_it_is_off_until_a_key_is_named() -> None:
    assert list(YouTubeListener.sources(YouTubeSettings(), around(queries=(parse_query("hirondelle"),)))) == []


def test_sources_are_the_queries_of_all_networks_and_the_named_places() -> None:
    settings = YouTubeSettings(api_key_env="YOUTUBE_KEY", videos=(VIDEO,), channels=("UC" + "x" * 22,))
    queries = (parse_query("hirondelle lang:fr"), parse_query("hirondelle lang:de"), parse_query("a network:x"))
    sources = list(YouTubeListener.sources(settings, around(queries=queries)))
    assert [source.query for source in sources] == ["search:hirondelle", f"video:{VIDEO}", f"channel:UC{'x' * 22}"]
    assert {(source.account, source.cost_a_day, source.wanted) for source in sources} == {
        ("youtube:units", 10_000, None)
    }
    sources[0].listener.close()


def test_own_queries_go_before_those_of_all_networks() -> None:
    settings = YouTubeSettings(api_key_env="YOUTUBE_KEY", queries=("brand",))
    [source] = YouTubeListener.sources(settings, around(queries=(parse_query("colis"),)))
    assert source.query == "search:hirondelle|hirondel"
    source.listener.close()


@pytest.mark.parametrize(
    "settings", [{"videos": (VIDEO,)}, {"queries": ("brand",)}, {"api_key_env": "NOT_SET", "videos": (VIDEO,)}]
)
def test_a_key_that_is_missing_is_told(settings: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"api_key_env|NOT_SET"):
        list(YouTubeListener.sources(YouTubeSettings(**settings), around()))


@pytest.mark.parametrize(
    "written_so",
    [
        VIDEO,
        f"https://www.youtube.com/watch?v={VIDEO}",
        f"https://m.youtube.com/watch?list=x&v={VIDEO}&t=3s",
        f"https://youtu.be/{VIDEO}?si=abc",
        f"youtube.com/shorts/{VIDEO}",
    ],
)
def test_a_video_is_named_by_its_id_or_address(written_so: str) -> None:
    assert YouTubeSettings(videos=(written_so,)).videos == (VIDEO,)


@pytest.mark.parametrize(
    "wrong",
    [{"videos": ("my video",)}, {"videos": ("https://vimeo.com/1",)}, {"channels": ("@hirondelle",)}, {"key": "x"}],
)
def test_settings_that_name_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        YouTubeSettings(**wrong)


def test_a_query_of_another_kind_is_refused(listener: YouTubeListener) -> None:
    with pytest.raises(BadInput):
        listener.pull("hirondelle", None, PLENTY)


@pytest.mark.parametrize("cursor", [{"open": [{"x": 1}]}, {"open": 3}, {"known": [1]}])
def test_a_broken_cursor_is_told(listener: YouTubeListener, cursor: Cursor) -> None:
    with pytest.raises(BadInput):
        list(listener.pull(f"video:{VIDEO}", cursor, PLENTY))


@pytest.mark.parametrize("cursor", [{"videos": {"x": {}}}, {"videos": [1]}, {"again": "soon"}, {"again": 3}])
def test_a_broken_cursor_of_a_search_is_told(listener: YouTubeListener, cursor: Cursor) -> None:
    with pytest.raises(BadInput):
        list(listener.pull("search:hirondelle", cursor, PLENTY))


def test_the_library_is_read_only_when_something_is_asked() -> None:
    code = (
        "import sys, listeners.youtube, listeners.googleplay, listeners.appstore\n"
        "listeners.youtube.LISTENER('key').close()\n"
        "sys.exit(any(name in sys.modules for name in ('googleapiclient', 'google.auth', 'jwt', 'httplib2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- replies -----------------------------------------------------------------------------------------


def test_replies_that_are_not_shown_are_asked_for_once(server: YouTubeServer, listener: YouTubeListener) -> None:
    for name in ("quiet", "busy"):
        server.comment(VIDEO, name)
    for _ in range(3):
        server.reply("quiet")
    for _ in range(12):
        server.reply("busy")
    table = Table()
    assert table.pull(listener, f"video:{VIDEO}")
    assert table.posts.keys() == server.said().keys()
    assert table.posts["busy"].replies == 12
    assert table.cost == 2
    assert table.pull(listener, f"video:{VIDEO}")
    assert table.cost == 3, "nothing is new, so that only the newest page was asked for"
    fresh = server.reply("busy")
    assert table.pull(listener, f"video:{VIDEO}")
    assert fresh in table.posts
    assert table.cost == 5


@pytest.mark.parametrize("newest_first", [True, False])
def test_new_replies_are_found_in_either_order(
    server: YouTubeServer, listener: YouTubeListener, newest_first: bool
) -> None:
    server.replies_newest_first = newest_first
    server.comment(VIDEO, "busy")
    for _ in range(250):
        server.reply("busy")
    table = Table()
    table.pull(listener, f"video:{VIDEO}")
    assert table.posts.keys() == server.said().keys()
    assert table.cost == 4
    for _ in range(7):
        server.reply("busy")
    table.pull(listener, f"video:{VIDEO}")
    assert table.posts.keys() == server.said().keys()
    assert table.cost == 4 + (2 if newest_first else 4), "newest first, one page is enough"


def test_nothing_is_lost_when_it_is_killed_after_every_batch(server: YouTubeServer, listener: YouTubeListener) -> None:
    for number in range(230):
        server.comment(VIDEO, f"Ug{number}")
    for thread in ("Ug3", "Ug120", "Ug229"):
        for _ in range(130):
            server.reply(thread)
    table = Table()
    pulls = 1
    while not table.pull(listener, f"video:{VIDEO}", batches=1):
        pulls += 1
    assert table.posts.keys() == server.said().keys()
    assert pulls > 5


def test_a_budget_of_one_unit_comes_to_the_end_as_well(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.comment(VIDEO, "busy")
    for _ in range(230):
        server.reply("busy")
    for number in range(150):
        server.comment(VIDEO, f"Ug{number}")
    table = Table()
    for _ in range(10):
        before = len(server.requests)
        table.pull(listener, f"video:{VIDEO}", Budget(max_cost=1))
        assert len(server.requests) - before <= 1
    assert table.posts.keys() == server.said().keys()


def test_a_thread_that_goes_while_it_is_read_ends_nothing(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.comment(VIDEO, "busy")
    for _ in range(9):
        server.reply("busy")
    table = Table()
    table.pull(listener, f"video:{VIDEO}", batches=1)
    server.delete("busy")
    server.comment(VIDEO, "fresh")
    assert table.pull(listener, f"video:{VIDEO}")
    assert "fresh" in table.posts


def test_a_comment_pinned_to_the_top_does_not_hide_a_page(server: YouTubeServer, listener: YouTubeListener) -> None:
    for number in range(5):
        server.comment(VIDEO, f"old{number}")
    pinned = server.threads[0]
    server.threads.append(server.threads.pop(0))  # shown first, though it is the oldest
    table = Table()
    table.pull(listener, f"video:{VIDEO}")
    server.threads.remove(pinned)
    for number in range(150):
        server.comment(VIDEO, f"new{number}")
    server.threads.append(pinned)
    table.pull(listener, f"video:{VIDEO}")
    assert table.posts.keys() == server.said().keys()


def test_a_page_that_youtube_forgot_is_reached_from_the_top_again(
    server: YouTubeServer, listener: YouTubeListener
) -> None:
    for number in range(250):
        server.comment(VIDEO, f"Ug{number}")
    table = Table()
    table.pull(listener, f"video:{VIDEO}", batches=1)
    server.stale_tokens = True
    with pytest.raises(Transient):
        table.pull(listener, f"video:{VIDEO}")
    server.stale_tokens = False
    assert table.pull(listener, f"video:{VIDEO}")
    assert table.posts.keys() == server.said().keys()


def test_a_channel_s_comments_are_those_of_all_its_videos(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.comment(VIDEO, "one")
    server.comment(OTHER, "two")
    table = Table()
    assert table.pull(listener, "channel:UCchannel")
    assert {post.attributes["video_id"] for post in table.posts.values()} == {VIDEO, OTHER}


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "said"), [("commentsDisabled", "turned off"), ("videoNotFound", "no such video")])
def test_a_shut_place_is_told_once_and_pauses_nothing(
    server: YouTubeServer, listener: YouTubeListener, reason: str, said: str
) -> None:
    server.closed[VIDEO] = reason
    table = Table()
    for _ in range(3):
        assert table.pull(listener, f"video:{VIDEO}")
    [rejected] = table.rejected
    assert said in rejected.reason
    assert VIDEO in rejected.reason
    server.closed.clear()
    server.comment(VIDEO, "open again")
    table.pull(listener, f"video:{VIDEO}")
    assert "open again" in table.posts


def test_a_spent_quota_comes_back_at_midnight_pacific_time(server: YouTubeServer, listener: YouTubeListener) -> None:
    spent = json.dumps(error(403, "quotaExceeded").body).encode()
    server.every = Fault(status=403, body=spent)
    with pytest.raises(QuotaSpent) as caught:
        list(listener.pull(f"video:{VIDEO}", None, PLENTY))
    assert caught.value.retry_after == 3600


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        ("2026-11-04T00:00:00+00:00", 3600),  # 16:00 there
        ("2026-11-04T07:30:00+00:00", 1800),
        ("2026-07-04T06:59:00+00:00", 60),  # daylight time
        ("2026-11-01T06:30:00+00:00", 1800),  # the day of the change to standard time
        ("2026-11-02T07:45:00+00:00", 900),
    ],
)
def test_the_wait_for_quota_is_counted_in_pacific_time(now: str, seconds: float) -> None:
    assert until_quota_returns(datetime.fromisoformat(now)) == seconds


@pytest.mark.parametrize(
    ("status", "reason", "kind", "said"),
    [
        (400, "keyInvalid", Permanent, "the API key is wrong"),
        (403, "accessNotConfigured", Permanent, "not enabled"),
        (403, "ipRefererBlocked", Permanent, "refuses"),
        (403, "rateLimitExceeded", Transient, "asks to wait"),
        (400, "processingFailure", Transient, "this time"),
        (500, "backendError", Transient, "this time"),
    ],
)
def test_google_s_reasons_decide(
    server: YouTubeServer, listener: YouTubeListener, status: int, reason: str, kind: type[Exception], said: str
) -> None:
    server.every = Fault(status=status, body=json.dumps(error(status, reason).body).encode())
    with pytest.raises(kind, match=said):
        list(listener.pull(f"video:{VIDEO}", None, PLENTY))


@pytest.mark.parametrize("told", [b'{"error": {"errors": 3, "details": [1, null]}}', b'{"error": []}', b'"no"'])
def test_an_error_of_another_shape_is_judged_by_its_status(
    server: YouTubeServer, listener: YouTubeListener, told: bytes
) -> None:
    server.every = Fault(status=403, body=told)
    with pytest.raises(Permanent):
        list(listener.pull(f"video:{VIDEO}", None, PLENTY))


def test_the_key_is_in_no_address_and_in_no_message(server: YouTubeServer) -> None:
    listener = YouTubeListener("AIza-secret", server.base_url, clock=lambda: NOW)
    with pytest.raises(Permanent) as caught:
        listener.check()
    assert "AIza-secret" not in str(caught.value)
    [request] = server.requests
    assert "AIza-secret" not in request.path + json.dumps(request.query)
    listener.close()


def test_check_tells_which_named_videos_are_missing(server: YouTubeServer, listener: YouTubeListener) -> None:
    assert VIDEO in listener.check()
    server.video(VIDEO)
    assert listener.check() == "answers"


@pytest.mark.parametrize("spoiled", [False, True])
def test_verify_tells_what_is_gone(server: YouTubeServer, listener: YouTubeListener, spoiled: bool) -> None:
    server.spoiled_by_one = spoiled
    server.video(VIDEO)
    for number in range(40):
        server.comment(VIDEO, f"Ug{number}")
    known = [Known(f"Ug{number}", {"kind": "comment"}) for number in range(40)]
    known += [Known("Ug-gone", {"kind": "reply"}), Known(VIDEO, {"kind": "video"}), Known(OTHER, {"kind": "video"})]
    assert {delete.id for delete in listener.verify([*known, Known("x", {})])} == {"Ug-gone", OTHER}


def test_a_verify_that_is_answered_by_something_else_deletes_nothing(
    server: YouTubeServer, listener: YouTubeListener
) -> None:
    server.every = Fault(body=b'{"items": []}')
    with pytest.raises(Transient):
        list(listener.verify([Known("Ug1", {"kind": "comment"})]))


# --- what a search finds -----------------------------------------------------------------------------


def test_found_videos_are_posts_and_their_comments_are_heard(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.video(VIDEO, "Hirondelle, mon avis")
    server.comment(VIDEO, "about", "jamais livré")
    server.video(OTHER, "Mes achats", description="Merci à Hirondelle et à d'autres")
    server.comment(OTHER, "beside", "jolie robe")
    server.comment(OTHER, "named", "hirondelle a perdu mon colis")
    server.video(THIRD, "Un chat", description="miaou")
    server.comment(THIRD, "cat", "hirondelle")
    table = Table()
    assert table.pull(listener, "search:hirondelle")
    assert table.posts.keys() == {VIDEO, OTHER, "about", "named"}
    assert table.posts["about"].attributes["video_title"] == "Hirondelle, mon avis"
    assert table.cost == 4, "a search, a look at what it found, and two videos' comments"


def test_the_whole_description_is_held_against_the_query(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.video(VIDEO, "Mes achats", description="x" * 200 + " hirondelle")
    table = Table()
    table.pull(listener, "search:hirondelle")
    assert table.posts[VIDEO].text.endswith("hirondelle")


def test_searches_are_spread_over_the_day_and_comments_are_heard_in_between(
    server: YouTubeServer, listener: YouTubeListener, clock: Clock
) -> None:
    server.video(VIDEO)
    table = Table()
    table.pull(listener, "search:hirondelle")
    server.video(OTHER)
    server.comment(VIDEO, "later")
    clock.now += timedelta(minutes=20)
    asked = len(server.requests)
    assert table.pull(listener, "search:hirondelle")
    assert len(server.requests) == asked, "nothing is due"
    clock.now += timedelta(minutes=75)
    assert table.pull(listener, "search:hirondelle")
    assert table.posts.keys() == {VIDEO, OTHER, "later"}


def test_all_queries_together_stay_below_the_searches_of_a_day() -> None:
    settings = YouTubeSettings(api_key_env="YOUTUBE_KEY", searches_a_day=100, search_minutes=5)
    queries = tuple(map(parse_query, ("a", "b", "c", "d")))
    sources = list(YouTubeListener.sources(settings, around(queries=queries)))
    listener: Any = sources[0].listener
    assert listener._following.between_searches == timedelta(minutes=4 * 14.4)
    listener.close()


def test_a_followed_video_is_read_down_to_where_the_last_visit_was(
    server: YouTubeServer, listener: YouTubeListener, clock: Clock
) -> None:
    server.video(VIDEO)
    for number in range(250):
        server.comment(VIDEO, f"Ug{number}")
    table = Table()
    table.pull(listener, "search:hirondelle")
    assert table.cost == 2 + 3
    server.comment(VIDEO, "later")
    clock.now += timedelta(hours=5)
    table.pull(listener, "search:hirondelle")
    assert "later" in table.posts
    assert table.cost == 2 + 3 + 2 + 1


def test_several_pages_of_a_search_are_waited_for(
    server: YouTubeServer, listener: YouTubeListener, clock: Clock
) -> None:
    for number in range(120):
        server.video(f"v{number}")
    table = Table()
    assert table.pull(listener, "search:hirondelle")
    assert table.cursor is not None
    assert datetime.fromisoformat(table.cursor["again"]) == NOW + timedelta(hours=3)
    assert len(table.cursor["videos"]) == 3, "only the newest are followed"


def test_nothing_that_is_found_is_lost_when_it_is_killed_after_every_batch(
    server: YouTubeServer, listener: YouTubeListener
) -> None:
    for number in range(3):
        server.video(f"v{number}")
        for number_below in range(120):
            server.comment(f"v{number}", f"Ug{number}-{number_below}")
        for _ in range(20):
            server.reply(f"Ug{number}-{number}")
    table = Table()
    for _ in range(100):
        if table.pull(listener, "search:hirondelle", Budget(max_requests=3), batches=1):
            break
    assert table.posts.keys() == {"v0", "v1", "v2", *server.said()}


def test_a_day_s_last_search_does_not_end_the_hearing_of_comments(
    server: YouTubeServer, listener: YouTubeListener, clock: Clock
) -> None:
    server.video(VIDEO)
    table = Table()
    table.pull(listener, "search:hirondelle")
    server.comment(VIDEO, "later")
    clock.now += timedelta(hours=5)
    server.faults.append(Fault(status=403, body=json.dumps(error(403, "quotaExceeded").body).encode()))
    with pytest.raises(QuotaSpent):
        table.pull(listener, "search:hirondelle")
    assert "later" in table.posts
    asked = len(server.requests)
    assert table.pull(listener, "search:hirondelle"), "until the quota is back nothing is searched for"
    assert len(server.requests) == asked


def test_trouble_at_one_video_keeps_what_others_told(server: YouTubeServer, listener: YouTubeListener) -> None:
    for video in (VIDEO, OTHER):
        server.video(video)
        server.comment(video, f"under {video}")
    server.faults += [Fault(), Fault(), Fault(), Fault(status=500)]
    table = Table()
    with pytest.raises(Transient):
        table.pull(listener, "search:hirondelle")
    assert len(table.posts) == 3
    assert table.pull(listener, "search:hirondelle")
    assert len(table.posts) == 4


def test_a_found_video_without_comments_is_no_news(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.video(VIDEO)
    server.closed[VIDEO] = "commentsDisabled"
    table = Table()
    assert table.pull(listener, "search:hirondelle")
    assert table.rejected == []


def test_a_video_is_followed_for_its_time_only(server: YouTubeServer, listener: YouTubeListener, clock: Clock) -> None:
    server.video(VIDEO)
    table = Table()
    table.pull(listener, "search:hirondelle")
    clock.now += timedelta(days=31)
    table.pull(listener, "search:hirondelle")
    assert table.cursor is not None
    assert table.cursor["videos"] == {}


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(hours=1), timedelta(minutes=15)),
        (timedelta(days=1), timedelta(hours=1)),
        (timedelta(days=24), timedelta(days=1)),
    ],
)
def test_older_videos_are_asked_less_often(age: timedelta, wait: timedelta) -> None:
    video = Followed(NOW - age, "title", True, asked=NOW)
    assert not video.due(NOW + wait - timedelta(seconds=1))
    assert video.due(NOW + wait)


def test_a_search_is_not_begun_with_less_than_it_costs(server: YouTubeServer, listener: YouTubeListener) -> None:
    server.video(VIDEO)
    table = Table()
    table.pull(listener, "search:hirondelle", Budget(max_cost=1))
    assert server.requests == []
    for number in range(120):
        server.video(f"v{number}")
    table.pull(listener, "search:hirondelle", Budget(max_cost=5))
    assert len(server.requests) <= 5


def test_what_was_published_before_the_last_search_and_found_late_is_heard(
    server: YouTubeServer, listener: YouTubeListener, clock: Clock
) -> None:
    server.video(VIDEO)
    table = Table()
    table.pull(listener, "search:hirondelle")
    server.video(OTHER, publishedAt=written(START - timedelta(hours=5)))
    clock.now += timedelta(hours=2)
    table.pull(listener, "search:hirondelle")
    assert OTHER in table.posts
