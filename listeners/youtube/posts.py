"""Comments and videos of the YouTube Data API as posts (developers.google.com/youtube/v3/docs/comments, …/videos).

A reply belongs to the thread of its top-level comment. A top-level comment begins a thread of its own: the
comments under a video are not one conversation.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from domain.post import Author, Post, Rejected, Upsert
from listeners.values import ID_LIMIT, SHORT_LIMIT, BadRow, Fields, as_count, as_identifier, clean, parse_time

NETWORK = "youtube"
WATCH = "https://www.youtube.com/watch?v="
RAW_LIMIT = 10_000

_ID = re.compile(r"[\w.-]{1,200}")


def remap(raw: Mapping[str, Any]) -> Post:
    """The post that a stored `Upsert.raw` tells of. Raises `BadRow`."""
    return video_post(raw["video"]) if "video" in raw else comment_post(raw)


def comment_post(raw: Mapping[str, Any]) -> Post:
    """Of `{"comment": …, "replies": how many, "video_id": …, "video_title": …}`. Raises `BadRow`."""
    comment = Fields(_object(raw.get("comment"), "a comment"), ())
    told = comment.inside(_object(comment.raw("snippet"), "snippet"))
    id_, parent = comment.required_identifier("id"), told.identifier("parentId")
    video = told.identifier("videoId") or as_identifier(raw.get("video_id"), "video_id")
    created_at, edited_at = told.required_time("publishedAt"), told.time("updatedAt")
    text = told.text("textDisplay") or told.text("textOriginal")
    if text is None:
        raise BadRow("textDisplay is missing")
    attributes = {
        "kind": "reply" if parent else "comment",
        "video_id": video,
        "video_title": raw.get("video_title"),
        "channel_id": told.identifier("channelId"),
    }
    return Post(
        network=NETWORK,
        id=id_,
        text=text.strip(),
        created_at=created_at,
        author=_commenter(told),
        url=_comment_url(video, id_),
        edited_at=edited_at if edited_at is not None and edited_at > created_at else None,
        reply_to=parent,
        conversation=parent,
        likes=_lenient_count(told.raw("likeCount")),
        replies=_lenient_count(raw.get("replies")),
        attributes={key: value for key, value in attributes.items() if value is not None},
    )


def video_post(video: Any) -> Post:
    """Title and description of a video. Raises `BadRow`."""
    fields = Fields(_object(video, "a video"), ())
    told = fields.inside(_object(fields.raw("snippet"), "snippet"))
    counted = fields.raw("statistics")
    counts = {name: _lenient_count(value) for name, value in counted.items()} if isinstance(counted, dict) else {}
    id_, title = fields.required_identifier("id"), told.short("title", 5000)
    if title is None:
        raise BadRow("title is missing")
    channel = told.identifier("channelId")
    attributes = {"kind": "video", "video_id": id_, "title": title, "views": counts.get("viewCount")}
    return Post(
        network=NETWORK,
        id=id_,
        text="\n\n".join(part for part in (title, (told.text("description") or "").strip()) if part),
        created_at=told.required_time("publishedAt"),
        author=Author(channel, name=told.short("channelTitle", 5000)) if channel else None,
        url=WATCH + id_ if _ID.fullmatch(id_) else None,
        lang=told.short("defaultAudioLanguage", 40) or told.short("defaultLanguage", 40),
        likes=counts.get("likeCount"),
        replies=counts.get("commentCount"),
        attributes={key: value for key, value in attributes.items() if value is not None},
    )


def _commenter(told: Fields) -> Author | None:
    """Since 2022 the name that is shown is the account's handle; before, it was a name."""
    channel = told.raw("authorChannelId")
    id_ = as_identifier(channel.get("value"), "authorChannelId", SHORT_LIMIT) if isinstance(channel, dict) else None
    if id_ is None:
        return None
    shown = told.short("authorDisplayName", 5000) or ""
    handle = shown[1:SHORT_LIMIT] if shown.startswith("@") else None
    return Author(id_, handle=handle or None, name=None if handle else shown or None)


def _comment_url(video: str | None, id_: str) -> str | None:
    return f"{WATCH}{video}&lc={id_}" if video and _ID.fullmatch(video) and _ID.fullmatch(id_) else None


def _lenient_count(value: Any) -> int | None:
    """A figure beside the point; those of videos come as text."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRow(f"{name} is not an object")
    return value


# --- pages of them ---------------------------------------------------------------------------------


class Told:
    """What the items of a page become: events in the page's order, and what was wrong."""

    def __init__(self) -> None:
        self.events: list[Upsert] = []
        self.rejected: list[Rejected] = []

    def add(self, raw: Mapping[str, Any]) -> Post | None:
        """The post of `raw`, which is kept with it; None where it is none."""
        try:
            kept = clean(raw, "an item")
            post = remap(kept)
        except BadRow as error:
            shown = json.dumps(raw, ensure_ascii=True, default=str)[:RAW_LIMIT]
            self.rejected.append(Rejected(NETWORK, str(error), shown))
            return None
        self.events.append(Upsert(post, kept))
        return post

    def replies(self, comments: Iterable[Any], video: Mapping[str, Any]) -> None:
        """Replies have none of their own. `video`: what is known of where they stand."""
        for comment in comments:
            self.add({"comment": comment, **video})

    def thread(self, thread: Any, video: Mapping[str, Any]) -> None:
        """A top-level comment with the replies that are shown beside it."""
        self.add({"comment": part(thread, "snippet").get("topLevelComment"), "replies": reply_count(thread), **video})
        self.replies(shown_replies(thread), video)


def part(item: Any, name: str) -> Mapping[str, Any]:
    """An object inside of an object; empty where there is none."""
    value = item.get(name) if isinstance(item, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def shown_replies(thread: Any) -> list[Any]:
    """Some of a thread's replies; the others must be asked for."""
    shown = part(thread, "replies").get("comments")
    return shown if isinstance(shown, list) else []


def reply_count(thread: Any) -> int:
    """How many replies a thread has."""
    return _lenient_count(part(thread, "snippet").get("totalReplyCount")) or 0


def id_of(item: Any) -> str | None:
    """The id of a thread, a comment or a video."""
    try:
        return as_identifier(item.get("id"), "id", ID_LIMIT) if isinstance(item, Mapping) else None
    except BadRow:
        return None


def time_of(item: Any) -> datetime | None:
    """When a comment or a video was published."""
    try:
        return parse_time(part(item, "snippet")["publishedAt"], "publishedAt")
    except (BadRow, KeyError):
        return None
