"""Towns, regions and countries named in a text: spaCy's PhraseMatcher over a list, and clues around each match.

The list (`places.tsv`, GeoNames and CLDR) has French and British towns, the larger ones elsewhere, French departments
and regions, and all countries in French and English. A name that is also another word, a first name or a brand counts
only with a capital behind a preposition: "à Nice", "in Reading".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc

from domain.reading import Entity
from models.document import scan, vocabulary
from models.tokens import Words, split

_FILE = Path(__file__).with_name("places.tsv")
_SHORT = {"saint": "st", "sainte": "ste"}
_JOINTS = " '’-\u00a0"
_ARTICLES = frozenset("le la l les the".split())
_WHERE = frozenset("à a in near vers".split())  # a name in lower case behind one of these is a place
_DOUBTFUL_WHERE = frozenset("à in near vers de du sur au en dans from at depuis around".split())


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the list; `doubtful` where the name means something else too."""

    name: str
    country: str
    doubtful: bool


@lru_cache(maxsize=1)
def load_places() -> Mapping[tuple[str, ...], tuple[Place, ...]]:
    """By the words of the name; several of one name in the order of the list, the largest first."""
    places: dict[tuple[str, ...], tuple[Place, ...]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines()[1:]:
        name, country, _, doubt = line.split("\t")
        for key in _spellings(split(name).plain):
            places[key] = (*places.get(key, ()), Place(name, country, bool(doubt)))
    return places


@lru_cache(maxsize=1)
def place_matcher() -> PhraseMatcher:
    """Made outside of any memory zone, else its names are forgotten at the end of it."""
    matcher, hashes = PhraseMatcher(vocabulary()), vocabulary().strings
    patterns: Any = [[hashes[word] for word in words] for words in load_places()]
    matcher.add("place", patterns)  # as it pickles itself, by hashes of words; a document each costs four times as much
    return matcher


def places(doc: Doc, country: str) -> Iterator[Entity]:
    """Each with its country ("Brest, FR"): of several of one name the one in `country`, else the largest."""
    matches = place_matcher()(doc)
    if not matches:
        return
    text, words, last = scan(doc).text, scan(doc).words, 0
    for _, first, behind in sorted(matches, key=lambda match: (match[1], -match[2])):
        known = load_places()[tuple(words.plain[first:behind])]
        place = next((one for one in known if one.country == country), known[0])
        if first >= last and _meant(text, words, first, behind, place):
            last = behind
            start, end = words.start[first], words.end[behind - 1]
            yield Entity("place", text[start:end], start, end, f"{place.name}, {place.country}")


def _spellings(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words), tuple(_SHORT.get(word, word) for word in words)}


def _meant(text: str, words: Words, first: int, behind: int, place: Place) -> bool:
    if not all(_joined(text, words, at) for at in range(first + 1, behind)):
        return False
    capital = text[words.start[first]].isupper()
    if place.doubtful:
        return capital and _before(text, words, first) in _DOUBTFUL_WHERE
    return capital or _before(text, words, first) in _WHERE


def _before(text: str, words: Words, at: int) -> str:
    """The word before in lower case, whatever article stands between; "" where there is none."""
    while at > 0 and _joined(text, words, at):
        at -= 1
        if words.plain[at] not in _ARTICLES:
            return text[words.start[at] : words.end[at]].lower()
    return ""


def _joined(text: str, words: Words, at: int) -> bool:
    """Whether nothing but a space, a hyphen or an apostrophe stands before this word."""
    between = text[words.end[at - 1] : words.start[at]]
    return len(between) <= 2 and between.strip(_JOINTS) == ""
