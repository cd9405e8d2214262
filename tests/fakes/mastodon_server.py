"""A server that speaks the Mastodon API over a real socket, with faults to switch on.

with MastodonServer() as server:
    server.post("1", "<p>hello</p>")
    server.faults.append(Fault(status=503))
    MastodonListener(server.base_url)
    server.tell("update", status)  # to everybody who listens to a stream
"""

import json
import queue
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from tests.fakes.server import FakeServer, Fault, Reply, Request, _Handler

__all__ = ["Fault", "MastodonServer"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)


class MastodonServer(FakeServer):
    """Statuses live in `statuses`, newest last. `streams` are the open streams; a server without them has None."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.link_header = True
        self.ignores_paging = False
        self.tokens: set[str] | None = None
        self.page_limit = 40
        self.instance: dict[str, Any] = {"domain": "home.example", "configuration": {"urls": {}}}
        self.account_scope = True
        self.streams: list[_Stream] | None = []
        self.stream_type = "text/event-stream"
        self.published: dict[str, dict[str, Any]] = {}
        self.accounts = [self.account()]
        self.notifications: list[dict[str, Any]] = []
        self._posted = 0

    def __enter__(self) -> Self:
        super().__enter__()
        answering: Any = self._server.RequestHandlerClass
        self._server.RequestHandlerClass = type("Handler", (_StreamingHandler, answering), {})
        return self

    def tell(self, name: str, payload: Any) -> None:
        """An event for every open stream; a text is sent as it is."""
        data = payload if isinstance(payload, str) else json.dumps(payload)
        self.send(f"event: {name}\ndata: {data}\n\n".encode())

    def send(self, sent: bytes | None) -> None:
        """Bytes for every open stream, of which each sees its end with None."""
        for stream in self.streams or []:
            stream.put(sent)

    def post(self, id_: str, content: str = "", **changes: Any) -> dict[str, Any]:
        """A new status, a minute after the last one; unknown fields of later versions included."""
        self._posted += 1
        status = {
            "id": id_,
            "uri": f"https://home.example/users/alice/statuses/{id_}",
            "url": f"https://home.example/@alice/{id_}",
            "created_at": (START + timedelta(minutes=self._posted)).isoformat().replace("+00:00", "Z"),
            "edited_at": None,
            "content": content or f"<p>post {id_} about #colis</p>",
            "spoiler_text": "",
            "visibility": "public",
            "language": "fr",
            "in_reply_to_id": None,
            "favourites_count": 3,
            "reblogs_count": 2,
            "replies_count": 1,
            "reblog": None,
            "media_attachments": [],
            "account": self.account(),
            "quote_approval": {"current_user": "denied", "automatic": ["public"]},
            "a_field_of_tomorrow": [{"deep": {"er": None}}],
            **changes,
        }
        self.statuses.append(status)
        return status

    def mention(self, status: dict[str, Any], **changes: Any) -> None:
        """Notify the brand's account of a status that names it; what is direct stands on no timeline."""
        if status["visibility"] == "direct":
            self.statuses.remove(status)
        told = {"id": f"5{len(self.notifications):03}", "type": "mention", "created_at": status["created_at"]}
        self.notifications.append({**told, "account": status["account"], "status": status, **changes})

    @staticmethod
    def account(**changes: Any) -> dict[str, Any]:
        return {
            "id": "77",
            "acct": "alice@home.example",
            "uri": "https://home.example/users/alice",
            "url": "https://home.example/@alice",
            "display_name": "Alice",
            "note": "<p>Rennes &amp; pain</p>",
            "followers_count": 12,
            "created_at": "2019-03-01T00:00:00.000Z",
            "fields": [{"name": "web", "value": '<a href="https://alice.example">https://alice.example</a>'}],
            "bot": False,
            **changes,
        }

    def edit(self, id_: str, content: str) -> None:
        status = next(status for status in self.statuses if status["id"] == id_)
        status["content"] = content
        status["edited_at"] = (START + timedelta(days=1)).isoformat()

    def delete(self, id_: str) -> None:
        self.statuses = [status for status in self.statuses if status["id"] != id_]
        self.deleted.add(id_)

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if self.tokens is not None and (request.token or "").removeprefix("Bearer ") not in self.tokens:
            return Reply({"error": "The access token was revoked"}, 401)
        if request.method == "POST" and request.path == "/api/v1/statuses":
            return self._publish(request)
        if request.path == "/api/v2/search" and request.query.get("resolve") == "true":
            return self._resolve(request.query)
        status, body, headers = self._answer(request.path, request.query)
        return Reply(body, status, headers)

    def _publish(self, request: Request) -> Reply:
        """A status of the brand's account; the same key within an hour gives the same status."""
        key, told = request.headers.get("idempotency-key", ""), json.loads(request.body)
        parent = told.get("in_reply_to_id")
        if parent is not None and parent not in {status["id"] for status in self.statuses}:
            return Reply({"error": "Record not found"}, 404)
        if not key or key not in self.published:
            number = f"9{len(self.published)}"
            uri = f"https://home.example/users/brand/statuses/{number}"
            self.published[key or number] = self.post(
                number, f"<p>{told['status']}</p>", uri=uri, in_reply_to_id=parent, visibility=told["visibility"],
                account=self.account(id="1", acct="brand", uri="https://home.example/users/brand"),
            )  # fmt: skip
        return Reply(self.published[key])

    def _resolve(self, query: dict[str, str]) -> Reply:
        asked = query["q"]
        statuses = [status for status in self.statuses if asked in (status["uri"], status["url"])]
        accounts = [one for one in self.accounts if asked in (one["uri"], one["url"], f"@{one['acct']}")]
        return Reply({"accounts": accounts, "statuses": statuses, "hashtags": []})

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/api/v1/timelines/"):
            return self._timeline(path, query)
        if path == "/api/v2/search":
            return self._search(query)
        if path == "/api/v1/notifications":
            newest_first = list(reversed(self.notifications))
            below = self._below(newest_first, query["max_id"]) if "max_id" in query else newest_first
            return 200, below[: self.page_limit], {}
        if path.startswith("/api/v1/statuses/"):
            return self._status(path.rpartition("/")[2])
        if path.rstrip("/") in ("/api/v1/instance", "/api/v2/instance"):
            return 200, self.instance, {}
        if path == "/api/v1/accounts/verify_credentials" and self.account_scope:
            return 200, self.account(acct="brand"), {}
        if path == "/api/v1/accounts/verify_credentials":
            return 403, {"error": "This action is outside the authorized scopes"}, {}
        if path == "/api/v1/apps/verify_credentials":
            return 200, {"name": "vigie", "website": None}, {}
        return 404, {"error": "Record not found"}, {}

    def _timeline(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        newest_first = list(reversed(self.statuses))
        if "max_id" in query and not self.ignores_paging:
            newest_first = self._below(newest_first, query["max_id"])
        page = newest_first[: min(int(query.get("limit", 20)), self.page_limit)]
        headers = {}
        if self.link_header and page:
            link = f'<{self.base_url}{path}?min_id={page[0]["id"]}>; rel="prev"'
            if len(newest_first) > len(page):
                link = f'<{self.base_url}{path}?limit=40&max_id={page[-1]["id"]}>; rel="next", ' + link
            headers["Link"] = link
        return 200, page, headers

    @staticmethod
    def _below(newest_first: list[dict[str, Any]], max_id: str) -> list[dict[str, Any]]:
        ids = [status["id"] for status in newest_first]
        return newest_first[ids.index(max_id) + 1 :] if max_id in ids else []

    def _search(self, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        found = [status for status in reversed(self.statuses) if query["q"].lower() in status["content"].lower()]
        start = 0 if self.ignores_paging else int(query.get("offset", 0))
        page = found[start : start + self.page_limit]
        return 200, {"accounts": [], "hashtags": [], "statuses": page}, {}

    def _status(self, id_: str) -> tuple[int, Any, dict[str, str]]:
        for status in self.statuses:
            if status["id"] == id_:
                return 200, status, {}
        return 404, {"error": "Record not found"}, {}


class _Stream(queue.SimpleQueue[bytes | None]):
    """What one listener to a stream is told; `left` once it went away."""

    left = False


class _StreamingHandler(_Handler):
    """Streams as chunks, everything else as before."""

    fake: MastodonServer

    def do_GET(self) -> None:  # noqa: N802  the name is http.server's
        path = self.path.partition("?")[0]
        if not path.startswith("/api/v1/streaming/") or self.fake.streams is None:
            super().do_GET()
            return
        request = Request("GET", self.path, {}, {name.lower(): value for name, value in self.headers.items()})
        self.fake.requests.append(request)
        fault, right = self.fake.fault_for(request), self.fake.answer(request)
        status = right.status if right.status == 401 else fault.status
        if status != 200 or fault.delay_seconds:
            self._send(fault, status, b"{}", fault.headers)
            return
        self.close_connection = True
        stream = _Stream()
        self.fake.streams.append(stream)
        self._stream(stream)

    def _stream(self, stream: _Stream) -> None:
        head = f"Content-Type: {self.fake.stream_type}\r\nTransfer-Encoding: chunked\r\n"
        self.wfile.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
        self._chunk(b":)\n")
        try:
            while not self.fake._stop.is_set():
                try:
                    sent = stream.get(timeout=0.02)
                except queue.Empty:
                    self._still_there()
                    continue
                if sent is None:
                    return
                self._chunk(sent)
        except OSError:
            stream.left = True

    def _still_there(self) -> None:
        self.connection.setblocking(False)
        try:
            if self.connection.recv(1) == b"":
                raise ConnectionResetError
        except BlockingIOError:
            pass
        finally:
            self.connection.setblocking(True)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()
