"""The language of rules: a condition is a table, the same for playbooks and segments.

    when = { intent = ["delivery", "billing"], severity = "high", not = { segment = "vip" } }

All keys must hold; of a list one is enough. `not` is a table, or a list of tables of which none may hold; `any` is a
list of tables of which one must. What is not known holds for nothing: `survey_below = 3` is false without a survey.
Names are compared without regard to capitals.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

How = Literal["one_of", "has_one_of", "starts_with", "at_least", "below", "at_most", "is"]
Names = frozenset[str]
NOT, ANY = "not", "any"
NUMBERS = ("at_least", "below", "at_most")
DEEPEST = 5  # tables within tables; nobody reads more


@dataclass(frozen=True, slots=True)
class Key:
    """One word of the language: the fact that it looks at, and how. `known` closes the list of values.

    `occasion` names what sets a rule off anew (a survey, a silence); a key without one holds once for a case.
    """

    fact: str
    how: How
    known: tuple[str, ...] = ()
    occasion: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One key and what it wants: names (casefolded), a number, or yes or no."""

    key: str
    wanted: Names | float | bool


@dataclass(frozen=True, slots=True)
class When:
    """A condition: all terms hold, one of `any_of` where there are some, and none of `none_of`."""

    terms: tuple[Term, ...] = ()
    any_of: tuple["When", ...] = ()
    none_of: tuple["When", ...] = ()


Keys = Mapping[str, Key]


def parse_when(table: Mapping[str, Any], keys: Keys, depth: int = 0) -> When:
    """The condition that a table says. Raises ValueError naming the key, and the nearest known one."""
    if depth > DEEPEST:
        raise ValueError(f"tables within tables, deeper than {DEEPEST}")
    if not table:
        raise ValueError("an empty condition would hold for everything: name at least one key")
    terms = tuple(Term(name, _wanted(name, value, keys)) for name, value in table.items() if name not in (NOT, ANY))
    none_of = tuple(parse_when(one, keys, depth + 1) for one in _tables(table, NOT))
    any_of = tuple(parse_when(one, keys, depth + 1) for one in _tables(table, ANY))
    return When(terms, any_of, none_of)


def holds(when: When, facts: object, keys: Keys) -> bool:
    """Whether a condition is true of these facts (attributes named as `Key.fact`)."""
    return (
        all(_term_holds(term, facts, keys[term.key]) for term in when.terms)
        and (not when.any_of or any(holds(one, facts, keys) for one in when.any_of))
        and not any(holds(one, facts, keys) for one in when.none_of)
    )


def said(when: When, facts: object, keys: Keys) -> Iterator[Term]:
    """The terms that make a condition true: its own, and those of the alternatives that hold."""
    yield from when.terms
    for one in when.any_of:
        if holds(one, facts, keys):
            yield from said(one, facts, keys)


def named(when: When) -> frozenset[str]:
    """Every key that a condition names, wherever it does."""
    inner = (named(one) for one in (*when.any_of, *when.none_of))
    return frozenset(term.key for term in when.terms).union(*inner)


def values_of(when: When, key: str) -> Names:
    """Every name that a condition gives for a key, wherever it does."""
    own = [term.wanted for term in when.terms if term.key == key and isinstance(term.wanted, frozenset)]
    return frozenset().union(*own, *(values_of(one, key) for one in (*when.any_of, *when.none_of)))


def nearest(word: str, known: Iterable[str]) -> str:
    """`, did you mean …?` for a word that is not known; the known ones where none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f", did you mean {near[0]}?" if near else f" (known: {', '.join(names)})"


def _term_holds(term: Term, facts: object, key: Key) -> bool:
    fact, wanted = getattr(facts, key.fact), term.wanted
    if fact is None:
        return False
    if isinstance(wanted, frozenset):
        return _named_holds(fact, wanted, key.how)
    if key.how == "is":
        return bool(fact) is wanted
    if key.how == "below":
        return bool(fact < wanted)
    return bool(fact <= wanted) if key.how == "at_most" else bool(fact >= wanted)


def _named_holds(fact: Any, wanted: Names, how: How) -> bool:
    if how == "has_one_of":
        return any(name.casefold() in wanted for name in fact)
    if how == "starts_with":
        return any(str(fact).casefold().startswith(name) for name in wanted)
    return str(fact).casefold() in wanted


def _tables(table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = table.get(name, [])
    found = [value] if name == NOT and isinstance(value, Mapping) else value
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        shape = 'not = { intent = "spam" }' if name == NOT else 'any = [{ intent = "billing" }, { severity = "high" }]'
        raise ValueError(f"{name} is written as {shape}")
    if name in table and not found:
        raise ValueError(f"{name} has no table in it")
    return list(found)


def _wanted(name: str, value: Any, keys: Keys) -> Names | float | bool:
    key = keys.get(name)
    if key is None:
        raise ValueError(f"unknown key {name}{nearest(name, [*keys, NOT, ANY])}")
    if key.how == "is":
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false, not {value!r}")
        return value
    if key.how in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
            raise ValueError(f"{name} is a number, not {value!r}")
        return float(value)
    return _names(name, value, key)


def _names(name: str, value: Any, key: Key) -> Names:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(one, str) and one for one in names):
        raise ValueError(f"{name} is a name or a list of names, not {value!r}")
    for one in names:
        if key.known and one.casefold() not in {known.casefold() for known in key.known}:
            raise ValueError(f"{name}: {one!r} is not known{nearest(one, key.known)}")
    return frozenset(one.casefold() for one in names)
