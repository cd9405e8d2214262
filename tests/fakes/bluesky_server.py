"""A Bluesky server that speaks XRPC over a real socket: sessions, search, posts and profiles by their ids.

with BlueskyServer() as server:
    server.post("3k1", "colis perdu")
    server.faults.append(Fault(status=503))
    BlueskyListener(server.base_url)
"""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes.server import FakeServer, Fault, Reply, Request

__all__ = ["BlueskyServer", "Fault"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
ALICE, BRAND = "did:plc:alicealicealicealicealice", "did:plc:brandbrandbrandbrandbrand"
CHAT = "did:web:api.bsky.chat#bsky_chat"
OPEN = ("com.atproto.repo.getRecord", "com.atproto.identity.resolveHandle")
HANDLE, PASSWORD = "brand.example", "abcd-efgh-ijkl-mnop"


def uri_of(rkey: str, did: str = ALICE) -> str:
    return f"at://{did}/app.bsky.feed.post/{rkey}"


def _jwt(**claims: Any) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signature"))


class BlueskyServer(FakeServer):
    """Posts live in `posts`, newest last. Nobody needs to sign in where `signed_out` holds; then only the first
    page is shown. `blocked` are accounts whose posts the signed-in one is not shown."""

    spared = ("/xrpc/com.atproto.server.createSession", "/xrpc/com.atproto.server.refreshSession")

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []
        self.blocked: set[str] = set()
        self.gone_accounts: set[str] = set()
        self.password: str | None = PASSWORD
        self.signed_out = False
        self.ignores_paging = False
        self.page_limit = 100
        self.session_seconds = 7200.0
        self.logins = self.refreshes = 0
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self.records: dict[str, dict[str, Any]] = {}
        self.chats: list[dict[str, Any]] = []
        self.chat_refusal = ""
        self._posted = self._tokens = 0
        self._asked = threading.local()

    def __enter__(self) -> Self:
        """Requests keep the last value of each name; what is asked for by several ids needs all of them."""
        super().__enter__()
        asked = self._asked

        class Handler(self._server.RequestHandlerClass):  # type: ignore[name-defined, misc]
            def do_GET(self) -> None:  # noqa: N802  the name is http.server's
                asked.query = parse_qs(urlsplit(self.path).query)
                super().do_GET()

            do_POST = do_GET  # noqa: N815

        self._server.RequestHandlerClass = Handler
        return self

    # --- what happens on the network ---------------------------------------------------------------

    def post(self, rkey: str, text: str | None = None, did: str = ALICE, **changes: Any) -> dict[str, Any]:
        """A new post, a minute after the last one; unknown fields of later versions included."""
        self._posted += 1
        at = (START + timedelta(minutes=self._posted)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        view = {
            "uri": uri_of(rkey, did),
            "cid": f"bafyrei{rkey}",
            "author": self.author(did),
            "record": {
                "$type": "app.bsky.feed.post",
                "text": f"post {rkey} about colis" if text is None else text,
                "createdAt": at,
                "langs": ["fr"],
                "via": "a program of tomorrow",
            },
            "replyCount": 1,
            "repostCount": 2,
            "likeCount": 3,
            "quoteCount": 0,
            "indexedAt": at,
            "labels": [],
            "viewer": {"bookmarked": False, "a_field_of_tomorrow": {"deep": [None]}},
            **changes,
        }
        self.posts.append(view)
        return view

    @staticmethod
    def author(did: str = ALICE, **changes: Any) -> dict[str, Any]:
        return {
            "did": did,
            "handle": "alice.example",
            "displayName": "Alice",
            "avatar": "https://cdn.example/alice",
            "associated": {"chat": {"allowIncoming": "all"}},
            "createdAt": "2024-02-06T16:00:00.000Z",
            "labels": [],
            **changes,
        }

    def edit(self, rkey: str, text: str) -> None:
        """The server shows the new text, and not when it was written."""
        view = next(view for view in self.posts if view["uri"] == uri_of(rkey))
        view["record"] = {**view["record"], "text": text}
        view["cid"] += "-2"

    def delete(self, rkey: str) -> None:
        self.posts = [view for view in self.posts if view["uri"] != uri_of(rkey)]

    def expire(self) -> None:
        """All access tokens are over; refresh tokens hold."""
        self._access.clear()

    def revoke(self) -> None:
        """The app password is deleted, and every session with it."""
        self.password = None
        self._access.clear()
        self._refresh.clear()

    # --- answers -----------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        method = request.path.removeprefix("/xrpc/")
        answers = {
            "com.atproto.server.createSession": self._create_session,
            "com.atproto.server.refreshSession": self._refresh_session,
            "com.atproto.server.getSession": self._get_session,
            "app.bsky.feed.searchPosts": self._search,
            "app.bsky.feed.getPosts": self._get_posts,
            "app.bsky.actor.getProfiles": self._get_profiles,
            "com.atproto.repo.putRecord": self._put_record,
            "com.atproto.repo.getRecord": self._get_record,
            "com.atproto.identity.resolveHandle": self._resolve_handle,
            "chat.bsky.convo.getConvoForMembers": self._conversation,
            "chat.bsky.convo.sendMessage": self._send_message,
        }
        if method not in answers:
            return Reply({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, 501)
        token = (request.token or "").removeprefix("Bearer ")
        if request.path not in BlueskyServer.spared and method not in OPEN:
            if not token and not self.signed_out:
                return _error(401, "AuthMissing", "Authentication Required")
            if token and token not in self._access:
                return _error(400, "ExpiredToken", "Token has expired")
        return answers[method](request)

    def _session(self) -> Reply:
        self._tokens += 1
        ends = (datetime.now(UTC) + timedelta(seconds=self.session_seconds)).timestamp()
        access = _jwt(scope="com.atproto.access", sub=BRAND, exp=int(ends), jti=str(self._tokens))
        refresh = _jwt(scope="com.atproto.refresh", sub=BRAND, exp=int(ends) + 10**6, jti=str(self._tokens))
        self._access.add(access)
        self._refresh.add(refresh)
        return Reply(
            {
                "did": BRAND,
                "handle": HANDLE,
                "accessJwt": access,
                "refreshJwt": refresh,
                "active": True,
                "emailConfirmed": True,
                "a_field_of_tomorrow": 1,
            }
        )

    def _create_session(self, request: Request) -> Reply:
        self.logins += 1
        asked = json.loads(request.body)
        if self.password is None or (asked["identifier"], asked["password"]) != (HANDLE, self.password):
            return _error(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session()

    def _refresh_session(self, request: Request) -> Reply:
        self.refreshes += 1
        token = (request.token or "").removeprefix("Bearer ")
        if token not in self._refresh:
            return _error(400, "ExpiredToken", "Token has been revoked")
        self._refresh.discard(token)
        return self._session()

    def _get_session(self, _: Request) -> Reply:
        return Reply({"did": BRAND, "handle": HANDLE, "active": True})

    def _search(self, request: Request) -> Reply:
        query = request.query
        if "cursor" in query and not request.token:
            return Reply(b"<html>Request forbidden by administrative rules.</html>", 403)
        words = query["q"].lower().split()
        found = [view for view in reversed(self.posts) if all(word in _words(view) for word in words)]
        start = 0 if self.ignores_paging else int(query.get("cursor", 0))
        page = found[start : start + min(int(query.get("limit", 25)), self.page_limit)]
        following = {"cursor": str(start + len(page))} if start + len(page) < len(found) else {}
        return Reply({"posts": page, "hitsTotal": len(found), **following}, headers=RATE)

    def _get_posts(self, _: Request) -> Reply:
        shown = [view for view in self.posts if view["uri"] in self._asked.query["uris"]]
        return Reply({"posts": [view for view in shown if view["author"]["did"] not in self._hidden]}, headers=RATE)

    def _put_record(self, request: Request) -> Reply:
        """A new record, or another one in the place of one."""
        asked = json.loads(request.body)
        if asked["repo"] != BRAND or len(asked["rkey"]) != 13 or "reply" not in asked["record"]:
            return _error(400, "InvalidRequest", "not a reply of this account")
        uri = uri_of(asked["rkey"], BRAND)
        self.records[uri] = asked["record"]
        return Reply({"uri": uri, "cid": f"bafyrei{asked['rkey']}", "validationStatus": "valid"})

    def _get_record(self, request: Request) -> Reply:
        uri = uri_of(request.query["rkey"], request.query["repo"])
        if uri not in self.records:
            return _error(400, "RecordNotFound", "Could not locate record")
        return Reply({"uri": uri, "value": self.records[uri]})

    def _resolve_handle(self, request: Request) -> Reply:
        if request.query["handle"] != "alice.example":
            return _error(400, "InvalidRequest", "Unable to resolve handle")
        return Reply({"did": ALICE})

    def _conversation(self, request: Request) -> Reply:
        if request.headers.get("atproto-proxy") != CHAT:
            return _error(501, "MethodNotImplemented", "XRPC Not Supported")
        if self.chat_refusal:
            return _error(400, self.chat_refusal, "recipient has disabled incoming messages")
        return Reply({"convo": {"id": f"with {request.query['members']}", "members": [], "unreadCount": 0}})

    def _send_message(self, request: Request) -> Reply:
        if request.headers.get("atproto-proxy") != CHAT:
            return _error(501, "MethodNotImplemented", "XRPC Not Supported")
        self.chats.append(json.loads(request.body))
        return Reply({"id": f"3k{len(self.chats)}", "rev": "1", "text": self.chats[-1]["message"]["text"]})

    @property
    def _hidden(self) -> set[str]:
        return self.blocked | self.gone_accounts

    def _get_profiles(self, _: Request) -> Reply:
        shown = [did for did in self._asked.query["actors"] if did not in self.gone_accounts]
        profiles = [{**self.author(did), "viewer": {"blockedBy": did in self.blocked}} for did in shown]
        return Reply({"profiles": profiles}, headers=RATE)


RATE = {"RateLimit-Limit": "3000", "RateLimit-Remaining": "2998", "RateLimit-Policy": "3000;w=300"}


def _words(view: dict[str, Any]) -> str:
    record = view["record"]
    return str(record.get("text") if isinstance(record, dict) else record).lower()


def _error(status: int, name: str, message: str) -> Reply:
    return Reply({"error": name, "message": message}, status)
