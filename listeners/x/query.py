"""Queries in X's own syntax (docs.x.com/x-api/posts/search/integrate/build-a-query, read 2026-11-21).

What X cannot say is left out, so that X shows more than is wanted, never less; two things fall short of that:
a beginning (`livr*`) becomes the word itself, and NEAR becomes AND. Posts are held against the whole query later.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from domain.errors import Misconfigured
from listeners.base import SAME_NETWORK
from listeners.query import And, Is, Near, Node, Not, Or, Query, Term
from listeners.query.text import plain, words

NETWORK = "x"
WITHOUT_REPOSTS = " -is:retweet"
MOST_PIECES = 50
HANDLE = re.compile(r"@?(\w{1,15})", re.ASCII)

_HASHTAG = re.compile(r"#\w+")
_BARE = re.compile(r"\w+")
_OPERATORS = frozenset({"AND", "OR", "NOT"})
_LANGUAGES = {"he": ("iw",), "id": ("in",), "zh": ("zh-CN", "zh-TW"), "zh-cn": ("zh-CN",), "zh-tw": ("zh-TW",)}


def native(query: Query, limit: int, rules: bool = False) -> tuple[str, ...]:
    """The strings that together ask X for the query, each of at most `limit` characters; none where X is left out.

    `rules` is for the stream, whose words match accents to the letter. Raises `Misconfigured` when X cannot be
    asked: for everything, or for nothing but a language or links.
    """
    asked = _EVERYTHING if query.tree is None else _Compiler(rules).reach(query.tree, True)
    if asked is _NOTHING:
        return ()
    if isinstance(asked, _Bound) or not asked.alone:
        raise Misconfigured(
            f"the query {query.text!r} cannot be asked of X, which wants a word, #hashtag, @account or from: in every "
            "alternative; add one, or NOT network:x"
        )
    pieces = _split(asked, limit - len(WITHOUT_REPOSTS), query.text)
    return tuple(f"{_inner(piece)}{WITHOUT_REPOSTS}" for piece in pieces)


# --- what X can be asked -------------------------------------------------------------------------


class _Bound(Enum):
    EVERYTHING = 1
    NOTHING = 2


_EVERYTHING, _NOTHING = _Bound.EVERYTHING, _Bound.NOTHING


@dataclass(frozen=True, slots=True)
class _One:
    """One operator. `alone`: X takes it without another; `positive`: it is not negated."""

    text: str
    alone: bool
    positive: bool


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple["_Piece", ...]

    @property
    def alone(self) -> bool:
        return any(part.alone for part in self.parts)

    @property
    def positive(self) -> bool:
        return any(part.positive for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple["_Piece", ...]

    @property
    def alone(self) -> bool:
        return all(part.alone for part in self.parts)

    @property
    def positive(self) -> bool:
        return all(part.positive for part in self.parts)


_Piece: TypeAlias = _One | _All | _Any
_Reached: TypeAlias = _Piece | _Bound


def _all_of(reached: Iterable[_Reached]) -> _Reached:
    parts: dict[_Piece, None] = {}
    for piece in reached:
        if piece is _NOTHING:
            return _NOTHING
        if not isinstance(piece, _Bound):
            parts |= dict.fromkeys(piece.parts if isinstance(piece, _All) else (piece,))
    return _EVERYTHING if not parts else next(iter(parts)) if len(parts) == 1 else _All(tuple(parts))


def _any_of(reached: Iterable[_Reached]) -> _Reached:
    parts: dict[_Piece, None] = {}
    for piece in reached:
        if piece is _EVERYTHING or not (isinstance(piece, _Bound) or piece.positive):
            return _EVERYTHING  # X takes no alternative that only says what is not wanted
        if not isinstance(piece, _Bound):
            parts |= dict.fromkeys(piece.parts if isinstance(piece, _Any) else (piece,))
    return _NOTHING if not parts else next(iter(parts)) if len(parts) == 1 else _Any(tuple(parts))


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Negations are taken down to single operators, because X negates no groups."""

    rules: bool

    def reach(self, node: Node, wanted: bool) -> _Reached:
        """What to ask for so that every post is among it that the node wants, or with `wanted` false does not."""
        if isinstance(node, Not):
            return self.reach(node.part, not wanted)
        if isinstance(node, And | Or):
            parts = (self.reach(part, wanted) for part in node.parts)
            return _all_of(parts) if isinstance(node, And) == wanted else _any_of(parts)
        if isinstance(node, Near):
            both = (self.reach(node.left, True), self.reach(node.right, True))
            return _all_of(both) if wanted else _EVERYTHING
        return self._term(node.text, wanted) if isinstance(node, Term) else _field(node, wanted)

    def _term(self, text: str, wanted: bool) -> _Reached:
        if not words(plain(text)):
            return _EVERYTHING
        if text.startswith("@"):
            return _account("@", text, wanted)
        forms = {_written(text): None}
        if self.rules:
            forms |= {_written(plain(text)): None}
        row = words(plain(text).lower()).split()
        if len(row) > 1 and wanted and all(map(_BARE.fullmatch, row)):
            forms |= {f"#{''.join(row)}": None}
        if wanted:
            return _any_of(_One(form, True, True) for form in forms)
        return _all_of(_One(f"-{form}", False, False) for form in forms)


def _written(text: str) -> str:
    """A word as it is, anything else between quotation marks."""
    if _HASHTAG.fullmatch(text) or (_BARE.fullmatch(text) and text.upper() not in _OPERATORS):
        return text
    return '"' + " ".join(text.replace('"', " ").replace("\\", " ").split()) + '"'


def _field(node: Is, wanted: bool) -> _Reached:
    if node.field == "network":
        network = node.value.strip().lower()
        here = SAME_NETWORK.get(network, network) == NETWORK
        return _EVERYTHING if here == wanted else _NOTHING
    if node.field == "from":
        return _account("from:", node.value, wanted)
    if node.field == "to":
        return _account("@", node.value, wanted)
    if node.field == "has":
        return _operator("has:links", wanted)
    if node.field == "lang":
        language = node.value.strip().lower()
        operators = [_operator(f"lang:{code}", wanted) for code in _LANGUAGES.get(language, (language.split("-")[0],))]
        return _any_of(operators) if wanted else _all_of(operators)
    return _EVERYTHING  # min_followers, and what is not known here


def _operator(text: str, wanted: bool, alone: bool = False) -> _One:
    return _One(text, alone, True) if wanted else _One(f"-{text}", False, False)


def _account(operator: str, value: str, wanted: bool) -> _Reached:
    """An account by its handle. One that cannot be on X wrote nothing there."""
    found = HANDLE.fullmatch(value.strip())
    if found is None:
        return _NOTHING if wanted else _EVERYTHING
    return _operator(f"{operator}{found[1]}", wanted, alone=True)


# --- as text -------------------------------------------------------------------------------------


def _text(piece: _Piece) -> str:
    if isinstance(piece, _One):
        return piece.text
    if isinstance(piece, _All):
        return " ".join(_inner(part) for part in piece.parts)
    return " OR ".join(_text(part) if isinstance(part, _One) else f"({_text(part)})" for part in piece.parts)


def _inner(piece: _Piece) -> str:
    """The text as it stands beside others."""
    return f"({_text(piece)})" if isinstance(piece, _Any) else _text(piece)


def _split(piece: _Piece, limit: int, text: str) -> list[_Piece]:
    """The piece, or where it is too long the halves of its longest list of alternatives. Raises `Misconfigured`."""
    left, short = [piece], []
    while left:
        first = left.pop()
        if len(_inner(first)) <= limit:
            short.append(first)
            continue
        halves = _halves(first)
        if not halves or len(left) + len(short) >= MOST_PIECES:
            most = limit + len(WITHOUT_REPOSTS)
            raise Misconfigured(f"the query {text[:80]!r} is too long for X ({most} characters); make several of it")
        left += reversed(halves)
    return short


def _halves(piece: _Piece) -> list[_Piece]:
    """None where there is nothing to take apart."""
    if isinstance(piece, _Any):
        middle = len(piece.parts) // 2
        return _pieces(_any_of(half) for half in (piece.parts[:middle], piece.parts[middle:]))
    lists = [part for part in piece.parts if isinstance(part, _Any)] if isinstance(piece, _All) else []
    if not lists or not isinstance(piece, _All):
        return []
    longest = max(lists, key=lambda part: len(_text(part)))
    return _pieces(_all_of(half if part is longest else part for part in piece.parts) for half in _halves(longest))


def _pieces(reached: Iterable[_Reached]) -> list[_Piece]:
    return [piece for piece in reached if not isinstance(piece, _Bound)]
