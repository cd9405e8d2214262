"""The query language of `[listeners] queries`: one for all networks.

    brand AND (colis OR livraison) NOT "merci"      words, "phrases", AND OR NOT, parentheses; a space is AND
    colis NEAR/5 perdu                              within so many words, in either order
    #colis  @hirondelle  livr*                      hashtags, accounts that are spoken to, beginnings
    lang:fr network:mastodon from:@alice to:@hirondelle has:link min_followers:1000

`brand` and `product` stand for the names, misspellings and inflections of the brand's settings. Case, accents
and typographic signs make no difference. A listener compiles a query to its network's own syntax as far as
that reaches (`clauses`); what comes back is held against the whole query (`matches`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from domain.errors import BadInput
from domain.post import Post
from listeners.query.clauses import clauses
from listeners.query.filter import Prefilter, needles
from listeners.query.grammar import parse_tree, shown
from listeners.query.match import compiled
from listeners.query.tree import And, Clause, Is, Near, Node, Not, Or, Term, Vocabulary

__all__ = [
    "And",
    "Clause",
    "Is",
    "Near",
    "Node",
    "Not",
    "Or",
    "Prefilter",
    "Query",
    "Term",
    "Vocabulary",
    "parse_query",
]

_NO_WORDS = Vocabulary()

EVERYTHING = "matches everything"
NOTHING = "matches nothing"


@dataclass(frozen=True)
class Query:
    """A parsed query. `tree` is None where everything is wanted."""

    text: str
    tree: Node | None = None

    @classmethod
    def everything(cls, text: str = "") -> "Query":
        """A query that every post matches."""
        return cls(text)

    @classmethod
    def any_of(cls, queries: Iterable["Query"]) -> "Query":
        """What one of the queries asks for; nothing, where there are none."""
        told = tuple(queries)
        if len(told) == 1:
            return told[0]
        text = " OR ".join(f"({query.text})" for query in told)
        trees = [query.tree for query in told]
        if any(tree is None for tree in trees):
            return cls.everything(text)
        parts = (tree.parts if isinstance(tree, Or) else (tree,) for tree in trees if tree is not None)
        return cls(text, Or(tuple(chain.from_iterable(parts))))

    def matches(self, post: Post) -> bool:
        """Whether the post is what the query asks for."""
        return self._test(post)

    def clauses(self, limit: int = 100) -> tuple[Clause, ...]:
        """The query as alternatives (its disjunctive normal form). Raises `BadInput` beyond `limit` of them.

        Every post that the query matches is in one of them. A NEAR is both of its sides; a negated NEAR, and
        of several `to:` all but the first, are left to `matches`. Alternatives that contradict themselves are
        left out: a query that matches nothing has none.
        """
        if self.tree is None:
            return (Clause(),)
        try:
            return clauses(self.tree, limit)
        except BadInput as error:
            raise BadInput(f"the query {shown(self.text)}: {error}") from None

    def needles(self) -> frozenset[str] | None:
        """Folded strings one of which is in the folded text of every post that matches.

        None where there is no such set: a query for fields or for the absence of words alone.
        """
        return None if self.tree is None else needles(self.tree)

    def verdict(self) -> str | None:
        """What is wrong with it, as far as its alternatives show: `EVERYTHING`, `NOTHING`, or None."""
        try:
            alternatives = self.clauses(limit=4096)
        except BadInput:
            return None
        if not alternatives:
            return NOTHING
        return EVERYTHING if any(not clause.must and not clause.fields for clause in alternatives) else None

    @cached_property
    def _test(self) -> Callable[[Post], bool]:
        return (lambda _: True) if self.tree is None else compiled(self.tree)

    def __reduce__(self) -> tuple[type["Query"], tuple[str, Node | None]]:
        return type(self), (self.text, self.tree)


def parse_query(text: str, vocabulary: Vocabulary = _NO_WORDS) -> Query:
    """Raises `BadInput` that names the place and what is wrong there."""
    return Query(text, parse_tree(text, vocabulary))
