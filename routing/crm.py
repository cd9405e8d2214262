"""Taking the brand's customer file in: normal forms and blocking keys are made here, kept in `storage`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.customer import Customer, Interaction, Order
from routing.matching.normal import KEYS_VERSION, Keyring, normal_email, normal_order, normal_phone
from storage.brands import crm_changed, lock_brand
from storage.customer_file import Imported, save_customers, save_interactions, save_orders, stale
from storage.prepared import PreparedCustomer
from storage.secrets import MATCHING_KEY, installation_secret

ADDRESS_LIMIT = 500  # characters; nobody can print more on a letter


def keyring(session: Session) -> Keyring:
    """The installation's maker of blocking keys."""
    return Keyring(installation_secret(session, MATCHING_KEY))


def import_customers(session: Session, brand: Brand, customers: Sequence[Customer], now: datetime) -> Imported:
    """Store customers; a change makes open matches be decided again. Those that have not changed cost a look-up."""
    lock_brand(session, brand.id)
    told = len({customer.customer_id for customer in customers})
    changed = stale(session, brand.id, customers, f"{KEYS_VERSION} {brand.country} ")
    ring = keyring(session)
    prepared = [_prepare(customer, digest, brand, ring) for customer, digest in changed]
    done = save_customers(session, brand.id, prepared, now) + Imported(same=told - len(changed))
    _note(session, brand, done)
    return done


def import_orders(session: Session, brand: Brand, orders: Sequence[Order]) -> Imported:
    """Store orders; they may come before their customers."""
    lock_brand(session, brand.id)
    told = [(one, normal_order(one.order_id), normal_order(one.parcel) if one.parcel else None) for one in orders]
    done = save_orders(session, brand.id, told)
    _note(session, brand, done)
    return done


def import_interactions(session: Session, brand: Brand, interactions: Sequence[Interaction]) -> Imported:
    """Store past contacts; they may come before their customers."""
    lock_brand(session, brand.id)
    return save_interactions(session, brand.id, interactions)


def _note(session: Session, brand: Brand, done: Imported) -> None:
    if done.new or done.changed:
        crm_changed(session, brand.id)


def _prepare(customer: Customer, digest: str, brand: Brand, ring: Keyring) -> PreparedCustomer:
    country = customer.country or brand.country
    emails = tuple(dict.fromkeys(normal_email(email) for email in customer.emails))
    dialled = {number: normal_phone(number, country) for number in customer.phones}
    phones = tuple(dict.fromkeys(phone for phone in dialled.values() if phone is not None))
    unusable = tuple(number for number, phone in dialled.items() if phone is None)
    points = [("email", email) for email in emails] + [("phone", phone) for phone in phones]
    address = ", ".join(part for part in (customer.address, customer.postal_code, customer.city) if part)
    if customer.address and address:
        points.append(("address", address[:ADDRESS_LIMIT]))
    return PreparedCustomer(
        customer, digest, tuple(points), ring.customer_keys(customer, emails, phones), _attributes(customer, unusable)
    )


def _attributes(customer: Customer, unusable: Sequence[str]) -> Mapping[str, Any]:
    """What the file says beside; with the numbers that nobody can dial, for the report on its quality."""
    return {**customer.attributes, "unusable_phones": list(unusable)} if unusable else customer.attributes
