"""One labelled text. A label that its source does not give is None and teaches nothing."""

from dataclasses import dataclass, replace
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Row:
    """`brand` is the form by which the text names it; `part` is train, tune or test; `weight` scales the loss.

    `weak` scales the loss of the complaint flag alone, where it was drawn from the sentiment.
    """

    text: str
    lang: str
    source: str
    sentiment: str | None = None
    intent: str | None = None
    second: str | None = None
    urgency: str | None = None
    complaint: int | None = None
    ironic: int | None = None
    escalation: int | None = None
    about_brand: int | None = None
    brand: str | None = None
    sector: str | None = None
    part: str = "train"
    weight: float = 1.0
    weak: float = 1.0


def share(text: str) -> float:
    """A fixed pseudo-random number of a text, from 0 to 1: the same split in every run."""
    return crc32(text.encode("utf-8", "replace")) / 2**32


def keep(rows: list[Row], count: int) -> list[Row]:
    """At most `count` rows, always the same ones."""
    return sorted(rows, key=lambda row: share(row.text))[:count]


def unlabelled(row: Row, text: str, lang: str) -> Row:
    """The same labels on another wording; the name of the brand is no longer known in it."""
    return replace(row, text=text, lang=lang, brand=None)
