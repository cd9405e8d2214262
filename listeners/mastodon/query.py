"""What a query asks a server of the Mastodon kind for: a timeline, or words to search for.

Mastodon's search joins all its words by AND and knows "phrases", -exclusions, `from:` and `language:`
(SearchQueryTransformer in its source, 4.2 and later), but no OR: every clause of a query is a question of
its own. Its words are stemmed and its phrases are not, so what is excluded is written as a phrase (but no
hashtag and no account, whose bare word it would exclude). What it cannot be asked is left out, because every
answer is held against the whole query afterwards.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from domain.errors import BadInput
from listeners.mastodon.status import NETWORK
from listeners.query import Clause, Query, Term

if TYPE_CHECKING:
    from mastodon import Mastodon

PAGE_SIZE = 40
PUBLIC, PUBLIC_LOCAL = "public", "public:local"

_TIMELINES = frozenset({PUBLIC, PUBLIC_LOCAL})
_HASHTAG = re.compile(r"#\w+")
_WORD = re.compile(r"\w+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}")
_ACCOUNT = re.compile(r"@?([\w.-]+@[\w.-]+)")
_LINK = re.compile(r"<([^<>]*)>([^<]*)")


@dataclass(frozen=True, slots=True)
class Question:
    """What one query asks a server for, page by page; `below` is what `next_below` gave for the page before."""

    words: str

    @classmethod
    def read(cls, query: str) -> "Question":
        """`public`, `public:local`, `#hashtag`, or words to search for. Raises `BadInput`."""
        if not query.strip():
            raise BadInput("an empty query; give public, #hashtag, or words to search for")
        return cls(query.strip())

    @property
    def searches(self) -> bool:
        """Search pages by offset, and promises no order; timelines page by id, newest first."""
        return not is_timeline(self.words)

    def ask(self, client: "Mastodon", below: str | None) -> None:
        """Make the client ask for a page."""
        if self.searches:
            client.search_v2(
                self.words,
                resolve=False,
                result_type="statuses",
                offset=int(below or 0),
                exclude_unreviewed=False,
                limit=PAGE_SIZE,
            )
        elif self.words.startswith("#"):
            client.timeline_hashtag(self.words[1:], max_id=below, limit=PAGE_SIZE)
        else:
            client.timeline_public(max_id=below, limit=PAGE_SIZE, local=self.words == PUBLIC_LOCAL)

    def statuses(self, answer: Any) -> list[Any] | None:
        """The page in an answer, or None where there is none."""
        page = answer.get("statuses") if self.searches and isinstance(answer, dict) else answer
        return page if isinstance(page, list) else None

    def next_below(self, below: str | None, ids: list[str], count: int, link: str | None) -> str | None:
        """Where the following page begins: as the Link header says, else below the last status."""
        if self.searches:
            return str(int(below or 0) + count) if count else None
        if link is not None:
            return _max_id(link)
        return ids[-1] if ids else None


def _max_id(link: str) -> str | None:
    """The `max_id` of the next page in a Link header (RFC 8288); None where it names no next page."""
    for address, parameters in _LINK.findall(link):
        if re.search(r'rel="?next\b', parameters):
            return next(iter(parse_qs(urlsplit(address).query).get("max_id", [])), None)
    return None


# --- from the query language ---------------------------------------------------------------------


def is_timeline(text: str) -> bool:
    """Whether it is heard whole: `public`, `public:local` or a lone `#hashtag`."""
    return text.strip() in _TIMELINES or _HASHTAG.fullmatch(text.strip()) is not None


def questions(queries: Iterable[Query]) -> dict[str, Query]:
    """What to ask a server for, and what is wanted of the answers: each question once, for all queries that ask it."""
    asked: dict[str, list[Query]] = {}
    for query in queries:
        for words in dict.fromkeys(map(compiled, query.clauses())):
            if words is not None:
                asked.setdefault(words, []).append(query)
    return {words: Query.any_of(wanted) for words, wanted in asked.items()}


def compiled(clause: Clause) -> str | None:
    """One alternative of a query as a question; None where no post of this network can be meant.

    A lone hashtag is its timeline, which works on servers without search. What holds no word to search for
    is heard on the public timeline.
    """
    networks = {value.lower() for name, value in clause.without_fields if name == "network"}
    if clause.fields.get("network", NETWORK).lower() != NETWORK or NETWORK in networks:
        return None
    if len(clause.must) == 1 and not clause.must[0].prefix and _HASHTAG.fullmatch(clause.must[0].text):
        return clause.must[0].text
    account = _ACCOUNT.fullmatch(clause.fields.get("from", ""))
    wanted = [word for word in map(_word, clause.must) if word]
    wanted += [f"from:{account[1]}"] if account else []
    if not wanted:
        return PUBLIC
    language = clause.fields.get("lang", "")
    wanted += [f"language:{language.lower()}"] if _LANGUAGE.fullmatch(language) else []
    plain = (term.text for term in clause.without if not term.prefix and not term.text.startswith(("#", "@")))
    excluded = [f"-{phrase}" for phrase in map(_phrase, plain) if phrase]
    words = " ".join(dict.fromkeys([*wanted, *excluded]))
    return f'"{words}"' if is_timeline(words) else words


def _word(term: Term) -> str:
    """A term in Mastodon's search syntax; empty for a beginning, which it cannot search for."""
    if term.prefix:
        return ""
    if _HASHTAG.fullmatch(term.text):
        return term.text
    text = term.text[1:].partition("@")[0] if term.text.startswith("@") else term.text
    return text if _WORD.fullmatch(text) else _phrase(text)


def _phrase(text: str) -> str:
    """In quotation marks; empty where nothing is left to search for."""
    inner = text.replace('"', " ").strip()
    return f'"{inner}"' if re.search(r"\w", inner) else ""
