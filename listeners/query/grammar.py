"""The grammar of queries, and the way from a text to its tree. Lark is imported with the first query."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from domain.errors import BadInput
from listeners.query.text import term_words
from listeners.query.tree import And, Is, Near, Node, Not, Or, Term, Vocabulary

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

MAX_CHARACTERS = 10_000
MAX_DEPTH = 32
MAX_WITHIN = 1000
MAX_PAIRS = 2500
MAX_SHOWN = 120

# AND binds closer than OR; a space is AND. Of the terminals that fit, the one with the highest number is taken.
_GRAMMAR = r"""
    start: either
    either: both (OR both)*
    both: one (AND? one)*
    ?one: (NOT | MINUS) one -> negation
        | near
    near: atom (NEAR atom)*
    ?atom: PHRASE -> phrase
        | FIELD -> pair
        | WORD -> word
        | "(" either ")" -> group

    PHRASE.3: /"[^"]*"\*?/
    AND.2: /AND(?![^\s()"])/
    OR.2: /OR(?![^\s()"])/
    NOT.2: /NOT(?![^\s()"])/
    NEAR.2: /NEAR(\/[^\s()"]*)?(?![^\s()"])/
    MINUS.2: /-(?=\S)/
    FIELD.1: /[^\W\d]\w*:("[^"]*"|[^\s()"]*)/
    WORD: /[^\s()"]+/
    %ignore /\s+/
"""
_OPERATORS = ("AND", "OR", "NOT", "MINUS", "NEAR")
_TYPED = str.maketrans(dict.fromkeys("“”„‟«»″〝〞＂", '"') | {"（": "(", "）": ")", "：": ":", "＊": "*"})
_PUNCTUATION = ".,;:!?'"
_VOCABULARY = {"brand": "name", "product": "products"}


@dataclass(frozen=True, slots=True)
class _Field:
    """What a field's value looks like."""

    kind: str
    example: str
    form: re.Pattern[str]


_ACCOUNT = re.compile(r"@?\w[\w.-]*(@\w[\w.-]*)?")
_FIELDS = {
    "lang": _Field("language tag", "lang:fr", re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE)),
    "network": _Field("network", "network:mastodon", re.compile(r"[a-z0-9][a-z0-9_.-]*", re.IGNORECASE)),
    "from": _Field("account", "from:@alice", _ACCOUNT),
    "to": _Field("account", "to:@alice", _ACCOUNT),
    "has": _Field("thing that is looked for", "has:link", re.compile("link", re.IGNORECASE)),
    "min_followers": _Field("number of followers", "min_followers:1000", re.compile(r"[0-9]{1,12}")),
}


class Refused(Exception):
    """What is wrong, and where in the query (an offset)."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


def parse_tree(text: str, vocabulary: Vocabulary) -> Node:
    """The tree of a query. Raises `BadInput`: the query, the column, and what is wrong there."""
    try:
        return _parse(text, vocabulary)
    except Refused as error:
        raise BadInput(f"the query {shown(text, error.place)}: {_where(text, error.place)}: {error}") from None


def shown(text: str, place: int = 0) -> str:
    """A query for a message: of a long one what stands around the place."""
    if len(text) <= MAX_SHOWN:
        return repr(text)
    start = max(0, min(place - MAX_SHOWN // 2, len(text) - MAX_SHOWN))
    end = start + MAX_SHOWN
    return f"{'…' if start else ''}{text[start:end]!r}{'…' if end < len(text) else ''}"


def _where(text: str, place: int) -> str:
    before = text[:place]
    column = f"column {place - before.rfind(chr(10))}"
    return f"line {before.count(chr(10)) + 1}, {column}" if "\n" in text.strip() else column


def _parse(text: str, vocabulary: Vocabulary) -> Node:
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if len(text) > MAX_CHARACTERS:
        raise Refused(f"it has {len(text)} characters, {MAX_CHARACTERS} are allowed", MAX_CHARACTERS)
    typed = text.translate(_TYPED)
    if not typed.strip():
        raise Refused("it is empty", 0)
    try:
        tokens = list(_parser().lex(typed))
        _check_parentheses(tokens)
        tree = _parser().parse(typed)
    except UnexpectedCharacters as error:
        raise Refused("the quote that opens here is never closed", error.pos_in_stream) from None  # type: ignore[arg-type]
    except UnexpectedToken as error:
        _refuse(tokens, error.token, len(typed.rstrip()))
    return _build(tree, vocabulary)


@lru_cache(maxsize=1)
def _parser() -> "Lark":
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=False)


# --- what is wrong -------------------------------------------------------------------------------


def _check_parentheses(tokens: "Iterable[Token]") -> None:
    """Each has its other half, and they are not nested too deeply."""
    opened: list[int] = []
    for token in tokens:
        place = token.start_pos or 0
        if token.type == "LPAR":
            opened.append(place)
        elif token.type == "RPAR":
            if not opened:
                raise Refused("this parenthesis closes none", place)
            opened.pop()
        if len(opened) > MAX_DEPTH:
            raise Refused(f"more than {MAX_DEPTH} parentheses within one another", place)
    if opened:
        raise Refused("the parenthesis that opens here is never closed", opened[-1])


def _refuse(tokens: "list[Token]", found: "Token", end: int) -> NoReturn:
    """Say why a token (or the end) cannot stand where it stands."""
    place = end if found.type == "$END" else found.start_pos or 0
    before = next((token for token in reversed(tokens) if (token.start_pos or 0) < place), None)
    if before is not None and before.type == "NEAR":
        raise Refused("NEAR stands between two words or phrases, and none follows", before.start_pos or 0)
    if before is not None and before.type in _OPERATORS and found.type in ("$END", "RPAR"):
        raise Refused(f"nothing follows {before}", before.start_pos or 0)
    if found.type == "RPAR":
        raise Refused("there is nothing between the parentheses", place)
    if before is None or before.type == "LPAR":
        raise Refused(f"nothing stands before {found}", place)
    raise Refused(f"{found} cannot follow {before}", place)


# --- the tree ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A node and where it begins; `terms` where it is a term, or nothing but one of several."""

    node: Node
    place: int
    terms: tuple[Term, ...] = ()


def _build(tree: "Tree[Token]", vocabulary: Vocabulary) -> Node:
    """From the leaves up, without recursion."""
    built: dict[int, _Part] = {}
    for branch in tree.iter_subtrees():
        tokens = [child for child in branch.children if isinstance(child, str)]
        parts = [built[id(child)] for child in branch.children if not isinstance(child, str)]
        built[id(branch)] = _part(branch.data, tokens, parts, vocabulary)
    return built[id(tree)].node


def _part(kind: str, tokens: "list[Token]", parts: list[_Part], vocabulary: Vocabulary) -> _Part:
    match kind:
        case "word":
            return _word(tokens[0], vocabulary)
        case "phrase":
            return _phrase(tokens[0])
        case "pair":
            return _pair(tokens[0])
        case "near":
            return _near(parts, tokens)
        case "negation":
            node = parts[0].node
            return _Part(node.part if isinstance(node, Not) else Not(node), _place(tokens[0]))
        case "either":
            return _joined(Or, parts)
        case "both":
            return _joined(And, parts)
    return parts[0]  # what stands in parentheses


def _joined(kind: type[And] | type[Or], parts: list[_Part]) -> _Part:
    """Parts of the same kind are taken in: `a OR (b OR c)` has three."""
    if len(parts) == 1:
        return parts[0]
    nodes: list[Node] = []
    for part in parts:
        nodes += part.node.parts if isinstance(part.node, kind) else [part.node]
    are_terms = kind is Or and all(part.terms for part in parts)
    terms = tuple(term for part in parts for term in part.terms) if are_terms else ()
    return _Part(kind(tuple(nodes)), parts[0].place, terms)


def _any(terms: Iterable[Term], place: int) -> _Part:
    told = tuple(dict.fromkeys(terms))
    return _Part(told[0] if len(told) == 1 else Or(told), place, told)


def _place(token: "Token") -> int:
    return token.start_pos or 0


def _word(token: "Token", vocabulary: Vocabulary) -> _Part:
    text, prefix = token.rstrip("*").strip(_PUNCTUATION), token.endswith("*")
    key = text.casefold()
    if key not in _VOCABULARY:
        return _any([_checked_word(text, prefix, token)], _place(token))
    forms = vocabulary.brand if key == "brand" else vocabulary.product
    terms = [Term(form.strip(), prefix) for form in forms if term_words(Term(form))]
    if not terms:
        hint = f'the settings give this brand no {_VOCABULARY[key]}; for the plain word write "{text}"'
        raise Refused(hint, _place(token))
    return _any(terms, _place(token))


def _checked_word(text: str, prefix: bool, token: "Token") -> Term:
    term = _term(text, prefix, token)
    if "*" in text:
        raise Refused(f"in {token} the * stands inside the word; it can only end it", _place(token))
    if "|" in text:
        raise Refused(f"{token} holds a |; for one or the other write OR", _place(token))
    if text[0] in "#@" and not term_words(term)[0].startswith(text[0]):
        raise Refused(f"{token} is no {'hashtag' if text[0] == '#' else 'account'}", _place(token))
    return term


def _phrase(token: "Token") -> _Part:
    text, prefix = token.rstrip("*")[1:-1].strip(), token.endswith("*")
    if text.endswith("*"):
        raise Refused("the * of a beginning goes after the closing quote", _place(token))
    return _any([_term(text, prefix, token)], _place(token))


def _term(text: str, prefix: bool, token: "Token") -> Term:
    term = Term(text, prefix)
    if not term_words(term):
        raise Refused(f"{token} holds no word to look for", _place(token))
    return term


def _near(parts: list[_Part], tokens: "list[Token]") -> _Part:
    if not tokens:
        return parts[0]
    distance = tokens[0].partition("/")[2]
    if not re.fullmatch(r"[0-9]{1,4}", distance) or int(distance) > MAX_WITHIN:
        raise Refused(f"NEAR says within how many words (0 to {MAX_WITHIN}): NEAR/5", _place(tokens[0]))
    if len(parts) > 2:
        raise Refused("NEAR joins two; for a third write (a NEAR/5 b) AND (b NEAR/5 c)", _place(tokens[1]))
    for part in parts:
        if not part.terms:
            raise Refused("NEAR stands between two words or phrases, this is neither", part.place)
    left, right = parts
    if len(left.terms) * len(right.terms) > MAX_PAIRS:
        raise Refused(f"NEAR would look for more than {MAX_PAIRS} pairs of words", left.place)
    pairs = [Near(one, other, int(distance)) for one in left.terms for other in right.terms]
    return _Part(pairs[0] if len(pairs) == 1 else Or(tuple(pairs)), left.place)


# --- field:value ---------------------------------------------------------------------------------


def _pair(token: "Token") -> _Part:
    name, _, value = token.partition(":")
    name, value, place = name.casefold(), value.strip('"').strip(), _place(token)
    known = _FIELDS.get(name)
    if value.startswith("//"):
        raise Refused(f'an address is looked for in quotes: "{token}"', place)
    if known is None:
        near = get_close_matches(name, _FIELDS, 1, 0.5)
        hint = f"did you mean {near[0]}: ?" if near else f"known are {', '.join(_FIELDS)}"
        raise Refused(f"there is no field {name}: ({hint}; for the words themselves write them in quotes)", place)
    if not value:
        raise Refused(f"{name}: has no value; write it without a space, as {known.example}", place)
    if not known.form.fullmatch(value):
        raise Refused(f"{token} names no {known.kind}; write it as {known.example}", place)
    return _Part(Is(name, value.casefold() if name in ("network", "has") else value.removeprefix("@")), place)
