"""Hearing one source: what its account may still take, each batch stored with its cursor, pauses."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from config.wiring import App
from domain.brand import Brand
from domain.errors import Permanent, Transient, VigieError
from domain.post import Batch, Cursor, Delete, Event, Upsert
from flows.base import Outcome
from listeners.base import Budget, Source, Streaming
from listeners.query import Query
from storage.claims import hold, let_go
from storage.listening import known_posts, load_cursor, pause_cursor, spend, spent_today, store_batch
from storage.posts import Stored

LEASE_NAME = 200
LONGEST_PAUSE_SECONDS = 86_400.0
MENDED_BY_A_PERSON_SECONDS = 3600.0  # tried once an hour, so that it goes on by itself once it is mended


class Busy(Exception):
    """This source is not to be heard now: `str()` says why, `retry_at` when it may be."""

    def __init__(self, reason: str, retry_at: datetime | None = None) -> None:
        super().__init__(reason)
        self.retry_at = retry_at


def pull(app: App, brand: Brand, source: Source) -> Outcome:
    """Pull a source from its cursor on, unless another process does or it has to wait."""
    total = Stored()
    try:
        with taken(app, brand, source) as cursor:
            for batch in source.listener.pull(source.query, cursor, budget_left(app, source)):
                total += store(app, brand, source, batch)
    except Busy as busy:
        return Outcome(left=1, retry_at=busy.retry_at, notes=(f"{source.name}: {busy}",))
    except VigieError as error:
        return outcome_of(total).beside(pause(app, brand, source, error))
    return outcome_of(total)


def listen(app: App, brand: Brand, source: Source) -> Iterator[Stored]:
    """Hear a stream from its cursor on, without end; what each batch changed. Raises `Busy` and as streams do."""
    if not isinstance(source.listener, Streaming):
        raise Permanent(f"{source.name} has no stream")
    room_today(app, source)
    with taken(app, brand, source) as cursor, closing(source.listener.stream(source.query, cursor)) as batches:
        for batch in batches:
            yield store(app, brand, source, batch)
            if source.account:
                room_today(app, source)


@contextmanager
def taken(app: App, brand: Brand, source: Source) -> Iterator[Cursor | None]:
    """Hold the source for this process; gives where it goes on. Raises `Busy`."""
    with held(app, f"listen:{brand.id}:{source.name}:{source.query}"):
        with app.database.read() as session:
            row = load_cursor(session, brand.id, source.name, source.query)
            if row is not None and row.paused and row.retry_at is not None and row.retry_at > app.now():
                raise Busy(row.paused, row.retry_at)
            cursor = row.cursor if row is not None and row.cursor else None
        yield cursor


@contextmanager
def held(app: App, lease: str) -> Iterator[None]:
    """Hold a named lease for this process. Raises `Busy`."""
    name = lease if len(lease) <= LEASE_NAME else f"listen:{sha256(lease.encode()).hexdigest()}"
    with app.database.begin() as session:
        if not hold(session, name, app.now(), app.settings.work.lease_seconds):
            raise Busy("another process is at it")
    try:
        yield
    finally:
        with app.database.begin() as session:
            let_go(session, name)


def room_today(app: App, source: Source) -> tuple[float, float]:
    """Posts and cost that the source's account may still take on this UTC day. Raises `Busy` when it is nothing."""
    with app.database.read() as session:
        posts, cost = spent_today(session, source.account, app.now()) if source.account else (0, 0.0)
    posts_left = math.inf if source.posts_a_day is None else source.posts_a_day - posts
    cost_left = math.inf if source.cost_a_day is None else source.cost_a_day - cost
    if posts_left <= 0 or cost_left <= 0:
        tomorrow = datetime.combine(app.now().astimezone(UTC).date() + timedelta(days=1), time(), UTC)
        raise Busy("has taken what it may take today", tomorrow)
    return posts_left, cost_left


def budget_left(app: App, source: Source) -> Budget:
    """What a pull may take: its own budget, and no more than its account may still take today. Raises `Busy`."""
    (posts, cost), budget = room_today(app, source), source.budget
    return replace(budget, max_posts=int(min(budget.max_posts, posts)), max_cost=min(budget.max_cost, cost))


def store(app: App, brand: Brand, source: Source, batch: Batch) -> Stored:
    """One batch with its cursor, in one transaction; of its posts only what is wanted, and edits of what is known."""
    taken_posts = sum(isinstance(event, Upsert) for event in batch.events)
    with app.database.begin() as session:
        if source.wanted is not None:
            batch = replace(batch, events=_wanted(session, brand, source.wanted, batch.events))
        if source.account:
            spend(session, source.account, app.now(), taken_posts, batch.cost)
        keep_raw = app.settings.listeners.keep_raw
        return store_batch(session, brand.id, batch, app.now(), source.name, source.query, keep_raw=keep_raw)


def _wanted(session: Session, brand: Brand, wanted: Query, events: Sequence[Event]) -> list[Event]:
    others = {
        (event.post.network, event.post.id)
        for event in events
        if isinstance(event, Upsert) and not wanted.matches(event.post)
    }
    unknown = others - known_posts(session, brand.id, others)
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Delete):
            kept.append(replace(event, only_known=True))
        elif not isinstance(event, Upsert) or (event.post.network, event.post.id) not in unknown:
            kept.append(event)
    return kept


def pause(app: App, brand: Brand, source: Source, error: VigieError) -> Outcome:
    """Note why a source cannot go on and when it is tried again."""
    seconds = (error.retry_after or 60.0) if isinstance(error, Transient) else MENDED_BY_A_PERSON_SECONDS
    retry_at = app.now() + timedelta(seconds=min(seconds, LONGEST_PAUSE_SECONDS))
    with app.database.begin() as session:
        pause_cursor(session, brand.id, source.name, source.query, str(error), retry_at, app.now())
    return Outcome(left=1, retry_at=retry_at, notes=(f"{source.name}: {error}",))


def outcome_of(stored: Stored) -> Outcome:
    """What a stage tells of what was stored."""
    made = {"new": stored.new, "edited": stored.edited, "deleted": stored.deleted}
    took = stored.new + stored.edited + stored.deleted + stored.same + stored.late + stored.rejected
    return Outcome(took=took, made=made, refused=stored.rejected)
