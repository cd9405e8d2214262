"""A message as an e-mail (RFC 5322): one recipient, plain text, no header that a value could forge."""

import re
import unicodedata
from email import policy
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import Policy
from typing import Any, ClassVar, Literal

import idna

from domain.errors import Misconfigured, Permanent
from domain.message import OutgoingMessage
from routing.channels.base import AddressRefused
from routing.plain import one_line, plain_text

ALLOWED_HEADERS = frozenset(
    {"date", "reply-to", "in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post"}
)
SHADOW_DOMAIN = "vigie.invalid"
# dot-atom of RFC 5322, with the letters that RFC 6531 adds; quoted local parts are not taken.
_LOCAL = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\].]+(?:\.[^\s\x00-\x20\x7f\"(),:;<>@\[\\\].]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]+")


class _Whole(BaseHeader):
    """One long word, such as an address of the web: never folded, which would make encoded words of it (RFC 2047)."""

    max_count: ClassVar[Literal[1]] = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        kwds |= {"decoded": value, "parse_tree": None}

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Whole)


def mailbox(address: str) -> str:
    """One address, its domain in A-labels (IDNA 2008). Raises AddressRefused for anything else."""
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or one_line(local) != local:
        raise AddressRefused("the address is not one mailbox")
    try:
        ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise AddressRefused("the domain of the address is not one") from None
    if "." not in ascii_domain or len(local.encode()) > 64 or len(ascii_domain) > 253:
        raise AddressRefused("the address is not one mailbox")
    return f"{local}@{ascii_domain}"


def sender_mailbox(address: str) -> str:
    """The brand's own address. Raises Misconfigured if it is none, or not plain ASCII."""
    try:
        sender = mailbox(address)
    except AddressRefused as error:
        raise Misconfigured(f"channels.email.sender: {error}") from None
    if not sender.isascii():
        raise Misconfigured("channels.email.sender: only ASCII before the @ is taken everywhere")
    return sender


def compose(message: OutgoingMessage, sender: str, sender_name: str) -> bytes:
    """The e-mail, lines ended by CRLF. The same message gives the same bytes; `sender` is a mailbox or ""."""
    recipient = mailbox(message.address)
    rules = policy.SMTP if recipient.isascii() else policy.SMTPUTF8
    mail = EmailMessage(policy=rules.clone(header_factory=_HEADERS))
    name = one_line(sender_name or message.sender_name)[:200]
    own = sender or f"shadow@{SHADOW_DOMAIN}"
    mail["From"] = _at(own, name)
    mail["To"] = _at(recipient)
    mail["Subject"] = one_line(message.subject)[:500]
    mail["Message-ID"] = f"<{safe_id(message.id)}@{own.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    for header, value in message.headers:
        if header.lower() not in ALLOWED_HEADERS or header in mail:
            raise Permanent(f"header {one_line(header)[:40]!r} is not one that a message may bring")
        mail[header] = one_line(value)[:900]
    mail.set_content(plain_text(message.body), cte="quoted-printable")
    if _LANGUAGE.fullmatch(message.language):
        mail["Content-Language"] = message.language
    return mail.as_bytes()


def _at(box: str, display_name: str = "") -> Address:
    username, _, domain = box.rpartition("@")
    return Address(display_name, username, domain)


def safe_id(message_id: str) -> str:
    """The message id, if it can stand in a header and in a file name. Raises Permanent otherwise."""
    if not _MESSAGE_ID.fullmatch(message_id) or message_id.startswith("."):
        raise Permanent("the message id holds characters that no channel takes")
    return message_id
