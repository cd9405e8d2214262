"""A mail as it came, taken apart: headers, words, names of files, and what a report of non-delivery says.

Anybody writes mails, with whatever bytes he likes. What cannot be taken apart is `BadRow`, never another error;
what is too large, too deep or in a charset that nobody knows costs no more than its place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from typing import Any

from listeners.values import BadRow

READ_BYTES = 2 * 1024 * 1024
MOST_HEADER_BYTES = 128 * 1024
MOST_LINES, MOST_PARTS, MOST_DEPTH = 100_000, 1000, 30
LONGEST_FIELD = 5000
PLAIN_LIMIT, HTML_LIMIT = 50_000, 200_000  # characters
HEADER_LIMIT, MOST_VALUES = 5000, 20
MOST_FILES, NAME_LIMIT = 50, 200
KEPT = frozenset(
    """from date subject message-id in-reply-to references content-language auto-submitted x-autoreply x-autorespond
    precedence return-path authentication-results""".split()
)
# Not charsets of mails, and some of them take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# As the parser reads them: a parameter in pieces (RFC 2231), a field on several lines.
_BOUNDARY = re.compile(rb"boundary[*\d\s]*=", re.IGNORECASE)
_CONTENT_FIELD = re.compile(rb"^content-[^\n:]{1,40}:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_ID = re.compile(r"<\s*([^<>\s]{1,480})\s*>")
PARSING_ERRORS = (MessageError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def reduced(content: bytes, received: datetime, trusted: str = "") -> dict[str, Any]:
    """What the post is drawn from, as JSON knows it. `received` is when the server took the mail in.

    `content` is the mail, or its first `READ_BYTES`; `trusted` the name of the server whose checks count.
    """
    _refuse_bombs(content)
    try:
        mail = message_from_bytes(content)
        leaves = list(_leaves(mail))
        kind, said = _said(leaves)
        is_cut = len(content) >= READ_BYTES
        return {
            "headers": _headers(mail),
            kind: said,
            "files": [_file(leaf, is_cut and leaf is leaves[-1]) for leaf in leaves if _is_file(leaf)][:MOST_FILES],
            "report": _report(mail, leaves),
            "cut": is_cut,
            "received": received.isoformat(),
            "trusted": trusted,
        }
    except PARSING_ERRORS as error:
        raise BadRow(f"the mail cannot be taken apart ({type(error).__name__})") from None


def message_ids(values: Sequence[str]) -> list[str]:
    """The ids in headers such as `References`, without their brackets."""
    return [found for value in values for found in _ID.findall(value)]


def decoded(data: bytes, charset: str | None) -> str:
    """Text in its charset where that is one, else in the likeliest; what no database takes is replaced."""
    for name in (charset, "utf-8", "cp1252"):
        if name and name.lower().replace("-", "_") not in _NO_CHARSETS:
            try:
                return storable(data.decode(name))
            except (LookupError, ValueError):
                continue
    return storable(data.decode("latin-1"))


def storable(text: str) -> str:
    """Without NUL and half characters, lines ended by a line feed."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _UNSTORABLE.sub("\ufffd", lines)


def _refuse_bombs(content: bytes) -> None:
    """What would cost the parser minutes or gigabytes, found by counting."""
    ends = [place for end in (b"\n\n", b"\n\r\n") if (place := content.find(end)) >= 0]
    if min(ends, default=len(content)) > MOST_HEADER_BYTES:
        raise BadRow(f"the mail has more than {MOST_HEADER_BYTES // 1024} KB of headers")
    if max(content.count(b"\n"), content.count(b"\r")) > MOST_LINES:
        raise BadRow(f"the mail has more than {MOST_LINES:,} lines")
    if content.count(b"\n--") > MOST_PARTS or len(_BOUNDARY.findall(content)) > MOST_DEPTH:
        raise BadRow(f"the mail has more than {MOST_PARTS} parts, or parts in more than {MOST_DEPTH} others")
    if any(len(found.group()) > LONGEST_FIELD for found in _CONTENT_FIELD.finditer(content)):
        raise BadRow(f"the mail has a Content-Type of more than {LONGEST_FIELD:,} bytes")


def _headers(mail: Message) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in mail.raw_items():
        values = found.setdefault(name.lower(), []) if name.lower() in KEPT else None
        if values is not None and len(values) < MOST_VALUES:
            data = str(value)[:HEADER_LIMIT].encode("utf-8", "surrogateescape")
            values.append(" ".join(decoded(data, None).split()))
    return found


def _leaves(part: Message) -> Iterator[Message]:
    """Every part that holds no others; a mail inside of this one is one part."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for child in part.get_payload():
            yield from _leaves(child)  # type: ignore[arg-type]
    else:
        yield part


def _said(leaves: Sequence[Message]) -> tuple[str, str]:
    """("text", …) or, of a mail that has no plain words, ("html", …)."""
    for subtype, kind, limit in (("plain", "text", PLAIN_LIMIT), ("html", "html", HTML_LIMIT)):
        inline = (leaf for leaf in leaves if leaf.get_content_type() == f"text/{subtype}" and not _is_file(leaf))
        said = "\n\n".join(_text(leaf) for leaf in inline)
        if said.strip():
            return kind, said[:limit]
    return "text", ""


def _text(leaf: Message) -> str:
    data = leaf.get_payload(decode=True)
    return decoded(data, leaf.get_content_charset()) if isinstance(data, bytes) else ""


def _is_file(leaf: Message) -> bool:
    if leaf.get_content_type() in ("message/delivery-status", "text/rfc822-headers"):
        return False
    is_words = leaf.get_content_type() in ("text/plain", "text/html") and not leaf.get_filename()
    return leaf.get_content_disposition() == "attachment" or not is_words


def _file(leaf: Message, is_cut: bool) -> dict[str, Any]:
    """Its name, and its size in bytes where the whole of it was read."""
    data = leaf.get_payload(decode=True)
    name = storable(leaf.get_filename() or leaf.get_content_type())
    size = len(data) if isinstance(data, bytes) and not is_cut else None
    return {"name": " ".join(name.split())[:NAME_LIMIT], "size": size}


def _report(mail: Message, leaves: Sequence[Message]) -> dict[str, str] | None:
    """None for a mail that is no report (RFC 6522); of one of non-delivery (RFC 3464) status and recipient."""
    if mail.get_content_type() != "multipart/report":
        return None
    told: dict[str, str] = {}
    for leaf in leaves:
        if leaf.get_content_type() == "message/delivery-status":
            told |= _delivery(leaf)
        elif leaf.get_content_type() in ("message/rfc822", "text/rfc822-headers"):
            told |= dict(zip(("message_id",), message_ids([_id_inside(leaf)]), strict=False))
    return told


def _delivery(leaf: Message) -> dict[str, str]:
    """Of the first recipient that is told of."""
    blocks = leaf.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        status = _STATUS.search(_field(block, "Status"))
        if status is not None:
            recipient = _field(block, "Original-Recipient") or _field(block, "Final-Recipient")
            address = recipient.partition(";")[2].strip().strip("<>").lower()[:320]
            return {"status": status.group(), **({"recipient": address} if address else {})}
    return {}


def _id_inside(leaf: Message) -> str:
    """The Message-ID of the mail that came back, whole or only its headers."""
    inside = leaf.get_payload()
    if isinstance(inside, list):
        return _field(inside[0], "Message-ID") if inside else ""
    data = leaf.get_payload(decode=True)
    return _field(message_from_bytes(data), "Message-ID") if isinstance(data, bytes) else ""


def _field(block: Any, name: str) -> str:
    return storable(str(block.get(name, ""))) if isinstance(block, Message | Mapping) else ""
