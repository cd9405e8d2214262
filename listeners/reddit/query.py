"""What a query asks Reddit for: the new submissions or comments of a subreddit, or a search.

Reddit's search finds submissions, not comments. It knows AND OR NOT, "phrases", parentheses, `author:` and
`subreddit:`, takes 512 characters, and cannot search for beginnings of words: those are left to the query
itself, which every answer is held against.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.errors import BadInput
from listeners.query import Clause, Query, Term
from listeners.reddit.posts import NETWORK

LONGEST_SEARCH = 512

_SUBREDDIT = re.compile(r"[A-Za-z0-9_]{2,21}")
_LISTING = re.compile(r"(new|comments) r/([A-Za-z0-9_]{2,21})")
_SEARCH = "search"
_ACCOUNT = re.compile(r"[\w-]{3,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """A listing of Reddit's API: its path and its parameters, without those of paging."""

    path: str
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, query: str) -> "Question":
        """`new r/colis`, `comments r/colis` or `search words`. Raises `BadInput`."""
        listing = _LISTING.fullmatch(query.strip())
        if listing is not None:
            return cls(f"/r/{listing[2]}/{listing[1]}")
        kind, _, words = query.strip().partition(" ")
        if kind != _SEARCH or not words.strip():
            raise BadInput(f"{query!r} asks Reddit for nothing; give new r/NAME, comments r/NAME, or search WORDS")
        return cls("/search", (("q", words.strip()), ("sort", "new"), ("type", "link"), ("t", "all")))


def checked_subreddit(name: str) -> str:
    """The name without `r/`. Raises `BadInput`."""
    plain = name.strip().removeprefix("/").removeprefix("r/")
    if not _SUBREDDIT.fullmatch(plain):
        raise BadInput(f"{name!r} is no subreddit; write it as r/france")
    return plain


def listings(subreddits: Iterable[str]) -> Iterator[str]:
    """The questions for everything that is new in some subreddits."""
    for name in dict.fromkeys(map(checked_subreddit, subreddits)):
        yield f"new r/{name}"
        yield f"comments r/{name}"


def searches(queries: Iterable[Query], subreddits: Iterable[str] = ()) -> dict[str, Query]:
    """What to search for, and what is wanted of the answers: each question once, for all queries that ask it."""
    names = " OR ".join(f"subreddit:{name}" for name in dict.fromkeys(map(checked_subreddit, subreddits)))
    asked: dict[str, list[Query]] = {}
    for query in queries:
        for words in _packed([words for words in map(compiled, query.clauses()) if words], names):
            asked.setdefault(f"{_SEARCH} {words}", []).append(query)
    return {words: Query.any_of(wanted) for words, wanted in asked.items()}


def _packed(alternatives: list[str], names: str) -> Iterator[str]:
    """As many alternatives in one search as its length allows, each search limited to the subreddits."""
    limit = f" AND ({names})" if names else ""
    pack = ""
    for words in dict.fromkeys(alternatives):
        longer = f"{pack} OR ({words})" if pack else f"({words})"
        if pack and len(longer) + len(limit) + 2 > LONGEST_SEARCH:
            yield f"({pack}){limit}"
            longer = f"({words})"
        pack = longer
    if pack:
        yield f"({pack}){limit}"


def compiled(clause: Clause) -> str | None:
    """One alternative of a query in Reddit's search syntax; None where it holds nothing that can be searched for."""
    refused = {value for name, value in clause.without_fields if name == "network"}
    if clause.fields.get("network", NETWORK) != NETWORK or NETWORK in refused:
        return None
    author = clause.fields.get("from", "")
    wanted = [word for word in map(_word, clause.must) if word]
    wanted += [f"author:{author}"] if _ACCOUNT.fullmatch(author) else []
    if not wanted:
        return None
    plain = (term for term in clause.without if not term.text.startswith(("#", "@")))  # there it is the bare word
    excluded = [f"NOT {word}" for word in map(_word, plain) if word]
    return " AND ".join(dict.fromkeys([*wanted, *excluded]))


def _word(term: Term) -> str:
    """In quotation marks, so that no word is taken for an operator or a field; empty for a beginning."""
    inner = re.sub(r'["\\]', " ", term.text.lstrip("#@")).strip()
    return f'"{inner}"' if re.search(r"\w", inner) and not term.prefix else ""
