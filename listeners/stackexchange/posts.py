"""What a question of a Stack Exchange site says, as a post (api.stackexchange.com/docs/types/question).

Questions are numbered by site, so a post's id is `SITE:NUMBER`. Titles and names come with HTML entities, as
the API's safe filters write them. The licence (CC BY-SA) asks for the link and the author's name to be kept.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from typing import Any

from domain.post import Author, Post
from listeners.markup import plain_text
from listeners.values import SHORT_LIMIT, BadRow, as_count, as_identifier, as_text, clean, required

NETWORK = "stackexchange"
HTML_LIMIT = 100_000
_EARLIEST, _LATER_THAN_ALL = 631_152_000, 4_102_444_800  # 1990, 2100
_FACTS = ("content_license", "is_answered", "view_count", "closed_reason")


def id_of(item: Any) -> str | None:
    """The question's number on its site, as text."""
    try:
        return as_identifier(item.get("question_id"), "question_id") if isinstance(item, Mapping) else None
    except BadRow:
        return None


def active_at(item: Any) -> datetime | None:
    """When somebody last asked, edited or answered: what pages are ordered by."""
    try:
        return _time(item, "last_activity_date") if isinstance(item, Mapping) else None
    except BadRow:
        return None


def as_raw(item: Mapping[str, Any], site: str) -> dict[str, Any]:
    """What is kept of a question, with the site that it is of."""
    return {"site": site, "question": clean(item, "question")}


def post_of(item: Any, site: str) -> Post:
    """Raises `BadRow`."""
    if not isinstance(item, Mapping):
        raise BadRow("not an object")
    number = required(as_identifier(item.get("question_id"), "question_id"), "question_id")
    link = item.get("link")
    return Post(
        network=NETWORK,
        id=f"{site}:{number}",
        text=_text(item),
        created_at=required(_time(item, "creation_date"), "creation_date"),
        author=_author(item.get("owner"), site),
        url=str(clean(link, "link")) if isinstance(link, str) and link.startswith(("https://", "http://")) else None,
        edited_at=_time(item, "last_edit_date"),
        likes=_count(item.get("score")),
        replies=_count(item.get("answer_count")),
        attributes=_attributes(item, site),
    )


def _time(item: Mapping[str, Any], name: str) -> datetime | None:
    seconds = item.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not _EARLIEST <= seconds < _LATER_THAN_ALL:
        raise BadRow(f"{name} must be a unix time, not {str(seconds)[:80]!r}")
    return datetime.fromtimestamp(seconds, UTC)


def _text(item: Mapping[str, Any]) -> str:
    html = as_text(item.get("body"), "body") or ""
    if len(html) > HTML_LIMIT:
        raise BadRow(f"body has {len(html):,} characters; at most {HTML_LIMIT:,} are taken")
    text: str = clean("\n\n".join(part for part in (_title(item), plain_text(html)) if part), "body")
    return text


def _title(item: Mapping[str, Any]) -> str:
    return unescape(as_text(item.get("title"), "title") or "").strip()


def _author(owner: Any, site: str) -> Author | None:
    """None for accounts that are gone: the name alone is no account."""
    if not isinstance(owner, Mapping):
        return None
    number = as_identifier(owner.get("user_id"), "owner.user_id")
    if number is None:
        return None
    link = owner.get("link")
    links = (str(clean(link, "owner.link")),) if isinstance(link, str) and link.startswith("https://") else ()
    return Author(id=f"{site}:{number}", name=_name(owner), links=links)


def _name(owner: Mapping[str, Any]) -> str | None:
    name = owner.get("display_name")
    return clean(unescape(name).strip(), "owner.display_name")[:SHORT_LIMIT] or None if isinstance(name, str) else None


def _attributes(item: Mapping[str, Any], site: str) -> dict[str, Any]:
    owner = item.get("owner")
    tags = item.get("tags")
    attributes = {
        "site": site,
        "kind": "question",
        "title": clean(_title(item), "title")[:SHORT_LIMIT],
        "tags": [clean(tag, "tags")[:SHORT_LIMIT] for tag in tags if isinstance(tag, str)][:20]
        if isinstance(tags, list)
        else None,
        "author_name": _name(owner) if isinstance(owner, Mapping) else None,
        **{name: clean(item.get(name), name) for name in _FACTS},
    }
    return {name: value for name, value in attributes.items() if value not in (None, "", [])}


def _count(value: Any) -> int | None:
    """A figure beside the point; scores may be below zero."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None
