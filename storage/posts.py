"""Posts and authors: stored once, however often heard; edits are versions, deletions tombstones."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from domain.post import Author, AuthorChanged, AuthorGone, Batch, Cursor, Delete, Event, Post, Rejected, Upsert
from storage.brands import lock_brand
from storage.tables import (
    AuthorRow,
    CursorRow,
    MatchRow,
    PostRow,
    PostVersionRow,
    QuarantineRow,
    QuoteRow,
    ReadingRow,
)

LOOKUP = 500
_REPOST = re.compile(r"^RT @[^\s:]+:?\s*")
_SPACE = re.compile(r"\s+")

Key = tuple[str, str]
T = TypeVar("T", PostRow, AuthorRow)

# What was routed goes back to "read"; what is on its way or gone stays where it is.
ROUTED_AGAIN = case((PostRow.stage == "routed", "read"), else_=PostRow.stage)


@dataclass(frozen=True, slots=True)
class Stored:
    """What one batch changed. `same` were known already; `late` came after their deletion or a newer edit."""

    new: int = 0
    edited: int = 0
    deleted: int = 0
    same: int = 0
    late: int = 0
    rejected: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def content_hash(text: str) -> str:
    """The same for texts that say the same letter by letter: case, spaces and a repost's prefix aside."""
    plain = _REPOST.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return hashlib.sha256(_SPACE.sub(" ", plain).strip().encode("utf-8", "replace")).hexdigest()


def store_batch(session: Session, brand_id: str, batch: Batch, now: datetime, listener: str, query: str) -> Stored:
    """Store what a listener heard together with its cursor, in the caller's transaction."""
    lock_brand(session, brand_id)
    stored = store_events(session, brand_id, batch.events, now)
    _quarantine(session, brand_id, batch.rejected, now)
    if batch.cursor_after is not None:
        save_cursor(session, brand_id, listener, query, batch.cursor_after, now)
    return replace(stored, rejected=len(batch.rejected))


def store_events(session: Session, brand_id: str, events: Iterable[Event], now: datetime) -> Stored:
    """Fold events into the tables in their order; a deletion may come before its post."""
    return _Fold(session, brand_id, list(events), now).run()


def load_cursor(session: Session, brand_id: str, listener: str, query: str) -> CursorRow | None:
    """Where this query goes on, None at its first time."""
    found = select(CursorRow).filter_by(brand_id=brand_id, listener=listener, query=query)
    return session.scalars(found).one_or_none()


def save_cursor(session: Session, brand_id: str, listener: str, query: str, cursor: Cursor, now: datetime) -> None:
    """Move a query's cursor; it works again, so a pause ends."""
    row = load_cursor(session, brand_id, listener, query)
    if row is None:
        row = CursorRow(brand_id=brand_id, listener=listener, query=query)
        session.add(row)
    row.cursor, row.moved_at, row.paused, row.retry_at = dict(cursor), now, None, None


def pause_cursor(
    session: Session, brand_id: str, listener: str, query: str, reason: str, retry_at: datetime, now: datetime
) -> None:
    """Note why a query cannot go on, and when it is tried again."""
    row = load_cursor(session, brand_id, listener, query)
    if row is None:
        row = CursorRow(brand_id=brand_id, listener=listener, query=query, cursor={}, moved_at=now)
        session.add(row)
    row.paused, row.retry_at = reason, retry_at


class _Fold:
    """One batch of events on its way into the tables.

    What the batch touches is loaded first and written last, in a few statements for all of it.
    """

    def __init__(self, session: Session, brand_id: str, events: Sequence[Event], now: datetime) -> None:
        self._session, self._brand_id, self._events, self._now = session, brand_id, events, now
        self._posts: dict[Key, PostRow] = {}
        self._authors: dict[Key, AuthorRow] = {}
        self._threads: dict[Key, str] = {}
        self._new: dict[Key, PostRow] = {}
        self._versions: list[tuple[PostRow, PostVersionRow]] = []
        self._last: dict[Key, int] = {}
        self._last_said: dict[int, datetime] = {}
        self._bereft: set[Key] = set()

    def run(self) -> Stored:
        self._load()
        total = Stored()
        for event in self._events:
            total += self._event(event)
        self._write()
        return total

    def _load(self) -> None:
        posts, parents = set(), set()
        for event in self._events:
            match event:
                case Upsert(post):
                    posts.add((post.network, post.id))
                    if post.conversation or post.reply_to:
                        parents.add((post.network, post.conversation or str(post.reply_to)))
                case Delete(network, native_id):
                    posts.add((network, native_id))
        self._posts = {(row.network, row.native_id): row for row in self._rows(PostRow, posts)}
        self._threads = {(row.network, row.native_id): row.thread for row in self._rows(PostRow, parents)}
        self._load_authors()

    def _load_authors(self) -> None:
        """Those of whom the events speak; whose post is long buried is not written down again."""
        authors = set()
        for event in self._events:
            match event:
                case Upsert(post) if post.author and not _is_placed_tombstone(self._posts.get((post.network, post.id))):
                    authors.add((post.network, post.author.id))
                case AuthorChanged(network, author):
                    authors.add((network, author.id))
                case AuthorGone(network, author_id):
                    authors.add((network, author_id))
        self._authors = {(row.network, row.native_id): row for row in self._rows(AuthorRow, authors)}
        said_at = func.max(func.coalesce(PostRow.edited_at, PostRow.created_at))
        known = [row.id for row in self._authors.values()]
        for start in range(0, len(known), LOOKUP):
            part = PostRow.author_id.in_(known[start : start + LOOKUP])
            last = select(PostRow.author_id, said_at).where(part).group_by(PostRow.author_id)
            for author_key, at in self._session.execute(last):
                if author_key is not None:
                    self._last_said[author_key] = at
        for network, author_id in sorted(authors - self._authors.keys()):
            row = AuthorRow(brand_id=self._brand_id, network=network, native_id=author_id, links=[])
            self._authors[network, author_id] = row
            self._session.add(row)
        self._session.flush()

    def _rows(self, table: type[T], keys: Collection[Key]) -> Iterator[T]:
        by_network: dict[str, list[str]] = {}
        for network, native_id in sorted(keys):
            by_network.setdefault(network, []).append(native_id)
        for network, ids in by_network.items():
            for start in range(0, len(ids), LOOKUP):
                part = ids[start : start + LOOKUP]
                yield from self._session.scalars(
                    select(table).where(
                        table.brand_id == self._brand_id, table.network == network, table.native_id.in_(part)
                    )
                )

    def _event(self, event: Event) -> Stored:
        match event:
            case Upsert(post):
                return self._upsert(post)
            case Delete(network, native_id, at):
                return self._delete((network, native_id), at)
            case AuthorGone(network, author_id, at):
                return self._author_gone(self._authors[network, author_id], at)
            case AuthorChanged(network, author):
                self._author(network, author)
        return Stored()

    def _upsert(self, post: Post) -> Stored:
        key = (post.network, post.id)
        row = self._posts.get(key)
        author = self._authors.get((post.network, post.author.id)) if post.author else None
        if row is None and author is not None and author.gone_at is not None and post.created_at <= author.gone_at:
            row = self._tombstone(key, author.gone_at)
        if row is not None and row.deleted_at is not None:
            self._place_tombstone(key, row, post, author)
            return Stored(late=1)
        if post.author:
            self._author(post.network, post.author, post.edited_at or post.created_at)
        if row is None:
            self._posts[key] = self._new[key] = self._insert(post, author)
            return Stored(new=1)
        _counts(row, post)
        if row.text == post.text:
            if post.edited_at and (row.edited_at is None or row.edited_at < post.edited_at):
                row.edited_at = post.edited_at
            return Stored(same=1)
        if self._is_older(row, post):
            return self._older(key, row, post)
        row.version = self._next_version(key, row)
        row.text, row.content_hash, row.edited_at = post.text, content_hash(post.text), post.edited_at or self._now
        row.is_repost, row.stage, row.failed = post.is_repost, "heard", None
        self._version(row, post.text, post.edited_at, row.version)
        return Stored(edited=1)

    def _author(self, network: str, author: Author, at: datetime | None = None) -> None:
        """Take over what is told of an account; a post older than the account's last one only fills gaps."""
        row = self._authors[network, author.id]
        last = self._last_said.get(row.id)
        is_news = at is None or last is None or at >= last
        if at is not None and is_news:
            self._last_said[row.id] = at
        for name in ("handle", "name", "bio", "location", "followers", "created_at"):
            value, held = getattr(author, name), getattr(row, name)
            if value is not None and value != held and (is_news or held is None):
                setattr(row, name, value)
        if author.links and row.links != list(author.links) and (is_news or not row.links):
            row.links = list(author.links)

    def _insert(self, post: Post, author: AuthorRow | None) -> PostRow:
        row = PostRow(
            brand_id=self._brand_id,
            network=post.network,
            native_id=post.id,
            author_id=author.id if author else None,
            text=post.text,
            content_hash=content_hash(post.text),
            version=1,
            url=post.url,
            lang=post.lang,
            created_at=post.created_at,
            edited_at=post.edited_at,
            heard_at=self._now,
            reply_to=post.reply_to,
            conversation=post.conversation,
            thread=self._thread(post),
            repost_of=post.repost_of,
            is_repost=post.is_repost,
            attributes=dict(post.attributes),
            stage="heard",
        )
        _counts(row, post)
        self._session.add(row)
        self._last[post.network, post.id] = 1
        self._version(row, post.text, post.edited_at, 1)
        return row

    def _thread(self, post: Post) -> str:
        """The conversation's root: as the network says, else the parent's, else the post itself."""
        leads_to = post.conversation or post.reply_to
        if not leads_to:
            return post.id
        above = self._posts.get((post.network, leads_to))
        return above.thread if above is not None else self._threads.get((post.network, leads_to), leads_to)

    def _older(self, key: Key, row: PostRow, post: Post) -> Stored:
        """A version from before the present one: kept, but it changes nothing."""
        if self._has_said(row, post.text):
            return Stored(same=1)
        self._version(row, post.text, post.edited_at, self._next_version(key, row))
        return Stored(late=1)

    def _is_older(self, row: PostRow, post: Post) -> bool:
        """Whether a text comes from before the present one. Of two at the same moment, always the same one holds.

        A network that dates no edits tells the newest text: what was never said before is new.
        """
        if row.edited_at is None:
            return False
        if post.edited_at is None:
            return self._is_dated(row) or self._has_said(row, post.text)
        return (post.edited_at, post.text) < (row.edited_at, row.text or "")

    def _has_said(self, row: PostRow, text: str) -> bool:
        if any(version.text == text for held, version in self._versions if held is row):
            return True
        known = select(PostVersionRow.id).filter_by(post_id=row.id, text=text).limit(1)
        return self._session.scalar(known) is not None

    def _is_dated(self, row: PostRow) -> bool:
        """Whether the network told when the present version was written."""
        for held, version in self._versions:
            if held is row and version.version == row.version:
                return version.edited_at is not None
        present = select(PostVersionRow.edited_at).filter_by(post_id=row.id, version=row.version)
        return self._session.scalar(present) is not None

    def _next_version(self, key: Key, row: PostRow) -> int:
        if key not in self._last:
            self._last[key] = (
                self._session.scalar(select(func.max(PostVersionRow.version)).filter_by(post_id=row.id)) or 0
            )
        self._last[key] += 1
        return self._last[key]

    def _version(self, row: PostRow, text: str, edited_at: datetime | None, number: int) -> None:
        version = PostVersionRow(
            brand_id=row.brand_id,
            version=number,
            text=text,
            content_hash=content_hash(text),
            edited_at=edited_at,
            heard_at=self._now,
        )
        self._versions.append((row, version))

    def _delete(self, key: Key, at: datetime) -> Stored:
        row = self._posts.get(key)
        if row is None:
            self._tombstone(key, at)
            return Stored(deleted=1)
        if row.deleted_at is not None:
            return Stored(same=1)
        self._bury(row, at)
        return Stored(deleted=1)

    def _tombstone(self, key: Key, at: datetime) -> PostRow:
        """The place of a post that was never heard and never will be."""
        network, native_id = key
        row = PostRow(
            brand_id=self._brand_id,
            network=network,
            native_id=native_id,
            thread=native_id,
            version=1,
            stage="gone",
            deleted_at=at,
            heard_at=self._now,
        )
        self._session.add(row)
        self._posts[key] = row
        return row

    def _place_tombstone(self, key: Key, row: PostRow, post: Post, author: AuthorRow | None) -> None:
        """Of a post that comes after its deletion only its place is kept: its answers still belong together."""
        if row.created_at is not None:
            return
        row.thread = self._thread(post)
        row.created_at, row.reply_to, row.conversation = post.created_at, post.reply_to, post.conversation
        row.author_id = author.id if author else None
        row.repost_of, row.is_repost = post.repost_of, post.is_repost
        self._new[key] = row

    def _bury(self, row: PostRow, at: datetime) -> None:
        """Take a post's words out of everything that was drawn from them; its place in its case stays.

        What else was said in its thread is routed again: it may have to stand without these words.
        """
        self._write_versions()
        self._bereft.add((row.network, row.thread))
        row.text = row.content_hash = row.url = row.failed = None
        row.attributes, row.stage, row.deleted_at = {}, "gone", at
        forget = update(PostVersionRow).where(PostVersionRow.post_id == row.id).values(text=None, content_hash=None)
        self._session.execute(forget)
        for table in (ReadingRow, MatchRow, QuoteRow):
            self._session.execute(delete(table).where(table.post_id == row.id))

    def _author_gone(self, author: AuthorRow, at: datetime) -> Stored:
        """What an account said until then goes with it; one that speaks again later is known again."""
        self._write_versions()
        author.gone_at = max(at, author.gone_at or at)
        alive = select(PostRow).where(PostRow.author_id == author.id, PostRow.deleted_at.is_(None))
        rows = self._session.scalars(alive).all()
        ended = [row for row in rows if row.created_at is None or row.created_at <= at]
        for row in ended:
            self._bury(row, at)
        if len(ended) == len(rows):
            author.links = []
            author.handle = author.name = author.bio = author.location = None
        return Stored(deleted=len(ended))

    def _write_versions(self) -> None:
        self._session.flush()
        for row, version in self._versions:
            version.post_id = row.id
            self._session.add(version)
        self._versions.clear()
        self._session.flush()

    def _write(self) -> None:
        self._write_versions()
        if self._new:
            self._gather_answers()
            self._gather_reposts()
        for network, threads in _by_network(self._bereft).items():
            left = (PostRow.brand_id == self._brand_id, PostRow.network == network, PostRow.thread.in_(threads))
            self._session.execute(update(PostRow).where(*left).values(stage=ROUTED_AGAIN))

    def _gather_answers(self) -> None:
        """Answers that were heard before the post they lead to come into its thread, and are routed again."""
        roots = {key: row for key, row in self._new.items() if row.thread != row.native_id}
        for network, ids in _by_network(roots).items():
            waiting = select(PostRow.thread).where(
                PostRow.brand_id == self._brand_id, PostRow.network == network, PostRow.thread.in_(ids)
            )
            for native_id in self._session.scalars(waiting.distinct()).all():
                answers = (PostRow.brand_id == self._brand_id, PostRow.network == network, PostRow.thread == native_id)
                root = self._root(network, native_id)
                self._session.execute(update(PostRow).where(*answers).values(thread=root, stage=ROUTED_AGAIN))

    def _root(self, network: str, native_id: str) -> str:
        """Follow posts of this batch up to the thread that none of them moves any more."""
        seen: set[str] = set()
        while (row := self._new.get((network, native_id))) is not None and native_id not in seen:
            seen.add(native_id)
            native_id = row.thread
        return native_id

    def _gather_reposts(self) -> None:
        """Reposts that were heard before their original are routed again."""
        for network, ids in _by_network(self._new).items():
            reposts = (PostRow.brand_id == self._brand_id, PostRow.network == network, PostRow.repost_of.in_(ids))
            self._session.execute(update(PostRow).where(*reposts).values(stage=ROUTED_AGAIN))


def _by_network(keys: Iterable[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for network, native_id in keys:
        found.setdefault(network, []).append(native_id)
    return found


def _counts(row: PostRow, post: Post) -> None:
    for name in ("likes", "reposts", "replies"):
        value = getattr(post, name)
        if value is not None and getattr(row, name) != value:
            setattr(row, name, value)


def _is_placed_tombstone(row: PostRow | None) -> bool:
    return row is not None and row.deleted_at is not None and row.created_at is not None


def _quarantine(session: Session, brand_id: str, rejected: Sequence[Rejected], now: datetime) -> None:
    for item in rejected:
        digest = hashlib.sha256(item.raw.encode("utf-8", "surrogatepass")).hexdigest()
        known = select(QuarantineRow.id).filter_by(brand_id=brand_id, network=item.network, raw_hash=digest)
        if session.scalar(known) is None:
            raw = item.raw[:10_000].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
            session.add(
                QuarantineRow(
                    brand_id=brand_id, network=item.network, reason=item.reason, raw=raw, raw_hash=digest, at=now
                )
            )
            session.flush()
