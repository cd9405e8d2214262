"""Queries in the syntax of YouTube's search: a space is AND, `|` is OR, `-` is NOT (docs/search/list, read 2026-11-21).

What it cannot say is left out, so that it shows more than is wanted; two things fall short of that: a beginning
(`livr*`) that stands alone becomes the word itself, and what YouTube deems alike is its own affair. What is found
is held against the whole query later. Searches are few, so one query becomes one search wherever that is possible.
"""

import re
from collections.abc import Iterable

from domain.errors import Misconfigured
from listeners.query import And, Clause, Is, Near, Node, Not, Or, Query, Term
from listeners.query.tree import negated

NETWORK = "youtube"

_BARE = re.compile(r"[#@]?\w+")


def searches(query: Query) -> tuple[str, ...]:
    """What to search for; nothing where the query leaves YouTube out.

    Raises `Misconfigured` when it has an alternative without a word, `BadInput` when it has too many alternatives.
    """
    asked = _Search()
    if query.tree is not None and asked.add(query.tree):
        found = [asked]
    else:
        found = [_of_clause(clause) for clause in query.clauses()]
    found = [search for search in found if not search.elsewhere]
    if not all(search.groups for search in found):
        raise Misconfigured(
            f"the query {query.text!r} cannot be searched for on YouTube, which wants a word in every alternative; "
            "add one, or NOT network:youtube"
        )
    return tuple(dict.fromkeys(str(search) for search in found))


def _of_clause(clause: Clause) -> "_Search":
    asked = _Search()
    asked.groups = [(term,) for term in clause.must]
    asked.without = list(clause.without)
    for name, value in clause.fields.items():
        asked.add(Is(name, value))
    for name, value in clause.without_fields:
        asked.add(Not(Is(name, value)))
    return asked


class _Search:
    """One search: of each group one word, none of `without`. `elsewhere`: another network is meant."""

    def __init__(self) -> None:
        self.groups: list[tuple[Term, ...]] = []
        self.without: list[Term] = []
        self.elsewhere = False

    def __str__(self) -> str:
        whole = [group for group in self.groups if not any(term.prefix for term in group)]
        wanted = ["|".join(map(_written, group)) for group in whole or self.groups]
        return " ".join([*wanted, *(f"-{_written(term)}" for term in self.without if not term.prefix)])

    def add(self, node: Node) -> bool:
        """Ask for this as well; False where that is more than one search can say."""
        match node:
            case Term():
                self.groups.append((node,))
            case Near(left, right):
                self.groups += [(left,), (right,)]
            case And(parts):
                return all(self.add(part) for part in parts)
            case Or(parts) if all(isinstance(part, Term) for part in parts):
                self.groups.append(tuple(_terms(parts)))
            case Not(Term() as term):
                self.without.append(term)
            case Not(Or() | And() | Not() as part):
                return self.add(negated(part))
            case Is("network", value):
                self.elsewhere = self.elsewhere or value.lower() != NETWORK
            case Not(Is("network", value)):
                self.elsewhere = self.elsewhere or value.lower() == NETWORK
            case Or():
                return False
        return True


def _terms(parts: Iterable[Node]) -> list[Term]:
    return [part for part in parts if isinstance(part, Term)]


def _written(term: Term) -> str:
    return term.text if _BARE.fullmatch(term.text) else '"' + term.text.replace('"', " ").strip() + '"'
