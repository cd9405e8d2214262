"""A server that speaks Hacker News's search (Algolia) and its API of items (Firebase).

with HackerNewsServer() as server:
    server.post("1", "the parcel is lost")
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
MOST_HITS = 1000
_BOUND = re.compile(r"created_at_i(<=|>=)(\d+)")


class HackerNewsServer(FakeServer):
    """Items live in `items`, newest last. `seconds_apart` is how far apart new ones are written."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []
        self.deleted: dict[int, Any] = {}
        self.ignores_paging = False
        self.seconds_apart = 30
        self.page_limit = 1000

    def post(self, number: int, text: str = "", **changes: Any) -> dict[str, Any]:
        """A new comment; unknown fields of later versions included."""
        written = START + timedelta(seconds=self.seconds_apart * len(self.items))
        item = {
            "objectID": str(number),
            "created_at": written.isoformat().replace("+00:00", "Z"),
            "created_at_i": int(written.timestamp()),
            "author": "alice",
            "comment_text": text or f"comment {number} about the parcel",
            "parent_id": 4001,
            "story_id": 4000,
            "story_title": "Parcels are late",
            "story_url": "https://news.example/parcels",
            "points": None,
            "children": [],
            "updated_at": "2026-11-03T00:00:00Z",
            "_tags": ["comment", "author_alice", "story_4000"],
            "_highlightResult": {"comment_text": {"value": "<em>comment</em>", "matchLevel": "full"}},
            "a_field_of_tomorrow": [{"deep": {"er": None}}],
            **changes,
        }
        self.items.append(item)
        return item

    def story(self, number: int, title: str, **changes: Any) -> dict[str, Any]:
        return self.post(
            number,
            title=title,
            comment_text=None,
            parent_id=None,
            story_id=number,
            points=7,
            num_comments=2,
            url="https://news.example/parcels",
            _tags=["story", "author_alice", f"story_{number}"],
            **changes,
        )

    def edit(self, number: int, text: str) -> None:
        self._item(number)["comment_text"] = text

    def delete(self, number: int, answer: Any = None) -> None:
        self.items.remove(self._item(number))
        self.deleted[number] = answer

    def _item(self, number: int) -> dict[str, Any]:
        return next(item for item in self.items if item["objectID"] == str(number))

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if request.path == "/search_by_date":
            return self._search(request.query)
        if request.path == "/maxitem.json":
            return Reply(90_000_000)
        if request.path.startswith("/item/"):
            return Reply(self._told(int(request.path.rpartition("/")[2].removesuffix(".json"))))
        return Reply({"status": 404, "error": "Not Found"}, 404)

    def _search(self, query: dict[str, str]) -> Reply:
        words = query["query"].replace('"', "").lower().split()
        found = [item for item in reversed(self.items) if self._is_found(item, words, query["numericFilters"])]
        found = found[:MOST_HITS]
        size = min(int(query["hitsPerPage"]), self.page_limit)
        page = 0 if self.ignores_paging else int(query["page"])
        return Reply(
            {
                "hits": found[page * size : (page + 1) * size],
                "nbHits": len(found),
                "page": page,
                "nbPages": 9 if self.ignores_paging else -(-len(found) // size),
                "hitsPerPage": size,
                "processingTimeMS": 2,
            }
        )

    def _is_found(self, item: dict[str, Any], words: list[str], bounds: str) -> bool:
        text = f"{item.get('title') or ''} {item.get('comment_text') or ''}".lower()
        if not all(word in text for word in words if not word.startswith("-")):
            return False
        at = item["created_at_i"]
        for sign, value in _BOUND.findall(bounds) if at is not None else ():
            if sign == ">=" and at < int(value):
                return False
            if sign == "<=" and at > int(value) and not self.ignores_paging:
                return False
        return True

    def _told(self, number: int) -> Any:
        if number in self.deleted:
            return self.deleted[number]
        return {"id": number, "type": "comment", "by": "alice", "time": 1762077600, "text": "…"}
