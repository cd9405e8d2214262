"""Keeping what is stored true to its networks: which posts to ask for again, and which to let go."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from domain.post import Delete
from storage.brands import lock_brand
from storage.posts import Stored, store_events
from storage.tables import PostRow

SHOWN = func.coalesce(PostRow.verified_at, PostRow.heard_at)


def due_for_a_look(session: Session, brand_id: str, listener: str, before: datetime, limit: int) -> list[PostRow]:
    """Living posts that this listener heard and that nobody has seen since then, the longest unseen first."""
    query = (
        select(PostRow)
        .where(PostRow.brand_id == brand_id, PostRow.listener == listener, PostRow.deleted_at.is_(None))
        .where(before > SHOWN)
        .order_by(SHOWN, PostRow.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def looked_at(session: Session, brand_id: str, ids: Collection[int], gone: Collection[Delete], now: datetime) -> Stored:
    """Note that these posts were asked for: the gone ones go, the others were there."""
    lock_brand(session, brand_id)
    seen = update(PostRow).where(PostRow.id.in_(ids), PostRow.deleted_at.is_(None))
    session.execute(seen.values(verified_at=now))
    return store_events(session, brand_id, gone, now)


def forget_unshown(session: Session, brand_id: str, before: Mapping[str, datetime], limit: int, now: datetime) -> int:
    """Let posts go that may not be kept so long after their network last showed them; `before` is by network.

    Up to `limit` of them; their places stay, as those of deleted posts.
    """
    lock_brand(session, brand_id)
    ended: list[Delete] = []
    for network, moment in before.items():
        query = (
            select(PostRow.native_id)
            .where(PostRow.brand_id == brand_id, PostRow.network == network, PostRow.deleted_at.is_(None))
            .where(moment > SHOWN)
            .limit(limit - len(ended))
        )
        ended += [Delete(network, native_id, now) for native_id in session.scalars(query)]
    return store_events(session, brand_id, ended, now).deleted


def stored_networks(session: Session, brand_id: str) -> list[str]:
    """Of which there are posts."""
    return list(session.scalars(select(PostRow.network).where(PostRow.brand_id == brand_id).distinct()))
