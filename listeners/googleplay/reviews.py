"""A review of Google Play as a post (developers.google.com/android-publisher/api-ref/rest/v3/reviews).

The API tells when a review was last changed and not when it was written, nor whose account wrote it: a name is
not an id, so that the post has no author. The developer's answer is no post, only the time of it is kept.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from domain.post import Post, Rejected, Upsert
from listeners.values import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    SHORT_LIMIT,
    BadRow,
    Fields,
    as_count,
    as_identifier,
    clean,
    required,
)

NETWORK = "googleplay"
PAGE = "https://play.google.com/store/apps/details"
STARS = range(1, 6)
RAW_LIMIT = 10_000


def review_post(raw: Mapping[str, Any]) -> Post:
    """Of `{"review": …, "app_id": the package name}`. Raises `BadRow`."""
    review = raw.get("review")
    if not isinstance(review, Mapping):
        raise BadRow("a review must be an object")
    fields, app = Fields(review, ()), str(raw.get("app_id"))
    said = _comment(fields.raw("comments"), "userComment")
    if said is None:
        raise BadRow("comments hold no userComment")
    told = fields.inside(said)
    id_, modified_at = fields.required_identifier("reviewId", SHORT_LIMIT), required(_moment(said), "lastModified")
    title, tab, body = (told.text("originalText") or told.text("text") or "").partition("\t")
    text = "\n\n".join(part.strip() for part in (title, body) if part.strip())
    if not text:
        raise BadRow("text is missing")
    return Post(
        network=NETWORK,
        id=id_,
        text=text,
        created_at=modified_at,
        edited_at=modified_at,
        url=f"{PAGE}?id={quote(app)}&reviewId={quote(id_)}",
        lang=(told.short("reviewerLanguage", 40) or "").replace("_", "-") or None,
        likes=_lenient_count(told.raw("thumbsUpCount")),
        attributes=_attributes(fields, told, app, title.strip() if tab else None, modified_at),
    )


def _attributes(fields: Fields, told: Fields, app: str, title: str | None, modified_at: datetime) -> dict[str, Any]:
    answer = _comment(fields.raw("comments"), "developerComment")
    answered_at = _moment(answer) if answer is not None else None
    stars = told.raw("starRating")
    found = {
        "app_id": app,
        "title": title or None,
        "rating": stars if type(stars) is int and stars in STARS else None,
        "author_name": _word(fields.raw("authorName")),
        "app_version": _word(told.raw("appVersionName")),
        "android_version": _lenient_count(told.raw("androidOsVersion")),
        "device": _word(told.raw("device")),
        "language": _word(told.raw("reviewerLanguage")),
        "modified_at": modified_at.isoformat(),
        "answered_at": answered_at and answered_at.isoformat(),
    }
    return {key: value for key, value in found.items() if value is not None}


def _comment(comments: Any, kind: str) -> Mapping[str, Any] | None:
    """The user's or the developer's part of a review; there is one of each at most."""
    for comment in comments if isinstance(comments, list) else ():
        found = comment.get(kind) if isinstance(comment, Mapping) else None
        if isinstance(found, Mapping):
            return found
    return None


def _moment(comment: Mapping[str, Any]) -> datetime | None:
    """`lastModified`, whose seconds since 1970 come as text. Raises `BadRow` when it cannot be."""
    told = comment.get("lastModified")
    seconds = as_count(told.get("seconds"), "lastModified.seconds") if isinstance(told, Mapping) else None
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise BadRow(f"lastModified cannot be: {seconds}") from None
    if not EARLIEST_YEAR <= moment.year < LATEST_YEAR:
        raise BadRow(f"lastModified cannot be: {seconds}")
    return moment


def _word(value: Any) -> str | None:
    return str(value)[:SHORT_LIMIT] if isinstance(value, str | int) and value != "" else None


def _lenient_count(value: Any) -> int | None:
    """A figure beside the point."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None


# --- pages of them ---------------------------------------------------------------------------------


class Told:
    """What the reviews of a page become."""

    def __init__(self, reviews: list[Any], app: str) -> None:
        self.events: list[Upsert] = []
        self.rejected: list[Rejected] = []
        for review in reviews:
            try:
                raw = clean({"review": review, "app_id": app}, "a review")
                self.events.append(Upsert(review_post(raw), raw))
            except BadRow as error:
                shown = json.dumps(review, ensure_ascii=True, default=str)[:RAW_LIMIT]
                self.rejected.append(Rejected(NETWORK, str(error), shown))


def time_of(review: Any) -> datetime | None:
    """When a review was last changed."""
    said = _comment(review.get("comments"), "userComment") if isinstance(review, Mapping) else None
    try:
        return None if said is None else _moment(said)
    except BadRow:
        return None


def mark_of(review: Any) -> str | None:
    """A review as it stands in the list: a change moves it to the top, where it says nothing about what is below."""
    try:
        id_ = as_identifier(review.get("reviewId"), "reviewId") if isinstance(review, Mapping) else None
    except BadRow:
        return None
    at = time_of(review)
    return None if id_ is None or at is None else f"{id_}@{at.timestamp():.0f}"
