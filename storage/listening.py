"""What listeners leave behind: posts with their cursor, what was spent, what was missed, what was no post."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import case, func, select, tuple_, update
from sqlalchemy.orm import Session

from domain.post import Author, Batch, Cursor, Gap, Post, Rejected
from storage.brands import lock_brand
from storage.posts import LOOKUP, Stored, store_events
from storage.tables import AuthorRow, CursorRow, GapRow, PostRow, QuarantineRow, SpendingRow


def store_batch(
    session: Session,
    brand_id: str,
    batch: Batch,
    now: datetime,
    listener: str,
    query: str,
    keep_raw: bool = True,
) -> Stored:
    """Store what a listener heard together with its cursor, in the caller's transaction."""
    lock_brand(session, brand_id)
    stored = store_events(session, brand_id, batch.events, now, listener=listener, keep_raw=keep_raw)
    _note_gaps(session, brand_id, [event for event in batch.events if isinstance(event, Gap)], listener, query, now)
    _quarantine(session, brand_id, batch.rejected, now)
    if batch.cursor_after is not None:
        save_cursor(session, brand_id, listener, query, batch.cursor_after, now)
    return replace(stored, rejected=len(batch.rejected))


def spent_today(session: Session, account: str, now: datetime) -> tuple[int, float]:
    """Posts and cost that an account has taken on this UTC day."""
    row = session.get(SpendingRow, (account, now.astimezone(UTC).date()))
    return (0, 0.0) if row is None else (row.posts, row.cost)


@dataclass(frozen=True, slots=True)
class Sample:
    """Stored posts, and how many days they were written in."""

    posts: Sequence[Post]
    days: float


def recent_posts(session: Session, brand_id: str, since: datetime, limit: int) -> Sample:
    """The newest posts of the networks with their authors, as far as they are kept."""
    query = (
        select(PostRow, AuthorRow)
        .outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
        .where(PostRow.brand_id == brand_id, PostRow.deleted_at.is_(None), PostRow.created_at >= since)
        .order_by(PostRow.created_at.desc())
        .limit(limit)
    )
    posts = [_post(row, author) for row, author in session.execute(query)]
    first = min((post.created_at for post in posts), default=since)
    last = max((post.created_at for post in posts), default=since)
    return Sample(posts, max(1.0, (last - first).total_seconds() / 86_400))


def _post(row: PostRow, author: AuthorRow | None) -> Post:
    return Post(
        network=row.network,
        id=row.native_id,
        text=row.text or "",
        created_at=row.created_at or row.heard_at,
        author=_author(author),
        lang=row.lang,
        attributes=row.attributes,
    )


def listener_states(session: Session, brand_id: str) -> Sequence[CursorRow]:
    """Where each question stands; paused ones first."""
    others = CursorRow.listener.like("desk %") | CursorRow.listener.like("channel %")
    query = select(CursorRow).where(CursorRow.brand_id == brand_id, ~others)
    return session.scalars(query.order_by(CursorRow.paused.is_(None), CursorRow.listener, CursorRow.query)).all()


def heard_by(session: Session, brand_id: str, day: datetime, week: datetime) -> list[tuple[str, int, int]]:
    """Posts heard of each network since one time and since an earlier one."""
    lately = func.sum(case((PostRow.heard_at >= day, 1), else_=0))
    query = (
        select(PostRow.network, lately, func.count())
        .where(PostRow.brand_id == brand_id, PostRow.heard_at >= week)
        .group_by(PostRow.network)
        .order_by(func.count().desc(), PostRow.network)
    )
    return [(network, int(some), int(many)) for network, some, many in session.execute(query)]


def quarantined(session: Session, brand_id: str, since: datetime) -> dict[str, int]:
    """Items of each network that were no posts."""
    query = select(QuarantineRow.network, func.count()).where(
        QuarantineRow.brand_id == brand_id, QuarantineRow.at >= since
    )
    return dict(session.execute(query.group_by(QuarantineRow.network)).all())


def spending(session: Session, now: datetime) -> Sequence[SpendingRow]:
    """What each account has taken on this UTC day."""
    today = SpendingRow.day == now.astimezone(UTC).date()
    return session.scalars(select(SpendingRow).where(today).order_by(SpendingRow.account)).all()


def _author(row: AuthorRow | None) -> Author | None:
    return None if row is None else Author(row.native_id, row.handle, row.name, followers=row.followers)


def gaps_since(session: Session, brand_id: str, since: datetime) -> Sequence[GapRow]:
    """What listeners missed since then, the newest first."""
    query = select(GapRow).where(GapRow.brand_id == brand_id, GapRow.at >= since).order_by(GapRow.at.desc())
    return session.scalars(query).all()


def known_posts(session: Session, brand_id: str, posts: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these (network, native id) are stored."""
    found: set[tuple[str, str]] = set()
    keys = sorted(posts)
    for start in range(0, len(keys), LOOKUP):
        part = tuple_(PostRow.network, PostRow.native_id).in_(keys[start : start + LOOKUP])
        rows = session.execute(select(PostRow.network, PostRow.native_id).where(PostRow.brand_id == brand_id, part))
        found |= {(network, native_id) for network, native_id in rows}
    return found


def spend(session: Session, account: str, now: datetime, posts: int, cost: float) -> None:
    """Add to what an account has taken today."""
    day = now.astimezone(UTC).date()
    more = {"posts": SpendingRow.posts + posts, "cost": SpendingRow.cost + cost}
    here = (SpendingRow.account == account) & (SpendingRow.day == day)
    if not session.execute(update(SpendingRow).where(here).values(more)).rowcount:  # type: ignore[attr-defined]
        session.add(SpendingRow(account=account, day=day, posts=posts, cost=cost))
        session.flush()


def _note_gaps(session: Session, brand_id: str, gaps: Sequence[Gap], listener: str, query: str, now: datetime) -> None:
    for gap in gaps:
        same = {"brand_id": brand_id, "listener": listener, "query": query, "since": gap.since, "until": gap.until}
        if session.scalar(select(GapRow.id).filter_by(**same)) is None:
            session.add(GapRow(**same, network=gap.network, reason=gap.reason, at=now))


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
