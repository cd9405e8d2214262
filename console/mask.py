"""Personal data and foreign text made safe to show."""

import re
from urllib.parse import urlsplit

from stdnum import iban

DOT = "•"
MAX_SHOWN = 5000
_EMAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,255}")
_PHONE = re.compile(r"(?<![\w+])(?:\+\d|0\d)(?:[ .\-]?\d){7,13}(?!\w)")
_IBAN = re.compile(r"\b([A-Z]{2}\d{2})(?:[ ]?[A-Z0-9]{4}){2,7}[ ]?[A-Z0-9]{0,4}\b")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def mask_email(address: str) -> str:
    """`alice@example.org` → `a****@example.org`."""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}****@{host}" if at else "****"


def mask_phone(number: str) -> str:
    """`+33612345678` → `06 •• •• •• 78`; other countries keep their prefix and the last two digits."""
    digits = re.sub(r"\D", "", number)
    if number.strip().startswith("+33") and len(digits) == 11:
        digits = "0" + digits[2:]
    if len(digits) == 10 and digits.startswith("0"):
        return f"{digits[:2]} {DOT * 2} {DOT * 2} {DOT * 2} {digits[-2:]}"
    prefix = f"+{digits[:2]}" if number.strip().startswith("+") else ""
    return f"{prefix} {DOT * 2} {DOT * 2} {DOT * 2} {digits[-2:]}".strip()


def mask_address(kind: str, value: str) -> str:
    """A contact point of any kind or channel."""
    if "@" in value and kind != "address":
        return mask_email(value)
    if kind in ("phone", "sms", "whatsapp"):
        return mask_phone(value)
    return f"{value[:2]}{DOT * 4}"


def mask_text(text: str) -> str:
    """A short text of ours with every e-mail address, phone and bank account in it masked."""
    text = _EMAIL.sub(lambda found: mask_email(found[0]), text)
    text = _IBAN.sub(lambda found: f"{found[1]} {DOT * 4}" if iban.is_valid(found[0]) else found[0], text)
    return _PHONE.sub(lambda found: mask_phone(found[0]), text)


def has_direction_controls(text: str | None) -> bool:
    """Whether invisible signs in the text change the direction in which it is read."""
    return bool(text and _DIRECTION.search(text))


def web_link(url: str | None) -> str | None:
    """The address if it is one of the web; `javascript:` and the like give None."""
    if not url or any(ord(sign) < 33 for sign in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def local_path(path: str | None) -> str:
    """Where to go on after signing in: a path of this site, `/` for anything else (no open redirect)."""
    if not path or not re.fullmatch(r"/(?![/\\])[\w\-./?=&%+~:#,]*", path):
        return "/"
    return path
