"""What a delivery must show, and what it says."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domain.brand import Brand
from domain.errors import BadInput, Misconfigured
from domain.post import Batch, Delete, Upsert
from listeners.base import Around, Budget
from listeners.values import BadRow
from listeners.webhook.listener import Door, WebhookListener, WebhookSettings
from listeners.webhook.signature import is_genuine
from tests.fakes.trustpilot_server import TrustpilotServer
from tests.fakes.webhook_sender import PLAIN_SECRET, SECRET, hmac_of, signed

NOW = datetime(2026, 11, 4, tzinfo=UTC)
BODY = b'{"id": "1"}'


def listener(**door: Any) -> WebhookListener:
    return WebhookListener(Door(**{"name": "vendor", "secret_env": "S", **door}), SECRET)


def read(told: Any, **door: Any) -> Batch:
    return listener(**door).read(json.dumps(told).encode(), NOW)


def reviews(*events: Any) -> Batch:
    return read({"events": list(events)}, format="trustpilot")


def event(what: str, **review: Any) -> dict[str, Any]:
    return {"eventName": f"service-review-{what}", "version": "1", "eventData": review}


# --- who sent it ---------------------------------------------------------------------------------


def test_each_scheme_takes_its_own_signature_and_no_other() -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(PLAIN_SECRET.encode()).decode()}
    plain = {"X-Signature": hmac_of(BODY).hex()}
    given = {"standard": signed(BODY), "hmac-sha256": plain, "basic": basic}
    secrets = {"standard": SECRET, "hmac-sha256": PLAIN_SECRET, "basic": PLAIN_SECRET}
    for scheme, secret in secrets.items():
        for other, headers in given.items():
            assert is_genuine(scheme, secret, "x-signature", BODY, headers) is (scheme == other), (scheme, other)  # type: ignore[arg-type]


def test_a_body_that_was_changed_on_its_way_is_not_genuine() -> None:
    assert not is_genuine("standard", SECRET, "", BODY + b" ", signed(BODY))
    assert not is_genuine("hmac-sha256", PLAIN_SECRET, "x-s", BODY + b" ", {"x-s": hmac_of(BODY).hex()})


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed() -> None:
    headers = signed(BODY)
    headers["webhook-signature"] = f"v1,{base64.b64encode(b'x' * 32).decode()} {headers['webhook-signature']}"
    assert is_genuine("standard", SECRET, "", BODY, headers)


def test_an_old_delivery_is_not_taken_again() -> None:
    assert not is_genuine("standard", SECRET, "", BODY, signed(BODY, late=timedelta(hours=1)))


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [("standard", "not base64 at all!"), ("basic", "care:short"), ("standard", "whsec_" + "=" * 20)],
)
def test_a_secret_that_is_none_is_told(scheme: Any, secret: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        is_genuine(scheme, secret, "", BODY, {})
    assert secret not in str(caught.value)


# --- what it says --------------------------------------------------------------------------------


def test_one_post_or_several_come_in_the_shape_of_a_files_rows() -> None:
    row = {"id": 7, "text": "Colis perdu", "created_at": "2026-11-02T10:00:00Z", "author": {"id": "a"}, "rating": 1}
    for told in (row, [row]):
        batch = read(told, network="Review")
        [found] = batch.events
        assert isinstance(found, Upsert)
        assert (found.post.network, found.post.id, found.post.attributes) == ("review", "7", {"rating": 1})
        assert batch.complete
        assert found.raw is not None
        assert WebhookListener.remap(json.loads(json.dumps(found.raw))) == found.post
    assert isinstance(read({**row, "deleted": True}, network="review").events[0], Delete)
    assert read(row).rejected[0].reason == "network is missing"
    assert read([]).events == []


def test_a_review_says_who_when_what_and_how_many_stars() -> None:
    review = TrustpilotServer().review("r1", referenceId="HR1", consumer={"id": "c1", "name": "Camille"})
    [found] = reviews(event("created", **review)).events
    assert isinstance(found, Upsert)
    post = found.post
    assert (post.network, post.id, post.text) == ("trustpilot", "r1", "post r1\n\nColis jamais reçu.")
    assert post.author is not None
    assert (post.author.id, post.author.name) == ("c1", "Camille")
    assert {"rating": 1, "reference": "HR1", "verified": True, "title": "post r1"}.items() <= post.attributes.items()
    assert found.raw is not None
    assert WebhookListener.remap(found.raw) == post


def test_a_deleted_review_is_gone_since_when_it_says_or_now() -> None:
    batch = reviews(event("deleted", id="r1"), event("deleted", id="r2", deletedAt="2026-11-03T10:00:00Z"))
    assert batch.events == [
        Delete("trustpilot", "r1", NOW),
        Delete("trustpilot", "r2", datetime(2026, 11, 3, 10, tzinfo=UTC)),
    ]


def test_events_of_other_kinds_are_passed_over() -> None:
    other = {"eventName": "product-review-created", "eventData": {"id": "p"}}
    batch = reviews(other, {"eventName": 7}, {}, event("created", id="r", createdAt="2026-11-02T10:00:00Z", stars=1))
    assert (batch.events, batch.rejected) == ([], [])


@pytest.mark.parametrize(
    "bad",
    ["x", None, 7, event("deleted"), {"eventName": "service-review-deleted"}, {"eventName": "service-review-created", "eventData": []},
     event("created", id="r", text="x"), event("created", text="x", createdAt="2026-11-02T10:00:00Z"),
     event("created", id=["r"], text="x", createdAt="2026-11-02T10:00:00Z")],
)  # fmt: skip
def test_a_bad_event_is_rejected_alone(bad: Any) -> None:
    batch = reviews(bad, event("deleted", id="good"))
    assert [found.id for found in batch.events if isinstance(found, Delete)] == ["good"]
    assert batch.rejected[0].reason


@pytest.mark.parametrize("body", [b"", b"x", b"[" * 100_000, b"\xff", b"1" * 5000])
def test_a_body_of_which_nothing_can_be_read_is_told(body: bytes) -> None:
    with pytest.raises(BadInput):
        listener().read(body, NOW)
    with pytest.raises(BadInput):
        listener(format="trustpilot").read(b"[]", NOW)


def test_a_stored_deletion_draws_no_post() -> None:
    with pytest.raises(BadRow):
        WebhookListener.remap(
            {"row": {"network": "forum", "id": "1", "deleted": True, "created_at": "2026-11-02T10:00:00Z"}}
        )
    with pytest.raises(BadRow):
        WebhookListener.remap({"id": "r", "createdAt": "2026-11-02T10:00:00Z"})


# --- settings ------------------------------------------------------------------------------------


def around(brand: str = "hirondelle", **secrets: str) -> Around:
    return Around(Brand(id=brand), lambda: NOW, secrets.get, Path)


def test_every_door_of_the_brand_is_known_and_nothing_is_pulled_from_it() -> None:
    doors = [{"name": "a", "secret_env": "S"}, {"name": "b", "secret_env": "S", "brand": "mesange"}]
    settings = WebhookSettings.model_validate({"doors": doors})
    [source] = WebhookListener.sources(settings, around(S=SECRET))
    assert (source.name, source.query, source.listener.check()) == ("webhook a", "a", "waits at /api/v1/hooks/a")
    assert list(source.listener.pull("a", None, Budget())) == []
    assert list(source.listener.verify([])) == []
    assert list(WebhookListener.sources(WebhookSettings(), around())) == []
    with pytest.raises(Misconfigured, match="variable S of door 'a'"):
        list(WebhookListener.sources(settings, around()))


@pytest.mark.parametrize(
    "doors",
    [
        [{"name": "a", "secret_env": "S"}, {"name": "a", "secret_env": "T"}],
        [{"name": "../a", "secret_env": "S"}],
        [{"name": "a"}],
        [{"name": "a", "secret_env": "S", "network": "nosuch"}],
        [{"name": "a", "secret_env": "S", "secret": "x"}],
    ],
)
def test_doors_that_cannot_be_are_refused(doors: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate({"doors": doors})
