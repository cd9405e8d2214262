"""A world put into a real database and matched as the program does it: import, posts, quotes, matcher."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks._databases import BRAND, NOW, database, server
from benchmarks._matching_figures import Judged
from benchmarks._matching_world import Heard, World
from benchmarks._matching_world_people import Record
from config.policies import network_policy
from domain.brand import Brand
from domain.evidence import MatchDecision
from domain.post import Upsert
from domain.reading import Entity
from models.entities import find_entities
from routing.crm import import_customers, import_orders, keyring
from routing.matching.learning import LearningRules, counts_of, relearn
from routing.matching.links import Link
from routing.matching.matcher import Matcher, MatchRules
from routing.matching.quoted import IDENTIFIER_KINDS, quoted_hashes, quoted_identifiers
from routing.matching.speaker import Speaker, speaker_of
from routing.matching.suspects import pattern
from routing.matching.weights import DEFAULT
from storage.database import Database
from storage.match_weights import keep_weights
from storage.posts import store_events
from storage.quotes import save_quotes
from storage.tables import AuthorRow, PostRow

CUSTOMERS_A_BATCH, POSTS_A_BATCH = 2_000, 500
SHOP = Brand(id=BRAND.id, name="Hirondelle", country="FR")
RULES = MatchRules()


@dataclass(frozen=True, slots=True)
class Imported:
    """How long the file took to import, in seconds, and how much it was."""

    customers: int
    orders: int
    seconds: float


def judge(world: World, kind: str = "sqlite", looked_at: int = 0) -> list[Judged]:
    """Every post of a world but the first `looked_at` with its decision, from a fresh database.

    Of those first ones reviewers have said who wrote them, and weights were learned from that.
    """
    with server(kind) as place, database(place) as opened:
        import_world(opened, world.records())
        heard = world.posts()
        if looked_at:
            _learn(opened, [one for one in match(opened, heard[:looked_at]) if one.heard.truth.told_apart])
        return list(match(opened, heard[looked_at:]))


def _learn(opened: Database, judged: Sequence[Judged]) -> None:
    """What the program learns where reviewers have looked at these."""
    links = [_link(one) for one in judged if one.decision.candidates]
    with opened.begin() as session:
        learned = relearn(links, DEFAULT, counts_of(session, SHOP.id, NOW), LearningRules(), "learned")
        if learned.weights is not None and learned.promoted:
            kept = learned.weights.as_dict(), learned.learned_from, learned.promoted, learned.why, NOW
            keep_weights(session, SHOP.id, *kept)


def _link(one: Judged) -> Link:
    told = one.decision.candidates[0]
    bits: defaultdict[str, float] = defaultdict(float)
    for fact in told.evidence:
        bits[fact.fact] += fact.weight
    return Link(
        key=f"post:{one.heard.post.id}",
        is_customer=one.top_is_right,
        bits=bits,
        weights=DEFAULT,
        probability=told.probability,
        pattern=pattern(told.evidence),
        identifiers=sum(fact.fact in IDENTIFIER_KINDS for fact in told.evidence),
    )


def import_world(opened: Database, records: Iterator[Record]) -> Imported:
    """The customer file by the program's own import; the time of making the records is not counted."""
    customers = orders = 0
    spent = 0.0
    while batch := list(islice(records, CUSTOMERS_A_BATCH)):
        start = time.perf_counter()
        bought = [order for record in batch for order in record.orders]
        with opened.begin() as session:
            import_customers(session, SHOP, [record.customer for record in batch], NOW)
            import_orders(session, SHOP, bought)
        spent += time.perf_counter() - start
        customers, orders = customers + len(batch), orders + len(bought)
    return Imported(customers, orders, spent)


def match(opened: Database, heard: Sequence[Heard]) -> Iterator[Judged]:
    """Decisions post by post in the order of time: each sees what was said before it, and nothing of later."""
    for first in range(0, len(heard), POSTS_A_BATCH):
        batch = heard[first : first + POSTS_A_BATCH]
        with opened.begin() as session:
            for one, decision in zip(batch, _decisions(session, batch), strict=True):
                yield Judged(one, decision)


def _decisions(session: Session, heard: Sequence[Heard]) -> Iterator[MatchDecision]:
    ring = keyring(session)
    matcher = Matcher(session, SHOP, ring, RULES, NOW)
    for row, speaker, entities in speakers(session, heard):
        save_quotes(session, row, quoted_hashes(ring, entities))
        yield matcher.match(speaker, network_policy(row.network))


def speakers(session: Session, heard: Sequence[Heard]) -> Iterator[tuple[PostRow, Speaker, Sequence[Entity]]]:
    """Posts stored, and each with its speaker and the entities of its text."""
    store_events(session, SHOP.id, [Upsert(one.post) for one in heard], NOW)
    ids = [one.post.id for one in heard]
    found = session.execute(
        select(PostRow, AuthorRow)
        .join(AuthorRow, AuthorRow.id == PostRow.author_id)
        .where(PostRow.brand_id == SHOP.id, PostRow.native_id.in_(ids))
    )
    rows = {(post.network, post.native_id): (post, author) for post, author in found}
    for one, entities in zip(heard, find_entities([one.post.text for one in heard], SHOP), strict=True):
        row, author = rows[one.post.network, one.post.id]
        yield row, speaker_of([row], row, author, quoted_identifiers(entities)), entities
