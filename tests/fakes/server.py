"""A server on a real socket that answers JSON, with faults to switch on. Each network's fake derives from it.

class Pigeons(FakeServer):
    def answer(self, request):
        return Reply({"coos": self.coos})

with Pigeons() as server:
    server.faults.append(Fault(status=503))
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


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


@dataclass
class Request:
    """What was asked. `query` holds the last value of each name; header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def token(self) -> str | None:
        """What stands in `Authorization`."""
        return self.headers.get("authorization")


@dataclass
class Reply:
    """`body` is sent as JSON unless it is bytes already."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class FakeServer:
    """Every request is kept in `requests`. A fault of `faults` holds once, `every` for all.

    Requests to a path in `spared` (such as one that gives out tokens) take no fault.
    """

    spared: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.every: Fault | None = None
        self.requests: list[Request] = []
        self._stop = threading.Event()

    def __enter__(self) -> Self:
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
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host}"

    def answer(self, request: Request) -> Reply:
        """The right answer."""
        raise NotImplementedError

    def fault_for(self, request: Request) -> Fault:
        """What is to go wrong with this one."""
        if request.path in self.spared:
            return Fault()
        return self.faults.pop(0) if self.faults else self.every or Fault()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left before the answer is what the tests want."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        request = Request(self.command, parts.path, query, headers, body)
        self.fake.requests.append(request)
        fault, reply = self.fake.fault_for(request), self.fake.answer(request)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        content = fault.change(content) if fault.change else content
        content = content if fault.body is None else fault.body
        status = reply.status if fault.status == 200 else fault.status
        self._send(fault, status, content, {**reply.headers, **fault.headers})

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  the names are http.server's

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
