"""What of a displayed name is the name: without emoji, titles, jobs, places and other decorations."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from routing.matching.normal import PARTICLES, name_words

LONGEST = 300  # characters; what stands behind is no name
MOST_PARTS = 6
LONGEST_WORD = 40

Words = tuple[str, ...]

TITLES = frozenset(
    "m mr mrs ms miss mme mlle mister madame monsieur mademoiselle dr docteur doctor pr prof professeur professor me "
    "maitre sir lady lord dame mgr sr herr frau senor senora don dona".split()
)
JOBS = frozenset(
    """avocat avocate lawyer notaire photographe photographer photo photos coach journaliste journalist reporter auteur
    autrice author ecrivain ecrivaine writer artiste artist musicien musicienne musician consultant consultante
    infirmier infirmiere nurse medecin architecte architect designer developpeur developpeuse developer dev
    influenceur influenceuse youtubeur youtubeuse streamer streameuse blogueur blogueuse blogger maman papa mamie
    papi mum mom dad officiel officielle official pro perso privee prive freelance ceo cto phd md etudiant etudiante
    student enseignant enseignante teacher elu elue maire conseiller conseillere depute deputee senateur
    senatrice""".split()
)
# What stands behind is a place or another name: "Marie in Lyon", "Paul à Nantes", "Jo aka dragon".
ELSEWHERE = frozenset(
    """in à from at chez near près depuis aka alias dit dite vit habite lives via sur on for pour ft feat
    with avec""".split()
)
BORN = frozenset("née né nee born ép ep épouse epouse veuve vve divorcée divorcee femme".split())
AND = frozenset("et and und y &".split())
REGIONS = frozenset("fr france uk us usa be ch ca qc eu".split())
# Never a first name, so also at the front: "de Gaulle Charles".
_LEADING = PARTICLES - {"ben", "al", "el", "van", "den", "le"} | {"d"}

_BRACKETS = re.compile(r"[(\[{<«]([^()\[\]{}<>«»]*)[)\]}>»]?")
_BREAKS = re.compile(r"[|•·~/\\:;=+*#\u2013\u2014\u2192]+|\s-+\s|\s@\s")
_PLAIN = re.compile(r"[A-Za-zß-öø-ÿÀ-ÖØ-Þ ]+")  # most names: there is nothing to take apart
_GAPS = re.compile(r"[\s_.…]+")
_HUMPS = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]{2})")
_HUMPED = re.compile(r"(?:[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]{2,}){2,4}")  # ClaireMartin, not McDonald


class Part(NamedTuple):
    """One part of a name, folded; several words where a hyphen or a particle joins them. `capitals`: MARTIN."""

    words: Words
    capitals: bool = False

    @property
    def joined(self) -> str:
        """Its words with a space between, as first names are looked up."""
        return " ".join(self.words)

    @property
    def initial(self) -> bool:
        """Whether it is but a letter."""
        return len(self.joined) == 1 and self.joined.isascii()


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of a displayed name in their order.

    `behind` are those behind a comma ("Martin, Claire"), `born` other surnames that it tells ("née Petit"),
    `beside` the first names of those who share the account ("Claire et Paul Martin": Claire).
    """

    parts: tuple[Part, ...] = ()
    behind: tuple[Part, ...] = ()
    born: tuple[Words, ...] = ()
    beside: tuple[Part, ...] = ()


def shown(display_name: str) -> Shown:
    """The name in the first 300 characters of what a network displays."""
    text = display_name[:LONGEST].replace("’", "'")
    if _PLAIN.fullmatch(text):
        plain = _segment(text)
        return plain if plain.parts else Shown()
    inside = " ".join(_BRACKETS.findall(text))
    for segment in (*_BREAKS.split(_BRACKETS.sub(" ", text)), *_BREAKS.split(inside)):
        found = _segment(segment)
        if found.parts:
            return replace(found, born=(*found.born, *_born(inside)))
    return Shown()


def _segment(text: str) -> Shown:
    name, _, behind = text.partition(",")
    tokens, born = _until(_tokens(name), BORN)
    before, sharing = _until(tokens, AND)
    parts = _parts(before)
    others = _parts(sharing)
    surnames = tuple(part.words for part in _parts(born))
    if parts and others:
        return Shown(others, born=surnames, beside=parts[:1])
    return Shown(parts or others, _parts(_tokens(behind)), surnames)


def _born(text: str) -> tuple[Words, ...]:
    _, born = _until(_tokens(text), BORN)
    return tuple(part.words for part in _parts(born))


def _tokens(text: str) -> list[str]:
    tokens = [token.strip("-'\"“”!?^°") for token in _GAPS.split(text)]
    kept = [token for token in tokens if token]
    return _HUMPS.sub(" ", kept[0]).split() if len(kept) == 1 and _HUMPED.fullmatch(kept[0]) else kept


def _until(tokens: Sequence[str], signs: frozenset[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What stands before the first of these words, and what behind it."""
    for at, token in enumerate(tokens):
        if token.casefold() in signs:
            return tokens[:at], tokens[at + 1 :]
    return tokens, ()


def _parts(tokens: Sequence[str]) -> tuple[Part, ...]:
    before, _ = _until(tokens, ELSEWHERE)
    named = [part for token in (before or tokens) for part in _part(token)]
    return tuple(_joined(_bare(named)))[:MOST_PARTS]


def _part(token: str) -> Iterator[Part]:
    if token.startswith("@"):
        return
    words = name_words(token)
    if words and max(map(len, words)) <= LONGEST_WORD:
        yield Part(words, capitals=token.isupper() and len(token) > 1)


def _bare(parts: Sequence[Part]) -> Sequence[Part]:
    """Without titles in front, jobs anywhere and a country behind, unless nothing else is there."""
    bare = [part for part in parts if part.joined not in JOBS] or list(parts)
    while len(bare) > 1 and bare[0].joined in TITLES and not _is_initial_before_one(bare):
        bare = bare[1:]
    if len(bare) > 1 and bare[-1].joined in REGIONS:
        bare = bare[:-1]
    return bare


def _is_initial_before_one(parts: Sequence[Part]) -> bool:
    """ "M. Martin" may be Monsieur or a Michel: the letter is kept."""
    return len(parts) == 2 and parts[0].initial


def _joined(parts: Sequence[Part]) -> Iterator[Part]:
    """Particles with the part that they belong to: (de, la, tour)."""
    waiting: Words = ()
    for at, part in enumerate(parts):
        if at < len(parts) - 1 and _leads(part, at, len(parts)):
            waiting += part.words
        else:
            yield Part(waiting + part.words, part.capitals)
            waiting = ()


def _leads(part: Part, at: int, count: int) -> bool:
    """Whether it belongs to what follows. In front, "Ben" and "Van" are first names, and so is "Le" of two."""
    if at:
        return part.joined in PARTICLES or part.joined == "d"
    return part.joined in _LEADING or (part.joined == "le" and count > 2)
