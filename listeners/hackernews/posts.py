"""What a hit of the Hacker News search says, as a post."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.post import Author, Post
from listeners.markup import plain_text
from listeners.values import SHORT_LIMIT, BadRow, as_count, as_identifier, as_text, clean, parse_time, required

NETWORK = "hackernews"
PAGE_OF_ITEM = "https://news.ycombinator.com/item?id="
HTML_LIMIT = 100_000
_LATER_THAN_ALL = 4_102_444_800  # the year 2100


def id_of(hit: Any) -> str | None:
    """The item's number, as text."""
    try:
        return as_identifier(hit.get("objectID"), "objectID") if isinstance(hit, Mapping) else None
    except BadRow:
        return None


def time_of(hit: Any) -> datetime | None:
    """When the item was written."""
    try:
        return _created(hit) if isinstance(hit, Mapping) else None
    except BadRow:
        return None


def as_raw(hit: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a hit: all but how the search marks what it found."""
    kept: dict[str, Any] = clean({k: v for k, v in hit.items() if k not in ("_highlightResult", "children")}, "hit")
    return kept


def post_of(hit: Any) -> Post:
    """The story, poll or comment; its text is empty where it says nothing. Raises `BadRow`."""
    if not isinstance(hit, Mapping):
        raise BadRow("not an object")
    id_ = required(as_identifier(hit.get("objectID"), "objectID"), "objectID")
    story = as_identifier(hit.get("story_id"), "story_id")
    return Post(
        network=NETWORK,
        id=id_,
        text=_text(hit),
        created_at=_created(hit),
        author=_author(hit),
        url=f"{PAGE_OF_ITEM}{id_}",
        reply_to=as_identifier(hit.get("parent_id"), "parent_id"),
        conversation=None if story == id_ else story,
        likes=_count(hit.get("points")),
        replies=_count(hit.get("num_comments")),
        attributes=_attributes(hit),
    )


def _created(hit: Mapping[str, Any]) -> datetime:
    seconds = hit.get("created_at_i")
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < _LATER_THAN_ALL:
        return datetime.fromtimestamp(seconds, UTC)
    return parse_time(required(hit.get("created_at"), "created_at"), "created_at")


def _text(hit: Mapping[str, Any]) -> str:
    """Of a story its title and what stands below it, of a comment the comment."""
    html = "".join(as_text(hit.get(name), name) or "" for name in ("story_text", "comment_text"))
    if len(html) > HTML_LIMIT:
        raise BadRow(f"the text has {len(html):,} characters; at most {HTML_LIMIT:,} are taken")
    title = (as_text(hit.get("title"), "title") or "").strip()
    text: str = clean("\n\n".join(part for part in (title, plain_text(html)) if part), "text")
    return text


def _author(hit: Mapping[str, Any]) -> Author | None:
    """Accounts are known by their names, which never change."""
    name = as_identifier(hit.get("author"), "author", SHORT_LIMIT)
    return None if name is None else Author(id=name, handle=name)


def _attributes(hit: Mapping[str, Any]) -> dict[str, Any]:
    tags = hit.get("_tags")
    kinds = [tag for tag in tags if tag in ("story", "comment", "poll")] if isinstance(tags, list) else []
    title = hit.get("title") or hit.get("story_title")
    link = hit.get("url")
    attributes = {
        "kind": kinds[0] if kinds else None,
        "title": clean(title, "title")[:SHORT_LIMIT] if isinstance(title, str) else None,
        "link": clean(link, "url") if isinstance(link, str) else None,
        "has_link": True if isinstance(link, str) and link else None,
    }
    return {name: value for name, value in attributes.items() if value}


def _count(value: Any) -> int | None:
    """A figure beside the point: it is null on comments and may be below zero."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None
