"""What a query asks a forum's search for: one question an alternative, because such searches join words by AND.

What a search cannot be asked is left out, so that it shows more than is wanted: every answer is held against
the whole query afterwards.
"""

import re
from collections.abc import Callable, Iterable

from domain.errors import Misconfigured
from listeners.query import Clause, Query, Term

_WORD = re.compile(r"\w+")


def questions(queries: Iterable[Query], network: str, written: Callable[[Clause], str]) -> dict[str, Query]:
    """What to ask, and what is wanted of the answers: each question once, for all queries that ask it.

    `written` is an alternative in the search's own syntax, empty where there is nothing to search for. Raises
    `Misconfigured` for such a query, `BadInput` for one of too many alternatives.
    """
    asked: dict[str, dict[str, Query]] = {}
    for query in queries:
        for clause in query.clauses():
            if _is_elsewhere(clause, network):
                continue
            question = written(clause)
            if not question:
                raise Misconfigured(
                    f"the query {query.text!r} cannot be searched for on {network}, which wants a word in every "
                    f"alternative; add one, or NOT network:{network}"
                )
            asked.setdefault(question, {})[query.text] = query
    return {question: Query.any_of(found.values()) for question, found in asked.items()}


def _is_elsewhere(clause: Clause, network: str) -> bool:
    return clause.fields.get("network", network).lower() != network or ("network", network) in clause.without_fields


def written(term: Term) -> str:
    """A word as it is, anything else in quotation marks; hashtags and accounts without their sign."""
    text = " ".join(term.text.replace('"', " ").split()).lstrip("#@")
    return text if _WORD.fullmatch(text) else f'"{text}"' if text else ""
