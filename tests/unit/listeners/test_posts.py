"""Rows of posts: what is taken, what is refused, and what the refusal says."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.post import Author, Delete, Post, Upsert
from listeners.posts import post_event
from listeners.values import BadRow


def row(**changes: Any) -> dict[str, Any]:
    return {"network": "x", "id": "1", "text": "Colis perdu", "created_at": "2026-11-02T10:00:00Z", **changes}


def post(**changes: Any) -> Post:
    event = post_event(row(**changes))
    assert isinstance(event, Upsert)
    return event.post


def refusal(**changes: Any) -> str:
    with pytest.raises(BadRow) as caught:
        post_event(row(**changes))
    return str(caught.value)


def test_a_whole_row() -> None:
    told = {"id": 12, "handle": "ana", "name": "Ana", "links": ["https://ana.example"], "followers": "7", "mood": "bad"}
    whole = post(
        url="https://x.com/1", lang="fr", edited_at="2026-11-02T11:00:00+0100", reply_to=5, conversation="4",
        likes=1, reposts="2", replies=3.0, author=told, campaign="autumn",
    )  # fmt: skip
    assert whole == Post(
        network="x",
        id="1",
        text="Colis perdu",
        created_at=datetime(2026, 11, 2, 10, tzinfo=UTC),
        author=Author("12", "ana", "Ana", links=("https://ana.example",), followers=7),
        url="https://x.com/1",
        lang="fr",
        edited_at=datetime(2026, 11, 2, 10, tzinfo=UTC),
        reply_to="5",
        conversation="4",
        likes=1,
        reposts=2,
        replies=3,
        attributes={"campaign": "autumn", "author": {"mood": "bad"}},
    )


def test_the_author_may_come_in_columns() -> None:
    columns = {"author.id": "9", "author.handle": "bo", "author.created_at": "2020-05-01", "author.mood": "sad"}
    told = post(**columns)
    assert told.author == Author("9", "bo", created_at=datetime(2020, 5, 1, tzinfo=UTC))
    assert told.attributes == {"author": {"mood": "sad"}}


def test_an_author_without_id_is_known_by_handle_and_without_either_is_no_account() -> None:
    assert post(author={"handle": "@bo"}).author == Author("@bo", "@bo")
    assert post(author='{"id": "3"}').author == Author("3")
    nameless = post(author={"name": "Bo"})
    assert nameless.author is None
    assert nameless.attributes == {"author": {"name": "Bo"}}


@pytest.mark.parametrize("written", [True, 1, "1", "true", "True", "TRUE", "yes", 1.0])
def test_a_deleted_post_is_a_deletion_and_needs_no_text(written: Any) -> None:
    event = post_event(row(text="", deleted=written, edited_at="2026-11-02T12:00:00Z"))
    assert event == Delete("x", "1", datetime(2026, 11, 2, 12, tzinfo=UTC))


@pytest.mark.parametrize("written", [False, 0, "0", "false", "", None, "no"])
def test_a_post_that_is_not_deleted_is_a_post(written: Any) -> None:
    assert post(deleted=written).text == "Colis perdu"


def test_a_repost_names_its_original() -> None:
    assert post(repost_of="77").repost_of == "77"
    assert post(repost_of="77").is_repost


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-02T10:00:00Z",
        "2026-11-02T10:00:00z",
        "2026-11-02 10:00:00Z",
        "2026-11-02T11:00:00+01:00",
        "2026-11-02T11:00:00+0100",
        "2026-11-02T11:00:00+01",
        "2026-11-02 11:00:00 +0100",
        "2026-11-02T10:00:00.000Z",
        "2026-11-02T10:00:00.000000000Z",
        "2026-11-02T10:00Z",
        "20261102T100000Z",
        datetime(2026, 11, 2, 10, tzinfo=UTC),
    ],
)
def test_times_in_every_usual_form(written: Any) -> None:
    assert post(created_at=written).created_at == datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2026-11-02T10:00:00", "has no time zone: '2026-11-02T10:00:00'"),
        (datetime(2026, 11, 2, 10), "has no time zone"),
        ("2026-11-02", "has a date and no time with zone"),
        ("1970-01-01T00:00:00Z", "not between 1990 and 2100"),
        ("2150-01-01T00:00:00Z", "not between 1990 and 2100"),
        ("2026-02-30T10:00:00Z", "is no ISO 8601 time"),
        ("2026-11-02T10:00:00+99:00", "is no ISO 8601 time"),
        ("yesterday", "is no ISO 8601 time"),
        (1762077600, "is no ISO 8601 time"),
        (None, "is missing"),
        ("", "is missing"),
    ],
)
def test_times_that_cannot_be(written: Any, reason: str) -> None:
    said = refusal(created_at=written)
    assert said.startswith("created_at ")
    assert reason in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": 1.5}, "id must be a string or a whole number, not a fraction (1.5)"),
        ({"id": 12.0}, "not a fraction (12.0)"),
        ({"id": True}, "not true or false"),
        ({"id": ""}, "id is missing"),
        ({"id": "x" * 501}, "at most 500"),
        ({"text": ""}, "text is empty"),
        ({"text": " \n"}, "text is empty"),
        ({"text": "a\x00b"}, "text holds a NUL character"),
        ({"text": "a\ud800b"}, "text holds half a character (lone surrogate \\ud800)"),
        ({"text": "a" * 100_001}, "text has 100,001 characters; at most 100,000 are taken"),
        ({"text": ["a"]}, "text must be a string"),
        ({"network": "mastodont"}, "network 'mastodont' is not known; nearest known: 'mastodon'"),
        ({"network": ""}, "network is missing"),
        ({"network": "qqqqqqq"}, "network 'qqqqqqq' is not known"),
        ({"likes": -1}, "likes must be a whole number, zero or more, not '-1'"),
        ({"likes": "many"}, "likes must be a whole number"),
        ({"likes": 10**19}, "likes must be a whole number"),
        ({"deleted": "perhaps"}, "deleted must be true or false, not 'perhaps'"),
        ({"author": "Ana"}, "author must be an object"),
        ({"author": [1]}, "author must be an object"),
        ({"author": {"id": 1.5}}, "author.id must be"),
        ({"author": {"id": "1", "name": "\x00"}}, "author.name holds a NUL character"),
        ({"extra": {"deep": {"er": "\udfff"}}}, "extra.deep.er holds half a character"),
        ({"extra": b"bytes"}, "extra holds bytes"),
    ],
)
def test_a_bad_value_is_refused_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(**changes)


def test_depth_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    assert "nested deeper than 32" in refusal(extra=deep)


@pytest.mark.parametrize(("written", "stored"), [("Twitter", "x"), (" X ", "x"), ("App Store", "app_store")])
def test_networks_are_normalised(written: str, stored: str) -> None:
    assert post(network=written).network == stored


def test_an_address_that_no_browser_should_follow_stays_an_attribute() -> None:
    told = post(url="javascript:alert(1)")
    assert told.url is None
    assert told.attributes == {"url": "javascript:alert(1)"}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60, database=None)
@given(
    st.dictionaries(
        st.sampled_from(["network", "id", "text", "created_at", "author", "deleted", "likes", "url"]) | st.text(),
        ANY_JSON,
    )
)
def test_any_row_is_taken_or_refused_never_anything_else(changes: dict[str, Any]) -> None:
    with suppress(BadRow):
        assert isinstance(post_event(row(**changes)), Upsert | Delete)
