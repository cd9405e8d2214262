"""Whom a visitor of a claim link means by what he typed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from routing.matching.normal import normal_email, normal_order, normal_phone
from storage import customers
from storage.merges import kept_key
from storage.tables import ContactPointRow, CustomerRow

LONGEST = 320  # characters of what is typed


def typed_points(who: str, brand: Brand) -> dict[str, str]:
    """kind → normal form of what was typed, for each kind of contact point that it can be."""
    who = who.strip()[:LONGEST]
    found = {"email": normal_email(who), "phone": normal_phone(who, brand.country) or ""}
    return {kind: value for kind, value in found.items() if value and (kind == "phone" or "@" in value)}


def identify(session: Session, brand: Brand, who: str, order: str) -> CustomerRow | None:
    """The one customer who has this e-mail address or telephone number, or this number of ours and this order.

    With an order number every way must agree with it. Several customers are nobody.
    """
    number = who.strip()[:LONGEST]
    owners = {row.id for row in customers.customers_by_order(session, brand.id, normal_order(order[:LONGEST]))}
    found = {
        key for kind, value in typed_points(who, brand).items() for key in _holders(session, brand.id, kind, value)
    }
    named = customers.find_customer(session, brand.id, number)
    if order.strip():
        found = (found | ({named.id} if named is not None else set())) & owners
    kept = {kept_key(session, brand.id, key) for key in found}
    return session.get(CustomerRow, kept.pop()) if len(kept) == 1 else None


def _holders(session: Session, brand_id: str, kind: str, value: str) -> list[int]:
    query = select(ContactPointRow.customer_key).where(
        ContactPointRow.brand_id == brand_id,
        ContactPointRow.kind == kind,
        ContactPointRow.value == value,
        ContactPointRow.until.is_(None),
    )
    return list(session.scalars(query.distinct().limit(100)))
