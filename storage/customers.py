"""The customer file: import, what is held of a person, erasure, and the look-ups of matching."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from domain.contact import Preference
from domain.customer import Customer, Interaction, Order
from storage.tables import (
    ConsentRow,
    ContactPointRow,
    CustomerKeyRow,
    CustomerRow,
    IdentityRow,
    InteractionRow,
    ObjectionRow,
    OrderRow,
    PreferenceRow,
)

OBJECTION_TOPICS = ("all", "social_care", "linking")
HANDLE_LIMIT, AGENT_LIMIT = 300, 200  # characters of their columns
PLAIN_FIELDS = (
    "name",
    "first_name",
    "last_name",
    "address",
    "city",
    "postal_code",
    "country",
    "language",
    "timezone",
    "segment",
    "value",
    "birth_year",
    "status",
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: "Imported") -> "Imported":
        return Imported(self.new + other.new, self.changed + other.changed, self.same + other.same)


@dataclass(frozen=True, slots=True)
class PreparedCustomer:
    """A customer with the normal forms of his addresses and his blocking keys (kind, value)."""

    customer: Customer
    contact_points: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]


def save_customers(session: Session, brand_id: str, prepared: Sequence[PreparedCustomer], now: datetime) -> Imported:
    """Insert or update customers by their `customer_id`; the last of equal ids in one call wins."""
    latest = {item.customer.customer_id: item for item in prepared}
    known = {
        row.customer_id: row
        for row in session.scalars(
            select(CustomerRow).where(CustomerRow.brand_id == brand_id, CustomerRow.customer_id.in_(list(latest)))
        )
    }
    total = Imported()
    changed: list[tuple[CustomerRow, PreparedCustomer, bool]] = []
    for customer_id, item in latest.items():
        row = known.get(customer_id)
        if row is not None and row.row_hash == row_hash(item.customer):
            total += Imported(same=1)
            continue
        changed.append((_save_plain_fields(session, brand_id, row, item.customer, now), item, row is None))
    session.flush()
    for row, item, first_time in changed:
        _save_belongings(session, row, item, first_time, now)
        total += Imported(new=1) if first_time else Imported(changed=1)
    session.flush()
    return total


def _save_plain_fields(
    session: Session, brand_id: str, row: CustomerRow | None, customer: Customer, now: datetime
) -> CustomerRow:
    if row is None:
        row = CustomerRow(brand_id=brand_id, customer_id=customer.customer_id)
        session.add(row)
    for name in PLAIN_FIELDS:
        setattr(row, name, getattr(customer, name))
    row.attributes, row.row_hash, row.changed_at = dict(customer.attributes), row_hash(customer), now
    return row


def _save_belongings(
    session: Session, row: CustomerRow, item: PreparedCustomer, first_time: bool, now: datetime
) -> None:
    """All that hangs on a customer; of a new one nothing has to be looked up."""
    held = _Held() if first_time else _Held.load(session, row.id)
    _save_contact_points(session, row, item.contact_points, held, None if first_time else now, now)
    _save_keys(session, row, item.keys, first_time)
    _save_accounts(session, row, item.customer, held, now)
    _save_will(session, row, item.customer, held, now)


@dataclass(frozen=True, slots=True)
class _Held:
    """What hangs on a customer already."""

    points: Sequence[ContactPointRow] = ()
    accounts: Sequence[IdentityRow] = ()
    consents: Sequence[ConsentRow] = ()
    preference: PreferenceRow | None = None
    objections: Sequence[ObjectionRow] = ()

    @classmethod
    def load(cls, session: Session, customer_key: int) -> "_Held":
        declared = {"customer_key": customer_key}
        return cls(
            session.scalars(select(ContactPointRow).filter_by(**declared)).all(),
            session.scalars(select(IdentityRow).filter_by(**declared)).all(),
            session.scalars(select(ConsentRow).filter_by(**declared)).all(),
            session.scalars(select(PreferenceRow).filter_by(**declared, source="declared")).one_or_none(),
            session.scalars(select(ObjectionRow).filter_by(**declared)).all(),
        )


def _save_contact_points(
    session: Session,
    row: CustomerRow,
    points: Sequence[tuple[str, str]],
    held: _Held,
    since: datetime | None,
    now: datetime,
) -> None:
    known = {(point.kind, point.value): point for point in held.points}
    for position, (kind, value) in enumerate(points):
        point = known.pop((kind, value), None)
        if point is None:
            point = ContactPointRow(brand_id=row.brand_id, customer_key=row.id, kind=kind, value=value, since=since)
            session.add(point)
        elif point.until is not None:
            point.since, point.until = now, None
        point.position = position
    for gone in known.values():
        gone.until = gone.until or now


def _save_keys(session: Session, row: CustomerRow, keys: Sequence[tuple[str, str]], first_time: bool) -> None:
    if not first_time:
        session.execute(delete(CustomerKeyRow).where(CustomerKeyRow.customer_key == row.id))
    session.add_all(
        CustomerKeyRow(brand_id=row.brand_id, customer_key=row.id, kind=kind, hash=value)
        for kind, value in dict.fromkeys(keys)
    )


def _save_accounts(session: Session, row: CustomerRow, customer: Customer, held: _Held, now: datetime) -> None:
    """The file says which accounts are the customer's: a missing one is revoked, a returning one revived.

    It has no say over an account that he proved to be his.
    """
    known = {(found.network, found.account_id): found for found in held.accounts if found.proof == "declared"}
    proven = {(found.network, found.account_id) for found in held.accounts} - known.keys()
    for account in {(account.network, account.account_id): account for account in customer.accounts}.values():
        if (account.network, account.account_id) in proven:
            continue
        identity = known.pop((account.network, account.account_id), None)
        if identity is None:
            identity = IdentityRow(
                brand_id=row.brand_id,
                customer_key=row.id,
                network=account.network,
                account_id=account.account_id,
                proof="declared",
                how="customer file",
                at=now,
            )
            session.add(identity)
        identity.handle, identity.revoked_at = account.handle and account.handle[:HANDLE_LIMIT], None
    for gone in known.values():
        gone.revoked_at = gone.revoked_at or now


def _save_will(session: Session, row: CustomerRow, customer: Customer, held: _Held, now: datetime) -> None:
    known = {(consent.channel, consent.purpose, consent.status, consent.at) for consent in held.consents}
    for consent in dict.fromkeys(customer.consents):
        if (consent.channel, consent.purpose, consent.status, consent.at) not in known:
            session.add(ConsentRow(brand_id=row.brand_id, customer_key=row.id, **asdict(consent)))
    stated = held.preference
    if customer.preferred_channel and stated is None:
        stated = PreferenceRow(brand_id=row.brand_id, customer_key=row.id, source="declared")
        session.add(stated)
    if customer.preferred_channel and stated is not None:
        stated.channel = customer.preferred_channel
    elif stated is not None:
        session.delete(stated)
    _save_objections(session, row, customer, held, now)


def _save_objections(session: Session, row: CustomerRow, customer: Customer, held: _Held, now: datetime) -> None:
    text = str(customer.attributes.get("objections") or "")
    topics = {topic.strip() for topic in text.split(";")} & set(OBJECTION_TOPICS)
    known = {objection.topic for objection in held.objections}
    session.add_all(
        ObjectionRow(brand_id=row.brand_id, customer_key=row.id, topic=topic, at=now)
        for topic in sorted(topics - known)
    )


def save_orders(session: Session, brand_id: str, orders: Iterable[tuple[Order, str]]) -> Imported:
    """Insert or update orders (with the normal form of their number)."""
    latest = {order.order_id: (order, normal) for order, normal in orders}
    rows = select(OrderRow).where(OrderRow.brand_id == brand_id, OrderRow.order_id.in_(list(latest)))
    known = {row.order_id: row for row in session.scalars(rows)}
    total = Imported()
    for order_id, (order, normal) in latest.items():
        fields = {**asdict(order), "normal_id": normal}
        total += _save_plain(session, OrderRow, brand_id, known.get(order_id), fields, row_hash(order))
    session.flush()
    return total


def save_interactions(session: Session, brand_id: str, interactions: Iterable[Interaction]) -> Imported:
    """Insert or update past contacts."""
    latest = {interaction.interaction_id: interaction for interaction in interactions}
    rows = select(InteractionRow).where(
        InteractionRow.brand_id == brand_id, InteractionRow.interaction_id.in_(list(latest))
    )
    known = {row.interaction_id: row for row in session.scalars(rows)}
    total = Imported()
    for interaction_id, interaction in latest.items():
        fields = asdict(interaction)
        fields["case_ref"] = fields.pop("case")
        fields["agent"] = interaction.agent and interaction.agent[:AGENT_LIMIT]
        total += _save_plain(
            session, InteractionRow, brand_id, known.get(interaction_id), fields, row_hash(interaction)
        )
    session.flush()
    return total


def _save_plain(
    session: Session, table: type[Any], brand_id: str, row: Any, fields: dict[str, Any], digest: str
) -> Imported:
    if row is not None and row.row_hash == digest:
        return Imported(same=1)
    first_time = row is None
    if row is None:
        row = table(brand_id=brand_id)
        session.add(row)
    for name, value in fields.items():
        setattr(row, name, value)
    row.row_hash = digest
    return Imported(new=1) if first_time else Imported(changed=1)


def row_hash(item: Customer | Order | Interaction) -> str:
    """Tells whether an imported row changed."""
    return hashlib.sha256(repr(item).encode("utf-8", "surrogatepass")).hexdigest()


def find_customer(session: Session, brand_id: str, customer_id: str) -> CustomerRow | None:
    """By the brand's own id."""
    return session.scalars(select(CustomerRow).filter_by(brand_id=brand_id, customer_id=customer_id)).one_or_none()


def current_points(session: Session, customer_key: int) -> list[ContactPointRow]:
    """The addresses that the customer has now, in the order of the file."""
    query = select(ContactPointRow).where(ContactPointRow.customer_key == customer_key, ContactPointRow.until.is_(None))
    return list(session.scalars(query.order_by(ContactPointRow.kind, ContactPointRow.position, ContactPointRow.id)))


def sharers(session: Session, brand_id: str, kind: str, value: str) -> int:
    """How many customers hold this address now."""
    query = select(func.count(ContactPointRow.customer_key.distinct())).where(
        ContactPointRow.brand_id == brand_id,
        ContactPointRow.kind == kind,
        ContactPointRow.value == value,
        ContactPointRow.until.is_(None),
    )
    return session.scalar(query) or 0


def preference(session: Session, customer_key: int) -> Preference | None:
    """The strongest preference known: declared, then observed, then inferred."""
    rows = {row.source: row for row in session.scalars(select(PreferenceRow).filter_by(customer_key=customer_key))}
    for source in ("declared", "observed", "inferred"):
        if source in rows:
            return Preference(rows[source].channel, source, rows[source].at)
    return None


def customers_by_account(
    session: Session, brand_id: str, network: str, account_id: str, now: datetime
) -> list[tuple[IdentityRow, CustomerRow]]:
    """Whose account this is, by proof that holds now. By account id, never by handle."""
    query = (
        select(IdentityRow, CustomerRow)
        .join(CustomerRow, CustomerRow.id == IdentityRow.customer_key)
        .where(
            IdentityRow.brand_id == brand_id,
            IdentityRow.network == network,
            IdentityRow.account_id == account_id,
            IdentityRow.revoked_at.is_(None),
            (IdentityRow.expires_at.is_(None)) | (IdentityRow.expires_at > now),
        )
        .order_by(CustomerRow.customer_id)
    )
    return [(identity, customer) for identity, customer in session.execute(query)]


def customers_by_order(session: Session, brand_id: str, normal_id: str) -> list[CustomerRow]:
    """The customers of an order number in its normal form."""
    query = (
        select(CustomerRow)
        .join(
            OrderRow,
            (OrderRow.brand_id == CustomerRow.brand_id) & (OrderRow.customer_id == CustomerRow.customer_id),
        )
        .where(OrderRow.brand_id == brand_id, OrderRow.normal_id == normal_id)
        .distinct()
    )
    return sorted(session.scalars(query), key=lambda row: row.customer_id)


def known_orders(session: Session, brand_id: str, normal_ids: Collection[str]) -> set[str]:
    """Which of these order numbers (normal forms) the brand has."""
    if not normal_ids:
        return set()
    query = select(OrderRow.normal_id).where(OrderRow.brand_id == brand_id, OrderRow.normal_id.in_(sorted(normal_ids)))
    return set(session.scalars(query))


def customers_by_key(session: Session, brand_id: str, kind: str, value: str, limit: int) -> list[CustomerRow]:
    """The customers with a blocking key, `limit` + 1 of them at most: one more means a capped block."""
    query = (
        select(CustomerRow)
        .join(CustomerKeyRow, CustomerKeyRow.customer_key == CustomerRow.id)
        .where(CustomerKeyRow.brand_id == brand_id, CustomerKeyRow.kind == kind, CustomerKeyRow.hash == value)
        .order_by(CustomerRow.customer_id)
        .limit(limit + 1)
    )
    return list(session.scalars(query))


def has_key(session: Session, brand_id: str, kind: str, value: str) -> bool:
    """Whether any customer has this blocking key."""
    query = select(CustomerKeyRow.id).filter_by(brand_id=brand_id, kind=kind, hash=value).limit(1)
    return session.scalar(query) is not None


def count_customers(session: Session, brand_id: str) -> int:
    """How many customers the brand knows."""
    return session.scalar(select(func.count(CustomerRow.id)).filter_by(brand_id=brand_id)) or 0


def open_orders(session: Session, brand_id: str, customer_id: str) -> list[OrderRow]:
    """The customer's orders, the newest first."""
    query = select(OrderRow).filter_by(brand_id=brand_id, customer_id=customer_id)
    return list(session.scalars(query.order_by(OrderRow.placed_at.desc(), OrderRow.order_id)))
