"""Replies before real servers: snac2 for Mastodon, Bluesky's own for Bluesky. Once each, and what the network then shows.

Only with VIGIE_TEST_SNAC=1, VIGIE_TEST_ATPROTO=1: they fetch the servers (tests/fakes/snac.py, tests/fakes/atproto/).
snac 2.75 has no Idempotency-Key. Bluesky's servers for tests have no chat.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mastodon import Mastodon

from domain.message import OutgoingMessage
from listeners.base import Budget
from listeners.mastodon.listener import MastodonListener
from routing.channels.base import Channel, Gone
from tests.fakes.atproto.servers import PASSWORD, AtprotoServers
from tests.fakes.networks import channel, message
from tests.fakes.snac import Snac, Unavailable, find_snac

TEXT = "Bonjour, dites-nous en privé qui vous êtes : https://care.example.org/c/abc {{7*7}} @bob <b>👍</b>"
POST = "app.bsky.feed.post"
PATIENCE_SECONDS = 30.0

on_snac = pytest.mark.skipif(not os.environ.get("VIGIE_TEST_SNAC"), reason="a real server (snac2): VIGIE_TEST_SNAC=1")
on_atproto = pytest.mark.skipif(
    not os.environ.get("VIGIE_TEST_ATPROTO"), reason="Bluesky's own servers: VIGIE_TEST_ATPROTO=1"
)


def hand_over(by: Channel, told: OutgoingMessage) -> str:
    with by.stage(told) as staged:
        return staged.hand_over().provider_id


# --- Mastodon ----------------------------------------------------------------------------------------


@pytest.fixture
def snac(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Snac]:
    try:
        program = find_snac(request.config.cache.mkdir("snac"))
    except Unavailable as error:
        pytest.skip(str(error))
    with Snac(program, tmp_path / "snac", ["alice", "bob", "brand"]) as server:
        yield server


def person(server: Snac, name: str) -> Mastodon:
    return Mastodon(api_base_url=server.base_url, access_token=server.token(name))


@pytest.fixture
def brand(snac: Snac, tmp_path: Path) -> Channel:
    return channel("mastodon", tmp_path, {"T": snac.token("brand")}, base_url=snac.base_url, token_env="T")


def heard(server: Snac, name: str) -> list[Any]:
    with_token = MastodonListener(server.base_url, server.token(name))
    try:
        batches = list(with_token.pull("#colis", None, Budget()))
        return [event.post for batch in batches for event in batch.events]  # type: ignore[union-attr]
    finally:
        with_token.close()


@on_snac
def test_a_reply_stands_under_the_post_on_a_real_server_and_only_bob_reads_what_is_for_bob(
    snac: Snac, brand: Channel
) -> None:
    brand.check()
    asked = person(snac, "alice").status_post("Où est mon #colis ?")
    [post] = heard(snac, "alice")
    told = {"post": {"handle": post.author.handle, "account": post.author.id, "attributes": post.attributes}}
    reply = message("mastodon", post.author.id, reply_to=post.id, body=TEXT, extra=told)
    uri = hand_over(brand, reply)

    def under() -> list[Any]:
        return list(person(snac, "alice").status_context(asked.id).descendants)

    wait_for(lambda: bool(under()))
    below = under()
    assert [(status.uri, status.account.username, status.in_reply_to_id) for status in below] == [
        (uri, "brand", asked.id)
    ]
    assert "{{7*7}}" in below[0].content
    assert "https://care.example.org/c/abc" in below[0].content
    assert re.findall(r"href=\"([^\"]*)\" class=\"u-url mention\"", below[0].content) == [f"{snac.base_url}/alice"]

    secret = message("mastodon", "bob", body="Pour Bob seul. @alice")
    direct = hand_over(brand, secret)
    seen = {name: person(snac, name) for name in ("alice", "bob")}

    def told_of(name: str) -> list[str]:
        return [note.status.uri for note in seen[name].notifications() if note.type == "mention"]

    wait_for(lambda: direct in told_of("bob"))
    assert direct not in told_of("alice")


@on_snac
def test_a_deleted_post_on_a_real_server_is_answered_by_nothing(snac: Snac, brand: Channel, tmp_path: Path) -> None:
    told = {"attributes": {"instance": f"localhost:{snac.port}", "instance_id": "0" * 32}}
    gone = message("mastodon", "x", reply_to=f"{snac.base_url}/alice/p/1", extra={"post": told})
    with pytest.raises(Gone):
        hand_over(brand, gone)


# --- Bluesky -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtprotoServers]:
    with AtprotoServers(tmp_path_factory.mktemp("atproto")) as running:
        yield running


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.2)


@on_atproto
def test_a_reply_stands_in_the_thread_on_bluesky_once_however_often_it_is_handed_over(
    servers: AtprotoServers, tmp_path: Path
) -> None:
    suffix = f"-{time.monotonic_ns() % 10**7:x}"
    alice, own = servers.client(f"alice{suffix}"), servers.client(f"brand{suffix}")
    did = str(alice.export_session_string().split(":::")[1])
    at = alice.get_current_time_iso()
    record = {"$type": POST, "text": "Où est mon colis ?", "createdAt": at, "langs": ["fr"]}
    uri = str(alice.com.atproto.repo.create_record({"repo": did, "collection": POST, "record": record}).uri)
    wait_for(lambda: bool(alice.app.bsky.feed.get_posts({"uris": [uri]}).posts))

    told = {"base_url": servers.pds, "handle": f"brand{suffix}.test", "password_env": "P"}
    brand = channel("bluesky", tmp_path, {"P": PASSWORD}, **told)
    brand.check()
    reply = message("bluesky", did, reply_to=uri, body=TEXT)
    assert brand.lookup(reply.id) is None
    first = hand_over(brand, reply)
    assert hand_over(brand, reply) == first
    assert brand.lookup(reply.id) is True

    def thread() -> Any:
        return alice.app.bsky.feed.get_post_thread({"uri": uri}).thread

    wait_for(lambda: bool(thread().replies))
    [below] = thread().replies
    assert below.post.uri == first
    assert below.post.author.handle == f"brand{suffix}.test"
    assert "{{7*7}}" in below.post.record.text
    assert below.post.record.reply.root.uri == uri
    links = [part.uri for facet in below.post.record.facets for part in facet.features]
    assert links == ["https://care.example.org/c/abc"]

    alice.delete_post(uri)
    wait_for(lambda: not alice.app.bsky.feed.get_posts({"uris": [uri]}).posts)
    with pytest.raises(Gone):
        hand_over(brand, replace(reply, id="another"))
    for client in (alice, own):
        client.request.close()
