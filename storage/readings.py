"""Readings: one for each version of a post that was read."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from domain.reading import FLAGS, Entity, Label, Reading
from storage.bulk import among
from storage.fresh import content_hash
from storage.tables import PostRow, ReadingRow

CHOICES = ("language", "sentiment", "intent", "urgency")
ASKED = ("about_brand", "complaint", "intent", "sentiment")  # on which a person is asked, in the order of `doubts`


def save_reading(
    session: Session, post: PostRow, reading: Reading, unhappy: bool, now: datetime, read_for: str | None = None
) -> ReadingRow:
    """Keep what the current version of a post means; a reading that is there already is replaced.

    `read_for` marks the settings under which it was read; without a mark no copy takes the reading over.
    """
    row = session.scalars(select(ReadingRow).filter_by(post_id=post.id, version=post.version)).one_or_none()
    if row is None:
        row = ReadingRow(brand_id=post.brand_id, post_id=post.id, version=post.version)
        session.add(row)
    row.content_hash = str(post.content_hash)
    for head in CHOICES:
        setattr(row, head, getattr(reading, head).label)
    row.second_intent = reading.second_intent
    for flag in FLAGS:
        setattr(row, flag, reading.flags[flag])
    row.unhappy, row.model, row.read_at = unhappy, reading.model, now
    row.doubts = ",".join(head for head in ASKED if head in reading.abstain)
    row.details = _details(reading) | ({"read_for": read_for} if read_for else {})
    return row


def is_unhappy(complaint: float, intent: str, threshold: float) -> bool:
    """Whether a post complains; spam never does."""
    return complaint >= threshold and intent != "spam"


def known_readings(
    session: Session, brand_id: str, model: str, read_for: str, texts: Collection[str]
) -> dict[str, Reading]:
    """What this model said of living posts in exactly these words, under the same settings.

    Words that differ in a space or a capital are other words: entities stand at their places in the text. Of a content
    only the first and the newest reading are looked at: a campaign may have tens of thousands.
    """
    if not texts:
        return {}
    hashes = {content_hash(text) for text in texts}
    here = (ReadingRow.brand_id == brand_id) & (ReadingRow.model == model)
    ends = select(func.min(ReadingRow.id), func.max(ReadingRow.id)).group_by(ReadingRow.content_hash)
    these = ends.where(here, among(session, ReadingRow.content_hash, hashes))
    ids = {id_ for pair in session.execute(these) for id_ in pair}
    same = (PostRow.id == ReadingRow.post_id) & (PostRow.version == ReadingRow.version)
    query = select(PostRow.text, ReadingRow.details).join(PostRow, same).where(among(session, ReadingRow.id, ids))
    wanted = set(texts)
    return {
        str(text): _reading(details, model)
        for text, details in session.execute(query)
        if text in wanted and details.get("read_for") == read_for
    }


def _details(reading: Reading) -> dict[str, Any]:
    """All that the model said, as it said it."""
    told: dict[str, Any] = {head: asdict(getattr(reading, head)) for head in CHOICES}
    told |= {"second_intent": reading.second_intent, "flags": dict(reading.flags)}
    told |= {"entities": [asdict(entity) for entity in reading.entities], "abstain": list(reading.abstain)}
    return told | ({"topics": dict(reading.topics)} if reading.topics else {})


def _reading(details: Mapping[str, Any], model: str) -> Reading:
    language, sentiment, intent, urgency = (Label(**details[head]) for head in CHOICES)
    return Reading(
        language=language,
        sentiment=sentiment,
        intent=intent,
        second_intent=details["second_intent"],
        urgency=urgency,
        flags=details["flags"],
        entities=tuple(Entity(**entity) for entity in details["entities"]),
        abstain=tuple(details["abstain"]),
        model=model,
        topics=details.get("topics", {}),
    )


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
