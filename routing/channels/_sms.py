"""What all carriers of text messages share: numbers, and how long a text is.

GSM 03.38: the basic alphabet costs one septet a sign, its extension two; 160 septets are one message, 153 each
where it takes several. One sign beyond makes the whole text UCS-2: 70 signs, then 67 (surrogates count two).
"""

import re
from dataclasses import dataclass
from typing import Literal

from domain.errors import Permanent
from domain.message import OutgoingMessage
from routing.channels.base import AddressRefused
from routing.plain import plain_text

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
# Signs that word processors put in, and what a telephone shows as well.
_PLAINER = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
        "\u00a0": " ",
        "\u202f": " ",
        "\t": " ",
    }
)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text message is cut up: `units` are septets or UTF-16 units, `parts` what is paid for."""

    alphabet: Literal["gsm7", "ucs2"]
    units: int
    parts: int


def segments(text: str) -> Segments:
    """The parts that a text takes; the empty text takes one."""
    if all(sign in GSM_BASIC or sign in GSM_EXTENSION for sign in text):
        units = sum(2 if sign in GSM_EXTENSION else 1 for sign in text)
        return Segments("gsm7", units, _parts(units, 160, 153))
    units = len(text.encode("utf-16-be", "surrogatepass")) // 2
    return Segments("ucs2", units, _parts(units, 70, 67))


def _parts(units: int, single: int, each: int) -> int:
    return 1 if units <= single else -(-units // each)


def sms_text(message: OutgoingMessage, longest: int, most_parts: int) -> str:
    """The text as it is sent, typographic signs made plain. Raises Permanent for one that is too long."""
    text = plain_text(message.body).translate(_PLAINER).strip()
    if not text:
        raise Permanent("there is no text to be sent")
    if len(text) > longest or segments(text).parts > most_parts:
        raise Permanent(f"the text takes {segments(text).parts} parts, {most_parts} are allowed")
    return text


def number(address: str) -> str:
    """One telephone number as E.164. Raises AddressRefused for anything else."""
    if not _NUMBER.fullmatch(address):
        raise AddressRefused("the address is not one telephone number")
    return address
