"""Matching posts of a file without reading what they mean: the same matcher over the same tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.contact import NetworkPolicy
from domain.evidence import MatchDecision
from domain.post import Post, Upsert
from domain.reading import Entity
from routing.attribution import author_subject
from routing.crm import keyring
from routing.matching.matcher import Matcher, MatchRules
from routing.matching.quoted import quoted_hashes, quoted_identifiers
from routing.matching.speaker import speaker_of
from storage.posts import store_events
from storage.quotes import save_quotes
from storage.tables import AuthorRow, PostRow


@dataclass(frozen=True, slots=True)
class MatchContext:
    """What matching needs beside the posts."""

    find_entities: Callable[[Sequence[str]], Sequence[Sequence[Entity]]]
    networks: Callable[[str], NetworkPolicy]
    rules: MatchRules
    now: datetime


def match_posts(
    session: Session, brand: Brand, posts: Sequence[Post], context: MatchContext
) -> Iterator[tuple[Post, MatchDecision]]:
    """One decision a post, in order; what an author says in one thread counts for all his posts there."""
    store_events(session, brand.id, [Upsert(post) for post in posts], context.now)
    rows = {(row.network, row.native_id): row for row in session.scalars(select(PostRow).filter_by(brand_id=brand.id))}
    ring = keyring(session)
    quoted: dict[int, frozenset[tuple[str, str]]] = {}
    for post, entities in zip(posts, context.find_entities([post.text for post in posts]), strict=True):
        row = rows[post.network, post.id]
        repeated = post.is_repost or brand.owns(post.network, post.author.handle if post.author else None)
        quoted[row.id] = frozenset() if repeated else quoted_identifiers(entities)
        save_quotes(session, row, [] if repeated else quoted_hashes(ring, entities))
    session.flush()
    matcher = Matcher(session, brand, ring, context.rules, context.now)
    groups: dict[tuple[str, str, str], list[PostRow]] = {}
    for post in posts:
        row = rows[post.network, post.id]
        groups.setdefault(_group(row), []).append(row)
    decisions: dict[tuple[str, str, str], MatchDecision] = {}
    for key, own in groups.items():
        author = None if own[0].author_id is None else session.get_one(AuthorRow, own[0].author_id)
        said = frozenset(fact for row in own for fact in quoted[row.id])
        decisions[key] = matcher.match(speaker_of(own, own[0], author, said), context.networks(own[0].network))
    for post in posts:
        yield post, decisions[_group(rows[post.network, post.id])]


def _group(row: PostRow) -> tuple[str, str, str]:
    return row.network, row.thread, author_subject(row)
