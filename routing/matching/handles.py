"""Handles: the words they are made of, and what of one is not the name."""

import re
from collections.abc import Iterator
from itertools import accumulate

from routing.matching.nicknames import familiar
from routing.matching.normal import fold, without_particles

LONGEST = 64  # characters of a handle that are looked at
SHORTEST = 3  # letters of a word that is taken out alone

Words = tuple[str, ...]

_HUMPS = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ])")
_LETTERS = re.compile(r"[^\W\d_]+")
_PIECES = re.compile(r"[^\W\d_]+|\d+")


def local_part(handle: str) -> str:
    """The handle without @ and server: claire of @claire@example.social."""
    return handle.strip().lstrip("@").partition("@")[0][:LONGEST]


def handle_words(handle: str) -> Words:
    """Its words, folded: (martin, claire, lyon) of MartinClaireLyon, (claire, martin) of claire.martin75."""
    return tuple(_LETTERS.findall(fold(_HUMPS.sub(" ", local_part(handle)))))


def residue(handle: str, first: Words, last: Words) -> str:
    """What is left of a handle's letters and digits when a name is taken out: its rarity is the handle's own evidence.

    The whole where nothing of the name stands in it: `bare_handle(handle)`.
    """
    pieces = _PIECES.findall(fold(_HUMPS.sub(" ", local_part(handle))))
    text, starts = "".join(pieces), _starts(pieces)
    for form, initial in _whole_names(first, last):
        at = text.find(form)
        if at >= 0 and not (initial and not {at, at + len(form)} <= starts):
            return text[:at] + text[at + len(form) :]
    return _without(_without(text, _forms(last)), (*_forms(first), *familiar(first)))


def bare_handle(handle: str) -> str:
    """All its letters and digits, folded."""
    return "".join(_PIECES.findall(fold(local_part(handle))))


def _starts(pieces: list[str]) -> set[int]:
    """Where its words begin, and where the last one ends."""
    return set(accumulate(map(len, pieces), initial=0))


def _whole_names(first: Words, last: Words) -> Iterator[tuple[str, bool]]:
    """First and last name as one word, and whether that begins or ends with a mere initial."""
    initials = "".join(word[0] for word in first)
    for family in _forms(last)[:2]:
        for given in (*_forms(first)[:1], *familiar(first)):
            yield given + family, False
            yield family + given, False
            if last:
                yield given + last[-1][0], True
        for letters in dict.fromkeys((initials, initials[:1])):
            if letters:
                yield letters + family, True
                yield family + letters, True


def _forms(words: Words) -> Words:
    """A name in one word, without its particles, and its longer words alone."""
    alone = sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True)
    return tuple(dict.fromkeys(("".join(words), "".join(without_particles(words)), *alone))) if words else ()


def _without(text: str, forms: Words) -> str:
    for form in forms:
        if len(form) >= SHORTEST and form in text:
            return text.replace(form, "", 1)
    return text
