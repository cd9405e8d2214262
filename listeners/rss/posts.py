"""An entry of a feed as a post.

Its id is what the feed calls it where that is an address or another name that is unique in the world, else
the feed's own address before it. An entry that does not say when it was published is as old as it was when
it was first told (`first`), so that its later edits do not make it younger.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.post import Author, Post
from listeners.rss.entries import Told, from_json, from_xml, language
from listeners.rss.feed import JSON
from listeners.values import ID_LIMIT, SHORT_LIMIT, BadRow, as_count, clean, parse_time

_COMMENT = re.compile(r"(?:[a-z]+[-_]?)?\d+", re.IGNORECASE)  # the place of a comment on its page: #isso-12
_UNIQUE = ("http://", "https://", "tag:", "urn:", "acct:", "mailto:", "at://", "ni:")


def told_of(raw: Mapping[str, Any]) -> Told | None:
    """What the entry in `raw` says; None for what is no post. Raises `BadRow`."""
    entry = raw.get("entry")
    if not isinstance(entry, Mapping):
        raise BadRow("not an object")
    clean(entry, "entry")
    return from_json(entry) if raw.get("format") == JSON else from_xml(entry)


def id_of(told: Told, feed: str) -> str:
    """Raises `BadRow` for an entry with neither id nor link."""
    own = told.id or told.link
    if own is None:
        raise BadRow("neither id nor link")
    return _global(own, feed)


def _global(own: str, feed: str) -> str:
    known = own if own.startswith(_UNIQUE) else f"{feed}#{own}"
    if len(known) > ID_LIMIT:
        raise BadRow(f"the id has {len(known):,} characters; at most {ID_LIMIT:,} are taken")
    return known


def post_of(raw: Mapping[str, Any]) -> Post | None:
    """The post of a stored entry; None for what is no post. Raises `BadRow`.

    `raw` holds the entry, and beside it `format`, `network`, `feed`, `language` and `first`.
    """
    told = told_of(raw)
    if told is None:
        return None
    feed = str(raw.get("feed"))
    first = parse_time(raw.get("first"), "first")
    created = told.published or first
    return Post(
        network=str(raw.get("network")),
        id=id_of(told, feed),
        text=_text(told),
        created_at=created,
        author=_author(told),
        url=told.link,
        lang=told.language or language(raw.get("language")),
        edited_at=told.updated if told.updated is not None and told.updated > created else None,
        reply_to=None if told.parent is None else _global(told.parent, feed),
        conversation=_conversation(told, feed),
        replies=_count(told.facts.get("replies")),
        attributes=_attributes(told, feed),
    )


def _text(told: Told) -> str:
    """Title and text; the text alone of comments, whose titles are made up, and where the title is how it begins."""
    begins = told.title.rstrip(".… ")
    if told.text and (_page(told) or (begins and " ".join(told.text.split()).startswith(begins))):
        return str(clean(told.text, "text"))
    return str(clean("\n\n".join(part for part in (told.title, told.text) if part), "text"))


def _author(told: Told) -> Author | None:
    """None where the feed gives a name alone: two people may have it."""
    if told.author_id is None:
        return None
    links = (told.author_id,) if told.author_id.startswith("http") else ()
    return Author(id=told.author_id, name=told.author_name, links=links)


def _page(told: Told) -> str | None:
    """The page that a comment stands on; None for what is no comment."""
    page, _, anchor = (told.link or "").partition("#")
    return page if page and (told.parent or _COMMENT.fullmatch(anchor)) else None


def _conversation(told: Told, feed: str) -> str | None:
    """The page of a comment, else what it answers. None for what starts something."""
    return _page(told) or (None if told.parent is None else _global(told.parent, feed))


def _attributes(told: Told, feed: str) -> dict[str, Any]:
    attributes = {
        **told.facts,
        "replies": None,
        "feed": feed,
        "title": str(clean(told.title, "title"))[:SHORT_LIMIT],
        "link": told.link,
        "author_name": told.author_name,
        "undated": told.published is None and told.updated is None,
    }
    return {name: value for name, value in attributes.items() if value not in (None, "", [], False)}


def _count(value: Any) -> int | None:
    """A figure beside the point."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None


def first_of(told: Told, heard: datetime) -> str:
    """When an entry that is told for the first time was written, as far as it says so."""
    return (told.published or told.updated or heard).astimezone(UTC).isoformat()
