"""Drawing stored posts again from what their networks told, after a fault of a mapper was mended."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.post import AuthorChanged, Post
from storage.brands import lock_brand
from storage.fresh import content_hash
from storage.posts import store_events
from storage.tables import PostRow, PostVersionRow, RawPostRow

PLAIN = ("url", "lang", "created_at", "reply_to", "conversation", "repost_of", "is_repost")


def listeners_with_raw(session: Session, brand_id: str) -> list[str]:
    """Names of the listeners of whose posts the raw items are there."""
    query = select(PostRow.listener).join(RawPostRow, RawPostRow.post_id == PostRow.id)
    return sorted(name for name in session.scalars(query.where(PostRow.brand_id == brand_id).distinct()) if name)


def raw_posts(session: Session, brand_id: str, listener: str, after: int, limit: int) -> list[tuple[int, bytes]]:
    """The next posts of a listener, by id, with their packed raw items."""
    query = (
        select(PostRow.id, RawPostRow.payload)
        .join(RawPostRow, RawPostRow.post_id == PostRow.id)
        .where(PostRow.brand_id == brand_id, PostRow.listener == listener, PostRow.id > after)
        .order_by(PostRow.id)
        .limit(limit)
    )
    return [(id_, payload) for id_, payload in session.execute(query)]


def redraw(session: Session, brand_id: str, drawn: Mapping[int, Post], now: datetime) -> int:
    """Put what the mapper now makes of raw items in place of what stands there; how many posts changed.

    A post whose words changed is read again. Counts are left, they are newer than the raw item.
    """
    lock_brand(session, brand_id)
    rows = session.scalars(select(PostRow).where(PostRow.id.in_(drawn), PostRow.deleted_at.is_(None)))
    changed = sum(_redraw(session, row, drawn[row.id]) for row in rows)
    authors = [AuthorChanged(post.network, post.author) for post in drawn.values() if post.author]
    store_events(session, brand_id, authors, now)
    return changed


def _redraw(session: Session, row: PostRow, post: Post) -> bool:
    if row.edited_at is not None and (post.edited_at is None or post.edited_at < row.edited_at) and row.version > 1:
        return False  # it was edited since, by what another listener told
    before = [getattr(row, name) for name in (*PLAIN, "attributes", "text")]
    for name in PLAIN:
        setattr(row, name, getattr(post, name))
    row.attributes = dict(post.attributes)
    if row.text != post.text:
        _reword(session, row, post.text)
    if [getattr(row, name) for name in (*PLAIN, "attributes", "text")] == before:
        return False
    row.stage = "heard"
    return True


def _reword(session: Session, row: PostRow, text: str) -> None:
    row.text, row.content_hash, row.copy_group = text, content_hash(text), None
    present = (PostVersionRow.post_id == row.id) & (PostVersionRow.version == row.version)
    said = {"text": text, "content_hash": row.content_hash}
    session.execute(update(PostVersionRow).where(present).values(said))
