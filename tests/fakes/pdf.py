"""The words of a PDF that fpdf2 wrote, with where they stand: enough to hold a letter against its window."""

import re
import zlib
from dataclasses import dataclass

POINTS_PER_MM = 72 / 25.4
HEIGHT_MM = 297.0
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_TEXT = re.compile(rb"BT ([\d.]+) ([\d.]+) Td .*?(\((?:\\.|[^\\)])*\) Tj|\[.*?\] TJ)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True)
class Word:
    """A run of text, from the left and the top of its page in mm (its base line)."""

    page: int
    left: float
    top: float
    text: str


def words(pdf: bytes) -> list[Word]:
    """All runs of text, page after page."""
    streams = [_inflated(found) for found in _STREAM.findall(pdf)]
    maps = [_map(stream) for stream in streams if b"beginbfchar" in stream or b"beginbfrange" in stream]
    signs = {code: sign for told in maps for code, sign in told.items()}
    pages = [stream for stream in streams if b" Tj" in stream or b" TJ" in stream]
    found = []
    for number, page in enumerate(pages, 1):
        for left, bottom, shown in _TEXT.findall(page):
            top = HEIGHT_MM - float(bottom) / POINTS_PER_MM
            found.append(Word(number, float(left) / POINTS_PER_MM, top, _read(shown, signs)))
    return found


def text(pdf: bytes) -> bytes:
    """The words in the order in which they were written."""
    return "\n".join(word.text for word in words(pdf)).encode()


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


def _map(stream: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    for code, sign in re.findall(rb"^<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>$", stream, re.MULTILINE):
        found[int(code, 16)] = bytes.fromhex(sign.decode()).decode("utf-16-be")
    spans = rb"^<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4})>$"
    for first, last, sign in re.findall(spans, stream, re.MULTILINE):
        for step in range(int(last, 16) - int(first, 16) + 1):
            found[int(first, 16) + step] = chr(int(sign, 16) + step)
    return found


def _read(shown: bytes, signs: dict[int, str]) -> str:
    raw = b"".join(_unescaped(part) for part in re.findall(rb"\(((?:\\.|[^\\)])*)\)", shown, re.DOTALL))
    codes = (int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw) - 1, 2))
    return "".join(signs.get(code, "?") for code in codes)


def _unescaped(part: bytes) -> bytes:
    return re.sub(rb"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), part, flags=re.DOTALL)
