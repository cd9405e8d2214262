"""What a review of Google Play says, how the service account gets its token, and what is asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Cursor, Delete, Gap, Upsert
from listeners.base import Around, Budget, Known
from listeners.googleplay.listener import GooglePlayListener, GooglePlaySettings
from listeners.googleplay.reviews import Told, review_post
from listeners.values import BadRow
from tests.fakes.googleplay_server import GooglePlayServer
from tests.fakes.server import Fault, Reply

NOW = datetime(2026, 11, 4, tzinfo=UTC)
APP = GooglePlayServer.package


@pytest.fixture
def server() -> Iterator[GooglePlayServer]:
    with GooglePlayServer() as running:
        yield running


@pytest.fixture
def listener(server: GooglePlayServer) -> Iterator[GooglePlayListener]:
    made = GooglePlayListener(server.key(), server.base_url, packages=[APP], clock=lambda: NOW)
    yield made
    made.close()


def review(**changes: Any) -> dict[str, Any]:
    return {"review": GooglePlayServer().review("gp:1", **{"text": "ne démarre plus", **changes}), "app_id": APP}


def pulled(listener: GooglePlayListener, cursor: Cursor | None = None) -> tuple[list[Any], Cursor]:
    batches = list(listener.pull(APP, cursor, Budget()))
    assert batches[-1].cursor_after is not None
    return [event for batch in batches for event in batch.events], json.loads(json.dumps(batches[-1].cursor_after))


# --- what a review says ------------------------------------------------------------------------------


def test_a_review_is_a_post_without_an_author_because_a_name_is_no_id() -> None:
    post = review_post(review())
    assert (post.network, post.id, post.text, post.author) == ("googleplay", "gp:1", "ne démarre plus", None)
    assert post.created_at == post.edited_at == datetime(2026, 11, 2, 10, 0, 20, tzinfo=UTC)
    assert post.url == f"https://play.google.com/store/apps/details?id={APP}&reviewId=gp%3A1"
    assert (post.lang, post.likes) == ("fr-CA", 10)
    assert post.attributes == {
        "app_id": APP,
        "rating": 2,
        "author_name": "Jane Bloggs",
        "app_version": "1.2.3",
        "android_version": 34,
        "device": "klte",
        "language": "fr_CA",
        "modified_at": "2026-11-02T10:00:20+00:00",
    }


@pytest.mark.parametrize(
    ("told", "text", "title"),
    [
        ("Nul\tNe démarre plus", "Nul\n\nNe démarre plus", "Nul"),
        ("\tNe démarre plus", "Ne démarre plus", None),
        ("Ne démarre plus", "Ne démarre plus", None),
        ("Nul\t", "Nul", "Nul"),
    ],
)
def test_title_and_text_are_parted_by_a_tab(told: str, text: str, title: str | None) -> None:
    post = review_post(review(text=told))
    assert (post.text, post.attributes.get("title")) == (text, title)


def test_the_words_before_a_translation_are_taken() -> None:
    assert review_post(review(text="does not start", originalText="ne démarre plus")).text == "ne démarre plus"


def test_the_developer_s_answer_leaves_its_time() -> None:
    server = GooglePlayServer()
    told = server.review("1", "nul")
    server.answer_review("1", "sorry", datetime(2026, 11, 3, tzinfo=UTC))
    post = review_post({"review": told, "app_id": APP})
    assert (post.text, post.attributes["answered_at"]) == ("nul", "2026-11-03T00:00:00+00:00")


@pytest.mark.parametrize("stars", [0, 6, "5", 4.5, True, None])
def test_a_rating_that_is_none_is_left_out(stars: Any) -> None:
    assert "rating" not in review_post(review(starRating=stars)).attributes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": " "}, "text is missing"),
        ({"text": ["x"]}, "must be text"),
        ({"lastModified": None}, "lastModified is missing"),
        ({"lastModified": {"seconds": "soon"}}, "must be a whole number"),
        ({"lastModified": {"seconds": "99999999999999"}}, "lastModified cannot be"),
        ({"lastModified": {"seconds": "4"}}, "lastModified cannot be"),
        ({"text": "a\x00"}, "NUL"),
    ],
)
def test_a_review_that_is_none_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        review_post(review(**changes))


@pytest.mark.parametrize(
    "told", [None, [], {}, {"reviewId": "1"}, {"reviewId": "1", "comments": [None, 3, {"userComment": 1}]}]
)
def test_an_item_that_is_no_review_is_kept_with_its_reason(told: Any) -> None:
    page = Told([told], APP)
    assert page.events == []
    assert page.rejected[0].reason


def test_unknown_fields_of_any_shape_cost_nothing() -> None:
    post = review_post(review(device=["x"], appVersionName={"a": 1}, thumbsUpCount="many", androidOsVersion=-1))
    assert post.likes is None
    assert not {"device", "app_version", "android_version"} & post.attributes.keys()


# --- tokens ------------------------------------------------------------------------------------------


def test_one_token_serves_many_questions(server: GooglePlayServer, listener: GooglePlayListener) -> None:
    server.review("1")
    for _ in range(3):
        listener.check()
    assert [request.path for request in server.requests].count("/token") == 1


def test_a_token_that_is_refused_is_not_used_again(server: GooglePlayServer, listener: GooglePlayListener) -> None:
    listener.check()
    server.token = "ya29.another"
    with pytest.raises(Permanent):
        listener.check()
    assert listener.check() == "answers"


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (Reply({"error": "invalid_grant"}, 400), Permanent, "refuses the service account"),
        (Reply({"error": "x"}, 500), Transient, "in trouble"),
        (Reply({}, 503, {"Retry-After": "30"}), Transient, "in trouble"),
        (Reply({}, 429), Transient, "asks to wait"),
        (Reply(b"<html>"), Transient, "not JSON"),
        (Reply([]), Transient, "no token"),
        (Reply({"access_token": 3, "expires_in": 3599}), Transient, "no token"),
        (Reply({"access_token": "x", "expires_in": "soon"}), Transient, "no token"),
    ],
)
def test_a_token_that_is_not_given_is_asked_for_once_and_told(
    server: GooglePlayServer, listener: GooglePlayListener, reply: Reply, kind: type[Exception], said: str
) -> None:
    server.token_reply = reply
    with pytest.raises(kind, match=said) as caught:
        list(listener.pull(APP, None, Budget()))
    assert len(server.requests) == 1
    assert "PRIVATE KEY" not in str(caught.value)
    assert server.host in str(caught.value)


def around(**changes: Any) -> Around:
    told: dict[str, Any] = {"brand": object(), "now": lambda: NOW, "secret": {}.get, "path": Path, **changes}
    return Around(**told)


def test_the_key_comes_from_a_file_or_a_variable(server: GooglePlayServer, tmp_path: Path) -> None:
    key = json.dumps(server.key())
    (tmp_path / "key.json").write_text(key)
    by_file = GooglePlaySettings(packages=(APP,), key_file="key.json", base_url=server.base_url)
    by_variable = GooglePlaySettings(packages=(APP,), key_env="PLAY", base_url=server.base_url)
    for settings in (by_file, by_variable):
        [source] = GooglePlayListener.sources(settings, around(path=tmp_path.joinpath, secret={"PLAY": key}.get))
        assert (source.query, source.account, source.cost_a_day) == (APP, f"googleplay:{APP}", 4800)
        assert source.listener.check() == "answers"
        source.listener.close()


@pytest.mark.parametrize("key", ["", "{", "[]", "{}", '{"client_email": "a", "token_uri": "b", "private_key": "c"}'])
def test_a_key_that_is_none_is_told(key: str) -> None:
    settings = GooglePlaySettings(packages=(APP,), key_env="PLAY")
    with pytest.raises(Misconfigured, match=r"key|service account"):
        list(GooglePlayListener.sources(settings, around(secret={"PLAY": key}.get)))


def test_a_key_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = GooglePlaySettings(packages=(APP,), key_file="gone.json")
    with pytest.raises(Misconfigured, match=r"gone\.json"):
        list(GooglePlayListener.sources(settings, around(path=tmp_path.joinpath)))


def test_it_is_off_until_an_app_is_named() -> None:
    assert list(GooglePlayListener.sources(GooglePlaySettings(), around())) == []


@pytest.mark.parametrize("package", ["app", "com..x", "com.example/../x", ""])
def test_a_name_that_is_no_package_is_refused(package: str) -> None:
    with pytest.raises(ValidationError):
        GooglePlaySettings(packages=(package,))


# --- what is asked -----------------------------------------------------------------------------------


def test_an_app_without_reviews_has_an_empty_answer(listener: GooglePlayListener) -> None:
    events, cursor = pulled(listener)
    assert events == []
    assert cursor["asked"] == NOW.isoformat()


def test_an_old_review_that_was_changed_does_not_hide_a_page(
    server: GooglePlayServer, listener: GooglePlayListener
) -> None:
    for number in range(5):
        server.review(f"old{number}")
    _, cursor = pulled(listener)
    for number in range(130):
        server.review(f"new{number}")
    server.edit("old4", "now it works", at=datetime(2026, 11, 3, tzinfo=UTC))
    events, _ = pulled(listener, cursor)
    told = {event.post.id for event in events if isinstance(event, Upsert)}
    assert {f"new{number}" for number in range(130)} <= told


@pytest.mark.parametrize(("days", "gap"), [(1, False), (6.9, False), (9, True)])
def test_a_week_of_silence_is_a_gap(server: GooglePlayServer, days: float, gap: bool) -> None:
    now = NOW
    listener = GooglePlayListener(server.key(), server.base_url, packages=[APP], clock=lambda: now)
    server.review("1")
    _, cursor = pulled(listener)
    now += timedelta(days=days)
    events, cursor = pulled(listener, cursor)
    gaps = [event for event in events if isinstance(event, Gap)]
    assert gaps == ([Gap("googleplay", NOW, now - timedelta(days=7), gaps[0].reason)] if gap else [])
    assert not [event for event in pulled(listener, cursor)[0] if isinstance(event, Gap)]
    listener.close()


def test_a_quiet_app_that_is_asked_often_has_no_gap(server: GooglePlayServer) -> None:
    now = NOW
    listener = GooglePlayListener(server.key(), server.base_url, packages=[APP], clock=lambda: now)
    server.review("1")
    _, cursor = pulled(listener)
    for _ in range(4):
        now += timedelta(days=5)
        events, cursor = pulled(listener, cursor)
        assert not [event for event in events if isinstance(event, Gap)]
    listener.close()


def test_a_page_that_google_forgot_is_reached_from_the_top_again(
    server: GooglePlayServer, listener: GooglePlayListener
) -> None:
    for number in range(150):
        server.review(f"r{number}")
    first = next(iter(listener.pull(APP, None, Budget())))
    server.stale_tokens = True
    with pytest.raises(Transient):
        list(listener.pull(APP, first.cursor_after, Budget()))
    server.stale_tokens = False
    events, _ = pulled(listener, first.cursor_after)
    assert {event.post.id for event in events} | {
        event.post.id for event in first.events if isinstance(event, Upsert)
    } == {f"r{number}" for number in range(150)}


def test_a_broken_cursor_is_told(listener: GooglePlayListener) -> None:
    with pytest.raises(BadInput):
        list(listener.pull(APP, {"asked": "soon"}, Budget()))


def test_a_budget_in_requests_is_kept(server: GooglePlayServer, listener: GooglePlayListener) -> None:
    for number in range(350):
        server.review(f"r{number}")
    list(listener.pull(APP, None, Budget(max_cost=2)))
    assert len([request for request in server.requests if request.path != "/token"]) == 2


def test_verify_claims_nothing_of_what_google_may_no_longer_show(
    server: GooglePlayServer, listener: GooglePlayListener
) -> None:
    server.review("there")
    recent, old = "2026-11-03T00:00:00+00:00", "2026-10-20T00:00:00+00:00"
    known = [
        Known("there", {"app_id": APP, "modified_at": recent}),
        Known("gone", {"app_id": APP, "modified_at": recent}),
        Known("old", {"app_id": APP, "modified_at": old}),
        Known("other", {"app_id": "com.other.app", "modified_at": recent}),
        Known("bare", {}),
    ]
    assert list(listener.verify(known)) == [Delete("googleplay", "gone", NOW)]


def test_verify_deletes_nothing_when_the_app_is_no_longer_shown(
    server: GooglePlayServer, listener: GooglePlayListener
) -> None:
    server.every = Fault(status=404)
    with pytest.raises(Permanent):
        list(listener.verify([Known("1", {"app_id": APP, "modified_at": NOW.isoformat()})]))
