"""The query language; see `query.py`."""

from listeners.query.query import (
    And,
    Clause,
    Is,
    Near,
    Node,
    Not,
    Or,
    Prefilter,
    Query,
    Term,
    Vocabulary,
    parse_query,
)

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
