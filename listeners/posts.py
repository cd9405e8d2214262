"""A row of a posts file and what it says happened (CONTRACTS, "Files in": posts)."""

import json
from collections.abc import Mapping
from typing import Any

from domain.post import Author, Delete, Post, Upsert
from listeners.values import (
    SHORT_LIMIT,
    BadRow,
    Fields,
    as_identifier,
    clean,
)

POST_REQUIRED = ("network", "id", "text", "created_at")
AUTHOR_COLUMNS = ("id", "handle", "name", "bio", "location", "links", "followers", "created_at")
_OPTIONAL = "url lang edited_at deleted reply_to conversation repost_of likes reposts replies author"
POST_COLUMNS = frozenset({*POST_REQUIRED, *_OPTIONAL.split(), *(f"author.{column}" for column in AUTHOR_COLUMNS)})


def post_event(row: Mapping[str, Any]) -> Upsert | Delete:
    """A post, or the news that it is gone. Raises `BadRow`.

    Unknown columns become attributes. A deletion's time is `deleted_at`, else `edited_at`, else `created_at`.
    """
    fields = Fields(row, POST_COLUMNS)
    network, id_ = fields.network(), fields.required_identifier("id")
    if fields.flag("deleted"):
        gone_at = fields.time("deleted_at") or fields.time("edited_at") or fields.required_time("created_at")
        return Delete(network, id_, gone_at)
    return Upsert(_post(fields, network, id_))


def _post(fields: Fields, network: str, id_: str) -> Post:
    attributes = fields.attributes()
    return Post(
        network=network,
        id=id_,
        text=_text(fields),
        created_at=fields.required_time("created_at"),
        author=_author(fields, attributes),
        url=_url(fields, attributes),
        lang=fields.short("lang", 40),
        edited_at=fields.time("edited_at"),
        reply_to=fields.identifier("reply_to"),
        conversation=fields.identifier("conversation"),
        repost_of=fields.identifier("repost_of"),
        likes=fields.count("likes"),
        reposts=fields.count("reposts"),
        replies=fields.count("replies"),
        attributes=attributes,
    )


def _text(fields: Fields) -> str:
    if fields.raw("text") is not None and not isinstance(fields.raw("text"), str | int):
        raise BadRow("text must be a string")
    text = fields.text("text")
    if text is None:
        raise BadRow("text is empty; only a deleted post may have none")
    return text


def _url(fields: Fields, attributes: dict[str, Any]) -> str | None:
    """The address of the post; anything that no browser should follow stays an attribute."""
    url = fields.short("url", 5000)
    if url is None or url.lower().startswith(("http://", "https://")):
        return url
    attributes["url"] = url
    return None


def _author(fields: Fields, attributes: dict[str, Any]) -> Author | None:
    """The author, by the network's id, else by the handle with an @ before it.

    Somebody of whom only a name is told is no account: he stays an attribute.
    """
    told = _told_author(fields)
    for key in [key for key in attributes if key.startswith("author.")]:
        del attributes[key]
    extra = {key: value for key, value in told.items() if key not in AUTHOR_COLUMNS}
    author = _account(fields, told) if told else None
    if extra or (told and author is None):
        attributes["author"] = extra if author else told
    return author


def _told_author(fields: Fields) -> dict[str, Any]:
    told = fields.raw("author")
    if isinstance(told, str):
        told = clean(_object(told), "author")
    if told is not None and not isinstance(told, dict):
        raise BadRow("author must be an object with id, handle, name …")
    columns = {key.removeprefix("author."): fields.raw(key) for key in fields if key.startswith("author.")}
    return {**(told or {}), **columns}


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadRow(f"author must be an object, not {text[:80]!r}") from None


def _account(row: Fields, told: Mapping[str, Any]) -> Author | None:
    fields = row.inside({f"author.{key}": value for key, value in told.items()})
    handle = fields.short("author.handle")
    id_ = as_identifier(told.get("id"), "author.id", SHORT_LIMIT) or (handle and f"@{handle.lstrip('@')}")
    if id_ is None:
        return None
    return Author(
        id=id_,
        handle=handle,
        name=fields.short("author.name", 5000),
        bio=fields.short("author.bio", 100_000),
        location=fields.short("author.location", 5000),
        links=_links(told.get("links")),
        followers=fields.count("author.followers"),
        created_at=fields.time("author.created_at", date_is_enough=True),
    )


def _links(value: Any) -> tuple[str, ...]:
    links = value.replace(";", " ").split() if isinstance(value, str) else value or []
    if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
        raise BadRow("author.links must be a list of addresses")
    return tuple(link.strip() for link in links if link.strip())
