"""Customers of whom the file says something else than before: the difference is stored, what ended is history."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from domain.customer import Customer
from storage.bulk import among, insert_rows
from storage.history import ended_point, replaced_fields
from storage.prepared import (
    HOW,
    PLAIN_FIELDS,
    PreparedCustomer,
    Row,
    account_row,
    accounts,
    consent_row,
    handle_of,
    objections,
    point_row,
    preference_row,
)
from storage.tables import (
    Base,
    ConsentRow,
    ContactPointRow,
    CustomerHistoryRow,
    CustomerKeyRow,
    CustomerRow,
    IdentityRow,
    ObjectionRow,
    PreferenceRow,
)

HELD = (ContactPointRow, IdentityRow, ConsentRow, PreferenceRow, ObjectionRow)
Changed = tuple[CustomerRow, PreparedCustomer]


@dataclass(frozen=True, slots=True)
class _Change:
    """One customer's change: his row, what hangs on it, where new rows go."""

    row: CustomerRow
    held: dict[type[Base], list[Any]]
    fresh: dict[type[Base], list[Row]]
    now: datetime

    @property
    def owner(self) -> Row:
        return {"brand_id": self.row.brand_id, "customer_key": self.row.id}


def save_changed(session: Session, changed: Sequence[Changed], now: datetime) -> None:
    """Bring stored customers to what the file says. Nothing of the file is lost, what ended keeps its end."""
    if not changed:
        return
    keys = [row.id for row, _ in changed]
    held = {table: _by_customer(session, table, keys) for table in HELD}
    fresh: dict[type[Base], list[Row]] = defaultdict(list)
    for row, item in changed:
        one = _Change(row, {table: rows.get(row.id, []) for table, rows in held.items()}, fresh, now)
        _plain(one, item)
        _points(one, item.contact_points)
        _accounts(one, item.customer)
        _will(session, one, item.customer)
        fresh[CustomerKeyRow] += [
            {**one.owner, "kind": kind, "hash": value} for kind, value in dict.fromkeys(item.keys)
        ]
    session.flush()
    session.execute(delete(CustomerKeyRow).where(among(session, CustomerKeyRow.customer_key, keys)))
    for table, rows in fresh.items():
        insert_rows(session, table, rows)


def _by_customer(session: Session, table: Any, keys: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.scalars(select(table).where(among(session, table.customer_key, keys)).order_by(table.id)):
        found[row.customer_key].append(row)
    return found


def _plain(one: _Change, item: PreparedCustomer) -> None:
    customer = item.customer
    one.fresh[CustomerHistoryRow] += replaced_fields(one.row, customer, one.now)
    for name in PLAIN_FIELDS:
        setattr(one.row, name, getattr(customer, name))
    one.row.attributes, one.row.changed_at = dict(item.attributes), one.now


def _points(one: _Change, points: Iterable[tuple[str, str]]) -> None:
    known = {(point.kind, point.value): point for point in one.held[ContactPointRow]}
    for position, (kind, value) in enumerate(points):
        point = known.pop((kind, value), None)
        if point is None:
            one.fresh[ContactPointRow].append(point_row(one.owner, kind, value, position, one.now))
            continue
        if point.until is not None:
            one.fresh[CustomerHistoryRow].append(ended_point(point))
            point.since, point.until = one.now, None
        point.position = position
    for gone in known.values():
        gone.until = gone.until or one.now


def _accounts(one: _Change, customer: Customer) -> None:
    """The file says which accounts are the customer's: a missing one is revoked, a returning one revived.

    It has no say over an account that he proved to be his.
    """
    found = one.held[IdentityRow]
    known = {(row.network, row.account_id): row for row in found if row.proof == "declared"}
    proven = {(row.network, row.account_id) for row in found} - known.keys()
    for account in accounts(customer):
        if (account.network, account.account_id) in proven:
            continue
        identity = known.pop((account.network, account.account_id), None)
        if identity is None:
            one.fresh[IdentityRow].append(account_row(one.owner, account, one.now))
        else:
            identity.handle, identity.revoked_at = handle_of(account), None
    for gone in known.values():
        gone.revoked_at = gone.revoked_at or one.now


def _will(session: Session, one: _Change, customer: Customer) -> None:
    known = {(row.channel, row.purpose, row.status, row.at) for row in one.held[ConsentRow]}
    words = (word for word in dict.fromkeys(customer.consents))
    one.fresh[ConsentRow] += [
        consent_row(one.owner, word)
        for word in words
        if (word.channel, word.purpose, word.status, word.at) not in known
    ]
    told = (row for row in one.held[PreferenceRow] if (row.source, row.how) == ("declared", HOW))
    stated = next(told, None)
    if stated is not None and customer.preferred_channel:
        if stated.channel != customer.preferred_channel:  # newer than what he once said on a claim link
            stated.channel, stated.at = customer.preferred_channel, one.now
    elif stated is not None:
        session.delete(stated)
    elif customer.preferred_channel:
        one.fresh[PreferenceRow].append(preference_row(one.owner, customer.preferred_channel))
    topics = objections(customer) - {row.topic for row in one.held[ObjectionRow]}
    one.fresh[ObjectionRow] += [{**one.owner, "topic": topic, "at": one.now} for topic in sorted(topics)]
