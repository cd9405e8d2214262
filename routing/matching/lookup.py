"""What matching reads from the database: customers by keyed hashes, orders and accounts; always live, never kept.

These are the statements of every post, so they are asked of the driver itself: one look-up costs 20 to 80 microseconds
on SQLite. None is ordered: for an order by id SQLite reads all rows of the brand, 40 ms at a million customers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, bindparam, null, select, text
from sqlalchemy.orm import Session

from routing.matching.normal import fold, full_name
from storage.claims_link import is_unlinkable
from storage.direct import Direct, Row
from storage.link_events import refused
from storage.merges import kept_of
from storage.tables import (
    ContactPointRow,
    CustomerLinkRow,
    CustomerRow,
    IdentityRow,
    InteractionRow,
    LinkEventRow,
    ObjectionRow,
    OrderRow,
    UnlinkableRow,
)

Key = tuple[str, str]  # kind and keyed hash
RECENT_ORDER, RECENT_CONTACT, RECENT_DELIVERY = timedelta(days=30), timedelta(days=30), timedelta(days=60)


class Record(NamedTuple):
    """A customer as matching sees him. `address` is folded; `key` is our own number, `customer_id` the brand's."""

    key: int
    customer_id: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    city: str | None
    postal_code: str | None
    address: str | None
    language: str | None
    birth_year: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """Customers by key, and the keys of which there were more than may be looked at."""

    found: Mapping[Key, tuple[int, ...]]
    capped: frozenset[Key]


@dataclass(slots=True)
class Dealings:
    """What a customer had to do with the brand lately."""

    open_order: bool = False
    recent_order: bool = False
    recent_delivery: bool = False
    recent_contact: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A customer whose account this is, and how that is proven."""

    key: int
    proof: str
    how: str


class Lookup:
    """Reads for one brand in one transaction. `limit`: customers of one key that may be looked at."""

    def __init__(self, session: Session, brand_id: str, limit: int, now: datetime) -> None:
        self._session, self._brand_id, self._limit, self._now = session, brand_id, limit, now
        self._connection = session.connection()
        self._any_merged, self._any_unlinkable = (bool(self._read(query)) for query in (_ANY_MERGED, _ANY_UNLINKABLE))
        self._denied = frozenset(author for (author,) in self._read(_DENIED))

    def is_unlinkable(self, network: str, account_id: str | None) -> bool:
        """Whether the owner of this account wants to be linked to no customer."""
        known = account_id is not None and self._any_unlinkable
        return known and is_unlinkable(self._session, self._brand_id, network, account_id or "")

    def refused(self, author_key: int | None) -> frozenset[int]:
        """Customers never to be proposed for this account again."""
        return refused(self._session, self._brand_id, author_key) if author_key in self._denied else frozenset()

    def owners(self, network: str, account_id: str) -> list[Owner]:
        """Whose account this is, by proof that holds now, the oldest of a person. By account id, never by handle."""
        rows = sorted(self._read(_OWNERS, network=network, account=account_id, now=self._now))
        kept = self._persons({key for _, key, _, _ in rows})
        found: dict[int, Owner] = {}
        for _, key, proof, how in rows:
            found.setdefault(kept[key], Owner(kept[key], proof, how))
        return list(found.values())

    def blocks(self, keys: Collection[Key]) -> Blocks:
        """The customers of each key. Of a key with more than `limit` nobody is told: it would be a choice by chance."""
        asked = sorted(keys)
        if not asked:
            return Blocks({}, frozenset())
        values: dict[str, object] = {"most": self._limit + 1}
        for at, (kind, hash_) in enumerate(asked):
            values[f"k{at}"], values[f"h{at}"] = kind, hash_
        found: dict[Key, list[int]] = {}
        for at, key in self._read(_blocks_of(len(asked)), **values):
            found.setdefault(asked[at], []).append(key)
        capped = frozenset(key for key, some in found.items() if len(some) > self._limit)
        few = {key: some for key, some in found.items() if key not in capped}
        kept = self._persons({one for some in few.values() for one in some})
        return Blocks({key: tuple(dict.fromkeys(kept[one] for one in some)) for key, some in few.items()}, capped)

    def by_numbers(self, numbers: Collection[str], orders: Collection[str]) -> dict[str, tuple[int, ...]]:
        """The customers of parcels and tickets by their numbers in normal form, and of those that may be an order's."""
        asked = [(_BY_ORDER, orders), (_BY_PARCEL, numbers), (_BY_TICKET, numbers)]
        rows = sorted(
            (number, key) for query, some in asked if some for number, key in self._read(query, numbers=sorted(some))
        )
        kept = self._persons({key for _, key in rows})
        found: dict[str, dict[int, None]] = {}
        for number, key in rows:
            found.setdefault(number, {})[kept[key]] = None
        return {number: tuple(owners) for number, owners in found.items()}

    def records(self, keys: Collection[int]) -> dict[int, Record]:
        """The customers themselves, but for those who object to being linked."""
        return {row[0]: _record(_File(*row)) for row in self._read(_RECORDS, keys=sorted(keys))}

    def points(self, keys: Collection[int]) -> dict[int, set[tuple[str, str]]]:
        """The e-mail addresses and phones that these customers have now, as (kind, value)."""
        found: dict[int, set[tuple[str, str]]] = {key: set() for key in keys}
        for key, kind, value in self._read(_POINTS, keys=sorted(keys)):
            found[key].add((kind, value))
        return found

    def dealings(self, records: Sequence[Record], at: datetime) -> dict[int, Dealings]:
        """Their orders and contacts of the weeks before `at`."""
        by_id = {record.customer_id: record.key for record in records}
        found = {record.key: Dealings() for record in records}
        asked = {"ids": sorted(by_id), "until": at, "orders": at - 2 * RECENT_DELIVERY, "contacts": at - RECENT_CONTACT}
        for id_, placed, delivered in self._read(_DEALINGS, **asked):
            told = found[by_id[id_]]
            if placed is None:
                told.recent_contact = True
                continue
            told.open_order |= delivered is None or delivered > at
            told.recent_order |= at - placed <= RECENT_ORDER
            told.recent_delivery |= delivered is not None and at - delivered <= RECENT_DELIVERY
        return found

    def _read(self, query: Direct, **values: object) -> list[Row]:
        return query.all(self._connection, {"brand": self._brand_id, **values})

    def _persons(self, keys: Collection[int]) -> dict[int, int]:
        """The kept record of each: records that are one person are one."""
        kept = kept_of(self._session, self._brand_id, keys) if keys and self._any_merged else {}
        return {key: kept.get(key, key) for key in keys}


class _File(NamedTuple):
    """A row of the customer file, as `_RECORDS` asks for it."""

    id: int
    customer_id: str
    name: str
    first_name: str | None
    last_name: str | None
    city: str | None
    postal_code: str | None
    address: str | None
    language: str | None
    birth_year: int | None
    status: str


def _record(row: _File) -> Record:
    first, last = full_name(row)
    return Record(
        key=row.id,
        customer_id=row.customer_id,
        first=first,
        last=last,
        city=row.city,
        postal_code=row.postal_code,
        address=fold(row.address) if row.address else None,
        language=row.language,
        birth_year=row.birth_year,
        status=row.status,
    )


@lru_cache(maxsize=64)
def _blocks_of(count: int) -> Direct:
    """One limited look-up a key, in one statement."""
    parts = (
        f"SELECT * FROM (SELECT {at} AS at, customer_key FROM customer_keys "  # noqa: S608  numbers alone
        f"WHERE brand_id = :brand AND kind = :k{at} AND hash = :h{at} LIMIT :most) AS b{at}"
        for at in range(count)
    )
    return Direct(text(" UNION ALL ".join(parts)))


_CUSTOMERS, _POINT, _IDENTITY, _ORDER, _CONTACT, _OBJECTION, _LINK, _UNLINKABLE, _WORD = (
    row.__table__.c
    for row in (
        CustomerRow,
        ContactPointRow,
        IdentityRow,
        OrderRow,
        InteractionRow,
        ObjectionRow,
        CustomerLinkRow,
        UnlinkableRow,
        LinkEventRow,
    )
)
_ANY_MERGED = Direct(select(_LINK.id).where(_LINK.brand_id == bindparam("brand"), _LINK.undone_at.is_(None)).limit(1))
_ANY_UNLINKABLE = Direct(select(_UNLINKABLE.id).where(_UNLINKABLE.brand_id == bindparam("brand")).limit(1))
_DENIED = Direct(
    select(_WORD.author_id)
    .where(_WORD.brand_id == bindparam("brand"), _WORD.is_customer.is_(False), _WORD.author_id.is_not(None))
    .distinct()
)
_OWNERS = Direct(
    select(_IDENTITY.id, _IDENTITY.customer_key, _IDENTITY.proof, _IDENTITY.how).where(
        _IDENTITY.brand_id == bindparam("brand"),
        _IDENTITY.network == bindparam("network"),
        _IDENTITY.account_id == bindparam("account"),
        _IDENTITY.revoked_at.is_(None),
        _IDENTITY.expires_at.is_(None) | (_IDENTITY.expires_at > bindparam("now")),
    )
)


def _by_number(number: ColumnElement[Any], table: FromClause) -> Direct:
    told = table.c
    query = (
        select(number, _CUSTOMERS.id)
        .join_from(
            table,
            CustomerRow.__table__,
            (_CUSTOMERS.brand_id == told.brand_id) & (_CUSTOMERS.customer_id == told.customer_id),
        )
        .where(told.brand_id == bindparam("brand"), number.in_(bindparam("numbers", expanding=True)))
    )
    return Direct(query, "numbers")


_BY_ORDER = _by_number(_ORDER.normal_id, OrderRow.__table__)
_BY_PARCEL = _by_number(_ORDER.normal_parcel, OrderRow.__table__)
_BY_TICKET = _by_number(_CONTACT.normal_ticket, InteractionRow.__table__)
_OBJECTS = (
    select(_OBJECTION.id)
    .where(_OBJECTION.customer_key == _CUSTOMERS.id, _OBJECTION.topic == "linking")
    .correlate(CustomerRow.__table__)
    .exists()
)
_RECORDS = Direct(
    select(*(_CUSTOMERS[name] for name in _File._fields)).where(
        _CUSTOMERS.id.in_(bindparam("keys", expanding=True)), ~_OBJECTS
    ),
    "keys",
)
_POINTS = Direct(
    select(_POINT.customer_key, _POINT.kind, _POINT.value).where(
        _POINT.customer_key.in_(bindparam("keys", expanding=True)),
        _POINT.kind.in_(("email", "phone")),
        _POINT.until.is_(None),
    ),
    "keys",
)
_ORDERS = select(_ORDER.customer_id, _ORDER.placed_at, _ORDER.delivered_at).where(
    _ORDER.brand_id == bindparam("brand"),
    _ORDER.customer_id.in_(bindparam("ids", expanding=True)),
    _ORDER.placed_at > bindparam("orders"),
    _ORDER.placed_at <= bindparam("until"),
)
_CONTACTS = select(_CONTACT.customer_id, null(), null()).where(
    _CONTACT.brand_id == bindparam("brand"),
    _CONTACT.customer_id.in_(bindparam("ids", expanding=True)),
    _CONTACT.at > bindparam("contacts"),
    _CONTACT.at <= bindparam("until"),
    _CONTACT.direction == "in",
)
_DEALINGS = Direct(_ORDERS.union_all(_CONTACTS), "ids")  # a contact has no dates
