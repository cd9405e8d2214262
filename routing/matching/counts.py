"""How common names are in the brand's customer file: the chance that a stranger bears the same."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from routing.matching.normal import Keyring, last_name
from storage.customers import count_customers
from storage.tables import CustomerKeyRow

SMALL = 20_000  # customers: so many are counted anew for each batch
REMEMBERED = 50_000  # names whose hash is known
FRESH_SECONDS = 60.0  # for how long the counts of a large file are good; look-ups of customers are never kept


@dataclass(frozen=True, slots=True)
class NameCounts:
    """Customers in all, and how many bear each first and each last name, by the keyed hash of the name."""

    customers: int
    first: Mapping[str, int]
    last: Mapping[str, int]
    ring: Keyring
    counted_at: float
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def first_names(self, words: tuple[str, ...]) -> int:
        """How many customers have this first name."""
        return self.known_first(" ".join(words))

    def last_names(self, words: tuple[str, ...]) -> int:
        """How many customers have this last name; particles do not count."""
        return self._bearers("last", self.last, last_name(words))

    def known_first(self, name: str) -> int:
        """How many customers have a first name, given with spaces between its words."""
        return self._bearers("first", self.first, name)

    def _bearers(self, kind: str, counted: Mapping[str, int], name: str) -> int:
        known = self._known.get((kind, name))
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[kind, name] = counted.get(self.ring.key(kind, name), 0)
        return known


_counted: "WeakKeyDictionary[Engine, dict[str, NameCounts]]" = WeakKeyDictionary()


def name_counts(session: Session, brand_id: str, ring: Keyring) -> NameCounts:
    """The counts of a brand: new ones for a small file, at most a minute old for a large one."""
    kept = _counted.setdefault(session.get_bind().engine, {})
    found = kept.get(brand_id)
    if found is None or found.customers < SMALL or time.monotonic() - found.counted_at > FRESH_SECONDS:
        found = kept[brand_id] = _count(session, brand_id, ring)
    return found


def _count(session: Session, brand_id: str, ring: Keyring) -> NameCounts:
    first, last = (_by_hash(session, brand_id, kind) for kind in ("first", "last"))
    return NameCounts(max(count_customers(session, brand_id), 1), first, last, ring, time.monotonic())


def _by_hash(session: Session, brand_id: str, kind: str) -> dict[str, int]:
    query = select(CustomerKeyRow.hash, func.count()).where(
        CustomerKeyRow.brand_id == brand_id, CustomerKeyRow.kind == kind
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(CustomerKeyRow.hash))}
