"""New posts, authors, versions and raw items of one batch, written in one statement a table.

A unit of work of the ORM costs half a millisecond a post; rows that nobody has seen yet need none. Until they
are written they are plain records with the attributes of their tables.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from sqlalchemy import delete
from sqlalchemy.orm import Session
from zstandard import ZstdCompressor, ZstdDecompressor

from storage.bulk import among, insert_rows, look_at, next_ids
from storage.tables import AuthorRow, PostRow, PostVersionRow, RawPostRow

WORTH_A_LOOK = 100  # posts that tell something of the posts to come

_REPOST = re.compile(r"^RT @[^\s:]+:?\s*")
_POST = {column.key: None for column in PostRow.__mapper__.columns if column.key != "id"}
_AUTHOR = {column.key: None for column in AuthorRow.__mapper__.columns if column.key != "id"}


def content_hash(text: str) -> str:
    """The same for texts that say the same letter by letter: case, spaces and a repost's prefix aside."""
    plain = _REPOST.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return hashlib.sha256(" ".join(plain.split()).encode("utf-8", "replace")).hexdigest()


def packer() -> Callable[[Mapping[str, Any]], bytes]:
    """What makes of a raw item what is stored of it; to be called by one thread at a time."""
    compress = ZstdCompressor(level=1).compress  # as small as by zlib in a third of the time
    return lambda raw: compress(_json(raw))


def unpacked(payload: bytes) -> dict[str, Any]:
    """A raw item as its listener gave it."""
    raw: dict[str, Any] = json.loads(ZstdDecompressor().decompress(payload).decode("utf-8", "surrogatepass"))
    return raw


def _json(raw: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(raw)
    except (UnicodeEncodeError, OverflowError, TypeError):  # half a character, or what only the other one knows
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


class Fresh:
    """What waits to be written. Records have `id` None until then; rows of the database may take part too."""

    def __init__(self, session: Session, brand_id: str, now: datetime) -> None:
        self._session, self._brand_id, self._now = session, brand_id, now
        self._posts: list[PostRow] = []
        self._authors: list[AuthorRow] = []
        self._by: list[tuple[PostRow, AuthorRow | None]] = []
        self._versions: list[tuple[PostRow, dict[str, Any]]] = []
        self._raw: list[tuple[PostRow, Mapping[str, Any]]] = []

    def author(self, network: str, native_id: str) -> AuthorRow:
        """An account of which only the id is known yet."""
        values: dict[str, Any] = {
            **_AUTHOR,
            "brand_id": self._brand_id,
            "network": network,
            "native_id": native_id,
            "links": [],
        }
        row = cast("AuthorRow", SimpleNamespace(id=None, **values))
        self._authors.append(row)
        return row

    def post(self, author: AuthorRow | None, **values: Any) -> PostRow:
        """A post or a tombstone."""
        standard = {"brand_id": self._brand_id, "version": 1, "is_repost": False, "attributes": {}, "crm_version": -1}
        row = cast("PostRow", SimpleNamespace(id=None, **{**_POST, **standard, "heard_at": self._now, **values}))
        self._posts.append(row)
        self.written_by(row, author)
        return row

    def written_by(self, row: PostRow, author: AuthorRow | None) -> None:
        """Whose post it is; he may be as new as the post."""
        self._by.append((row, author))

    def version(self, row: PostRow, text: str, edited_at: datetime | None, number: int) -> None:
        """What a post says now, or said once."""
        values = {
            "brand_id": row.brand_id,
            "version": number,
            "text": text,
            "content_hash": row.content_hash if row.text == text else content_hash(text),
            "edited_at": edited_at,
            "heard_at": self._now,
        }
        self._versions.append((row, values))

    def versions_of(self, row: PostRow) -> Iterator[dict[str, Any]]:
        """Those of this batch."""
        return (version for held, version in self._versions if held is row)

    def raw(self, row: PostRow, raw: Mapping[str, Any]) -> None:
        """What the network told, in place of what it told before."""
        self._raw.append((row, raw))

    def write(self) -> bool:
        """Write everything, and say whether there was anything."""
        if not (self._authors or self._posts or self._by or self._versions or self._raw):
            return False
        self._session.flush()
        known = {row.id for row, _ in self._raw if row.id}
        self._insert(AuthorRow, self._authors)
        for row, author in self._by:
            row.author_id = author.id if author else None
        self._insert(PostRow, self._posts)
        versions = [{**values, "post_id": row.id} for row, values in self._versions]
        insert_rows(self._session, PostVersionRow, versions)
        self._write_raw(known)
        if len(self._posts) >= WORTH_A_LOOK:
            look_at(self._session, PostRow, AuthorRow, PostVersionRow, RawPostRow)
        for waiting in (self._authors, self._posts, self._by, self._versions, self._raw):
            waiting.clear()
        return True

    def _insert(self, table: type[AuthorRow] | type[PostRow], rows: list[Any]) -> None:
        if not rows:
            return
        for row, id_ in zip(rows, next_ids(self._session, table, len(rows)), strict=True):
            row.id = id_
        insert_rows(self._session, table, [vars(row) for row in rows])

    def _write_raw(self, known: Collection[int]) -> None:
        """`known` are the posts that may have a raw item already."""
        if known:
            self._session.execute(delete(RawPostRow).where(among(self._session, RawPostRow.post_id, known)))
        last = {row.id: raw for row, raw in self._raw}
        pack = packer()
        rows = [{"post_id": id_, "payload": pack(raw)} for id_, raw in last.items()]
        insert_rows(self._session, RawPostRow, rows)
