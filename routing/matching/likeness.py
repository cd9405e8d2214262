"""How a shown name is like a customer's. Display name, handle and signature restate one fact, so one of them counts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from routing.matching.handles import bare_handle, residue
from routing.matching.names import KnownFirst, NameHypothesis, hypotheses
from routing.matching.nicknames import familiar, is_first_name
from routing.matching.normal import name_words, without_particles

_SENTENCE_END = re.compile(r"[.!?\n]+")
SHORT_REST, LONG_REST = 2, 5  # letters of a handle beside a name: hardly any; a name of its own
SHORTEST_BEGINNING = 3  # letters of a last name that is cut off
DIGITS = "0123456789"
LONGEST_TEXT = 5_000  # characters of a text that are searched for a signature
Words = tuple[str, ...]


class Likeness(StrEnum):
    """The name view of a candidate; the values are the names of facts, `NONE` is none.

    Only FULL is proof beside an identifier. SIGNED is a full name in the text under a pen name, FIRST_SIGNED the same
    under his first name alone, which too many share: a label shows as much.
    """

    FULL = "name"
    FIRST_SIGNED = "first_signed"
    SIGNED = "signed"
    HANDLE = "handle_name"
    NICKNAME = "nickname"
    INITIAL = "initial"
    FIRST_AND_INITIAL = "first_and_initial"
    FIRST = "first_name"
    LAST = "last_name"
    OTHER_FIRST = "other_first_name"
    OTHER = "other_name"
    NONE = ""

    @property
    def contradicts(self) -> bool:
        """Whether the shown name is a person's, and another's."""
        return self in (Likeness.OTHER, Likeness.OTHER_FIRST)


_BEST = tuple(Likeness)


@dataclass(frozen=True, slots=True)
class ShownName:
    """The readings of a display name and of a handle, and what was written.

    `labels` are display name and handle as they stand, `is_shown` whether there is a display name: where a network
    shows the handle in its place, there is none.
    """

    by_name: tuple[NameHypothesis, ...]
    by_handle: tuple[NameHypothesis, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    is_shown: bool

    @property
    def readings(self) -> tuple[NameHypothesis, ...]:
        """All of them, the likeliest first."""
        return self.by_name + self.by_handle


NO_NAME = ShownName((), (), (), (), is_shown=False)


def read_name(name: str | None, handle: str | None, texts: Iterable[str], known_first: KnownFirst) -> ShownName:
    """Read what a speaker shows of his name."""
    found = hypotheses(name, handle, known_first)
    return ShownName(
        by_name=tuple(one for one in found if one.source == "name"),
        by_handle=tuple(one for one in found if one.source == "handle"),
        texts=tuple(texts),
        labels=tuple(text for text in (name, handle) if text),
        is_shown=name != handle and bool(name_words(name or "")),
    )


def likeness(shown: ShownName, first: Words, last: Words, known_first: KnownFirst) -> Likeness:
    """How the shown name is like that of a customer with these first and last names (folded words)."""
    if not first or not last:
        return Likeness.NONE
    family = without_particles(last)
    by_name, by_handle = (_best(readings, first, family) for readings in (shown.by_name, shown.by_handle))
    if by_name is Likeness.FULL:
        return by_name
    signed = any(_adjacent(first, family, words) for words in _sentences(shown.texts))
    if by_name is Likeness.NONE and _is_another(shown, first, family, known_first):
        same_family = any(without_particles(one.last) == family for one in shown.by_name)
        return Likeness.OTHER_FIRST if same_family else Likeness.OTHER
    with_last = {by_name, by_handle} - {Likeness.NONE, Likeness.FIRST}
    if signed and (with_last or not shown.is_shown or _is_made_of(shown, first, family)):
        return Likeness.FULL
    if by_handle in (Likeness.FULL, Likeness.NICKNAME):
        by_handle = Likeness.HANDLE
    signature = Likeness.NONE
    if signed:
        signature = Likeness.SIGNED if by_name is Likeness.NONE else Likeness.FIRST_SIGNED
    return min(by_name, by_handle, signature, key=_BEST.index)


@lru_cache(maxsize=16)
def _sentences(texts: tuple[str, ...]) -> tuple[Words, ...]:
    """The words of what was written, a tuple a sentence."""
    return tuple(name_words(sentence) for text in texts for sentence in _SENTENCE_END.split(text[:LONGEST_TEXT]))


def _best(readings: Sequence[NameHypothesis], first: Words, family: Words) -> Likeness:
    found = (_one(reading, first, family) for reading in readings)
    return min(found, key=_BEST.index, default=Likeness.NONE)


def _one(reading: NameHypothesis, first: Words, family: Words) -> Likeness:
    """One reading; `family` has no particles."""
    same_first, same_last = reading.first == first, without_particles(reading.last) == family
    if reading.kind == "nickname":
        if same_first and same_last:
            return Likeness.NICKNAME
        if not same_first or not reading.last:
            return Likeness.FIRST if same_first else Likeness.NONE
        short = _is_short_for(reading.last, family)  # Manon Roudizac is no Marie Drolonel
        return Likeness.FIRST_AND_INITIAL if short else Likeness.NONE
    if same_first and same_last:
        return Likeness.FULL
    if same_first and len(family) > 1 and reading.last and _begins(reading.last, family):  # murielle_jb
        return Likeness.FIRST_AND_INITIAL
    if reading.kind == "single":
        return Likeness.FIRST if same_first else Likeness.LAST if same_last else Likeness.NONE
    if reading.kind != "initial":
        return Likeness.NONE
    if same_last and reading.first and _begins(reading.first, first):
        return Likeness.INITIAL
    if same_first and reading.last and _begins(reading.last, family):
        return Likeness.FIRST_AND_INITIAL
    if same_last and reading.first == ("m",):  # Monsieur
        return Likeness.LAST
    return Likeness.NONE


def _is_made_of(shown: ShownName, first: Words, family: Words) -> bool:
    """Whether display name or handle is one of his names and a beginning of the other."""
    return any(
        _is_last_and_a_beginning(label, first, family) or _is_first_and_a_beginning(label, first, family)
        for label in shown.labels
    )


def _is_last_and_a_beginning(label: str, first: Words, family: Words) -> bool:
    """blagarde81, ludimarchal"""
    rest = residue(label, (), family)
    if rest == bare_handle(label):
        return False
    left = residue(label, first, family).strip(DIGITS)
    return len(left) <= SHORT_REST or "".join(first).startswith(rest.strip(DIGITS))


def _is_first_and_a_beginning(label: str, first: Words, family: Words) -> bool:
    """clairemart, titivanho"""
    rest = residue(label, first, ())
    beginning = rest.strip(DIGITS)
    is_cut_off = len(beginning) >= SHORTEST_BEGINNING and "".join(family).startswith(beginning)
    return rest != bare_handle(label) and is_cut_off


def _begins(letters: Words, words: Words) -> bool:
    """Whether a letter, or one a word, is how these words begin."""
    initials = "".join(word[0] for word in words)
    return "".join(letters) in (initials, initials[:1])


def _is_another(shown: ShownName, first: Words, family: Words, known_first: KnownFirst) -> bool:
    """Whether a name is shown that is a person's and not his. A pen name contradicts nobody: "Ours Polaire".

    It is a person's where a first name stands in it that the file or common knowledge has. Beside another last name his
    own first name is somebody else's too.
    """
    for one in shown.by_name:
        if not one.first or one.kind == "nickname" or one.first == family or not _is_first(one.first, known_first):
            continue
        his = one.first == first or "".join(one.first) in familiar(first) or set(one.first) <= set(family)
        if not his or (one.last and not _is_short_for(one.last, family)):
            return True
    return False


def _is_first(words: Words, known_first: KnownFirst) -> bool:
    return known_first(" ".join(words)) > 0 or is_first_name(words)


def _is_short_for(last: Words, family: Words) -> bool:
    """Whether a shown last name is his, a part of it, or its initials."""
    return bool({*last} & {*family}) or _begins(last, family)


def is_anothers_handle(shown: ShownName, first: Words, last: Words, known_first: KnownFirst) -> bool:
    """Whether the handle is made of a person's name, and not of his: a label is shown by whoever photographed it."""
    if not shown.by_handle or _best(shown.by_handle, first, without_particles(last)) is not Likeness.NONE:
        return False
    told = [one for one in shown.by_handle if one.kind != "nickname"]
    return all(known_first(" ".join(one.first)) > 0 and _names_another(one, first, last) for one in told)


def _names_another(reading: NameHypothesis, first: Words, last: Words) -> bool:
    """Whether a reading of a handle is another person's name; beside his first name a short rest may be anything."""
    if {*reading.last} & {*first, *last} or _begins(reading.first, first):
        return False
    if not {*reading.first} & ({*first, *last} | {*familiar(first)}):
        return True
    rest, family = "".join(reading.last), "".join(last)
    return len(rest) >= LONG_REST and not family.startswith(rest) and not rest.startswith(family)


def _adjacent(first: Words, last: Words, words: Words) -> bool:
    """Whether a sentence says the full name in one go, in either order."""
    first, words = without_particles(first), without_particles(words)
    wanted = ((*first, *last), (*last, *first))
    size = len(first) + len(last)
    return any(words[at : at + size] in wanted for at in range(len(words) - size + 1))
