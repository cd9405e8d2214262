"""A service review of Trustpilot as a post, as its API shows it and as its webhooks send it.

The two differ in little: the API names the consumer's `displayName` and `displayLocation`, a webhook his `name`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.post import Author, Post
from listeners.values import SHORT_LIMIT, BadRow, Fields, as_count, parse_time

NETWORK = "trustpilot"
PAGE = "https://www.trustpilot.com/reviews/"
STARS = range(1, 6)
COLUMNS = ("id",)


def review_post(review: Any) -> Post | None:
    """The review; None where somebody gave stars and said nothing. Raises `BadRow`."""
    if not isinstance(review, Mapping):
        raise BadRow("a review must be an object")
    fields = Fields(review, COLUMNS)
    id_ = fields.required_identifier("id", SHORT_LIMIT)
    title, said = fields.short("title", 5000), (fields.text("text") or "").strip()
    if not title and not said:
        return None
    return Post(
        network=NETWORK,
        id=id_,
        text="\n\n".join(part for part in (title, said) if part),
        created_at=fields.required_time("createdAt"),
        author=_author(fields),
        url=PAGE + id_ if id_.isalnum() else None,
        lang=fields.short("language", 40),
        edited_at=lenient_time(review.get("updatedAt")),
        attributes=_attributes(fields, title),
    )


def lenient_time(value: Any) -> datetime | None:
    """A time that may be missing, and is none rather than a reason to lose the review."""
    try:
        return None if value is None else parse_time(value, "time")
    except BadRow:
        return None


def _author(fields: Fields) -> Author | None:
    consumer = fields.raw("consumer")
    if not isinstance(consumer, Mapping):
        return None
    told = fields.inside(consumer)
    id_ = told.identifier("id", SHORT_LIMIT)
    if id_ is None:
        return None
    name = told.short("displayName", 5000) or told.short("name", 5000)
    return Author(id=id_, name=name, location=told.short("displayLocation", 5000))


def _attributes(fields: Fields, title: str | None) -> dict[str, Any]:
    """`rating` is 1 to 5; `reference` is the order number, where the brand gave one with its invitation."""
    found = {
        "title": title,
        "rating": _stars(fields.raw("stars")),
        "reference": _word(fields.raw("referenceId")),
        "location": _word(fields.raw("locationId")),
        "verified": fields.raw("isVerified") if isinstance(fields.raw("isVerified"), bool) else None,
        "answered": True if fields.raw("companyReply") else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _stars(value: Any) -> int | None:
    try:
        stars = as_count(value, "stars")
    except BadRow:
        return None
    return stars if stars in STARS else None


def _word(value: Any) -> str | None:
    return str(value)[:SHORT_LIMIT] if isinstance(value, str | int) and value != "" else None
