"""Who somebody may be called, given the name that a network displays and a handle: several hypotheses, the best first.

Nobody tells which word is the surname, whether a letter is an initial, or that Manu is an Emmanuel. So every reading
that is worth a look-up is made; display name and handle restate one fact, and the matcher counts only the best.
Names are taken as they are written: to look for whom a disguised name imitates, give `unmask(name).text`.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from routing.matching.handles import handle_words
from routing.matching.nicknames import formal
from routing.matching.normal import PARTICLES
from routing.matching.shown import MOST_PARTS, Part, Shown, shown

MOST = 12  # hypotheses
MOST_SHOWN = 9  # of which from the display name, so that the handle has its say
NICKNAMES_EACH = 4
FIRST_LENGTHS = range(3, 13)  # letters of a first name that is looked for inside a handle

Kind = Literal["full", "initial", "nickname", "inverted", "single"]
Source = Literal["name", "handle"]
Words = tuple[str, ...]
KnownFirst = Callable[[str], int]


class NameHypothesis(NamedTuple):
    """One reading of a name, in folded words. `first` or `last` is empty for a single name; an initial is one letter.

    Kinds: `full` as written, `inverted` surname first, `initial` one of them is a letter, `nickname` the first name
    is what the shown one is short for, `single` one word only.
    """

    first: Words
    last: Words
    kind: Kind
    source: Source


def hypotheses(display_name: str | None, handle: str | None, known_first: KnownFirst) -> tuple[NameHypothesis, ...]:
    """At most 12, likeliest first. `known_first` counts the customers with a first name (its words with spaces)."""
    by_name = tuple(islice(dict.fromkeys(_of_name(shown(display_name or ""), known_first)), MOST_SHOWN))
    told = {(one.first, one.last) for one in by_name}
    by_handle = dict.fromkeys(_of_handle(handle or "", known_first, bool(by_name)))
    return (*by_name, *(one for one in by_handle if (one.first, one.last) not in told))[:MOST]


def _of_name(name: Shown, known_first: KnownFirst) -> Iterator[NameHypothesis]:
    parts, surname_first = _ordered(name, known_first)
    if len(parts) < 2:
        yield from (one for part in parts for one in _of_one(part, name, known_first))
        return
    seen: list[tuple[Words, Words, Kind]] = []
    for first, last, inverted in _splits(_with_initials_joined(parts), surname_first, known_first):
        kind: Kind = "initial" if _is_initial(first) or _is_initial(last) else "inverted" if inverted else "full"
        seen.append((first, last, kind))
    yield from (NameHypothesis(*one, "name") for one in seen[:4])
    first, last, _ = seen[0]
    for surname in (*name.born, *_surnames_within(last)):
        yield NameHypothesis(first, surname, "full", "name")
    for partner in name.beside:
        yield NameHypothesis(partner.words, last, "full", "name")
    for first, last, _ in seen[:2]:
        yield from (NameHypothesis(meant, last, "nickname", "name") for meant in _formal(first))
    yield from (NameHypothesis(*one, "name") for one in seen[4:])


def _ordered(name: Shown, known_first: KnownFirst) -> tuple[tuple[Part, ...], bool]:
    """The parts, and whether the surname stands in front: by a comma, by capitals, or by what the file knows."""
    parts, behind = name.parts, name.behind
    if behind and (len(parts) == 1 or known_first(behind[0].joined)):
        tail = [part for part in behind[1:] if part.joined in PARTICLES]  # "Gaulle, Charles de"
        given = [part for part in behind if part not in tail]
        if tail and len(parts) == 1:
            parts = (Part((*(word for part in tail for word in part.words), *parts[0].words)),)
        return (*parts, *given), True
    if len(parts) < 2 or parts[0].initial or parts[-1].initial:
        return parts, False
    if parts[0].capitals != parts[-1].capitals:
        return parts, parts[0].capitals and len(parts[0].joined) > 2  # JP is no surname
    return parts, _is_first(parts[-1].joined, known_first) and not _is_first(parts[0].joined, known_first)


def _is_first(word: str, known_first: KnownFirst) -> bool:
    """Whether the file, or the table of nicknames, has it as a first name."""
    return known_first(word) > 0 or bool(formal(word))


def _splits(parts: Sequence[Part], surname_first: bool, known_first: KnownFirst) -> list[tuple[Words, Words, bool]]:
    """(first, last, inverted) for every way to cut the parts in two, likelier ones first."""
    forward = [(_words(parts[:1]), _words(parts[1:]), False)]
    backward = [(_words(parts[-1:]), _words(parts[:-1]), True)]
    if len(parts) > 2:
        _insert(forward, (_words(parts[:2]), _words(parts[2:]), False), known_first(parts[1].joined))
        _insert(backward, (_words(parts[-2:]), _words(parts[:-2]), True), known_first(parts[-2].joined))
        forward.append((_words(parts[:1]), _words(parts[-1:]), False))  # a middle name in between
    if len(parts) == 2 and parts[0].words == parts[1].words:
        return forward
    return [*backward, *forward] if surname_first else [*forward, *backward]


def _insert(splits: list[tuple[Words, Words, bool]], split: tuple[Words, Words, bool], known: int) -> None:
    """A double first name goes in front where the file has such a second one."""
    splits.insert(0 if known else 1, split)


def _of_one(part: Part, name: Shown, known_first: KnownFirst) -> Iterator[NameHypothesis]:
    """A single word: a first name, a surname, or a Chinese name written in one."""
    for first, last in _han(part.joined):
        yield NameHypothesis((first,), (last,), "inverted", "name")
    for surname in name.born:
        yield NameHypothesis((), surname, "single", "name")
    meanings = _formal(part.words)
    if len(part.words) > 1 and not _is_first(part.joined, known_first):  # Claire-Martin
        yield NameHypothesis(part.words[:1], part.words[1:], "full", "name")
        yield NameHypothesis(part.words[-1:], part.words[:-1], "inverted", "name")
    if _is_first(part.joined, known_first):
        yield NameHypothesis(part.words, (), "single", "name")
        yield from (NameHypothesis(meant, (), "nickname", "name") for meant in meanings)
        return
    yield NameHypothesis((), part.words, "single", "name")
    yield NameHypothesis(part.words, (), "single", "name")


def _han(word: str) -> Iterator[tuple[str, str]]:
    """A Chinese name in one word: the surname is its first sign, rarely its first two."""
    if 2 <= len(word) <= 4 and all("\u4e00" <= sign <= "\u9fff" for sign in word):
        yield word[1:], word[:1]
        if len(word) > 2:
            yield word[2:], word[:2]


def _with_initials_joined(parts: Sequence[Part]) -> list[Part]:
    """J. P. Martin is jp martin."""
    joined: list[Part] = []
    for part in parts:
        if (
            joined
            and part.initial
            and joined[-1].capitals
            and len(joined[-1].joined) <= 2
            and joined[-1].words[0].isascii()
        ):
            joined[-1] = Part((joined[-1].joined + part.joined,), True)
        elif part.initial and len(parts) > 2:
            joined.append(Part(part.words, True))
        else:
            joined.append(part)
    return joined


def _words(parts: Sequence[Part]) -> Words:
    return tuple(word for part in parts for word in part.words)


def _is_initial(words: Words) -> bool:
    return len(words) == 1 and len(words[0]) == 1 and words[0].isascii()


def _formal(first: Words) -> tuple[Words, ...]:
    return formal("".join(first))[:NICKNAMES_EACH]


def _surnames_within(last: Words) -> Iterator[Words]:
    """Martin-Dupont may stand in the file under either; particles alone are none."""
    words = [word for word in last if word not in PARTICLES]
    if len(words) == 2 and len(words) == len(last):
        yield from ((word,) for word in words)


def _of_handle(handle: str, known_first: KnownFirst, named: bool) -> Iterator[NameHypothesis]:
    words = handle_words(handle)
    if len(words) == 1:
        yield from _inside(words[0], known_first)
        if not named and _is_first(words[0], known_first):
            yield NameHypothesis(words, (), "single", "handle")
        return
    pairs = list(_neighbours(words[:MOST_PARTS], known_first))
    either = () if pairs and "initial" not in {kind for _, _, kind in pairs} else _either_way(words[:2])
    for first, last, kind in (*pairs, *either):
        yield NameHypothesis(first, last, kind, "handle")
    for first, last, _ in pairs:
        yield from (NameHypothesis(meant, last, "nickname", "handle") for meant in _formal(first))


def _neighbours(words: Words, known_first: KnownFirst) -> Iterator[tuple[Words, Words, Kind]]:
    """Each known first name of a handle with the word behind it, and with the one before."""
    for at, word in enumerate(words):
        if len(word) < 2 or not _is_first(word, known_first):
            continue
        if at + 1 < len(words):
            last = words[at + 1 : at + 2]
            yield (word,), last, "initial" if _is_initial(last) else "full"
        if at:
            last = words[at - 1 : at]
            yield (word,), last, "initial" if _is_initial(last) else "inverted"


def _either_way(words: Words) -> Iterator[tuple[Words, Words, Kind]]:
    if len(words) < 2:
        return
    one, other = words[:1], words[1:]
    initial = _is_initial(one) or _is_initial(other)
    if not _is_initial(other) or not initial:
        yield one, other, "initial" if initial else "full"
    if not _is_initial(one):
        yield other, one, "initial" if initial else "inverted"


def _inside(word: str, known_first: KnownFirst) -> Iterator[NameHypothesis]:
    """clairemartin, martinclaire: the longest known first name at either end."""
    for size in reversed(FIRST_LENGTHS):
        if len(word) - size >= 2 and known_first(word[:size]):
            yield NameHypothesis((word[:size],), (word[size:],), "full", "handle")
            break
    for size in reversed(FIRST_LENGTHS):
        if len(word) - size >= 2 and known_first(word[-size:]):
            yield NameHypothesis((word[-size:],), (word[:-size],), "inverted", "handle")
            break
