"""Where a text names the brand, one of its products or one of its accounts."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import OSA

from domain.brand import Brand
from models.text import fold

FUZZY_FROM = 6  # letters; shorter names are never taken for misspelt
HASHTAG_FROM = 4  # letters; "#HirondelleMobile" names Hirondelle
ENDINGS = ("s", "x", "es")
_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]{0,4}){1,60}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text, folded, and where it stands."""

    plain: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """`plain` is the name folded and written as one word of `count` words; `value` its normal form."""

    kind: str
    value: str
    plain: str
    count: int

    def near(self, word: str) -> bool:
        """One slip of the finger away."""
        return abs(len(word) - len(self.plain)) <= 1 and OSA.distance(word, self.plain, score_cutoff=1) <= 1


@dataclass(frozen=True)
class Names:
    """All names of one brand."""

    brand: Brand

    @cached_property
    def all(self) -> tuple[Name, ...]:
        """Longest first: "Hirondelle Mobile" before "Hirondelle"."""
        value = self.brand.name or next(iter(self.brand.names), "")
        names = [_name("brand", name, value) for name in self.brand.names]
        products = [_name("product", product, product) for product in self.brand.products]
        return tuple(sorted((n for n in (*products, *names) if n.plain), key=lambda name: -len(name.plain)))

    @cached_property
    def spelled(self) -> dict[str, Name]:
        """By every regular form: as it is and inflected."""
        forms = {name.plain + ending: name for name in reversed(self.all) for ending in ENDINGS}
        return forms | {name.plain: name for name in reversed(self.all)}

    @cached_property
    def by_initial(self) -> dict[str, list[Name]]:
        """The names long enough to be taken for misspelt; their first letter is nearly always right."""
        long = [name for name in self.all if len(name.plain) >= FUZZY_FROM]
        return {one.plain[0]: [name for name in long if name.plain[0] == one.plain[0]] for one in long}

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many words a name may take, most first."""
        return tuple(sorted({1, *(name.count for name in self.all)}, reverse=True))

    @cached_property
    def handles(self) -> frozenset[str]:
        """The brand's own accounts, and its name as a handle."""
        own = (account.split(":", 1)[-1].lstrip("@").lower() for account in self.brand.accounts)
        return frozenset((*own, *(name.plain for name in self.all if name.kind == "brand")))

    def find(self, text: str) -> Iterator[tuple[Name, int, int]]:
        """Each mention once, the longest name where several fit."""
        words = split(text) if self.all else []
        at = 0
        while at < len(words):
            found = self._at(text, words, at)
            if found:
                yield found[0], words[at].start, words[at + found[1] - 1].end
            at += found[1] if found else 1

    def _at(self, text: str, words: Sequence[Word], at: int) -> tuple[Name, int] | None:
        for count in self.counts:
            name = self._window(words[at : at + count], count)
            if name:
                return name, count
        if text[words[at].start - 1 : words[at].start] == "#":
            return next(((name, 1) for name in self.all if _begins_hashtag(text, words[at], name)), None)
        return None

    def _window(self, words: Sequence[Word], count: int) -> Name | None:
        if len(words) < count or not _near(words):
            return None
        joined = "".join(word.plain for word in words)
        return self.spelled.get(joined) or next(
            (name for name in self.by_initial.get(joined[:1], ()) if name.near(joined)), None
        )


def split(text: str) -> list[Word]:
    """The words of a text without accents, with their places."""
    return [Word(fold(found[0]).lower(), found.start(), found.end()) for found in _WORD.finditer(text)]


def _name(kind: str, name: str, value: str) -> Name:
    words = split(name)
    return Name(kind, value, "".join(word.plain for word in words), len(words))


def _near(words: Sequence[Word]) -> bool:
    return all(two.start - one.end <= 2 for one, two in itertools.pairwise(words))


def _begins_hashtag(text: str, word: Word, name: Name) -> bool:
    rest = text[word.start + len(name.plain) : word.end]
    return (
        len(name.plain) >= HASHTAG_FROM
        and word.plain.startswith(name.plain)
        and (rest[:1].isupper() or rest[:1].isdigit())
    )
