"""Foreign values as harmless plain text: what no reader sees must not act."""

import re

_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BREAK = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
# Control characters but tab and line feed, lone surrogates, and the direction controls of UAX 9.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """The text on one line, without control characters, direction controls and lone surrogates."""
    return _SPACE.sub(" ", _HIDDEN.sub("", _SPACE.sub(" ", text))).strip()


def plain_text(text: str) -> str:
    """The text with a line feed for every line break, tabs kept, without the rest that one_line removes."""
    return _HIDDEN.sub("", _BREAK.sub("\n", text))
