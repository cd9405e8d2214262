"""Readings: one for each version of a post that was read."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from domain.reading import Reading
from storage.tables import PostRow, ReadingRow


def save_reading(session: Session, post: PostRow, reading: Reading, unhappy: bool, now: datetime) -> None:
    """Keep what the current version of a post means; a reading that is there already is replaced."""
    row = session.scalars(select(ReadingRow).filter_by(post_id=post.id, version=post.version)).one_or_none()
    if row is None:
        row = ReadingRow(brand_id=post.brand_id, post_id=post.id, version=post.version)
        session.add(row)
    row.content_hash = str(post.content_hash)
    row.language = reading.language.label
    row.sentiment = reading.sentiment.label
    row.intent, row.second_intent = reading.intent.label, reading.second_intent
    row.urgency = reading.urgency.label
    row.complaint, row.about_brand = reading.flags["complaint"], reading.flags["about_brand"]
    row.ironic, row.escalation = reading.flags["ironic"], reading.flags["escalation"]
    row.unhappy, row.model, row.read_at = unhappy, reading.model, now
    row.details = {
        "language": asdict(reading.language),
        "sentiment": asdict(reading.sentiment),
        "intent": asdict(reading.intent),
        "urgency": asdict(reading.urgency),
        "entities": [asdict(entity) for entity in reading.entities],
        "abstain": list(reading.abstain),
    }


Read = tuple[PostRow, ReadingRow]
Thread = tuple[str, str]


def posts_by_thread(session: Session, brand_id: str, threads: Collection[Thread]) -> dict[Thread, list[Read]]:
    """The living posts of conversations (network, thread) that were read, oldest first, with their current reading."""
    query = (
        select(PostRow, ReadingRow)
        .join(ReadingRow, (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version))
        .where(
            PostRow.brand_id == brand_id,
            tuple_(PostRow.network, PostRow.thread).in_(sorted(threads)),
            PostRow.stage.in_(("read", "routed")),
        )
        .order_by(PostRow.created_at, PostRow.native_id)
    )
    found: dict[Thread, list[Read]] = {thread: [] for thread in sorted(threads)}
    for post, reading in session.execute(query):
        found[post.network, post.thread].append((post, reading))
    return found
