"""Whether a post is what a query asks for: the tree as closures over the post's words."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import chain

from domain.post import Post
from listeners.query.filter import Prefilter, needles
from listeners.query.text import finder, folded, haystack, literals, same_account
from listeners.query.tree import And, Is, Near, Node, Not, Or, Term, negated

_LINK = re.compile(r"\bhttps?://\w", re.IGNORECASE)
_NO_LANGUAGE = re.compile(r"und|mul|mis|zxx|q[a-t][a-z]", re.IGNORECASE)  # ISO 639-2; X tells qme, qht and the like


class Heard:
    """A post and its `haystack` (empty where no part of the query looks at the words)."""

    __slots__ = ("post", "text")

    def __init__(self, post: Post, text: str) -> None:
        self.post = post
        self.text = text


Test = Callable[[Heard], bool]


def compiled(tree: Node) -> Callable[[Post], bool]:
    """The test that a tree asks for. A post of unknown language passes `lang:` and `NOT lang:` alike."""
    test = _test(tree)
    if not _has_terms(tree):
        return lambda post: test(Heard(post, ""))
    strings = needles(tree)
    if strings is None:
        return lambda post: test(Heard(post, haystack(post.text)))
    hits = Prefilter(strings).hits
    return lambda post: hits(post.text) and test(Heard(post, haystack(post.text)))


def _has_terms(node: Node) -> bool:
    match node:
        case Term() | Near() | Is(field="to"):
            return True
        case Not(part):
            return _has_terms(part)
        case And(parts) | Or(parts):
            return any(map(_has_terms, parts))
    return False


def _test(node: Node) -> Test:
    match node:
        case Term():
            return _any_of(literals(node))
        case Near():
            return _near(node)
        case Is():
            return _FIELDS[node.field](node.value, True)
        case And(parts):
            return _all([_test(part) for part in parts])
        case Or(parts):
            return _either(parts)
        case Not(Is() as pair):
            return _FIELDS[pair.field](pair.value, False)
        case Not(Term() | Near() as part):
            test = _test(part)
            return lambda heard: not test(heard)
        case Not(part):
            return _test(negated(part))


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda heard: first(heard) and second(heard)
    return lambda heard: all(test(heard) for test in tests)


def _either(parts: Iterable[Node]) -> Test:
    """The terms among the parts are looked for together, and first."""
    terms, tests = [], []
    for part in parts:
        if isinstance(part, Term):
            terms.append(part)
        else:
            tests.append(_test(part))
    if terms:
        tests.insert(0, _any_of(chain.from_iterable(map(literals, terms))))
    if len(tests) == 1:
        return tests[0]
    return lambda heard: any(test(heard) for test in tests)


def _any_of(strings: Iterable[str]) -> Test:
    """Whether one of the strings is in the haystack."""
    find = finder(strings)
    return lambda heard: find(heard.text)


# --- NEAR ----------------------------------------------------------------------------------------


def _near(node: Near) -> Test:
    left, right, within = _forms(node.left), _forms(node.right), node.within

    def test(heard: Heard) -> bool:
        return any(_are_near(_spots(line, left), _spots(line, right), within) for line in heard.text.split("\n"))

    return test


def _forms(term: Term) -> tuple[str, ...]:
    """Its literals; in the line that keeps hashtags whole, a word may be one."""
    found = literals(term)
    return (*found, found[0].replace(" ", " #", 1)) if len(found) == 1 and found[0][1] not in "#@" else found


def _spots(line: str, forms: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where one of the forms stands in a line: the number of its first word, and of the one after its last."""
    found = []
    for form in forms:
        length = form.strip().count(" ") + 1
        start, counted, place = 0, 0, line.find(form)
        while place >= 0:
            start, counted = start + line.count(" ", counted, place), place
            found.append((start, start + length))
            place = line.find(form, place + 1)
    return found


def _are_near(spots: list[tuple[int, int]], others: list[tuple[int, int]], within: int) -> bool:
    """Whether one follows another with at most so many words between. Two that overlap do not."""
    if not spots or not others:
        return False
    starts, ends = sorted(start for start, _ in others), sorted(end for _, end in others)
    for start, end in spots:
        after, before = bisect_left(starts, end), bisect_right(ends, start)
        if (after < len(starts) and starts[after] - end <= within) or (before and start - ends[before - 1] <= within):
            return True
    return False


# --- field:value ---------------------------------------------------------------------------------


def _language(value: str, wanted: bool) -> Test:
    """`fr` is fr and fr-CA. What is unknown passes, wanted or not."""
    language = value.casefold().replace("_", "-")

    def test(heard: Heard) -> bool:
        told = (heard.post.lang or "und").casefold().replace("_", "-")
        if _NO_LANGUAGE.fullmatch(told):
            return True
        return (told == language or told.startswith(f"{language}-")) is wanted

    return test


def _network(value: str, wanted: bool) -> Test:
    network = value.casefold()
    return lambda heard: (heard.post.network.casefold() == network) is wanted


def _from(value: str, wanted: bool) -> Test:
    account = _bare(value)

    def test(heard: Heard) -> bool:
        author = heard.post.author
        told = author.handle if author else None
        return (told is not None and same_account(account, _bare(told))) is wanted

    return test


def _to(value: str, wanted: bool) -> Test:
    account = _bare(value)
    in_text = _any_of(literals(Term(f"@{account}")))

    def test(heard: Heard) -> bool:
        told = heard.post.attributes.get("mentions")
        handles = told if isinstance(told, list | tuple) else ()
        named = any(isinstance(handle, str) and same_account(account, _bare(handle)) for handle in handles)
        return (named or in_text(heard)) is wanted

    return test


def _has(_: str, wanted: bool) -> Test:
    def test(heard: Heard) -> bool:
        post = heard.post
        return (post.attributes.get("has_link") is True or _LINK.search(post.text) is not None) is wanted

    return test


def _followers(value: str, wanted: bool) -> Test:
    fewest = int(value)

    def test(heard: Heard) -> bool:
        author = heard.post.author
        return (author is not None and author.followers is not None and author.followers >= fewest) is wanted

    return test


def _bare(handle: str) -> str:
    return folded(handle).strip().removeprefix("@")


_FIELDS: dict[str, Callable[[str, bool], Test]] = {
    "lang": _language,
    "network": _network,
    "from": _from,
    "to": _to,
    "has": _has,
    "min_followers": _followers,
}
