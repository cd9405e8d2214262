"""One batch of routing: what it goes by, what it knows, what it made, and what it leaves for the next."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.contact import NetworkPolicy
from domain.reading import Intent
from routing.crm import keyring
from routing.deadlines import Deadlines
from routing.joining import JoinRules
from routing.linking import forgotten, linking
from routing.matching.certificate import CertificateRules
from routing.matching.matcher import Matcher, MatchRules
from routing.priority import Weights
from storage import cases
from storage.readings import Read
from storage.tables import AuthorRow, CaseRow, PostRow, ReadingRow


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What settings and policies say of intake."""

    about_brand: float
    intents: Mapping[str, Intent]
    networks: Callable[[str], NetworkPolicy]
    matching: MatchRules
    certificate: CertificateRules
    deadlines: Deadlines
    joining: JoinRules = field(default_factory=JoinRules)
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True, slots=True)
class Routed:
    """What one batch made."""

    posts: int = 0
    opened: int = 0
    joined: int = 0
    linked: int = 0
    reviews: int = 0

    def __add__(self, other: "Routed") -> "Routed":
        return Routed(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class Batch:
    """An open transaction under the brand's lock, with what all steps of routing share.

    `again` are posts that have to be routed once more: what they copy has a case now. `customers` are those of whom
    something came or moved: what they said in several threads is put together at the end.
    """

    def __init__(self, session: Session, brand: Brand, rules: IntakeRules, now: datetime) -> None:
        self.session, self.brand, self.rules, self.now = session, brand, rules, now
        self.again: set[int] = set()
        self.customers: set[int] = set()
        self.matcher = Matcher(session, brand, keyring(session), rules.matching, now)
        self.linking = linking(session, brand.id, rules.certificate, now)
        self._authors: dict[int, AuthorRow] = {}

    def load_authors(self, read: Iterable[Read]) -> None:
        """Fetch all authors at once; they stay at hand as long as the batch."""
        wanted = {post.author_id for post, _ in read if post.author_id is not None}
        found = self.session.scalars(select(AuthorRow).where(AuthorRow.id.in_(wanted)))
        self._authors |= {author.id: author for author in found}

    def author(self, post: PostRow) -> AuthorRow | None:
        """Who wrote a post, where its network says so."""
        if post.author_id is not None and post.author_id not in self._authors:
            self._authors[post.author_id] = self.session.get_one(AuthorRow, post.author_id)
        return None if post.author_id is None else self._authors[post.author_id]

    def reading(self, post: PostRow) -> ReadingRow:
        """The reading of a post as it stands."""
        return self.session.scalars(select(ReadingRow).filter_by(post_id=post.id, version=post.version)).one()

    def is_complaint(self, post: PostRow, reading: ReadingRow) -> bool:
        """Whether a post is one by a person, about the brand."""
        by_program = post.attributes.get("automatic") is True
        return reading.about_brand >= self.rules.about_brand and reading.unhappy and not by_program

    def leave(self) -> None:
        """Leave to the next batch what has to be routed once more."""
        again = update(PostRow).where(PostRow.id.in_(self.again), PostRow.stage == "routed")
        self.session.execute(again.values(stage="read"))

    def forget_match(self, post: PostRow) -> None:
        """Of a post that led a case until an earlier one was heard."""
        forgotten(self.session, post, self.now)

    def note_customer(self, case: CaseRow) -> None:
        """Something of this case came or moved."""
        if case.customer_key is not None:
            self.customers.add(case.customer_key)

    def merge(self, source: CaseRow, target: CaseRow, why: str) -> bool:
        """Join two cases, unless a person looked at both."""
        if cases.is_pinned(self.session, source.id) and cases.is_pinned(self.session, target.id):
            return False
        self.note_customer(source)
        return cases.merge(self.session, source, target, self.now, why) is not None
