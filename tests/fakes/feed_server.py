"""A server of feeds: Atom, RSS 2.0 or JSON Feed, page by page, with ETags that are right or stay as they were.

with FeedServer() as server:
    server.post("1", "the parcel is lost")
    server.url  # the feed
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
PATH = "/feed"
TYPES = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}


class FeedServer(FakeServer):
    """Entries live in `entries`, newest last. `page_limit` entries a page; `frozen_etag` is told for ever."""

    def __init__(self, kind: str = "atom") -> None:
        super().__init__()
        self.kind = kind
        self.entries: list[dict[str, Any]] = []
        self.page_limit = 20
        self.ignores_paging = False
        self.frozen_etag: str | None = None
        self.redirections: dict[str, str] = {}
        self.gone: set[str] = set()

    @property
    def url(self) -> str:
        return f"{self.base_url}{PATH}"

    def post(self, id_: str, text: str = "", **changes: Any) -> None:
        """A new entry, half a minute after the last one."""
        at = (START + timedelta(seconds=30 * len(self.entries))).isoformat()
        entry = {"id": f"tag:feed.example,2026:{id_}", "text": text or f"entry {id_}", "at": at, "edited": None}
        self.entries.append({**entry, "link": f"{self.base_url}/pages/{id_}", **changes})

    def edit(self, id_: str, text: str, at: datetime | None) -> None:
        self._entry(id_).update(text=text, edited=at.isoformat() if at else None)

    def delete(self, id_: str) -> None:
        self.entries.remove(self._entry(id_))
        self.gone.add(f"/pages/{id_}")

    def _entry(self, id_: str) -> dict[str, Any]:
        return next(entry for entry in self.entries if entry["id"] == f"tag:feed.example,2026:{id_}")

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if request.path in self.redirections:
            return Reply(b"", 301, {"Location": self.redirections[request.path]})
        if request.path.startswith("/pages/"):
            return Reply(b"<p>a page</p>", 404 if request.path in self.gone else 200)
        if request.path != PATH:
            return Reply(b"not here", 404)
        page = 1 if self.ignores_paging else int(request.query.get("page", 1))
        body = self._page(page)
        etag = self.frozen_etag or f'"{hashlib.sha256(body).hexdigest()[:12]}"'
        if request.headers.get("if-none-match") == etag:
            return Reply(b"", 304, {"ETag": etag})
        return Reply(body, 200, {"ETag": etag, "Content-Type": TYPES[self.kind]})

    def _page(self, page: int) -> bytes:
        newest_first = list(reversed(self.entries))
        shown = newest_first[(page - 1) * self.page_limit : page * self.page_limit]
        more = self.ignores_paging or len(newest_first) > page * self.page_limit
        following = f"{self.url}?page={page + 1}" if more else None
        if self.kind == "json":
            return self._json(shown, following)
        return (self._atom if self.kind == "atom" else self._rss)(shown, following).encode()

    @staticmethod
    def _json(shown: list[dict[str, Any]], following: str | None) -> bytes:
        items = [
            {
                "id": entry["id"],
                "url": entry["link"],
                "content_html": escape(entry["text"]),
                "date_published": entry["at"],
                "date_modified": entry["edited"],
                "authors": [{"name": "Alice", "url": "https://alice.example"}],
                "_tomorrow": {"deep": [None]},
            }
            for entry in shown
        ]
        feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Parcels", "language": "fr", "items": items}
        return json.dumps(feed | ({"next_url": following} if following else {})).encode()

    @staticmethod
    def _atom(shown: list[dict[str, Any]], following: str | None) -> str:
        link = f'<link rel="next" href="{following}"/>' if following else ""
        entries = "".join(
            f"<entry><id>{entry['id']}</id><link href='{entry['link']}'/>"
            f"<content type='text'>{escape(entry['text'])}</content>"
            + (f"<published>{entry['at']}</published>" if entry["at"] else "")
            + (f"<updated>{entry['edited'] or entry['at']}</updated>" if entry["edited"] or entry["at"] else "")
            + "<author><name>Alice</name><uri>https://alice.example</uri></author><x:new xmlns:x='urn:x'>1</x:new></entry>"
            for entry in shown
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr">'
            f"<title>Parcels</title><id>tag:feed.example,2026:feed</id>{link}{entries}</feed>"
        )

    @staticmethod
    def _rss(shown: list[dict[str, Any]], following: str | None) -> str:
        link = f'<atom:link rel="next" href="{following}"/>' if following else ""
        items = "".join(
            f"<item><guid isPermaLink='false'>{entry['id']}</guid><link>{entry['link']}</link>"
            f"<description>{escape(escape(entry['text']))}</description>"
            f"<pubDate>{datetime.fromisoformat(entry['at']):%a, %d %b %Y %H:%M:%S GMT}</pubDate>"
            + (f"<atom:updated>{entry['edited']}</atom:updated>" if entry["edited"] else "")
            + "<dc:creator>Alice</dc:creator></item>"
            for entry in shown
        )
        return (
            '<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<channel><title>Parcels</title><language>fr-FR</language>{link}{items}</channel></rss>"
        )
