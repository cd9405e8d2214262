"""What a query is made of: its tree, and its alternatives (see `listeners/query/`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Term:
    """A word, a phrase of several, a `#hashtag` or an `@account`, as it is written; `prefix`: a beginning."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """Two terms with at most so many words between them, in either order."""

    left: Term
    right: Term
    within: int


@dataclass(frozen=True, slots=True)
class Is:
    """`field:value`; field is one of lang, network, from, to, has, min_followers."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"


Node: TypeAlias = Term | Near | Is | And | Or | Not


@dataclass(frozen=True, slots=True)
class Clause:
    """One alternative of a query: every one of `must` (the two sides of a NEAR among them), none of `without`.

    `fields` are its positive `field:value` pairs, `without_fields` the negated ones.
    """

    must: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    without_fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the words `brand` and `product` stand for."""

    brand: tuple[str, ...] = ()
    product: tuple[str, ...] = ()


def negated(node: Node) -> Node:
    """The opposite of a node, with NOT moved inwards as far as `Term`, `Near` and `Is` (De Morgan)."""
    if isinstance(node, Not):
        return node.part
    if isinstance(node, And):
        return Or(tuple(negated(part) for part in node.parts))
    if isinstance(node, Or):
        return And(tuple(negated(part) for part in node.parts))
    return Not(node)
