"""A server that speaks the part of the Hugging Face hub's API that gives out a model's files.

with HubServer({"acme/tone": folder}) as server:
    ...  # HF_ENDPOINT = server.base_url
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from tests.fakes.server import FakeServer, Reply, Request

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(FakeServer):
    """Models by name, each with one revision: `main`, the tag `v1` and its commit."""

    def __init__(self, models: Mapping[str, Path]) -> None:
        super().__init__()
        self.models = models

    def __enter__(self) -> Self:
        entered = super().__enter__()
        self._server.RequestHandlerClass.do_HEAD = _head
        return entered

    def answer(self, request: Request) -> Reply:
        """`/api/models/NAME/revision|tree/REVISION` and `/NAME/resolve/REVISION/FILE`."""
        parts = unquote(request.path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self._about("/".join(parts[2:4]), *parts[4:6])
        return self._file("/".join(parts[:2]), "/".join(parts[4:]))

    def _about(self, name: str, kind: str = "revision", revision: str = "main") -> Reply:
        if name not in self.models:
            return Reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", "v1", COMMIT):
            return Reply({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        files = self._files(name)
        if kind == "tree":
            return Reply([{"type": "file", "path": one, "size": len(data), "oid": _etag(data)} for one, data in files])
        told: dict[str, Any] = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": one} for one, _ in files]}
        return Reply(told)

    def _file(self, name: str, file: str) -> Reply:
        data = dict(self._files(name)).get(file)
        if data is None:
            return Reply({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(data)}"', "Content-Type": "application/octet-stream"}
        return Reply(data, 200, headers)

    def _files(self, name: str) -> list[tuple[str, bytes]]:
        folder = self.models[name]
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


def _head(handler: Any) -> None:
    """As GET, without a body."""
    handler.fake.requests.append(Request("HEAD", handler.path, {}, {}))
    reply = handler.fake.answer(handler.fake.requests[-1])
    size = len(reply.body) if isinstance(reply.body, bytes) else 0
    handler.send_response(reply.status)
    for name, value in {**reply.headers, "Content-Length": str(size)}.items():
        handler.send_header(name, value)
    handler.end_headers()


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
