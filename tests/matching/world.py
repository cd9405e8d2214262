"""A small world in a real database: a customer file, what is posted, who is taken to have spoken, what is done then.

Everything goes the way of the program: `match` is what `vigie match` does, `route` and `plan` what the flows do. Only what
a post means is said by hand: a complaint about a delivery, about the brand.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from domain.customer import Account, Consent, Customer, Order
from domain.evidence import Action, Evidence, MatchDecision
from domain.post import Author, Delete, Event, Post, Upsert
from models.entities import find_entities
from routing.contact import Planned, plan_batch
from routing.crm import import_customers, import_orders, keyring
from routing.follow_up import end_deleted
from routing.intake import reopen_matches, route_batch
from routing.matching.quoted import quoted_hashes
from routing.preview import match_posts
from storage.customers import find_customer
from storage.posts import store_events
from storage.quotes import save_quotes
from storage.readings import save_reading
from storage.tables import CaseRow, CustomerRow, MatchRow, MessageRow, PostRow
from tests.unit import samples
from tests.unit.samples import NOW, OLD_ACCOUNT

ORDER, OTHER_ORDER, THIRD_ORDER = "HR4829174632", "HR1111111116", "HR7310052845"  # with a right Luhn digit
EMAIL, PHONE = "claire.martin@example.org", "+33612345678"

Verdict = tuple[str, str, str | None]


class World:
    """One brand, its customers and what is said about it. The day is `NOW`, a Monday morning."""

    def __init__(self, session: Session, **brand: Any) -> None:
        self.session, self.now = session, NOW
        start = {"start": "acting", "start_reason": "these tests are about proof, not about its certificate"}
        told = {"id": "hirondelle", "name": "Hirondelle", "accounts": ("mastodon:hirondelle",), **brand}
        self.app = App(Settings.model_validate({"brand": told, "matching": start}))
        self.brand = self.app.brand()
        self._posted = 0

    def know(self, *customers: Customer, at: datetime | None = None) -> None:
        """Import customers; what is imported again has changed."""
        import_customers(self.session, self.brand, customers, at or self.now)

    def order(self, number: str, customer_id: str, **facts: Any) -> None:
        """An order of a customer, nine days old."""
        import_orders(self.session, self.brand, [samples.order(number, customer_id, **facts)])

    def orders(self, orders: Sequence[Order]) -> None:
        """Many at once."""
        import_orders(self.session, self.brand, orders)

    def post(self, text: str = "Toujours rien reçu, c'est une honte", by: Author | None = None, **facts: Any) -> Post:
        """A post about the brand, by nobody known unless told, each a minute after the one before."""
        self._posted += 1
        told = {
            "network": "mastodon",
            "id": f"p{self._posted}",
            "text": text if text.startswith("RT @") else f"Hirondelle : {text}",
            "created_at": NOW - timedelta(hours=20) + timedelta(minutes=self._posted),
            "author": by or who(),
        }
        return Post(**told | facts)

    def match(self, *posts: Post) -> list[MatchDecision]:
        """What `vigie match` prints of these posts."""
        context = replace(self.app.match_context(self.brand), now=self.now)
        return [decision for _, decision in match_posts(self.session, self.brand, posts, context)]

    def says(
        self, text: str = "Toujours rien reçu, c'est une honte", by: Author | None = None, **facts: Any
    ) -> MatchDecision:
        """One post, matched."""
        return self.match(self.post(text, by, **facts))[0]

    def route(self, *events: Post | Event) -> None:
        """Hear, read and route posts and deletions, and routed posts whose match may have changed."""
        told = [Upsert(event) if isinstance(event, Post) else event for event in events]
        store_events(self.session, self.brand.id, told, self.now)
        for row in self.session.scalars(select(PostRow).filter_by(stage="heard")).all():
            self._read(row)
        reopen_matches(self.session, self.brand.id, self.now)
        for _ in range(20):
            self.session.flush()
            self.session.expire_all()
            if not route_batch(self.session, self.brand, self.app.intake_rules(), 500, self.now).posts:
                break
        end_deleted(self.session, self.brand.id, self.now)
        self.session.flush()
        self.session.expire_all()

    def _read(self, row: PostRow) -> None:
        entities = find_entities([row.text or ""], self.brand)[0]
        save_reading(self.session, row, samples.reading("delivery", *entities), True, self.now)
        save_quotes(self.session, row, quoted_hashes(keyring(self.session), entities))
        row.stage = "read"

    def plan(self) -> Planned:
        """Decide about contact in every open case that waits for it."""
        return plan_batch(self.session, self.brand, self.app.contact_rules(self.brand), 500, self.now)

    def cases(self) -> list[CaseRow]:
        """The living ones."""
        query = select(CaseRow).where(CaseRow.merged_into.is_(None)).order_by(CaseRow.id)
        return list(self.session.scalars(query))

    def messages(self) -> list[MessageRow]:
        """Those that are to go out or went."""
        return list(self.session.scalars(select(MessageRow).where(MessageRow.state != "cancelled")))

    def match_of(self, post: Post) -> MatchRow:
        """The match that is held of a routed post."""
        row = self.session.scalars(select(PostRow).filter_by(network=post.network, native_id=post.id)).one()
        return self.session.scalars(select(MatchRow).filter_by(post_id=row.id)).one()

    def owner(self, case: CaseRow) -> str | None:
        """Whose case it is."""
        return None if case.customer_key is None else self.session.get_one(CustomerRow, case.customer_key).customer_id

    def customer(self, customer_id: str) -> CustomerRow:
        """A customer of the file."""
        row = find_customer(self.session, self.brand.id, customer_id)
        assert row is not None
        return row


def who(name: str | None = None, id_: str = "a1", **facts: Any) -> Author:
    """An account, years old unless told, whose handle says nothing."""
    return Author(**{"id": id_, "handle": f"user{id_}", "name": name, "created_at": OLD_ACCOUNT, **facts})


def person(id_: str = "C1", first: str | None = "Claire", last: str | None = "Martin", **facts: Any) -> Customer:
    """A customer who may be written to by e-mail."""
    yes = Consent("email", "service", "granted", NOW - timedelta(days=200))
    told = {"city": "Lyon", "postal_code": "69003", "country": "FR", "language": "fr", "consents": (yes,), **facts}
    return samples.customer(id_, first, last, **told)


def claire(**facts: Any) -> Customer:
    """The customer of most cases, with an address of each kind."""
    return person(**{"emails": (EMAIL,), "phones": ("06 12 34 56 78",), **facts})


def crowd(size: int = 30) -> list[Customer]:
    """Others, so that a name is not rare only because the file is empty."""
    return [person(f"Z{number:04}", *_name(number), city="Brest") for number in range(size)]


def _name(number: int) -> tuple[str, str]:
    letters = chr(97 + number // 26 % 26) + chr(97 + number % 26)
    return f"Prénom{letters}", f"Nom{letters}"


def account(network: str = "mastodon", id_: str = "a1", handle: str | None = None) -> Account:
    """An account that a customer declared."""
    return Account(network, id_, handle)


def gone(post: Post, at: datetime) -> Delete:
    """The post was deleted."""
    return Delete(post.network, post.id, at)


def verdict(decision: MatchDecision) -> Verdict:
    """Grade, action, customer."""
    return decision.grade.value, decision.action.value, decision.customer_id


def linked(customer_id: str = "C1") -> Verdict:
    """By what the post itself proves."""
    return "stated", "link", customer_id


def is_held(decision: MatchDecision) -> bool:
    """Whether nothing follows without a person."""
    return decision.action is not Action.LINK and decision.customer_id is None


def candidates(decision: MatchDecision) -> list[str]:
    """The customers told, the likeliest first."""
    return [candidate.customer_id for candidate in decision.candidates]


def chance(decision: MatchDecision, customer_id: str) -> float:
    """The probability told of a customer; 0 if he is not among the candidates."""
    return next((one.probability for one in decision.candidates if one.customer_id == customer_id), 0.0)


def facts(decision: MatchDecision, customer_id: str) -> dict[str, Evidence]:
    """The evidence told of a customer, by its fact."""
    found = (one.evidence for one in decision.candidates if one.customer_id == customer_id)
    return {fact.fact: fact for evidence in found for fact in evidence}
