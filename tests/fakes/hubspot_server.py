"""A server that speaks the part of HubSpot's CRM API that lists and searches contacts.

The list gives every property that it knows, whichever were asked for.

with HubSpotServer() as server:
    server.contact("101", firstname="Anne", email="anne@example.org")
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
PROPERTIES = frozenset(
    """address city email firstname hs_language hs_object_id lastmodifieddate lastname loyalty mobilephone phone
    zip""".split()
)
LIST_LIMIT, SEARCH_LIMIT, SEARCH_END = 100, 200, 10_000


def iso(moment: datetime) -> str:
    """As HubSpot writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class HubSpotServer(FakeServer):
    """Contacts live in `contacts` by id. `search_end` is how far a search may be paged."""

    def __init__(self, token: str = "pat-1") -> None:
        super().__init__()
        self.token = token
        self.contacts: dict[str, dict[str, Any]] = {}
        self.search_end = SEARCH_END
        self.clock = START

    def contact(self, id_: str, **properties: str) -> None:
        """A new contact, or a changed one; a minute after the last change."""
        self.clock += timedelta(minutes=1)
        old = self.contacts.get(id_, {"properties": {}})["properties"]
        self.contacts[id_] = {"properties": {**old, **properties}, "changed": self.clock, "archived": None}

    def archive(self, id_: str) -> None:
        """What a user's deletion does."""
        self.clock += timedelta(minutes=1)
        self.contacts[id_]["archived"] = self.clock

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return problem(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired")
        if request.method == "GET" and request.path == "/crm/v3/objects/contacts":
            return self._list(request)
        if request.method == "POST" and request.path == "/crm/v3/objects/contacts/search":
            return self._search(json.loads(request.body))
        return problem(404, "OBJECT_NOT_FOUND", "no such resource")

    def _list(self, request: Request) -> Reply:
        limit = int(request.query.get("limit", "10"))
        if limit > LIST_LIMIT:
            return problem(400, "VALIDATION_ERROR", "limit is at most 100")
        archived = request.query.get("archived", "false").lower() == "true"
        ids = sorted((id_ for id_, one in self.contacts.items() if bool(one["archived"]) == archived), key=int)
        later = [id_ for id_ in ids if int(id_) >= int(request.query.get("after", "0"))]
        wanted = sorted(PROPERTIES)
        body: dict[str, Any] = {"results": [self._object(id_, wanted) for id_ in later[:limit]]}
        if len(later) > limit:
            body["paging"] = {"next": {"after": later[limit], "link": "…"}}
        return Reply(body)

    def _search(self, body: dict[str, Any]) -> Reply:
        (condition,) = body["filterGroups"][0]["filters"]
        since = datetime.fromtimestamp(int(condition["value"]) / 1000, UTC)
        start, limit = int(body.get("after", 0)), int(body["limit"])
        if limit > SEARCH_LIMIT or start + limit > self.search_end:
            return problem(400, "VALIDATION_ERROR", "a search is paged up to 10,000 results")
        assert condition["operator"] == "GTE"
        living = [(one["changed"], id_) for id_, one in self.contacts.items() if not one["archived"]]
        found = [id_ for changed, id_ in sorted(living) if changed >= since]
        answer: dict[str, Any] = {
            "total": len(found),
            "results": [self._object(id_, body["properties"]) for id_ in found[start : start + limit]],
        }
        if start + limit < len(found):
            answer["paging"] = {"next": {"after": str(start + limit)}}
        return Reply(answer)

    def _object(self, id_: str, wanted: list[str]) -> dict[str, Any]:
        one = self.contacts[id_]
        known = {
            **dict.fromkeys(PROPERTIES),
            **one["properties"],
            "hs_object_id": id_,
            "lastmodifieddate": iso(one["changed"]),
        }
        told = {
            "id": id_,
            "properties": {name: known[name] for name in wanted if name in known},
            "createdAt": iso(START),
            "updatedAt": iso(one["changed"]),
            "archived": bool(one["archived"]),
        }
        return told | ({"archivedAt": iso(one["archived"])} if one["archived"] else {})


def problem(status: int, category: str, message: str) -> Reply:
    """As HubSpot words its errors."""
    return Reply({"status": "error", "message": message, "correlationId": "c-1", "category": category}, status)
