"""The networks' own channels before servers that speak their APIs: what is the same in every test of them.

with NETWORKS["mastodon"](tmp_path, secret) as bench:
    hand_over(bench.channel, bench.reply)
    bench.arrived()
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.message import OutgoingMessage
from routing.channels.base import Channel, Surroundings, find_channels
from tests.fakes import bluesky_server
from tests.fakes.appstore_server import AppStoreServer, private_key
from tests.fakes.bluesky_server import BlueskyServer
from tests.fakes.googleplay_server import GooglePlayServer
from tests.fakes.mastodon_server import MastodonServer
from tests.fakes.server import FakeServer, Fault
from tests.fakes.trustpilot_server import TrustpilotServer
from tests.fakes.x_server import XServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
TEXT = "Bonjour, pour vous aider : https://care.example.org/c/abcdefghijklmnop (72 h)."


@dataclass(frozen=True)
class Bench:
    """A channel before a server, the same one where nothing works, and messages that it takes.

    `direct` is one to an account alone, None where the network knows none.
    """

    channel: Channel
    broken: Channel
    server: Any
    reply: OutgoingMessage
    direct: OutgoingMessage | None = None
    posted_to: tuple[str, ...] = ()

    def arrived(self) -> list[bytes]:
        """The bodies of the requests that posted something."""
        asked = [request for request in self.server.requests if request.method == "POST"]
        return [request.body for request in asked if request.path.startswith(self.posted_to)]


def message(channel: str, address: str, **changes: Any) -> OutgoingMessage:
    """A message with a text that every network takes."""
    told: dict[str, Any] = {
        "id": "0b5f0f0e-1111-5222-8333-444455556666",
        "brand_id": "hirondelle",
        "case_id": "1",
        "channel": channel,
        "address": address,
        "language": "fr",
        "subject": "",
        "body": TEXT,
        "sender_name": "Hirondelle",
        "headers": (("Date", "Wed, 04 Nov 2026 09:30:00 +0000"),),
        **changes,
    }
    return OutgoingMessage(**told)


def reply(channel: str, post: str, account: str, handle: str = "", **attributes: Any) -> OutgoingMessage:
    """A public reply to a post."""
    told = {"account": account, "handle": handle, "attributes": attributes}
    return message(channel, account or post, reply_to=post, extra={"post": told})


def channel(name: str, tmp_path: Path, secrets: dict[str, str], **settings: Any) -> Channel:
    """A channel as the settings make it."""
    kind = find_channels()[name]
    around = Surroundings(lambda: NOW, lambda path: tmp_path / path, secret=secrets.get)
    return kind.make(kind.Settings(on=True, **settings), around)  # type: ignore[call-arg]


@contextmanager
def mastodon(tmp_path: Path, secret: str) -> Iterator[Bench]:
    def made(server: FakeServer) -> Channel:
        return channel("mastodon", tmp_path, {"TOKEN": secret}, base_url=server.base_url, token_env="TOKEN")

    with MastodonServer() as server, MastodonServer() as broken:
        broken.every = Fault(status=503)
        server.tokens = {secret}
        post = server.post("1", "<p>Mon #colis ?</p>")
        yield Bench(
            made(server), made(broken), server,
            reply(
                "mastodon", post["uri"], post["account"]["uri"], "alice@home.example",
                instance=server.host, instance_id="1",
            ),
            message("mastodon", "alice@home.example"),
            ("/api/v1/statuses",),
        )  # fmt: skip


@contextmanager
def bluesky(tmp_path: Path, secret: str) -> Iterator[Bench]:
    def made(server: FakeServer) -> Channel:
        told = {"base_url": server.base_url, "handle": bluesky_server.HANDLE, "password_env": "PASSWORD"}
        return channel("bluesky", tmp_path, {"PASSWORD": secret}, **told)

    with BlueskyServer() as server, BlueskyServer() as broken:
        broken.every, broken.spared = Fault(status=503), ()
        server.password = secret
        post = server.post("3k1aaaaaaaaaa", "Mon colis ?")
        yield Bench(
            made(server), made(broken), server,
            reply("bluesky", post["uri"], bluesky_server.ALICE, "alice.example"),
            message("bluesky", bluesky_server.ALICE),
            ("/xrpc/com.atproto.repo.putRecord", "/xrpc/chat.bsky.convo.sendMessage"),
        )  # fmt: skip


@contextmanager
def x(tmp_path: Path, secret: str) -> Iterator[Bench]:
    names = ("api_key_env", "api_secret_env", "token_env", "token_secret_env")

    def made(server: XServer) -> Channel:
        server.keys = (*server.keys[:3], secret)
        secrets = dict(zip(map(str.upper, names), server.keys, strict=True))
        return channel("x", tmp_path, secrets, base_url=server.base_url, **{name: name.upper() for name in names})

    with XServer() as server, XServer() as broken:
        broken.every = Fault(status=429)
        post = server.post("one", "@hirondelle mon colis ?")
        yield Bench(
            made(server), made(broken), server,
            reply("x", post["id"], "77", "alice", reply_allowed=True),
            message("x", "77"),
            ("/2/tweets", "/2/dm_conversations"),
        )  # fmt: skip


@contextmanager
def googleplay(tmp_path: Path, secret: str) -> Iterator[Bench]:
    def made(server: GooglePlayServer, **changes: str) -> Channel:
        key = json.dumps({**server.key(), **changes})
        return channel("googleplay", tmp_path, {"KEY": key}, base_url=server.base_url, key_env="KEY")

    with GooglePlayServer() as server, GooglePlayServer() as broken:
        broken.every, broken.spared = Fault(status=503), ()
        server.review("gp:1", "Ne démarre pas")
        told = {"app_id": server.package, "modified_at": "2026-11-03T10:00:00+00:00"}
        where = f"/androidpublisher/v3/applications/{server.package}/reviews/"
        yield Bench(made(server), made(broken), server, reply("googleplay", "gp:1", "", **told), None, (where,))


@contextmanager
def appstore(tmp_path: Path, secret: str) -> Iterator[Bench]:
    def made(server: AppStoreServer) -> Channel:
        told = {"key_id": server.key_id, "issuer_id": server.issuer_id, "key_env": "KEY"}
        return channel("appstore", tmp_path, {"KEY": private_key()}, base_url=server.base_url, **told)

    with AppStoreServer() as server, AppStoreServer() as broken:
        broken.every = Fault(status=503)
        server.review("00000001", "Ne démarre pas")
        told = {"app_id": server.app}
        where = ("/v1/customerReviewResponses",)
        yield Bench(made(server), made(broken), server, reply("appstore", "00000001", "", **told), None, where)


@contextmanager
def trustpilot(tmp_path: Path, secret: str) -> Iterator[Bench]:
    def made(server: TrustpilotServer) -> Channel:
        server.api_secret = secret
        names = {"api_key_env": "KEY", "api_secret_env": "SECRET", "business_user_id": "u1"}
        return channel(
            "trustpilot", tmp_path, {"KEY": server.api_key, "SECRET": secret}, base_url=server.base_url, **names
        )

    with TrustpilotServer() as server, TrustpilotServer() as broken:
        broken.every = Fault(status=503)
        server.review("53bffd36")
        yield Bench(
            made(server), made(broken), server, reply("trustpilot", "53bffd36", "c53bffd36"), None, ("/v1/private/",)
        )


NETWORKS: dict[str, Callable[[Path, str], AbstractContextManager[Bench]]] = {
    "appstore": appstore,
    "bluesky": bluesky,
    "googleplay": googleplay,
    "mastodon": mastodon,
    "trustpilot": trustpilot,
    "x": x,
}
