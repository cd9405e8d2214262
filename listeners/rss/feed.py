"""What an address answered, as the entries of a feed: RSS 0.9 to 2.0, RDF and Atom by feedparser, JSON Feed 1.1.

feedparser is given bytes and never fetches. It mends what is broken; what is cut off or no feed at all is
refused here, and so is what would keep it busy for minutes, because it needs time by the square of unclosed
comments and by the depth of nesting.
"""

import io
import json
import re
import time
import xml.sax
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

XML, JSON = "xml", "json"
LARGEST_FEED_BYTES = 5 * 1024 * 1024
MOST_TAGS = 200_000
MOST_COMMENTS = 10_000
JSON_FEED = "https://jsonfeed.org/version/"

_END = re.compile(rb"</\s*(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\s*>", re.IGNORECASE)
_END_BYTES = 4096
_PARSING_ERRORS = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError, OverflowError)


class NotAFeed(ValueError):
    """The answer is no feed, or only a part of one; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Feed:
    """`entries` are as they came, with JSON values only. `following` is where older entries stand (RFC 5005)."""

    format: str
    entries: list[Any]
    language: str | None = None
    following: str | None = None


def read_feed(body: bytes, url: str, content_type: str = "") -> Feed:
    """Raises `NotAFeed`. `url` is what relative addresses are relative to."""
    _check_size(body)
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _json_feed(body, url)
    return _xml_feed(body, url, content_type)


def _check_size(body: bytes) -> None:
    tags = body.count(b"<") + body.count(b"&lt;")
    comments = body.count(b"<!--") + body.count(b"&lt;!--")
    if len(body) > LARGEST_FEED_BYTES:
        raise NotAFeed(f"{len(body) // 2**20} MB, which is too much for a feed")
    if tags > MOST_TAGS or comments > MOST_COMMENTS:
        raise NotAFeed(f"{tags:,} tags and {comments:,} comments, which is too much for a feed")


def _json_feed(body: bytes, url: str) -> Feed:
    try:
        told = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise NotAFeed("JSON that cannot be read") from None
    if not isinstance(told, Mapping) or not str(told.get("version", "")).startswith(JSON_FEED):
        raise NotAFeed("something that is no feed")
    if not isinstance(told.get("items"), list):
        raise NotAFeed("a feed without items")
    following = told.get("next_url")
    following = joined(url, following) if isinstance(following, str) and following else None
    return Feed(JSON, told["items"], _text(told.get("language")), following)


def _xml_feed(body: bytes, url: str, content_type: str) -> Feed:
    import feedparser

    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    try:
        told = feedparser.parse(io.BytesIO(body), response_headers=headers, sanitize_html=True)
    except _PARSING_ERRORS:
        raise NotAFeed("a feed that cannot be read") from None
    if not told.get("version"):
        raise NotAFeed("something that is no feed")
    if isinstance(told.get("bozo_exception"), xml.sax.SAXException) and not _is_whole(body):
        raise NotAFeed("only a part of a feed")
    feed = _plain(told.feed)
    return Feed(XML, [_plain(entry) for entry in told.entries], _text(feed.get("language")), _next_of(feed, url))


def _is_whole(body: bytes) -> bool:
    """Whether its outermost tag is closed. Broken feeds are read as far as that goes, halves are asked for again."""
    return _END.search(body[-_END_BYTES:].replace(b"\x00", b"")) is not None


def _next_of(feed: Mapping[str, Any], url: str) -> str | None:
    links = feed.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("rel") in ("next", "prev-archive") and link.get("href"):
            following = joined(url, str(link["href"]))
            return None if following == url else following  # the App Store's last page names itself
    return None


def joined(url: str, other: str) -> str | None:
    """An address that may be relative to `url`, whole; None where it is none."""
    try:
        return urljoin(url, other)
    except ValueError:
        return None


def _plain(value: Any) -> Any:
    """feedparser's own types as JSON; times, which it gives in UTC, as ISO 8601."""
    if isinstance(value, time.struct_time):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in dict.items(value)}  # its own `items` warns of renamed keys
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
