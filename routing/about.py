"""Whether a post is about the brand: what its words say to the model, and what its place says.

A review on the brand's own page, an answer in a conversation with or about the brand, and a post that
quotes an order of the brand are about it, even where the brand is not named.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from storage.customers import known_orders
from storage.readings import Read
from storage.tables import ReadingRow

CERTAIN = 1.0


def settle_about(
    session: Session, brand_id: str, read: Sequence[Read], threshold: float, *, ours: bool, spoken_to: bool
) -> None:
    """Raise the probability of a thread's posts where their place settles it; the model's own word is kept beside.

    `ours`: the network is a page of the brand's; `spoken_to`: the brand itself speaks in this thread.
    """
    orders = known_orders(session, brand_id, {number for _, reading in read for number in _orders(reading)})
    by_itself = {post.id: _why(reading, orders, threshold, ours) for post, reading in read}
    about_thread = spoken_to or any(by_itself.values())
    for post, reading in read:
        if _by_person(reading):
            continue
        why = by_itself[post.id]
        if why is None and about_thread and post.reply_to is not None:
            why = "thread"
        by_model = _by_model(reading)
        certain = why is not None and why != "model"
        reading.about_brand = max(by_model, CERTAIN) if certain else by_model
        told = {"model": by_model, "why": why}
        if reading.details.get("about_brand") != told:
            reading.details = {**reading.details, "about_brand": told}


def _why(reading: ReadingRow, orders: set[str], threshold: float, ours: bool) -> str | None:
    if _by_person(reading):
        return "person" if reading.about_brand >= threshold else None
    if ours:
        return "own page"
    if orders & set(_orders(reading)):
        return "order"
    return "model" if _by_model(reading) >= threshold else None


def _by_person(reading: ReadingRow) -> bool:
    """Whether a person has said it: that holds, whatever the place says."""
    return "about_brand" in reading.details.get("corrected", {})


def _by_model(reading: ReadingRow) -> float:
    """What the model said, also after it was overruled."""
    told = reading.details.get("about_brand")
    return float(told["model"]) if told else float(reading.about_brand)


def _orders(reading: ReadingRow) -> list[str]:
    entities = reading.details.get("entities", ())
    return [entity["value"] for entity in entities if entity["kind"] == "order"]
