"""Where a text names the brand, one of its products or one of its accounts."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import OSA

from domain.brand import Brand
from models.common import common_words, made_of_common_words
from models.tokens import Words, humps, split

FUZZY_FROM = 6  # letters; shorter names are never taken for misspelt
HASHTAG_FROM = 4  # letters; "#boycotthirondelle" names Hirondelle
GAP = 2  # characters between two words of a name, at most
ENDINGS = ("s", "x", "es")


@dataclass(frozen=True, slots=True)
class Name:
    """`plain` is the name folded and written as one word, of `count` words; `value` its normal form."""

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
        products = [_name("product", product, product) for product in self.brand.products]
        names = [_name("brand", spelling, value) for spelling in self.brand.spellings]
        return tuple(sorted((n for n in (*products, *names) if n.plain), key=lambda name: -len(name.plain)))

    @cached_property
    def spelled(self) -> dict[str, Name]:
        """By every regular form: as it is and inflected."""
        forms = {name.plain + ending: name for name in reversed(self.all) for ending in ENDINGS}
        return forms | {name.plain: name for name in reversed(self.all)}

    @cached_property
    def by_initial(self) -> dict[str, tuple[Name, ...]]:
        """All names; the first letter is nearly always right, also of a misspelt one."""
        initials = {name.plain[0] for name in self.all}
        return {one: tuple(name for name in self.all if name.plain[0] == one) for one in initials}

    @cached_property
    def counts(self) -> dict[str, tuple[int, ...]]:
        """By initial: of how many words a name may be, most first."""
        return {
            initial: tuple(sorted({1, *(name.count for name in names)}, reverse=True))
            for initial, names in self.by_initial.items()
        }

    @cached_property
    def handles(self) -> frozenset[str]:
        """The brand's own accounts, and its name as a handle."""
        own = (account.split(":", 1)[-1].lstrip("@").lower() for account in self.brand.accounts)
        return frozenset((*own, *(name.plain for name in self.all if name.kind == "brand")))

    def find(self, text: str, words: Words) -> Iterator[tuple[Name, int, int]]:
        """Each mention once, the longest name where several fit; a hashtag's sign belongs to what it begins with."""
        at, known = 0, self.by_initial
        for here, word in enumerate(words.plain):
            if here >= at and word[:1] in known and (found := self._at(words, here)):
                name, count = found
                at = here + count
                start = words.start[here]
                yield name, start - (text[start - 1 : start] == "#"), words.end[at - 1]
        if "#" in text:
            yield from self._inside_hashtags(text, words)

    def _at(self, words: Words, at: int) -> tuple[Name, int] | None:
        for count in self.counts[words.plain[at][0]]:
            name = self._window(words, at, count)
            if name:
                return name, count
        return None

    def _window(self, words: Words, at: int, count: int) -> Name | None:
        window = words.plain[at : at + count]
        if len(window) < count or not _together(words, at, count):
            return None
        joined = "".join(window)
        return self.spelled.get(joined) or self._misspelt(joined, window)

    def _misspelt(self, joined: str, window: list[str]) -> Name | None:
        """A name with one slip in it, unless every word of it is an ordinary one: Comète is not comité."""
        if len(joined) < FUZZY_FROM - 1:
            return None
        for name in self.by_initial[joined[0]]:
            if len(name.plain) >= FUZZY_FROM and name.near(joined) and not common_words().issuperset(window):
                return name
        return None

    def _inside_hashtags(self, text: str, words: Words) -> Iterator[tuple[Name, int, int]]:
        """#boycotthirondelle, all in lower case: the name and everyday words."""
        for word, start, end in zip(words.plain, words.start, words.end, strict=True):
            if text[start - 1 : start] != "#" or len(word) != end - start:
                continue
            if word in self.spelled or word in common_words():
                continue
            for name in self.all:
                size = len(name.plain)
                if HASHTAG_FROM <= size < len(word):
                    if word.endswith(name.plain) and made_of_common_words(word[:-size]):
                        yield name, end - size, end
                    elif word.startswith(name.plain) and made_of_common_words(word[size:]):
                        yield name, start - 1, start + size


def _name(kind: str, name: str, value: str) -> Name:
    """Its words are those that a hashtag would show by capitals: TotalEnergies are two."""
    parts = split(name)
    count = sum(1 for at in zip(parts.start, parts.end, strict=True) for _ in humps(name, *at))
    return Name(kind, value, "".join(parts.plain), count)


def _together(words: Words, at: int, count: int) -> bool:
    places = range(at, at + count)
    return all(words.start[two] - words.end[one] <= GAP for one, two in itertools.pairwise(places))
