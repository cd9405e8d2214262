"""A review of the App Store as a post (developer.apple.com/documentation/appstoreconnectapi/customerreview).

The API tells a nickname and no account: a name is not an id, so that the post has no author. It does not tell
when a review was changed, nor of which version of the app it speaks. The developer's answer is no post, only the
time of it is kept.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.post import Post, Rejected, Upsert
from listeners.values import SHORT_LIMIT, BadRow, Fields, as_identifier, clean, parse_time

NETWORK = "appstore"
STARS = range(1, 6)
RAW_LIMIT = 10_000


def review_post(raw: Mapping[str, Any]) -> Post:
    """Of `{"review": …, "response": … or None, "app_id": …}`. Raises `BadRow`."""
    review = raw.get("review")
    if not isinstance(review, Mapping):
        raise BadRow("a review must be an object")
    fields = Fields(review, ())
    attributes = fields.raw("attributes")
    if not isinstance(attributes, Mapping):
        raise BadRow("attributes is not an object")
    told = fields.inside(attributes)
    title, body = told.short("title", 5000), (told.text("body") or "").strip()
    text = "\n\n".join(part for part in (title, body) if part)
    if not text:
        raise BadRow("title and body are missing")
    return Post(
        network=NETWORK,
        id=fields.required_identifier("id", SHORT_LIMIT),
        text=text,
        created_at=told.required_time("createdDate"),
        attributes=_attributes(told, raw, title),
    )


def _attributes(told: Fields, raw: Mapping[str, Any], title: str | None) -> dict[str, Any]:
    stars = told.raw("rating")
    found = {
        "app_id": str(raw.get("app_id")),
        "title": title,
        "rating": stars if type(stars) is int and stars in STARS else None,
        "author_name": _word(told.raw("reviewerNickname")),
        "territory": _word(told.raw("territory")),
        "answered_at": _answered_at(raw.get("response")),
    }
    return {key: value for key, value in found.items() if value is not None}


def _answered_at(response: Any) -> str | None:
    """When the developer's answer was last changed."""
    told = response.get("attributes") if isinstance(response, Mapping) else None
    try:
        return parse_time(told["lastModifiedDate"], "lastModifiedDate").isoformat() if told else None
    except (BadRow, KeyError, TypeError):
        return None


def _word(value: Any) -> str | None:
    return str(value)[:SHORT_LIMIT] if isinstance(value, str | int) and value != "" else None


# --- pages of them ---------------------------------------------------------------------------------


class Told:
    """What the reviews of a page become. `included` holds the developer's answers beside them."""

    def __init__(self, reviews: list[Any], included: Any, app: str) -> None:
        self.events: list[Upsert] = []
        self.rejected: list[Rejected] = []
        answers = _answers(included)
        for review in reviews:
            try:
                raw = clean({"review": review, "response": answers.get(_answer_id(review)), "app_id": app}, "a review")
                self.events.append(Upsert(review_post(raw), raw))
            except BadRow as error:
                shown = json.dumps(review, ensure_ascii=True, default=str)[:RAW_LIMIT]
                self.rejected.append(Rejected(NETWORK, str(error), shown))


def _answers(included: Any) -> dict[str, Any]:
    """The developer's answers by their ids, without those that cannot be stored."""
    found: dict[str, Any] = {}
    for item in included if isinstance(included, list) else ():
        id_ = item.get("id") if _is_answer(item) else None
        try:
            found |= {id_: clean(item, "response")} if isinstance(id_, str) else {}
        except BadRow:
            continue
    return found


def _is_answer(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "customerReviewResponses"


def _answer_id(review: Any) -> str:
    """`relationships.response.data.id`; empty where there is none."""
    found = review
    for name in ("relationships", "response", "data", "id"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def time_of(review: Any) -> datetime | None:
    """When a review was written."""
    try:
        return parse_time(review["attributes"]["createdDate"], "createdDate")
    except (BadRow, KeyError, TypeError):
        return None


def mark_of(review: Any) -> str | None:
    """A review as it stands in the list: with another date it stands elsewhere, and tells nothing of what is below."""
    try:
        id_ = as_identifier(review.get("id"), "id") if isinstance(review, Mapping) else None
    except BadRow:
        return None
    at = time_of(review)
    return None if id_ is None or at is None else f"{id_}@{at.isoformat()}"
