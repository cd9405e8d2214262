"""What Bluesky tells of a post, as a post: from a search (`app.bsky.feed.defs#postView`) or from a stream's record.

The id of a post is its address `at://did/app.bsky.feed.post/rkey`, the same on every server; its author's id is
the account's DID, which a change of handle leaves as it is. A stream tells no handles.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.post import REPOST_PREFIX, Author, Event, Post, Rejected, Upsert
from listeners.values import SHORT_LIMIT, BadRow, as_count, as_identifier, as_text, clean, parse_time, required

NETWORK = "bluesky"
COLLECTION = "app.bsky.feed.post"
RAW_LIMIT = 10_000
MOST_OF_A_LIST = 20
SIGNED_IN_ONLY = "!no-unauthenticated"
NO_HANDLE = "handle.invalid"  # what servers say of an account whose handle does not lead back to it

_LINK = "app.bsky.richtext.facet#link"
_REPOST = "app.bsky.feed.defs#reasonRepost"


@dataclass(slots=True)
class Views:
    """The posts of one answer as events, in its order; what is no post is rejected with its reason."""

    events: list[Event] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    @classmethod
    def read(cls, items: Sequence[Any]) -> "Views":
        """`items` are post views, or views of a feed with the post inside."""
        told = cls()
        for item in items:
            told._place(item)
            try:
                told.events.extend(_events(clean(item, "post")))
            except BadRow as error:
                told.rejected.append(rejection(str(error), item))
        return told

    def _place(self, item: Any) -> None:
        """Where the item stands in its list, whatever else is wrong with it."""
        view = item.get("post", item) if isinstance(item, dict) else None
        uri = view.get("uri") if isinstance(view, dict) else None
        if isinstance(view, dict) and isinstance(uri, str) and uri.isascii() and uri.isprintable():
            self.ids.append(uri)
            with suppress(BadRow):
                self.times.append(_sorted_at(view))


def rejection(reason: str, item: Any) -> Rejected:
    """An item that is no post; `item` is what the network told."""
    raw = item.decode("utf-8", "replace") if isinstance(item, bytes) else json.dumps(item, default=str)
    return Rejected(NETWORK, reason, raw[:RAW_LIMIT])


def _events(item: Any) -> Iterator[Upsert]:
    if not isinstance(item, dict):
        raise BadRow("not an object")
    original = post_of(_of(item, "post") or item)
    if not original.text:
        return
    yield Upsert(original, _of(item, "post") or item)
    if _of(item, "reason").get("$type") == _REPOST:
        yield Upsert(post_of(item), item)


def post_of(raw: Mapping[str, Any]) -> Post:
    """The post that a stored raw item tells of. Raises `BadRow`."""
    if _of(raw, "reason").get("$type") == _REPOST:
        return _reposted(raw)
    return _streamed(raw) if "rkey" in raw else _viewed(raw)


def _viewed(view: Mapping[str, Any]) -> Post:
    uri = required(as_identifier(view.get("uri"), "uri"), "uri")
    record = _of(view, "record")
    author = _author(view.get("author"))
    labels = [*_labels(view), *_labels(_of(view, "author")), *_labels(_of(record, "labels"), "values")]
    return Post(
        network=NETWORK,
        id=uri,
        text=_text(record),
        created_at=_sorted_at(view),
        author=author,
        url=post_url(uri),
        lang=next(iter(_languages(record)), None),
        reply_to=_reply(record, "parent"),
        conversation=_reply(record, "root"),
        likes=as_count(view.get("likeCount"), "likeCount"),
        reposts=as_count(view.get("repostCount"), "repostCount"),
        replies=as_count(view.get("replyCount"), "replyCount"),
        attributes=_attributes(record, view.get("cid"), labels),
    )


def _streamed(raw: Mapping[str, Any]) -> Post:
    """`raw`: did, rkey, cid, record, time (when the stream saw it), and `edited` where an older text is replaced."""
    did = required(as_identifier(raw.get("did"), "did"), "did")
    rkey = required(as_identifier(raw.get("rkey"), "rkey"), "rkey")
    record = _of(raw, "record")
    seen = parse_time(raw.get("time"), "time")
    uri = f"at://{did}/{COLLECTION}/{rkey}"
    return Post(
        network=NETWORK,
        id=uri,
        text=_text(record),
        created_at=_not_after(seen, record.get("createdAt")),
        author=Author(did),
        url=post_url(uri),
        lang=next(iter(_languages(record)), None),
        edited_at=seen if raw.get("edited") is True else None,
        reply_to=_reply(record, "parent"),
        conversation=_reply(record, "root"),
        attributes=_attributes(record, raw.get("cid"), _labels(_of(record, "labels"), "values")),
    )


def _reposted(item: Mapping[str, Any]) -> Post:
    """Somebody passes on what somebody else said; told by feeds, not by the search."""
    original, reason = _viewed(_of(item, "post")), _of(item, "reason")
    by = required(_author(reason.get("by")), "reason.by")
    handle = original.author.handle if original.author else None
    return Post(
        network=NETWORK,
        id=as_identifier(reason.get("uri"), "reason.uri") or f"{original.id}#repost-by-{by.id}",
        text=f"{REPOST_PREFIX}{handle or ''}: {original.text}",
        created_at=parse_time(reason.get("indexedAt"), "reason.indexedAt"),
        author=by,
        url=original.url,
        lang=original.lang,
        repost_of=original.id,
    )


def post_url(uri: str) -> str | None:
    """The page of a post; by the account's DID, so that a change of handle does not break it."""
    parts = uri.removeprefix("at://").split("/")
    is_post = len(parts) == 3 and parts[1] == COLLECTION
    return f"https://bsky.app/profile/{parts[0]}/post/{parts[2]}" if is_post else None


def _sorted_at(view: Mapping[str, Any]) -> datetime:
    """When the post counts as made: as its author's program says, but not after the network had it."""
    return _not_after(parse_time(view.get("indexedAt"), "indexedAt"), _of(view, "record").get("createdAt"))


def _not_after(seen: datetime, said: Any) -> datetime:
    try:
        return min(seen, parse_time(said, "createdAt"))
    except BadRow:
        return seen


def _text(record: Mapping[str, Any]) -> str:
    """The text, or where there is none what the pictures show or where the card leads."""
    text = required(as_text(record.get("text"), "record.text"), "record.text").strip()
    return text or _shown(_of(record, "embed"))


def _shown(embed: Mapping[str, Any]) -> str:
    media = _of(embed, "media") or embed
    pictures = [picture.get("alt") for picture in _objects(media.get("images"))]
    card = _of(media, "external")
    words = [*pictures, media.get("alt"), card.get("title"), card.get("description")]
    return "\n".join(word.strip() for word in words if isinstance(word, str) and word.strip())


def _author(profile: Any) -> Author | None:
    if not isinstance(profile, dict):
        return None
    handle = profile.get("handle")
    return Author(
        id=required(as_identifier(profile.get("did"), "author.did"), "author.did"),
        handle=handle[:SHORT_LIMIT] if isinstance(handle, str) and handle not in ("", NO_HANDLE) else None,
        name=(as_text(profile.get("displayName"), "author.displayName") or "").strip()[:SHORT_LIMIT] or None,
        created_at=_lenient_time(profile.get("createdAt")),
    )


def _lenient_time(value: Any) -> datetime | None:
    """A time beside the point."""
    try:
        return parse_time(value, "createdAt")
    except BadRow:
        return None


def _reply(record: Mapping[str, Any], end: str) -> str | None:
    """The post that is answered (parent), or the one that began the thread (root)."""
    uri = _of(_of(record, "reply"), end).get("uri")
    return as_identifier(uri, f"reply.{end}.uri") if isinstance(uri, str) else None


def _languages(record: Mapping[str, Any]) -> list[str]:
    """What languages the author's program says, the first of them first."""
    return [lang[:40] for lang in _list(record.get("langs")) if isinstance(lang, str) and lang]


def _attributes(record: Mapping[str, Any], cid: Any, labels: Sequence[str]) -> dict[str, Any]:
    """What queries, policies and people may ask of it."""
    features = [part for facet in _objects(record.get("facets")) for part in _objects(facet.get("features"))]
    embed = _of(record, "embed")
    card = _of(_of(embed, "media") or embed, "external").get("uri")
    links = [*(part.get("uri") for part in features if part.get("$type") == _LINK), card]
    quoted = _of(_of(embed, "record"), "record") or _of(embed, "record")
    found: dict[str, Any] = {
        "cid": cid if isinstance(cid, str) else None,
        "links": _strings(links),
        "tags": _strings([*(part.get("tag") for part in features), *_list(record.get("tags"))]),
        "languages": _strings(_languages(record)[1:]),
        "quoted": quoted.get("uri") if isinstance(quoted.get("uri"), str) else None,
        "labels": _strings(labels),
        "no_unauthenticated": SIGNED_IN_ONLY in labels,
    }
    found["has_link"] = bool(found["links"])
    return {name: value for name, value in found.items() if value}


def _labels(source: Mapping[str, Any], name: str = "labels") -> list[str]:
    """Names of labels that stand; a label with `neg` takes an earlier one back."""
    given = [label for label in _objects(source.get(name)) if isinstance(label.get("val"), str)]
    taken_back = {(label.get("src"), label["val"]) for label in given if label.get("neg") is True}
    return [label["val"] for label in given if (label.get("src"), label["val"]) not in taken_back]


def _of(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside of an object; an empty one where there is none."""
    value = source.get(name)
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _strings(values: Any) -> list[str]:
    kept = [value[: 2 * SHORT_LIMIT] for value in values if isinstance(value, str) and value]
    return list(dict.fromkeys(kept))[:MOST_OF_A_LIST]
