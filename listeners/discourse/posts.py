"""What a post of a Discourse forum says (its serializer: app/serializers/post_serializer.rb).

Posts are numbered by forum, so a post's id is `HOST:NUMBER`. Its conversation is its topic.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.post import Author, Post
from listeners.markup import plain_text
from listeners.values import SHORT_LIMIT, BadRow, as_count, as_identifier, as_text, clean, parse_time, required

NETWORK = "discourse"
HTML_LIMIT = 100_000
_REGULAR = 1  # the others are moderators' actions and whispers
_LIKE = 2
_LEFT_OUT = frozenset({"raw", "actions_summary", "link_counts", "avatar_template"})


def id_of(item: Any) -> str | None:
    """The post's number on its forum, as text."""
    try:
        return as_identifier(item.get("id"), "id") if isinstance(item, Mapping) else None
    except BadRow:
        return None


def time_of(item: Any) -> datetime | None:
    """When it was written."""
    try:
        return parse_time(item.get("created_at"), "created_at") if isinstance(item, Mapping) else None
    except BadRow:
        return None


def place_of(item: Any) -> tuple[str, str] | None:
    """Its topic, and its number there: what an answer names."""
    if not isinstance(item, Mapping) or item.get("topic_id") is None or item.get("post_number") is None:
        return None
    return str(item["topic_id"]), str(item["post_number"])


def parent_of(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The place of what it answers."""
    return place_of({"topic_id": item.get("topic_id"), "post_number": item.get("reply_to_post_number")})


def is_gone(item: Mapping[str, Any]) -> bool:
    """Whether it is shown as deleted, by a moderator or by its author."""
    return bool(item.get("deleted_at") or item.get("user_deleted"))


def is_said(item: Mapping[str, Any]) -> bool:
    """Whether it is what somebody said in public: no moderator's action, no whisper, nothing hidden by flags."""
    return item.get("post_type", _REGULAR) == _REGULAR and not item.get("hidden")


def as_raw(item: Mapping[str, Any], base_url: str, parent: str | None) -> dict[str, Any]:
    """What is kept of a post, with its forum and the number of the post that it answers, where that is known."""
    likes = _likes(item)
    kept = {name: value for name, value in item.items() if name not in _LEFT_OUT}
    return {"base_url": base_url, "parent": parent, "post": clean({**kept, "like_count": likes}, "post")}


def key_of(base_url: str, number: str) -> str:
    """The id by which Vigie knows a post of this forum."""
    return f"{base_url.partition('://')[2].lower()}:{number}"


def post_of(raw: Mapping[str, Any]) -> Post:
    """The post that `as_raw` kept. Raises `BadRow`."""
    item, base_url = raw.get("post"), raw.get("base_url")
    if not isinstance(item, Mapping) or not isinstance(base_url, str):
        raise BadRow("not an object")
    number = required(as_identifier(item.get("id"), "id"), "id")
    topic = as_identifier(item.get("topic_id"), "topic_id")
    parent = as_identifier(raw.get("parent"), "parent")
    return Post(
        network=NETWORK,
        id=key_of(base_url, number),
        text=_text(item),
        created_at=parse_time(required(item.get("created_at"), "created_at"), "created_at"),
        author=_author(item, base_url),
        url=f"{base_url}/p/{number}",
        lang=_language(item.get("locale")),
        edited_at=_edited_at(item),
        reply_to=None if parent is None else key_of(base_url, parent),
        conversation=None if topic is None else key_of(base_url, f"topic-{topic}"),
        likes=_count(item.get("like_count")),
        replies=_count(item.get("reply_count")),
        attributes=_attributes(item, base_url, number),
    )


def _text(item: Mapping[str, Any]) -> str:
    """What is said; of the first post of a topic, with the topic's title."""
    html = as_text(item.get("cooked"), "cooked") or ""
    if len(html) > HTML_LIMIT:
        raise BadRow(f"cooked has {len(html):,} characters; at most {HTML_LIMIT:,} are taken")
    title = (as_text(item.get("topic_title"), "topic_title") or "").strip() if item.get("post_number") == 1 else ""
    text: str = clean("\n\n".join(part for part in (title, plain_text(html)) if part), "cooked")
    return text


def _author(item: Mapping[str, Any], base_url: str) -> Author | None:
    """Accounts have numbers; their names may change."""
    number = as_identifier(item.get("user_id"), "user_id")
    if number is None:
        return None
    handle, name = (_short(item.get(field)) for field in ("username", "name"))
    return Author(id=key_of(base_url, number), handle=handle, name=name)


def _edited_at(item: Mapping[str, Any]) -> datetime | None:
    """`updated_at` moves with every change; only a version above the first is an edit."""
    version = item.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 2 or not item.get("updated_at"):
        return None
    return parse_time(item["updated_at"], "updated_at").astimezone(UTC)


def _attributes(item: Mapping[str, Any], base_url: str, number: str) -> dict[str, Any]:
    attributes = {
        "forum": base_url.partition("://")[2].lower(),
        "number": number,
        "title": _short(item.get("topic_title")),
        "topic": as_identifier(item.get("topic_id"), "topic_id"),
        "category": as_identifier(item.get("category_id"), "category_id"),
        "post_number": _count(item.get("post_number")),
        "author_name": _short(item.get("name")) or _short(item.get("username")),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _short(value: Any) -> str | None:
    return clean(value.strip(), "a name")[:SHORT_LIMIT] or None if isinstance(value, str) else None


def _language(value: Any) -> str | None:
    """The language of `pt_BR`."""
    return value[:2].lower() if isinstance(value, str) and value[:2].isalpha() else None


def _likes(item: Mapping[str, Any]) -> Any:
    actions = item.get("actions_summary")
    told = [each for each in actions if isinstance(each, Mapping)] if isinstance(actions, list) else []
    return next((each.get("count", 0) for each in told if each.get("id") == _LIKE), item.get("like_count"))


def _count(value: Any) -> int | None:
    """A figure beside the point."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None
