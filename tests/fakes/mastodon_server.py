"""A server that speaks the Mastodon API over a real socket, with faults to switch on.

with MastodonServer() as server:
    server.post("1", "<p>hello</p>")
    server.faults.append(Fault(status=503))
    MastodonListener(server.base_url)
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

START = datetime(2026, 11, 2, 10, tzinfo=UTC)


@dataclass
class Fault:
    """What the next answer does instead of being right; `change` edits the right body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    change: Callable[[bytes], bytes] | None = None
    delay_seconds: float = 0.0
    drip_seconds: float = 0.0
    drip_headers: bool = False


class MastodonServer:
    """Statuses live in `statuses`, newest last. Every request is kept in `requests`."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.faults: list[Fault] = []
        self.every: Fault | None = None
        self.requests: list[tuple[str, dict[str, str], str | None]] = []
        self.link_header = True
        self.ignores_paging = False
        self.tokens: set[str] | None = None
        self.page_limit = 40
        self._posted = 0
        self._stop = threading.Event()

    def __enter__(self) -> "MastodonServer":
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

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

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/api/v1/timelines/"):
            return self._timeline(path, query)
        if path == "/api/v2/search":
            return self._search(query)
        if path.startswith("/api/v1/statuses/"):
            return self._status(path.rpartition("/")[2])
        if path == "/api/v1/instance":
            return 200, {"uri": self.host, "version": "4.5.1", "urls": {}}, {}
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


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left before the answer is what the tests want."""


class _Handler(BaseHTTPRequestHandler):
    fake: MastodonServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        token = self.headers.get("Authorization")
        self.fake.requests.append((parts.path, query, token))
        fault = self.fake.faults.pop(0) if self.fake.faults else self.fake.every or Fault()
        status, answer, headers = self.fake.answer(parts.path, query)
        if self.fake.tokens is not None and (token or "").removeprefix("Bearer ") not in self.fake.tokens:
            status, answer = 401, {"error": "The access token was revoked"}
        body = json.dumps(answer).encode()
        body = fault.change(body) if fault.change else body
        body = body if fault.body is None else fault.body
        self._send(fault, status if fault.status == 200 else fault.status, body, {**headers, **fault.headers})

    def _send(self, fault: Fault, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.fake._stop.wait(fault.delay_seconds)
        head = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        start = f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode()
        try:
            if fault.drip_headers:
                self._drip(start, fault.drip_seconds)
            else:
                self.wfile.write(start)
            self._drip(body, 0 if fault.drip_headers else fault.drip_seconds)
        except OSError:
            self.close_connection = True

    def _drip(self, data: bytes, seconds: float) -> None:
        if not seconds:
            self.wfile.write(data)
            return
        for index in range(len(data)):
            if self.fake._stop.wait(seconds):
                return
            self.wfile.write(data[index : index + 1])
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is http.server's
        """Quiet."""
