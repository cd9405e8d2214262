"""The customer file, taken in by the batch: what is the same costs a look-up, what is new a statement a table."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.customer import Customer, Interaction, Order
from storage.bulk import among, insert_rows, look_at, next_ids
from storage.changed_customers import save_changed
from storage.fresh import WORTH_A_LOOK
from storage.prepared import PLAIN_FIELDS, PreparedCustomer, belongings
from storage.tables import (
    Base,
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

SHORTEST_TICKET = 6  # signs
AGENT_LIMIT = 200  # characters of its column
TABLES = (CustomerRow, ContactPointRow, CustomerKeyRow, IdentityRow, ConsentRow, PreferenceRow, ObjectionRow)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: "Imported") -> "Imported":
        return Imported(self.new + other.new, self.changed + other.changed, self.same + other.same)


def row_hash(item: Customer | Order | Interaction, made_by: str = "") -> str:
    """Tells whether an imported row changed, or what is made of it."""
    return hashlib.sha256(f"{made_by}{item!r}".encode("utf-8", "surrogatepass")).hexdigest()


def stale(session: Session, brand_id: str, customers: Iterable[Customer], made_by: str) -> list[tuple[Customer, str]]:
    """Those of whom something is not stored yet, with the digests of their rows; the last of equal ids wins.

    `made_by` names what normal forms and keys depend on: where it is another, every row is made anew.
    """
    latest = {customer.customer_id: (customer, row_hash(customer, made_by)) for customer in customers}
    query = select(CustomerRow.customer_id, CustomerRow.row_hash).where(
        CustomerRow.brand_id == brand_id, among(session, CustomerRow.customer_id, list(latest))
    )
    for customer_id, known in session.execute(query):
        if known == latest[customer_id][1]:
            del latest[customer_id]
    return list(latest.values())


def save_customers(session: Session, brand_id: str, prepared: Sequence[PreparedCustomer], now: datetime) -> Imported:
    """Insert or update customers, each `customer_id` once (see `stale`)."""
    ids = [item.customer.customer_id for item in prepared]
    query = select(CustomerRow).where(CustomerRow.brand_id == brand_id, among(session, CustomerRow.customer_id, ids))
    known = {row.customer_id: row for row in session.scalars(query)}
    changed = [(known[item.customer.customer_id], item) for item in prepared if item.customer.customer_id in known]
    for row, item in changed:
        row.row_hash = item.digest
    save_changed(session, changed, now)
    _insert(session, brand_id, [item for item in prepared if item.customer.customer_id not in known], now)
    return Imported(new=len(prepared) - len(changed), changed=len(changed))


def _insert(session: Session, brand_id: str, items: Sequence[PreparedCustomer], now: datetime) -> None:
    rows: dict[type[Base], list[dict[str, Any]]] = {table: [] for table in TABLES}
    for key, item in zip(next_ids(session, CustomerRow, len(items)) if items else (), items, strict=True):
        customer = item.customer
        plain = {name: getattr(customer, name) for name in PLAIN_FIELDS}
        rows[CustomerRow].append(
            {
                "id": key,
                "brand_id": brand_id,
                "customer_id": customer.customer_id,
                **plain,
                "attributes": dict(item.attributes),
                "row_hash": item.digest,
                "changed_at": now,
            }
        )
        for table, found in belongings(brand_id, key, item, now).items():
            rows[table] += found
    for table, found in rows.items():
        insert_rows(session, table, found)
    if len(items) >= WORTH_A_LOOK:
        look_at(session, *TABLES)


def save_orders(session: Session, brand_id: str, orders: Iterable[tuple[Order, str, str | None]]) -> Imported:
    """Insert or update orders (with the normal forms of their number and of their parcel's)."""
    latest = {order.order_id: (order, normal, parcel) for order, normal, parcel in orders}
    rows = select(OrderRow).where(OrderRow.brand_id == brand_id, among(session, OrderRow.order_id, list(latest)))
    known = {row.order_id: row for row in session.scalars(rows)}
    total = Imported()
    fresh: list[dict[str, Any]] = []
    for order_id, (order, normal, parcel) in latest.items():
        told = {**_plain(order), "normal_id": normal, "normal_parcel": parcel, "row_hash": row_hash(order)}
        total += _sorted(brand_id, known.get(order_id), told, fresh)
    session.flush()
    insert_rows(session, OrderRow, fresh)
    return total


def save_interactions(session: Session, brand_id: str, interactions: Iterable[Interaction]) -> Imported:
    """Insert or update past contacts."""
    latest = {interaction.interaction_id: interaction for interaction in interactions}
    rows = select(InteractionRow).where(
        InteractionRow.brand_id == brand_id, among(session, InteractionRow.interaction_id, list(latest))
    )
    known = {row.interaction_id: row for row in session.scalars(rows)}
    total = Imported()
    fresh: list[dict[str, Any]] = []
    for interaction_id, interaction in latest.items():
        told = _plain(interaction)
        told["case_ref"] = told.pop("case")
        told["normal_ticket"] = normal_ticket(told["case_ref"])
        told["agent"] = interaction.agent and interaction.agent[:AGENT_LIMIT]
        told["row_hash"] = row_hash(interaction)
        total += _sorted(brand_id, known.get(interaction_id), told, fresh)
    session.flush()
    insert_rows(session, InteractionRow, fresh)
    return total


def normal_ticket(case_ref: str | None) -> str | None:
    """A ticket's number as people quote it: capitals and digits; None for one that is too short to tell anybody."""
    normal = re.sub(r"[^0-9A-Z]", "", (case_ref or "").upper())
    return normal if len(normal) >= SHORTEST_TICKET else None


def _plain(item: Order | Interaction) -> dict[str, Any]:
    """Its fields as they are; `dataclasses.asdict` copies every time and zone, for a third of an import's time."""
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _sorted(brand_id: str, row: Any, fields: dict[str, Any], fresh: list[dict[str, Any]]) -> Imported:
    """A changed row is changed, a new one joins `fresh`."""
    if row is None:
        fresh.append({"brand_id": brand_id, **fields})
        return Imported(new=1)
    if row.row_hash == fields["row_hash"]:
        return Imported(same=1)
    for name, value in fields.items():
        setattr(row, name, value)
    return Imported(changed=1)
