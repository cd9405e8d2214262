"""What a question of a Stack Exchange site says, and how its limits are kept."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import Misconfigured, Permanent, Transient
from domain.post import Batch, Upsert
from listeners.base import Around, Budget, Known
from listeners.query import parse_query
from listeners.stackexchange.listener import StackExchangeListener, StackExchangeSettings
from listeners.stackexchange.posts import post_of
from listeners.values import BadRow
from listeners.waits import wait_in_body
from tests.fakes.server import Fault
from tests.fakes.stackexchange_server import SITE, StackExchangeServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[StackExchangeServer]:
    with StackExchangeServer() as running:
        yield running


@pytest.fixture
def now() -> list[datetime]:
    """The clock; a test may move it."""
    return [NOW]


@pytest.fixture
def listener(server: StackExchangeServer, now: list[datetime]) -> Iterator[StackExchangeListener]:
    made = StackExchangeListener(SITE, None, StackExchangeSettings(base_url=server.base_url), clock=lambda: now[0])
    yield made
    made.close()


def question(**changes: Any) -> dict[str, Any]:
    return {**StackExchangeServer().post(1, "<p>It is <b>late</b></p>"), **changes}


def test_a_question_keeps_its_link_its_licence_and_its_author() -> None:
    post = post_of(question(last_edit_date=1793786400), "stackoverflow")
    assert post.id == "stackoverflow:1"
    assert post.text == "Where is my parcel & who has it?\n\nIt is late"
    assert post.url == "https://parcels.example/questions/1/where"
    assert post.edited_at == datetime(2026, 11, 4, 10, tzinfo=UTC)
    assert post.author is not None
    assert (post.author.id, post.author.name) == ("stackoverflow:77", "Al & Co")
    assert post.attributes["content_license"] == "CC BY-SA 4.0"
    assert post.attributes["author_name"] == "Al & Co"
    assert (post.likes, post.replies) == (3, 2)


def test_an_account_that_is_gone_is_only_a_name() -> None:
    post = post_of(question(owner={"user_type": "does_not_exist", "display_name": "user77"}), "s")
    assert post.author is None
    assert post.attributes["author_name"] == "user77"


@pytest.mark.parametrize(
    "changes",
    [{"question_id": None}, {"creation_date": None}, {"creation_date": "soon"}, {"creation_date": 12}, {"body": []},
     {"body": "x" * 100_001}, {"title": "\x00"}, {"last_edit_date": True}],
)  # fmt: skip
def test_values_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        post_of(question(**changes), "s")


@pytest.mark.parametrize("name", ["score", "tags", "owner", "link", "answer_count", "closed_reason"])
@pytest.mark.parametrize("value", [None, -3, "many", [], {"a": None}, [None, 3]])
def test_unknown_values_beside_the_point_break_nothing(name: str, value: Any) -> None:
    assert post_of(question(**{name: value}), "s").id == "s:1"


# --- limits ----------------------------------------------------------------------------------------


def pulled(listener: StackExchangeListener) -> tuple[list[Batch], Transient | None]:
    batches = []
    try:
        for batch in listener.pull("parcel", None, Budget()):
            batches.append(batch)  # noqa: PERF402  what was yielded before the error counts
    except Transient as error:
        return batches, error
    return batches, None


def test_backoff_ends_the_pull_after_its_page(server: StackExchangeServer, listener: StackExchangeListener) -> None:
    server.backoff = 10
    for number in range(1, 151):
        server.post(number)
    batches, error = pulled(listener)
    assert [len(batch.events) for batch in batches] == [100]
    assert error is not None
    assert error.retry_after == 10


def test_within_its_backoff_a_method_is_not_asked(
    server: StackExchangeServer, listener: StackExchangeListener, now: list[datetime]
) -> None:
    server.post(1)
    server.backoff = 10
    pulled(listener)
    now[0] += timedelta(seconds=4)
    batches, error = pulled(listener)
    assert (batches, error and error.retry_after) == ([], 6)
    assert len(server.requests) == 1
    assert list(listener.verify([Known(f"{SITE}:1")])) == [], "another method may be asked"
    now[0] += timedelta(seconds=7)
    server.backoff = None
    assert pulled(listener)[1] is None


def test_a_quota_that_is_used_up_ends_the_pull(server: StackExchangeServer, listener: StackExchangeListener) -> None:
    server.post(1)
    server.quota = 0
    batches, error = pulled(listener)
    assert len(batches) == 1
    assert error is not None
    assert error.retry_after == 3600


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"error_id": 502, "error_name": "throttle_violation", "error_message": "available in 30 seconds"}', 30),
        (b'{"error_id": 502, "error_message": "more requests available in 17524 seconds"}', 3600),
        (b'{"error_id": 502, "error_message": "Violation of backoff parameter", "backoff": 20}', 20),
        (b'{"error_id": 503}', 60),
    ],
)
def test_a_throttled_question_says_when_to_come_back(
    server: StackExchangeServer, listener: StackExchangeListener, body: bytes, seconds: float
) -> None:
    server.every = Fault(status=400, body=body)
    _, error = pulled(listener)
    assert error is not None
    assert error.retry_after == seconds


def test_a_refused_key_pauses_the_site_and_is_not_told(server: StackExchangeServer) -> None:
    server.keys = {"another"}
    made = StackExchangeListener(SITE, "k3y", StackExchangeSettings(base_url=server.base_url))
    with pytest.raises(Permanent, match="error 405") as caught:
        pulled(made)
    assert "k3y" not in str(caught.value)
    made.close()


def test_a_request_costs_one_and_the_budget_holds(server: StackExchangeServer, listener: StackExchangeListener) -> None:
    for number in range(1, 351):
        server.post(number)
    assert len(list(listener.pull("parcel", None, Budget(max_cost=2)))) == 2
    assert list(listener.pull("parcel", None, Budget(max_cost=0))) == []
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"backoff": 10}, 10),
        ({"backoff": "10.5"}, 10.5),
        ({"retry_after": 99999}, 3600),
        ({"extras": {"wait_seconds": 7}}, 7),
        ({"backoff": -5}, None),
        ({"backoff": True}, None),
        ({"backoff": [3], "extras": 4}, None),
        ({"backoff": float("nan")}, None),
        (b'{"extras": {"wait_seconds": 7}}', 7),
        (b"[" * 100_000, None),
        (b"<html>", None),
        (None, None),
    ],
)
def test_a_body_says_how_long_to_wait(body: Any, seconds: float | None) -> None:
    assert wait_in_body(body, NOW) == seconds


# --- what is asked ---------------------------------------------------------------------------------


def test_a_hundred_questions_of_one_second_lose_none(
    server: StackExchangeServer, listener: StackExchangeListener
) -> None:
    server.seconds_apart = 0
    for number in range(1, 251):
        server.post(number)
    batches, _ = pulled(listener)
    told = [event.post.id for batch in batches for event in batch.events if isinstance(event, Upsert)]
    assert sorted(told) == sorted(f"{SITE}:{number}" for number in range(1, 251))


def test_an_answer_to_an_old_question_shows_it_again(
    server: StackExchangeServer, listener: StackExchangeListener
) -> None:
    server.post(1)
    for number in range(2, 103):
        server.post(number)
    batches, _ = pulled(listener)
    server.edit(1, "an old one", datetime(2026, 11, 3, tzinfo=UTC))
    [batch] = listener.pull("parcel", batches[-1].cursor_after, Budget(max_requests=1))
    first = batch.events[0]
    assert isinstance(first, Upsert)
    assert first.post.text.startswith("an old one")


def test_other_sites_questions_are_left_to_their_listener(
    server: StackExchangeServer, listener: StackExchangeListener
) -> None:
    server.post(1)
    known = [Known("other:1"), Known(f"{SITE}:1"), Known(f"{SITE}:2"), Known(f"{SITE}:x;3")]
    assert [gone.id for gone in listener.verify(known)] == [f"{SITE}:2"]


@pytest.mark.parametrize(
    "body", [b'{"items": [], "has_more": true}', b'{"items": [{"post_id": 9}]}', b'{"items": []}', b"{}"]
)
def test_an_answer_that_is_not_the_sites_deletes_nothing(
    server: StackExchangeServer, listener: StackExchangeListener, body: bytes
) -> None:
    server.every = Fault(body=body)
    with pytest.raises(Transient):
        list(listener.verify([Known(f"{SITE}:1")]))


def sources(*queries: str, secret: str | None = None, **settings: Any) -> list[Any]:
    around = Around(Brand(), lambda: NOW, lambda _: secret, Path, tuple(map(parse_query, queries)), parse_query)
    return list(StackExchangeListener.sources(StackExchangeSettings.model_validate(settings), around))


def test_every_site_is_asked_every_question() -> None:
    assert sources("colis") == []
    found = sources("colis OR parcel", sites=["a.stackexchange", "b.stackexchange"])
    assert [(each.name, each.query) for each in found] == [
        ("stackexchange:a.stackexchange", "colis"),
        ("stackexchange:a.stackexchange", "parcel"),
        ("stackexchange:b.stackexchange", "colis"),
        ("stackexchange:b.stackexchange", "parcel"),
    ]
    assert {(each.account, each.cost_a_day) for each in found} == {("stackexchange", 270)}


def test_a_key_is_a_larger_quota_and_must_be_there_where_it_is_named() -> None:
    [source] = sources("colis", sites=["stackoverflow"], key_env="KEY", secret="k3y")
    assert source.cost_a_day == 9_000
    with pytest.raises(Misconfigured, match="KEY is not set"):
        sources("colis", sites=["stackoverflow"], key_env="KEY")


@pytest.mark.parametrize("site", ["", "a/b", "stack overflow", "x" * 100])
def test_what_is_no_site_is_named(site: str) -> None:
    with pytest.raises(Misconfigured):
        StackExchangeListener(site)


def test_check_says_what_is_left_of_the_quota(listener: StackExchangeListener) -> None:
    assert listener.check() == "answers; 9876 of 10000 requests left today"
