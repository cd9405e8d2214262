"""The words of a text for matching: folded, hashtags taken apart, with their places. Never what the network reads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.text import fold

_WORD = re.compile(r"[^\W_]{1,60}")
_WORD_WITH_MARKS = re.compile(r"(?:[^\W_][\u0300-\u036f]{0,4}){1,60}")
_MARK = re.compile(r"[\u0300-\u036f]")
_LETTERS = {code: fold(chr(code)).lower() for code in range(0x41, 0x180) if chr(code).isalpha()}
_SAME_LENGTH = {code: plain for code, plain in _LETTERS.items() if len(plain) == 1}


@dataclass(frozen=True, slots=True)
class Words:
    """Three lists of one length: each word folded and in lower case, where it begins, where it ends."""

    plain: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)

    def add(self, word: str, start: int, end: int) -> None:
        """One more word."""
        self.plain.append(word.lower() if word.isascii() else _folded(word))
        self.start.append(start)
        self.end.append(end)


def split(text: str) -> Words:
    """#JeQuitteOrange gives je, quitte, orange; every other run of letters and digits is one word."""
    words = Words()
    tagged = "#" in text
    shape = _WORD if text.isascii() or not _MARK.search(text) else _WORD_WITH_MARKS
    for found in shape.finditer(text):
        start, end = found.span()
        if tagged and text[start - 1 : start] == "#":
            for first, last in humps(text, start, end):
                words.add(text[first:last], first, last)
        else:
            words.add(found[0], start, end)
    return words


def humps(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a hashtag by its capitals and digits: SNCFConnect2 is SNCF, Connect, 2."""
    first = start
    for at in range(start + 1, end):
        if _turns(text, at, end):
            yield first, at
            first = at
    yield first, end


def flat(text: str) -> str:
    """The text without accents and capitals, character for character."""
    return text.translate(_SAME_LENGTH)


def _turns(text: str, at: int, end: int) -> bool:
    before, here, after = text[at - 1], text[at], text[at + 1 : min(at + 2, end)]
    if before.isdigit() != here.isdigit():
        return True
    return here.isupper() and (not before.isupper() or after.islower())


def _folded(word: str) -> str:
    word = word.translate(_LETTERS)
    return word if word.isascii() else fold(word).lower()
