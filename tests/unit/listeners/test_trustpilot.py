"""What a review on Trustpilot says, and what the listener asks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import Misconfigured, Permanent, Transient
from domain.post import Delete, Post
from listeners.base import Around, Budget, Known
from listeners.trustpilot.listener import TrustpilotListener, TrustpilotSettings, read_reviews
from listeners.trustpilot.reviews import review_post
from listeners.values import BadRow
from tests.fakes.server import Fault
from tests.fakes.trustpilot_server import UNIT, TrustpilotServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


def post(**changes: Any) -> Post:
    found = review_post({**TrustpilotServer().review("r1"), **changes})
    assert found is not None
    return found


@pytest.fixture
def server() -> Iterator[TrustpilotServer]:
    with TrustpilotServer() as running:
        yield running


@pytest.fixture
def listener(server: TrustpilotServer) -> Iterator[TrustpilotListener]:
    made = TrustpilotListener("a-token", server.base_url, units=[UNIT], clock=lambda: NOW)
    yield made
    made.close()


def test_a_review_is_a_post_with_its_stars() -> None:
    found = post(updatedAt="2026-11-03T10:00:00.000Z", companyReply={"text": "Bonjour", "createdAt": "x"})
    assert (found.id, found.text, found.lang) == ("r1", "post r1\n\nColis jamais reçu.", "fr")
    assert found.url == "https://www.trustpilot.com/reviews/r1"
    assert found.edited_at == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert found.author is not None
    assert (found.author.id, found.author.name, found.author.location) == ("cr1", "Camille R.", "Rennes, FR")
    assert found.attributes == {"title": "post r1", "rating": 1, "verified": True, "answered": True}


@pytest.mark.parametrize(
    ("stars", "rating"), [(5, 5), (1.0, 1), ("3", 3), (0, None), (9, None), (True, None), ("x", None), (None, None)]
)
def test_stars_that_are_none_are_left_out(stars: Any, rating: int | None) -> None:
    assert post(stars=stars).attributes.get("rating") == rating


def test_values_of_tomorrow_break_nothing() -> None:
    odd = {"language": None, "updatedAt": 7, "consumer": "x", "isVerified": "yes", "referenceId": {"a": 1}}
    found = post(**odd, status="fancy")
    assert (found.author, found.edited_at, found.lang) == (None, None, None)
    assert set(found.attributes) == {"title", "rating"}


def test_stars_without_words_are_no_post() -> None:
    assert review_post({**TrustpilotServer().review("r1"), "title": "", "text": " "}) is None


@pytest.mark.parametrize(
    "changes",
    [{"id": None}, {"id": {}}, {"createdAt": None}, {"createdAt": "soon"}, {"text": ["x"]}, {"text": "a\x00b"}],
)
def test_a_bad_review_is_rejected_alone(changes: dict[str, Any]) -> None:
    server = TrustpilotServer()
    events, rejected = read_reviews([server.review("1"), {**server.review("2"), **changes}, 7, server.review("3")])
    assert [event.post.id for event in events] == ["1", "3"]
    assert len(rejected) == 2
    with pytest.raises(BadRow):
        TrustpilotListener.remap({**server.review("2"), **changes})


def test_a_server_that_shows_fewer_a_page_than_asked_for_loses_nothing(
    server: TrustpilotServer, listener: TrustpilotListener
) -> None:
    server.page_limit = 3
    for number in range(8):
        server.review(str(number))
    heard = [event for batch in listener.pull(UNIT, None, Budget()) for event in batch.events]
    assert len(heard) == 8
    assert [request.query["page"] for request in server.requests] == ["1", "2", "3", "4"]
    assert {request.query["orderBy"] for request in server.requests} == {"createdat.desc"}
    assert all("a-token" not in str(request.query) + request.path for request in server.requests)


def test_nothing_is_taken_for_deleted_unless_the_brands_page_is_there(
    server: TrustpilotServer, listener: TrustpilotListener
) -> None:
    assert list(listener.verify([Known("gone")])) == [Delete("trustpilot", "gone", NOW)]
    server.review("here")
    assert list(listener.verify([Known("here")])) == []
    server.every = Fault(status=404, body=b"{}")
    with pytest.raises(Permanent):
        list(listener.verify([Known("here")]))
    server.every = Fault(status=503, body=b"{}")
    with pytest.raises(Transient):
        list(listener.verify([Known("here")]))


def test_check_asks_for_the_brands_page(server: TrustpilotServer, listener: TrustpilotListener) -> None:
    assert listener.check() == "answers"
    with pytest.raises(Permanent):
        TrustpilotListener("another", server.base_url, units=[UNIT]).check()


def around(brand: str = "hirondelle", **secrets: str) -> Around:
    return Around(Brand(id=brand), lambda: NOW, secrets.get, Path)


def test_units_are_heard_with_the_key_of_the_environment() -> None:
    settings = TrustpilotSettings(units=("u1", "u2"), api_key_env="KEY", brand="hirondelle")
    assert [source.query for source in TrustpilotListener.sources(settings, around(KEY="k"))] == ["u1", "u2"]
    assert list(TrustpilotListener.sources(settings, around("mesange", KEY="k"))) == []
    assert list(TrustpilotListener.sources(TrustpilotSettings(), around())) == []
    for secrets in ({}, {"KEY": " "}, {"KEY": "a\nb"}, {"KEY": "é"}):
        with pytest.raises(Misconfigured):
            list(TrustpilotListener.sources(settings, around(**secrets)))
