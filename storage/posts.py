"""Posts and authors: stored once, however often heard; edits are versions, deletions tombstones."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.orm import Session

from domain.post import Author, AuthorChanged, AuthorGone, Delete, Event, Post, Upsert
from storage.audits import drop_open
from storage.bulk import among
from storage.fresh import Fresh, content_hash
from storage.link_events import end_automatic_link
from storage.tables import (
    AuthorRow,
    CopyBandRow,
    MatchRow,
    PostRow,
    PostVersionRow,
    QuoteRow,
    RawPostRow,
    ReadingRow,
    ReviewVoteRow,
)

LOOKUP = 500
SHOWN_AGAIN = timedelta(hours=1)  # how fine `verified_at` is kept

Key = tuple[str, str]
T = TypeVar("T", PostRow, AuthorRow)
S = TypeVar("S")

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
        return Stored(
            self.new + other.new,
            self.edited + other.edited,
            self.deleted + other.deleted,
            self.same + other.same,
            self.late + other.late,
            self.rejected + other.rejected,
        )


def store_events(
    session: Session,
    brand_id: str,
    events: Iterable[Event],
    now: datetime,
    listener: str | None = None,
    keep_raw: bool = False,
) -> Stored:
    """Fold events into the tables in their order; a deletion may come before its post.

    `listener` is who heard them; `keep_raw` keeps what the network told beside the posts.
    """
    return _Fold(session, brand_id, list(events), now, listener, keep_raw).run()


class _Fold:
    """One batch of events on its way into the tables.

    What the batch touches is loaded first and written last, in a few statements for all of it.
    """

    def __init__(
        self,
        session: Session,
        brand_id: str,
        events: Sequence[Event],
        now: datetime,
        listener: str | None,
        keep_raw: bool,
    ) -> None:
        self._session, self._brand_id, self._events, self._now = session, brand_id, events, now
        self._listener, self._keeps_raw = listener, keep_raw
        self._posts: dict[Key, PostRow] = {}
        self._authors: dict[Key, AuthorRow] = {}
        self._threads: dict[Key, str] = {}
        self._new: dict[Key, PostRow] = {}
        self._last: dict[Key, int] = {}
        self._last_said: dict[Key, datetime] = {}
        self._bereft: set[Key] = set()
        self._fresh = Fresh(session, brand_id, now)

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
        self._load_threads(parents)
        self._load_authors()

    def _load_threads(self, keys: Collection[Key]) -> None:
        for network, ids in _by_network(keys).items():
            for part in _parts(ids):
                found = select(PostRow.native_id, PostRow.thread).where(*self._these(PostRow, network, part))
                self._threads |= {(network, native_id): thread for native_id, thread in self._session.execute(found)}

    def _load_authors(self) -> None:
        """Those of whom the events speak; whose post is long buried is not written down again."""
        wanted: set[Key] = set()
        only_known: set[Key] = set()
        for event in self._events:
            match event:
                case Upsert(post) if post.author and not _is_placed_tombstone(self._posts.get((post.network, post.id))):
                    wanted.add((post.network, post.author.id))
                case AuthorChanged(network, author):
                    (only_known if event.only_known else wanted).add((network, author.id))
                case AuthorGone(network, author_id):
                    (only_known if event.only_known else wanted).add((network, author_id))
        self._authors = {(row.network, row.native_id): row for row in self._rows(AuthorRow, wanted | only_known)}
        self._load_last_said()
        for key in sorted(wanted - self._authors.keys()):
            self._authors[key] = self._fresh.author(*key)

    def _load_last_said(self) -> None:
        keys = {row.id: key for key, row in self._authors.items()}
        said_at = func.max(func.coalesce(PostRow.edited_at, PostRow.created_at))
        for ids in _parts(list(keys)):
            said = select(PostRow.author_id, said_at).where(among(self._session, PostRow.author_id, ids))
            for author_key, at in self._session.execute(said.group_by(PostRow.author_id)):
                if author_key is not None:
                    self._last_said[keys[author_key]] = at

    def _rows(self, table: type[T], keys: Collection[Key]) -> Iterator[T]:
        for network, ids in _by_network(sorted(keys)).items():
            for part in _parts(ids):
                yield from self._session.scalars(select(table).where(*self._these(table, network, part)))

    def _these(self, table: type[T], network: str, ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
        wanted = among(self._session, table.native_id, ids)
        return table.brand_id == self._brand_id, table.network == network, wanted

    def _event(self, event: Event) -> Stored:
        match event:
            case Upsert(post):
                stored = self._upsert(post)
                self._keep_raw(event, stored)
                return stored
            case Delete(network, native_id, at):
                return self._delete((network, native_id), at, event.only_known)
            case AuthorGone(network, author_id, at) if (network, author_id) in self._authors:
                return self._author_gone((network, author_id), at)
            case AuthorChanged(network, author) if (network, author.id) in self._authors:
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
        return self._again(key, row, post)

    def _again(self, key: Key, row: PostRow, post: Post) -> Stored:
        """A post that is known: the same, edited, or a version from before the present one."""
        _counts(row, post)
        if row.verified_at is None or self._now - row.verified_at > SHOWN_AGAIN:
            row.verified_at = self._now
        if row.text == post.text:
            if post.edited_at and (row.edited_at is None or row.edited_at < post.edited_at):
                row.edited_at = post.edited_at
            return Stored(same=1)
        if self._is_older(row, post):
            return self._older(key, row, post)
        row.version = self._next_version(key, row)
        row.text, row.content_hash, row.edited_at = post.text, content_hash(post.text), post.edited_at or self._now
        row.is_repost, row.stage, row.failed, row.copy_group = post.is_repost, "heard", None, None
        self._fresh.version(row, post.text, post.edited_at, row.version)
        return Stored(edited=1)

    def _keep_raw(self, event: Upsert, stored: Stored) -> None:
        if self._keeps_raw and event.raw is not None and (stored.new or stored.edited):
            self._fresh.raw(self._posts[event.post.network, event.post.id], event.raw)

    def _author(self, network: str, author: Author, at: datetime | None = None) -> None:
        """Take over what is told of an account; a post older than the account's last one only fills gaps."""
        key = (network, author.id)
        row, last = self._authors[key], self._last_said.get(key)
        is_news = at is None or last is None or at >= last
        if at is not None and is_news:
            self._last_said[key] = at
        for name in ("handle", "name", "bio", "location", "followers", "created_at"):
            value, held = getattr(author, name), getattr(row, name)
            if value is not None and value != held and (is_news or held is None):
                setattr(row, name, value)
        if author.links and row.links != list(author.links) and (is_news or not row.links):
            row.links = list(author.links)

    def _insert(self, post: Post, author: AuthorRow | None) -> PostRow:
        row = self._fresh.post(
            author,
            network=post.network,
            native_id=post.id,
            text=post.text,
            content_hash=content_hash(post.text),
            url=post.url,
            lang=post.lang,
            created_at=post.created_at,
            edited_at=post.edited_at,
            verified_at=self._now,
            reply_to=post.reply_to,
            conversation=post.conversation,
            thread=self._thread(post),
            repost_of=post.repost_of,
            is_repost=post.is_repost,
            attributes=dict(post.attributes),
            stage="heard",
            listener=self._listener,
        )
        _counts(row, post)
        self._last[post.network, post.id] = 1
        self._fresh.version(row, post.text, post.edited_at, 1)
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
        self._fresh.version(row, post.text, post.edited_at, self._next_version(key, row))
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
        if any(version["text"] == text for version in self._fresh.versions_of(row)):
            return True
        known = select(PostVersionRow.id).filter_by(post_id=row.id, text=text).limit(1)
        return self._session.scalar(known) is not None

    def _is_dated(self, row: PostRow) -> bool:
        """Whether the network told when the present version was written."""
        for version in self._fresh.versions_of(row):
            if version["version"] == row.version:
                return version["edited_at"] is not None
        present = select(PostVersionRow.edited_at).filter_by(post_id=row.id, version=row.version)
        return self._session.scalar(present) is not None

    def _next_version(self, key: Key, row: PostRow) -> int:
        if key not in self._last:
            self._last[key] = (
                self._session.scalar(select(func.max(PostVersionRow.version)).filter_by(post_id=row.id)) or 0
            )
        self._last[key] += 1
        return self._last[key]

    def _delete(self, key: Key, at: datetime, only_known: bool) -> Stored:
        row = self._posts.get(key)
        if row is None:
            if only_known:
                return Stored()
            self._tombstone(key, at)
            return Stored(deleted=1)
        if row.deleted_at is not None:
            return Stored(same=1)
        self._settle()
        self._bury(self._posts[key], at)
        return Stored(deleted=1)

    def _tombstone(self, key: Key, at: datetime) -> PostRow:
        """The place of a post that was never heard and never will be."""
        network, native_id = key
        row = self._fresh.post(
            None, network=network, native_id=native_id, thread=native_id, stage="gone", deleted_at=at
        )
        self._posts[key] = row
        return row

    def _place_tombstone(self, key: Key, row: PostRow, post: Post, author: AuthorRow | None) -> None:
        """Of a post that comes after its deletion only its place is kept: its answers still belong together."""
        if row.created_at is not None:
            return
        row.thread = self._thread(post)
        row.created_at, row.reply_to, row.conversation = post.created_at, post.reply_to, post.conversation
        self._fresh.written_by(row, author)
        row.repost_of, row.is_repost = post.repost_of, post.is_repost
        self._new[key] = row

    def _bury(self, row: PostRow, at: datetime) -> None:
        """Take a post's words out of everything that was drawn from them; its place in its case stays.

        What else was said in its thread is routed again: it may have to stand without these words.
        """
        self._bereft.add((row.network, row.thread))
        row.text = row.content_hash = row.url = row.failed = row.copy_group = row.verified_at = None
        row.attributes, row.stage, row.deleted_at = {}, "gone", at
        forget = update(PostVersionRow).where(PostVersionRow.post_id == row.id).values(text=None, content_hash=None)
        self._session.execute(forget)
        for table in (ReadingRow, MatchRow, QuoteRow, RawPostRow, CopyBandRow, ReviewVoteRow):
            self._session.execute(delete(table).where(table.post_id == row.id))
        drop_open(self._session, row.id)
        end_automatic_link(self._session, row.id, at, "post deleted")

    def _author_gone(self, key: Key, at: datetime) -> Stored:
        """What an account said until then goes with it; one that speaks again later is known again."""
        self._settle()
        author = self._authors[key]
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

    def _settle(self) -> None:
        """Write what is new so far, and go on with the rows of the database."""
        if not self._fresh.write():
            return
        authors = self._rows(AuthorRow, self._authors.keys())
        self._authors = {(row.network, row.native_id): row for row in authors}
        self._posts = {(row.network, row.native_id): row for row in self._rows(PostRow, self._posts.keys())}
        self._new = {key: self._posts[key] for key in self._new}

    def _write(self) -> None:
        self._fresh.write()
        self._session.flush()
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
            wanted = among(self._session, PostRow.thread, ids)
            waiting = select(PostRow.thread).where(
                PostRow.brand_id == self._brand_id, PostRow.network == network, wanted
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
            wanted = among(self._session, PostRow.repost_of, ids)
            reposts = (PostRow.brand_id == self._brand_id, PostRow.network == network, wanted)
            again = update(PostRow).where(*reposts).values(stage=ROUTED_AGAIN)
            self._session.execute(again, execution_options={"synchronize_session": False})


def _by_network(keys: Iterable[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for network, native_id in keys:
        found.setdefault(network, []).append(native_id)
    return found


def _parts(items: Sequence[S]) -> Iterator[Sequence[S]]:
    """A list in pieces that fit into one statement."""
    return (items[start : start + LOOKUP] for start in range(0, len(items), LOOKUP))


def _counts(row: PostRow, post: Post) -> None:
    for name in ("likes", "reposts", "replies"):
        value = getattr(post, name)
        if value is not None and getattr(row, name) != value:
            setattr(row, name, value)


def _is_placed_tombstone(row: PostRow | None) -> bool:
    return row is not None and row.deleted_at is not None and row.created_at is not None
