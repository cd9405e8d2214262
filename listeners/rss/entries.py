"""What an entry of a feed says, whether feedparser or a JSON Feed told it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from listeners.markup import plain_text
from listeners.values import SHORT_LIMIT, BadRow, as_identifier, clean

HTML_LIMIT = 100_000

_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_MAIL_AND_NAME = re.compile(r"([^\s()<>@]+@[^\s()<>@]+)\s*\((.*)\)")
_NOBODY = re.compile(r"(no-?reply|donotreply|nobody)@", re.IGNORECASE)  # Blogger's address for all of its authors


@dataclass(frozen=True, slots=True)
class Told:
    """An entry. `text` is what a human reads, without the title; `parent` is the id of what it answers."""

    id: str | None
    link: str | None
    title: str
    text: str
    published: datetime | None
    updated: datetime | None
    language: str | None
    author_name: str | None
    author_id: str | None
    parent: str | None
    facts: Mapping[str, Any]


# --- RSS, RDF and Atom -----------------------------------------------------------------------------


def from_xml(entry: Mapping[str, Any]) -> Told | None:
    """An entry as feedparser names its parts; None for an app that heads its own reviews. Raises `BadRow`."""
    rating = _rating(entry)
    if rating is None and "im_name" in entry:
        return None
    bodies = _bodies(entry)
    name, account = _author(entry)
    return Told(
        id=as_identifier(entry.get("id"), "id"),
        link=address(entry.get("link")),
        title=_title(entry),
        text=_text(bodies),
        published=_first_time(entry, "published", "created"),
        updated=_first_time(entry, "updated", "modified"),
        language=language(*(body.get("language") for body in (*bodies, _part(entry.get("title_detail"))))),
        author_name=name,
        author_id=account,
        parent=_parent(entry),
        facts={
            "rating": rating,
            "app_version": _short(entry.get("im_version")),
            "tags": [tag for tag in (_short(_part(each).get("term")) for each in _list(entry, "tags")) if tag][:20],
            "comments": address(entry.get("comments")),
            "comments_feed": address(entry.get("wfw_commentrss")),
            "replies": entry.get("slash_comments"),
        },
    )


def _bodies(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All that it says of itself: contents, then its summary."""
    summary = _part(entry.get("summary_detail")) or {"value": entry.get("summary"), "type": "text/html"}
    return [*(_part(each) for each in _list(entry, "content")), summary]


def _text(bodies: list[Mapping[str, Any]]) -> str:
    """The longest: where there are contents the summary is a part of them, or the same in another form."""
    return max(map(_readable, bodies), key=len, default="")


def _title(entry: Mapping[str, Any]) -> str:
    detail = _part(entry.get("title_detail")) or {"value": entry.get("title"), "type": "text/html"}
    return " ".join(_readable(detail).split())


def _readable(part: Mapping[str, Any]) -> str:
    value = part.get("value")
    if not isinstance(value, str):
        return ""
    if len(value) > HTML_LIMIT:
        raise BadRow(f"the text has {len(value):,} characters; at most {HTML_LIMIT:,} are taken")
    return value.strip() if part.get("type") == "text/plain" else plain_text(value)


def _author(entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Name and account: the author's address on the web, else their mail address where it is one person's."""
    detail = _part(entry.get("author_detail"))
    name, mail = detail.get("name"), detail.get("email")
    written = _MAIL_AND_NAME.fullmatch(str(entry.get("author", "")).strip())
    if written:
        mail, name = written.groups()
    return _short(name) or _short(entry.get("author")), address(detail.get("href")) or _mailbox(mail)


def _mailbox(mail: Any) -> str | None:
    if not isinstance(mail, str) or "@" not in mail or len(mail) > SHORT_LIMIT or _NOBODY.match(mail):
        return None
    return f"mailto:{mail.strip().lower()}"


def _parent(entry: Mapping[str, Any]) -> str | None:
    """What it answers (RFC 4685), whatever the feed calls that namespace."""
    for name, value in entry.items():
        if name == "in-reply-to" or name.endswith("_in-reply-to"):
            told = value.get("ref") or value.get("href") if isinstance(value, Mapping) else value
            return as_identifier(told, name)
    return None


def _rating(entry: Mapping[str, Any]) -> float | None:
    """Stars, 1 to 5: `rating`, `im:rating` and the like."""
    for name, value in entry.items():
        if name != "rating" and not name.endswith(("_rating", "_starrating")):
            continue
        try:
            number = float(str(value.get("average") if isinstance(value, Mapping) else value))
        except (TypeError, ValueError):
            continue
        if 1 <= number <= 5:
            return int(number) if number.is_integer() else round(number, 1)
    return None


def _first_time(entry: Mapping[str, Any], *names: str) -> datetime | None:
    """As it is written, with its fractions, else as feedparser read it; without a zone it is UTC."""
    for name in names:
        for value in (entry.get(name), entry.get(f"{name}_parsed")):
            moment = _time(value)
            if moment is not None:
                return moment
    return None


# --- JSON Feed -------------------------------------------------------------------------------------


def from_json(item: Mapping[str, Any]) -> Told:
    """An item of a JSON Feed (jsonfeed.org/version/1.1). Raises `BadRow`."""
    html, plain = item.get("content_html"), item.get("content_text")
    body = {"value": html} if isinstance(html, str) and html else {"value": plain, "type": "text/plain"}
    summary = {"value": item.get("summary"), "type": "text/plain"}
    authors = [*_list(item, "authors"), item.get("author")]
    author = next((_part(each) for each in authors if _part(each)), {})
    return Told(
        id=as_identifier(item.get("id"), "id"),
        link=address(item.get("url")),
        title=_short(item.get("title")) or "",
        text=_readable(body) or _readable(summary),
        published=_time(item.get("date_published")),
        updated=_time(item.get("date_modified")),
        language=language(item.get("language")),
        author_name=_short(author.get("name")),
        author_id=address(author.get("url")),
        parent=None,
        facts={
            "rating": _rating(item),
            "tags": [tag for tag in map(_short, _list(item, "tags")) if tag][:20],
            "about": address(item.get("external_url")),
        },
    )


# --- values ----------------------------------------------------------------------------------------


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value.strip())
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if _EARLIEST <= moment < _LATEST else None
    return None


def address(value: Any) -> str | None:
    """A web address short enough to be kept."""
    if not isinstance(value, str) or not value.startswith(("https://", "http://")) or len(value) > SHORT_LIMIT:
        return None
    return str(clean(value, "an address"))


def language(*told: Any) -> str | None:
    """The first that is told; of `fr-FR` the language alone."""
    return next(_languages(told), None)


def _languages(told: tuple[Any, ...]) -> Iterator[str]:
    for value in told:
        if isinstance(value, str) and (found := re.match(r"\s*([A-Za-z]{2,3})\b", value)):
            yield found.group(1).lower()


def _short(value: Any) -> str | None:
    return clean(value.strip(), "a name")[:SHORT_LIMIT] or None if isinstance(value, str) else None


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(entry: Mapping[str, Any], name: str) -> list[Any]:
    value = entry.get(name)
    return value if isinstance(value, list) else []
