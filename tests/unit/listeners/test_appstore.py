"""What a review of the App Store says, how tokens are signed, and what is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import Misconfigured, Permanent, Transient
from domain.post import Delete, Upsert
from listeners.appstore.listener import AppStoreKey, AppStoreListener, AppStoreSettings
from listeners.appstore.reviews import Told, review_post
from listeners.base import Around, Budget, Known
from listeners.values import BadRow
from tests.fakes.appstore_server import AppStoreServer, private_key
from tests.fakes.server import Fault

NOW = datetime(2026, 11, 4, tzinfo=UTC)
APP = AppStoreServer.app


@pytest.fixture
def server() -> Iterator[AppStoreServer]:
    with AppStoreServer() as running:
        yield running


@pytest.fixture
def listener(server: AppStoreServer) -> Iterator[AppStoreListener]:
    key = AppStoreKey(private_key(), server.key_id, server.issuer_id)
    made = AppStoreListener(key, server.base_url, apps=[APP], clock=lambda: NOW)
    yield made
    made.close()


def review(**changes: Any) -> dict[str, Any]:
    return {
        "review": AppStoreServer().review("00000028", **{"body": "ne démarre plus", **changes}),
        "response": None,
        "app_id": APP,
    }


def posts(listener: AppStoreListener, cursor: Any = None) -> dict[str, Any]:
    events = [event for batch in listener.pull(APP, cursor, Budget()) for event in batch.events]
    return {event.post.id: event.post for event in events if isinstance(event, Upsert)}


# --- what a review says ------------------------------------------------------------------------------


def test_a_review_is_a_post_without_an_author_because_a_nickname_is_no_id() -> None:
    post = review_post(review(title="Nul", createdDate="2017-11-15T08:10:34-08:00"))
    assert (post.network, post.id, post.text) == ("appstore", "00000028", "Nul\n\nne démarre plus")
    assert (post.author, post.lang, post.edited_at) == (None, None, None)
    assert post.created_at == datetime(2017, 11, 15, 16, 10, 34, tzinfo=UTC)
    assert post.attributes == {
        "app_id": APP,
        "title": "Nul",
        "rating": 2,
        "author_name": "Anne Johnson",
        "territory": "FRA",
    }


def test_the_developer_s_answer_leaves_its_time(server: AppStoreServer, listener: AppStoreListener) -> None:
    server.review("1")
    server.review("2")
    server.answer_review("1", "sorry", datetime(2026, 11, 3, tzinfo=UTC))
    told = posts(listener)
    assert told["1"].attributes["answered_at"] == "2026-11-03T00:00:00+00:00"
    assert "answered_at" not in told["2"].attributes


@pytest.mark.parametrize("stars", [0, 6, "5", 4.5, True, None])
def test_a_rating_that_is_none_is_left_out(stars: Any) -> None:
    assert "rating" not in review_post(review(rating=stars)).attributes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": None, "body": " "}, "title and body are missing"),
        ({"createdDate": None}, "createdDate is missing"),
        ({"createdDate": "2026-11-02"}, "no time with zone"),
        ({"title": ["x"]}, "must be text"),
        ({"body": "\ud800"}, "surrogate"),
    ],
)
def test_a_review_that_is_none_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        review_post(review(**changes))


@pytest.mark.parametrize(
    "told", [None, 3, [], {}, {"id": "1"}, {"id": "1", "attributes": []}, {"id": [], "attributes": {}}]
)
def test_an_item_that_is_no_review_is_kept_with_its_reason(told: Any) -> None:
    page = Told([told], None, APP)
    assert page.events == []
    assert page.rejected[0].reason


@pytest.mark.parametrize(
    "included",
    [
        3,
        [None, 3, {"type": "customerReviewResponses"}],
        [{"type": "customerReviewResponses", "id": "a", "attributes": {"lastModifiedDate": "soon"}}],
        [{"type": "customerReviewResponses", "id": "a", "attributes": {"responseBody": "\x00"}}],
        [{"type": "customerReviewResponses", "id": "a", "attributes": []}],
    ],
)
def test_answers_that_nobody_can_read_cost_no_review(included: Any) -> None:
    told = AppStoreServer().review("1")
    told["relationships"] = {"response": {"data": {"id": "a"}}}
    [event] = Told([told], included, APP).events
    assert "answered_at" not in event.post.attributes


# --- tokens ------------------------------------------------------------------------------------------


def test_tokens_are_signed_for_less_than_twenty_minutes(server: AppStoreServer, listener: AppStoreListener) -> None:
    assert listener.check() == "answers"
    assert server.claims["iss"] == server.issuer_id
    assert server.claims["exp"] - server.claims["iat"] == 15 * 60


def test_an_individual_key_speaks_for_its_user(server: AppStoreServer) -> None:
    listener = AppStoreListener(AppStoreKey(private_key(), server.key_id), server.base_url, apps=[APP])
    assert listener.check() == "answers"
    assert server.claims["sub"] == "user"
    listener.close()


def test_a_key_that_apple_does_not_know_is_told(server: AppStoreServer) -> None:
    listener = AppStoreListener(AppStoreKey(private_key(), "OTHER", server.issuer_id), server.base_url, apps=[APP])
    with pytest.raises(Permanent, match="refuses"):
        listener.check()
    listener.close()


def around(**changes: Any) -> Around:
    told: dict[str, Any] = {"brand": object(), "now": lambda: NOW, "secret": {}.get, "path": Path, **changes}
    return Around(**told)


def test_the_key_comes_from_a_file_or_a_variable(server: AppStoreServer, tmp_path: Path) -> None:
    (tmp_path / "AuthKey.p8").write_text(private_key())
    known: dict[str, Any] = {"apps": (APP,), "key_id": server.key_id, "issuer_id": server.issuer_id}
    by_file = AppStoreSettings(**known, key_file="AuthKey.p8", base_url=server.base_url)
    by_variable = AppStoreSettings(**known, key_env="APPLE", base_url=server.base_url)
    secrets = {"APPLE": private_key().replace("\n", "\\n")}  # as a variable of one line holds it
    for settings in (by_file, by_variable):
        [source] = AppStoreListener.sources(settings, around(path=tmp_path.joinpath, secret=secrets.get))
        assert source.query == APP
        assert source.listener.check() == "answers"
        source.listener.close()


@pytest.mark.parametrize("key", ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_told(key: str) -> None:
    settings = AppStoreSettings(apps=(APP,), key_id="2X9R4HXF34", key_env="APPLE")
    with pytest.raises(Misconfigured, match="private key"):
        list(AppStoreListener.sources(settings, around(secret={"APPLE": key}.get)))


@pytest.mark.parametrize("settings", [{}, {"key_id": "X"}, {"key_file": "x"}, {"key_id": "X", "key_file": "gone.p8"}])
def test_an_access_that_is_not_whole_is_told(settings: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"listeners\.appstore"):
        list(AppStoreListener.sources(AppStoreSettings(apps=(APP,), **settings), around()))


def test_it_is_off_until_an_app_is_named() -> None:
    assert list(AppStoreListener.sources(AppStoreSettings(), around())) == []


@pytest.mark.parametrize("app", ["com.example.app", "id682658836", "", "682658836/../x"])
def test_a_name_that_is_no_app_is_refused(app: str) -> None:
    with pytest.raises(ValidationError):
        AppStoreSettings(apps=(app,))


# --- what is asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1"])
def test_a_next_page_on_another_server_is_not_followed(
    server: AppStoreServer, listener: AppStoreListener, host: str
) -> None:
    server.next_host = host
    for number in range(250):
        server.review(f"r{number}")
    with pytest.raises(Transient, match="not its own"):
        list(listener.pull(APP, None, Budget()))


@pytest.mark.parametrize("link", [b"3", b"[]", b'"x"', b'"//["'])
def test_a_next_page_that_is_no_address_is_not_followed(
    server: AppStoreServer, listener: AppStoreListener, link: bytes
) -> None:
    server.every = Fault(body=b'{"data": [], "links": {"next": ' + link + b"}}")
    with pytest.raises(Transient, match="not its own"):
        list(listener.pull(APP, None, Budget()))


def test_a_page_that_apple_forgot_is_reached_from_the_top_again(
    server: AppStoreServer, listener: AppStoreListener
) -> None:
    for number in range(250):
        server.review(f"r{number}")
    first = next(iter(listener.pull(APP, None, Budget())))
    server.stale_links = True
    with pytest.raises(Transient):
        list(listener.pull(APP, first.cursor_after, Budget()))
    server.stale_links = False
    assert len(posts(listener, first.cursor_after)) == 250


def test_the_last_requests_of_an_hour_are_left_to_others(server: AppStoreServer, listener: AppStoreListener) -> None:
    for number in range(450):
        server.review(f"r{number}")
    server.left = 3
    with pytest.raises(Transient) as caught:
        list(listener.pull(APP, None, Budget()))
    assert caught.value.retry_after == 600
    assert len(server.requests) == 1


def test_a_new_agreement_is_told(server: AppStoreServer, listener: AppStoreListener) -> None:
    body = b'{"errors": [{"status": "403", "code": "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"}, 3]}'
    server.every = Fault(status=403, body=body)
    with pytest.raises(Permanent, match="agreement"):
        listener.check()


def test_verify_tells_what_is_gone(server: AppStoreServer, listener: AppStoreListener) -> None:
    server.review("there")
    known = [Known("there", {"app_id": APP}), Known("gone", {"app_id": APP}), Known("other", {"app_id": "1"})]
    assert list(listener.verify(known)) == [Delete("appstore", "gone", NOW)]


@pytest.mark.parametrize(("body", "kind"), [(b"<html>no such page", Transient), (None, Permanent)])
def test_verify_deletes_nothing_when_the_app_is_no_longer_shown(
    server: AppStoreServer, listener: AppStoreListener, body: bytes | None, kind: type[Exception]
) -> None:
    told = body or b'{"errors": [{"status": "404", "code": "NOT_FOUND"}]}'
    server.every = Fault(status=404, body=told)
    with pytest.raises(kind):
        list(listener.verify([Known("1", {"app_id": APP})]))
