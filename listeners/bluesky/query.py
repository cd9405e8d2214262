"""What a query asks Bluesky's search for (`app.bsky.feed.searchPosts`).

The search joins all its words by AND and knows "phrases" and `from:`, but no OR, so that every clause of a query
is a question of its own; language and spoken-to accounts are parameters beside the words. What it cannot be
asked (exclusions, beginnings, NEAR) is left out, because every answer is held against the whole query afterwards.
"""

import re
from collections.abc import Iterable

from domain.errors import Misconfigured
from listeners.bluesky.posts import NETWORK
from listeners.query import Clause, Query, Term

_WORD = re.compile(r"\w+")
_HASHTAG = re.compile(r"#\w+")
_HANDLE = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}")
_PARTS = re.compile(r'"[^"]*"|\S+')


def questions(queries: Iterable[Query]) -> dict[str, Query]:
    """What to ask, and what is wanted of the answers: each question once, for all queries that ask it.

    A question names a cursor: its words stand in one order, however the query is written.

    Raises `Misconfigured` for a query without a word to search for.
    """
    asked: dict[str, list[Query]] = {}
    for query in queries:
        for words in dict.fromkeys(_compiled(clause, query) for clause in query.clauses()):
            if words:
                asked.setdefault(words, []).append(query)
    return {words: wanted[0] if len(wanted) == 1 else Query.any_of(wanted) for words, wanted in asked.items()}


def _compiled(clause: Clause, query: Query) -> str:
    """One alternative of a query as a question; empty where no post of this network can be meant."""
    elsewhere = {value.lower() for name, value in clause.without_fields if name == "network"}
    if clause.fields.get("network", NETWORK).lower() != NETWORK or NETWORK in elsewhere:
        return ""
    words = {word for word in (_word(term) for term in clause.must if not term.prefix) if word}
    author, spoken_to = _account("from", clause.fields.get("from")), _account("to", clause.fields.get("to"))
    if not words and not author:
        words = {word for word in map(_word, clause.must) if word}  # of beginnings alone, their letters as words
    if not words and not author and not spoken_to:
        raise Misconfigured(f"Bluesky's search needs a word to search for; the query {query.text!r} can do without one")
    language = clause.fields.get("lang", "")
    in_language = [f"lang:{language.lower()}"] if _LANGUAGE.fullmatch(language) else []
    return " ".join([*sorted(words), *author, *spoken_to, *in_language])


def _word(term: Term) -> str:
    if _HASHTAG.fullmatch(term.text):
        return term.text
    text = term.text.removeprefix("@").partition("@")[0]
    if _WORD.fullmatch(text):
        return text
    inner = text.replace('"', " ").strip()
    return f'"{inner}"' if re.search(r"\w", inner) else ""


def _account(name: str, value: str | None) -> list[str]:
    """`from:` or `to:` an account; only whole handles can be asked for."""
    found = _HANDLE.fullmatch(value or "")
    return [f"{name}:{found[1].lower()}"] if found else []


def parameters(question: str) -> dict[str, str]:
    """A question as the search's parameters."""
    words, named = [], {}
    for part in _PARTS.findall(question):
        name, colon, value = part.partition(":")
        if colon and name in ("lang", "to"):
            named["mentions" if name == "to" else name] = value
        else:
            words.append(part)
    spoken_to = named.get("mentions")
    return {"q": " ".join(words) or f"{spoken_to}", "sort": "latest", **named}
