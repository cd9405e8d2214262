"""Deliveries from outside: only the good ones get in, and however they come they come to the same."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from config.settings import Settings
from console.app import create_app
from storage.database import Database
from storage.listening import load_cursor
from storage.tables import PostRow, QuarantineRow
from tests.console import factories
from tests.console.harness import SETTINGS, Browser, Clock, Console
from tests.fakes.webhook_sender import PLAIN_SECRET, SECRET, hmac_of, signed

DOORS = [
    {"name": "vendor", "secret_env": "VENDOR_SECRET", "network": "forum", "brand": "hirondelle"},
    {"name": "reviews", "secret_env": "VENDOR_SECRET", "format": "trustpilot", "brand": "pelican"},
    {"name": "plain", "secret_env": "PLAIN_SECRET", "scheme": "hmac-sha256", "network": "forum", "brand": "hirondelle"},
    {"name": "basic", "secret_env": "PLAIN_SECRET", "scheme": "basic", "network": "forum", "brand": "hirondelle"},
    {"name": "nobodys", "secret_env": "VENDOR_SECRET", "network": "forum"},
    {"name": "secretless", "secret_env": "NO_SUCH_VARIABLE", "brand": "hirondelle"},
]
HOOKS = "/api/v1/hooks/"


@pytest.fixture
def console(database: Database, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("VENDOR_SECRET", SECRET)
    monkeypatch.setenv("PLAIN_SECRET", PLAIN_SECRET)
    with database.begin() as session:
        factories.brand(session)
        factories.brand(session, "pelican", "Pélican")
    settings = Settings.model_validate({**SETTINGS, "listeners": {"webhook": {"doors": DOORS}}})
    clock = Clock()
    return Console(database, create_app(database, settings, clock), clock)


@pytest.fixture
def sender(console: Console) -> Browser:
    return console.browser()


def row(id_: str = "1", text: str = "Colis perdu", **changes: Any) -> dict[str, Any]:
    return {"id": id_, "text": text, "created_at": "2026-11-16T08:00:00Z", **changes}


def deliver(sender: Browser, told: Any, door: str = "vendor", **headers: str) -> Response:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return sender.post(HOOKS + door, content=body, headers=headers or signed(body))


def stored(console: Console) -> dict[str, str | None]:
    with console.database.read() as session:
        return dict(session.execute(select(PostRow.native_id, PostRow.text)).all())


def review_event(what: str, **review: Any) -> dict[str, Any]:
    told = {"id": "r1", "stars": 1, "title": "Nul", "text": "Jamais reçu", "createdAt": "2026-11-15T10:00:00.000Z"}
    return {"events": [{"eventName": f"service-review-{what}", "version": "1", "eventData": {**told, **review}}]}


def test_a_signed_delivery_is_stored_and_says_what_it_changed(console: Console, sender: Browser) -> None:
    answer = deliver(sender, [row("1"), row("2", network="reddit")])
    assert answer.status_code == 202
    assert answer.json() == {"new": 2, "edited": 0, "deleted": 0, "same": 0, "late": 0, "rejected": 0}
    with console.database.read() as session:
        posts = {post.native_id: post for post in session.scalars(select(PostRow))}
        cursor = load_cursor(session, "hirondelle", "webhook vendor", "vendor")
    assert {id_: (post.network, post.brand_id) for id_, post in posts.items()} == {
        "1": ("forum", "hirondelle"),
        "2": ("reddit", "hirondelle"),
    }
    assert cursor is not None
    assert cursor.moved_at == factories.NOW


def test_delivered_again_it_changes_nothing(console: Console, sender: Browser) -> None:
    body = json.dumps(row()).encode()
    headers = signed(body)
    assert deliver(sender, body, **headers).json()["new"] == 1
    assert deliver(sender, body, **headers).json() == {
        **dict.fromkeys(("new", "edited", "deleted"), 0),
        "same": 1,
        "late": 0,
        "rejected": 0,
    }
    assert stored(console) == {"1": "Colis perdu"}


def test_bad_items_are_kept_with_their_reason_and_the_good_ones_go_in(console: Console, sender: Browser) -> None:
    answer = deliver(sender, [row("1"), "no post", {"id": "x"}, row("2", network="nosuch"), row("3")])
    assert (answer.json()["new"], answer.json()["rejected"]) == (2, 3)
    assert set(stored(console)) == {"1", "3"}
    with console.database.read() as session:
        assert len(set(session.scalars(select(QuarantineRow.reason)))) == 3


@pytest.mark.parametrize(
    "order", [("created", "updated", "deleted"), ("deleted", "updated", "created"), ("updated", "deleted", "created")]
)
def test_a_review_that_is_gone_stays_gone_in_whatever_order_it_is_told(
    console: Console, sender: Browser, order: tuple[str, ...]
) -> None:
    told = {
        "created": review_event("created"),
        "updated": review_event("updated", text="Enfin reçu", updatedAt="2026-11-15T12:00:00.000Z"),
        "deleted": {"events": [{"eventName": "service-review-deleted", "eventData": {"id": "r1"}}]},
    }
    for what in (*order, *order):
        assert deliver(sender, told[what], "reviews").status_code == 202
    assert stored(console) == {"r1": None}


def test_an_update_that_is_told_before_its_review_holds(console: Console, sender: Browser) -> None:
    deliver(sender, review_event("updated", text="Enfin reçu", updatedAt="2026-11-15T12:00:00.000Z"), "reviews")
    deliver(sender, review_event("created"), "reviews")
    assert stored(console) == {"r1": "Nul\n\nEnfin reçu"}
    with console.database.read() as session:
        post = session.scalars(select(PostRow)).one()
    assert (post.network, post.brand_id, post.attributes["rating"]) == ("trustpilot", "pelican", 1)


# --- who does not get in -------------------------------------------------------------------------

BODY = json.dumps(row()).encode()
OTHER = base64.b64encode(b"another secret of some length").decode()


@pytest.mark.parametrize(
    "wrong",
    [
        dict,
        lambda: signed(b"another body"),
        lambda: signed(BODY, OTHER),
        lambda: signed(BODY, late=timedelta(minutes=6)),
        lambda: signed(BODY, late=-timedelta(minutes=6)),
        lambda: {**signed(BODY), "webhook-id": "another"},
        lambda: {**signed(BODY), "webhook-timestamp": "soon"},
        lambda: {**signed(BODY), "webhook-signature": "v1"},
        lambda: {**signed(BODY), "webhook-signature": "v1,%%%"},
        lambda: {**signed(BODY), "webhook-signature": "v2,abcd"},
        lambda: {**signed(BODY), "webhook-signature": "v1,é"},
    ],
)
def test_without_the_right_signature_nothing_gets_in(console: Console, wrong: Callable[[], dict[str, str]]) -> None:
    coded = {name: value.encode("latin-1") for name, value in wrong().items()}
    answer = console.browser().post(HOOKS + "vendor", content=BODY, headers=coded)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401
    assert stored(console) == {}


def test_nobody_learns_which_doors_there_are(sender: Browser) -> None:
    here, nowhere = deliver(sender, row(), "vendor", a="b"), deliver(sender, row(), "nowhere", a="b")
    assert (here.status_code, here.json(), set(here.headers)) == (
        nowhere.status_code,
        nowhere.json(),
        set(nowhere.headers),
    )
    assert deliver(sender, row(), "nowhere").status_code == 401


def test_plain_hmac_is_taken_as_hex_and_as_base64(console: Console, sender: Browser) -> None:
    good = hmac_of(BODY)
    coded = base64.b64encode(good).decode()
    for signature in (good.hex(), good.hex().upper(), f"sha256={good.hex()}", coded, f"sha256={coded}"):
        assert deliver(sender, BODY, "plain", **{"X-Signature": signature}).status_code == 202, signature
    for signature in ("", "sha256=", good.hex()[:-2], hmac_of(b"x").hex(), "zz" * 32, "=" * 44, coded[:-4]):
        assert deliver(sender, BODY, "plain", **{"X-Signature": signature}).status_code in (401, 429), signature


def test_basic_credentials_are_for_senders_that_cannot_sign(sender: Browser) -> None:
    coded = base64.b64encode(PLAIN_SECRET.encode()).decode()
    assert deliver(sender, BODY, "basic", Authorization=f"Basic {coded}").status_code == 202
    assert deliver(sender, BODY, "basic", Authorization=f"Basic {coded[:-4]}").status_code == 401
    assert deliver(sender, BODY, "basic", Authorization=f"Bearer {coded}").status_code == 401


def test_who_does_not_stop_is_slowed_down_and_the_right_sender_is_not(console: Console, sender: Browser) -> None:
    statuses = [deliver(sender, row(), "vendor", a="b").status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert int(deliver(sender, row(), "vendor", a="b").headers["retry-after"]) > 0
    assert deliver(sender, row()).status_code == 202
    console.clock.forward(minutes=16)
    assert deliver(sender, row(), "vendor", a="b").status_code == 401


def test_a_delivery_may_have_a_megabyte_and_no_more(console: Console, sender: Browser) -> None:
    rows = [row(str(number), "x" * 90_000) for number in range(10)]
    assert deliver(sender, rows).json()["new"] == 10
    large = json.dumps([*rows, *rows]).encode()
    assert deliver(sender, large).status_code == 413
    assert deliver(sender, large).headers["content-type"] == "application/problem+json"
    parts = (large[start : start + 100_000] for start in range(0, len(large), 100_000))
    unannounced = sender.post(HOOKS + "vendor", content=parts, headers=signed(large))
    assert unannounced.status_code == 413
    assert len(stored(console)) == 10


@pytest.mark.parametrize("body", [b"", b"no json", b"[" * 100_000, b"\xff\xfe", b"1" * 5000, b'{"events": 1}'])
def test_what_is_no_delivery_is_told_so(console: Console, sender: Browser, body: bytes) -> None:
    coded = base64.b64encode(PLAIN_SECRET.encode()).decode()
    answer = deliver(sender, body, "basic", Authorization=f"Basic {coded}")
    assert (answer.status_code, answer.json().get("rejected")) in ((400, None), (202, 1))
    assert deliver(sender, b'{"events": {}}', "reviews").status_code == 400
    assert stored(console) == {}


def test_a_door_without_its_secret_or_brand_says_come_back_later(sender: Browser) -> None:
    for door in ("secretless", "nobodys"):
        answer = deliver(sender, row(), door)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "retry-after" in answer.headers


def test_a_session_neither_helps_nor_is_given(console: Console) -> None:
    agent = console.signed_in()
    assert deliver(agent, row(), "vendor", a="b").status_code == 401
    assert "set-cookie" not in deliver(console.browser(), row()).headers
    assert console.browser().get(HOOKS + "vendor").status_code == 405


def test_other_addresses_are_as_guarded_as_before(sender: Browser) -> None:
    for path in ("/sign-in", "/api/v1/hooks", "/api/v1/hooks/../../../sign-in", "/api/v1/other"):
        assert sender.post(path, content=BODY).status_code in (403, 404), path
