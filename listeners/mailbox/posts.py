"""What a mail says, as a post.

id            its Message-ID, else a hash of its headers and words
conversation  the first mail of its References; `reply_to` the mail that it answers
text          the subject, unless it is that of an answer, and the writer's own words
attributes    title, files, authenticated; automatic for mails that no person wrote, and of a report of
              non-delivery kind = "bounce" with bounce = {message_id, status, recipient} as far as it tells them
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from domain.post import Author, Post
from listeners.mailbox.mime import PARSING_ERRORS, PLAIN_LIMIT, decoded, message_ids, storable
from listeners.mailbox.trust import is_authenticated
from listeners.mailbox.words import own_html, own_words
from listeners.markup import plain_text
from listeners.values import SHORT_LIMIT, BadRow, parse_time

NETWORK = "email"
TITLE_LIMIT = 1000
MOST_REFERENCES = 50
FUTURE = timedelta(days=1)
_ANSWER = re.compile(r"(?:(?:re|ré|rép|réponse|aw|sv|antw)(?:\s?\[\d{1,3}\])?\s?:\s{0,3})+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]{1,64}@[\w.-]{1,230}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?")
_BULK = frozenset({"bulk", "junk", "auto_reply"})

Headers = Mapping[str, Sequence[str]]


def mail_post(raw: Mapping[str, Any]) -> Post:
    """The post of a mail that `mailbox_mime.reduced` took apart. Raises `BadRow`."""
    try:
        return _post(raw)
    except PARSING_ERRORS as error:
        if isinstance(error, BadRow):
            raise
        raise BadRow(f"the mail cannot be read ({type(error).__name__})") from None


def _post(raw: Mapping[str, Any]) -> Post:
    headers: Headers = raw["headers"]
    automatic = _is_automatic(headers, raw)
    author = _author(headers)
    if author is None and not automatic:
        raise BadRow("the mail names no sender")
    received = parse_time(raw["received"], "received")
    references = message_ids(headers.get("references", ()))[:MOST_REFERENCES]
    replied = [*message_ids(headers.get("in-reply-to", ()))[:1], *references[-1:]]
    id_ = _id(headers, raw)
    return Post(
        network=NETWORK,
        id=id_,
        text=_text(headers, raw),
        created_at=_date(headers, received),
        author=author,
        lang=_language(headers),
        reply_to=next((other for other in replied if other != id_), None),
        conversation=next((other for other in references[:1] if other != id_), None),
        attributes=_attributes(headers, raw, automatic, author, references),
    )


def _attributes(
    headers: Headers, raw: Mapping[str, Any], automatic: bool, author: Author | None, references: Sequence[str]
) -> dict[str, Any]:
    report = raw.get("report") or {}
    domain = author.id.rpartition("@")[2] if author and _is_one(headers) else ""
    found = {
        "title": _subject(headers) or None,
        "automatic": True if automatic else None,
        "kind": "bounce" if report.get("status") else None,
        "bounce": report if report.get("status") else None,
        "authenticated": is_authenticated(headers.get("authentication-results", ()), raw["trusted"], domain),
        "references": list(references) if len(references) > 2 else None,
        "files": list(raw["files"]) or None,
        "cut": True if raw.get("cut") else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _id(headers: Headers, raw: Mapping[str, Any]) -> str:
    named = headers.get("message-id", ())
    bare = [value for value in named[:1] if re.fullmatch(r"[!-;=?-~]{3,480}", value)]
    for id_ in [*message_ids(named[:1]), *bare]:
        return id_
    said = json.dumps([dict(headers), raw.get("text"), raw.get("html")], sort_keys=True)
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def _author(headers: Headers) -> Author | None:
    """The first address of `From`, in lower case: the account and its handle."""
    for name, address in _senders(headers):
        if _ADDRESS.fullmatch(address) and "." in address.rpartition("@")[2]:
            account = unicodedata.normalize("NFC", address).lower()[:SHORT_LIMIT]
            return Author(id=account, handle=account, name=_words(name)[:SHORT_LIMIT] or None)
    return None


def _is_one(headers: Headers) -> bool:
    """Whether it names one sender once: of several nobody knows whom the server checked."""
    return len(headers.get("from", ())) == 1 and len(_senders(headers)) == 1


def _senders(headers: Headers) -> list[tuple[str, str]]:
    return getaddresses(list(headers.get("from", ())[:1]))


def _date(headers: Headers, received: datetime) -> datetime:
    """When it was written; when it was received, where that is not told or cannot be."""
    for value in headers.get("date", ())[:1]:
        try:
            moment = parsedate_to_datetime(value)
            at = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            parse_time(at.isoformat(), "date")
        except (ValueError, TypeError, IndexError, OverflowError):
            break
        if at <= received + FUTURE:
            return at
    return received


def _language(headers: Headers) -> str | None:
    found = _LANGUAGE.match(next(iter(headers.get("content-language", ())), ""))
    return found.group().lower() if found else None


def _subject(headers: Headers) -> str:
    return _words(next(iter(headers.get("subject", ())), ""))[:TITLE_LIMIT]


def _words(value: str) -> str:
    """A header as it is read (RFC 2047), on one line."""
    try:
        parts = decode_header(value)
    except PARSING_ERRORS:
        return value
    text = "".join(part if isinstance(part, str) else decoded(part, charset) for part, charset in parts)
    return " ".join(storable(text).split())


def _text(headers: Headers, raw: Mapping[str, Any]) -> str:
    """Never empty: a mail without words has its subject, or the names of what it brings."""
    subject, words = _subject(headers), own_words(_body(raw))
    title = "" if _ANSWER.match(subject) else subject
    said = "\n\n".join(part for part in (title, words) if part) or subject
    said = said or "\n".join(file["name"] for file in raw["files"])
    if not said:
        raise BadRow("the mail says nothing")
    return said


def _body(raw: Mapping[str, Any]) -> str:
    said = plain_text(own_html(raw["html"])) if raw.get("html") else str(raw.get("text") or "")
    return said[:PLAIN_LIMIT]


def _is_automatic(headers: Headers, raw: Mapping[str, Any]) -> bool:
    """Whether a program wrote it: it says so (RFC 3834), it is sent to many, a report, or nobody to answer."""
    submitted = [value.partition(";")[0].strip().lower() for value in headers.get("auto-submitted", ())]
    return (
        any(value != "no" for value in submitted)
        or any(headers.get(name) for name in ("x-autoreply", "x-autorespond"))
        or any(value.lower() in _BULK for value in headers.get("precedence", ()))
        or any(value.replace(" ", "") == "<>" for value in headers.get("return-path", ()))
        or raw.get("report") is not None
    )
