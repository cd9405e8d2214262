"""What a thing of Reddit's API says, as a post: submissions (t3) and comments (t1).

    raw = {"kind": "t3", "data": {...}}     # as told, without pictures' previews and the HTML of the texts

Fields: https://www.reddit.com/dev/api and the listings that praw's tests keep. The id of a post is its fullname.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.post import Author, Delete, Post, Rejected, Upsert
from listeners.values import (
    EARLIEST_YEAR,
    ID_LIMIT,
    LATEST_YEAR,
    SHORT_LIMIT,
    BadRow,
    as_count,
    as_identifier,
    as_text,
    clean,
    required,
)

NETWORK = "reddit"
SITE = "https://www.reddit.com"
SUBMISSION, COMMENT = "t3", "t1"
RAW_LIMIT = 10_000

_GONE_TEXTS = frozenset({"[deleted]", "[removed]"})
_GONE_TITLES = ("[deleted by user]", "[ removed by ")
_NOBODY = "[deleted]"
_LEFT_OUT = frozenset(
    """
    all_awardings author_flair_richtext body_html crosspost_parent_list gallery_data link_flair_richtext media
    media_embed media_metadata preview replies secure_media secure_media_embed selftext_html
    """.split()
)


def fullname(thing: Any) -> str | None:
    """The id by which Reddit pages and answers for this thing."""
    try:
        return _identifier(_data(thing).get("name"), "name")
    except BadRow:
        return None


def written_at(thing: Any) -> datetime | None:
    """When it was written, where that can be read."""
    try:
        return _time(_data(thing).get("created_utc"), "created_utc")
    except BadRow:
        return None


def is_gone(thing: Mapping[str, Any]) -> bool:
    """Whether only the place of a post is left: its author or a moderator took the words away."""
    data = _data(thing)
    words = data.get("body") if thing.get("kind") == COMMENT else data.get("selftext")
    title = data.get("title")
    return (
        (isinstance(words, str) and words.strip() in _GONE_TEXTS)
        or (isinstance(title, str) and title.strip().lower().startswith(_GONE_TITLES))
        or bool(data.get("removed_by_category"))
    )


def has_no_author(thing: Mapping[str, Any]) -> bool:
    """Whether the account that wrote it was deleted."""
    return _data(thing).get("author") == _NOBODY


def events(things: list[Any], now: datetime) -> tuple[list[Upsert | Delete], list[Rejected]]:
    """The things of one answer as events, in their order; `now` dates deletions."""
    heard: list[Upsert | Delete] = []
    rejected: list[Rejected] = []
    for thing in things:
        try:
            heard.extend(_events(thing, now))
        except BadRow as error:
            raw = json.dumps(thing, ensure_ascii=True, default=str)[:RAW_LIMIT]
            rejected.append(Rejected(NETWORK, str(error), raw))
    return heard, rejected


def _events(thing: Any, now: datetime) -> list[Upsert | Delete]:
    if not isinstance(thing, Mapping):
        raise BadRow("not an object")
    if is_gone(thing):
        return [Delete(NETWORK, required(_identifier(_data(thing).get("name"), "name"), "name"), now, only_known=True)]
    data = {name: value for name, value in _data(thing).items() if name not in _LEFT_OUT}
    raw = {"kind": thing.get("kind"), "data": data | {"crosspost_title": _crosspost_title(thing)}}
    return [Upsert(remap(raw), raw)]


def remap(raw: Mapping[str, Any]) -> Post:
    """The post that an `Upsert.raw` of this listener tells of. Raises `BadRow`."""
    data = _data(raw)
    if raw.get("kind") == COMMENT:
        return _post(data, _required_text(data, "body"), _comment_attributes(data))
    if raw.get("kind") == SUBMISSION:
        title, words = _required_text(data, "title"), _text(data, "selftext") or ""
        return _post(data, "\n\n".join(part for part in (title, words) if part), _submission_attributes(data, title))
    raise BadRow(f"neither a submission nor a comment: {str(raw.get('kind'))[:80]!r}")


def _post(data: Mapping[str, Any], text: str, attributes: dict[str, Any]) -> Post:
    author, score = _author(data), data.get("score")
    about = {
        "subreddit": _short(data, "subreddit"),
        "account": author.id if author else None,
        "score": score if isinstance(score, int) and not isinstance(score, bool) and score < 0 else None,
        "over_18": True if data.get("over_18") is True else None,
        **attributes,
    }
    return Post(
        network=NETWORK,
        id=required(_identifier(data.get("name"), "name"), "name"),
        text=text,
        created_at=required(_time(data.get("created_utc"), "created_utc"), "created_utc"),
        author=author,
        url=_permalink(data),
        edited_at=_edited_at(data),
        reply_to=_identifier(data.get("parent_id"), "parent_id"),
        conversation=_identifier(data.get("link_id"), "link_id"),
        repost_of=_repost_of(data),
        likes=_lenient_count(None if data.get("score_hidden") is True else score),
        replies=_lenient_count(data.get("num_comments")),
        attributes={name: value for name, value in about.items() if value is not None},
    )


def _submission_attributes(data: Mapping[str, Any], title: str) -> dict[str, Any]:
    link = data.get("url")
    leads_away = data.get("is_self") is not True and isinstance(link, str) and link.startswith(("http://", "https://"))
    return {
        "title": title,
        "flair": _short(data, "link_flair_text"),
        "link": _short(data, "url", 2000) if leads_away else None,
        "has_link": True if leads_away else None,
        "crosspost_of": _identifier(data.get("crosspost_parent"), "crosspost_parent"),
    }


def _comment_attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"thread_title": _short(data, "link_title", 500)}


def _repost_of(data: Mapping[str, Any]) -> str | None:
    """A crosspost that adds nothing: no words, and the title of its original."""
    words, title = _text(data, "selftext"), _text(data, "title")
    is_plain = not words and title is not None and title == data.get("crosspost_title")
    return _identifier(data.get("crosspost_parent"), "crosspost_parent") if is_plain else None


def _crosspost_title(thing: Mapping[str, Any]) -> str | None:
    originals = _data(thing).get("crosspost_parent_list")
    first = originals[0] if isinstance(originals, list) and originals else None
    title = first.get("title") if isinstance(first, Mapping) else None
    return title.strip() if isinstance(title, str) else None


def _author(data: Mapping[str, Any]) -> Author | None:
    name = _short(data, "author")
    if name is None or name == _NOBODY:
        return None
    return Author(id=_identifier(data.get("author_fullname"), "author_fullname") or f"@{name}", handle=name)


def _permalink(data: Mapping[str, Any]) -> str | None:
    path = data.get("permalink")
    if not isinstance(path, str) or not path.startswith("/") or len(path) > SHORT_LIMIT:
        return None
    return SITE + str(clean(path, "permalink"))


def _edited_at(data: Mapping[str, Any]) -> datetime | None:
    """`edited` is false or a time; of old edits it is true, and nobody knows when."""
    edited = data.get("edited")
    return None if edited is None or isinstance(edited, bool) else _time(edited, "edited")


# --- values --------------------------------------------------------------------------------------


def _data(thing: Any) -> Mapping[str, Any]:
    data = thing.get("data") if isinstance(thing, Mapping) else None
    if not isinstance(data, Mapping):
        raise BadRow("no thing of Reddit: it has no data")
    return data


def _time(value: Any, name: str) -> datetime | None:
    """From seconds since 1970."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRow(f"{name} is no time: {str(value)[:80]!r}")
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRow(f"{name} is no time: {str(value)[:80]!r}") from None
    if not EARLIEST_YEAR <= moment.year < LATEST_YEAR:
        raise BadRow(f"{name} cannot be: {moment.year} is not between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


def _identifier(value: Any, name: str) -> str | None:
    id_ = as_identifier(value, name, ID_LIMIT)
    return None if id_ is None else str(clean(id_, name))


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = as_text(data.get(name), name)
    return None if value is None else str(clean(value, name)).strip() or None


def _required_text(data: Mapping[str, Any], name: str) -> str:
    return required(_text(data, name), name)


def _short(data: Mapping[str, Any], name: str, limit: int = SHORT_LIMIT) -> str | None:
    value = _text(data, name)
    return None if value is None else value[:limit]


def _lenient_count(value: Any) -> int | None:
    """A figure beside the point: hidden, or below zero."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None
