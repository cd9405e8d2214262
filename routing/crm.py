"""Taking the brand's customer file in: normal forms and blocking keys are made here, kept in `storage`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.customer import Customer, Interaction, Order
from routing.matching.normal import Keyring, normal_email, normal_order, normal_phone
from storage.brands import crm_changed, lock_brand
from storage.customers import Imported, PreparedCustomer, save_customers, save_interactions, save_orders
from storage.secrets import MATCHING_KEY, installation_secret

ADDRESS_LIMIT = 500  # characters; nobody can print more on a letter


def keyring(session: Session) -> Keyring:
    """The installation's maker of blocking keys."""
    return Keyring(installation_secret(session, MATCHING_KEY))


def import_customers(session: Session, brand: Brand, customers: Sequence[Customer], now: datetime) -> Imported:
    """Store customers; a change makes open matches be decided again."""
    lock_brand(session, brand.id)
    ring = keyring(session)
    done = save_customers(session, brand.id, [_prepare(customer, brand, ring) for customer in customers], now)
    _note(session, brand, done)
    return done


def import_orders(session: Session, brand: Brand, orders: Sequence[Order]) -> Imported:
    """Store orders; they may come before their customers."""
    lock_brand(session, brand.id)
    done = save_orders(session, brand.id, [(order, normal_order(order.order_id)) for order in orders])
    _note(session, brand, done)
    return done


def import_interactions(session: Session, brand: Brand, interactions: Sequence[Interaction]) -> Imported:
    """Store past contacts; they may come before their customers."""
    lock_brand(session, brand.id)
    return save_interactions(session, brand.id, interactions)


def _note(session: Session, brand: Brand, done: Imported) -> None:
    if done.new or done.changed:
        crm_changed(session, brand.id)


def _prepare(customer: Customer, brand: Brand, ring: Keyring) -> PreparedCustomer:
    country = customer.country or brand.country
    emails = tuple(dict.fromkeys(normal_email(email) for email in customer.emails))
    phones = tuple(
        dict.fromkeys(phone for number in customer.phones if (phone := normal_phone(number, country)) is not None)
    )
    points = [("email", email) for email in emails] + [("phone", phone) for phone in phones]
    address = ", ".join(part for part in (customer.address, customer.postal_code, customer.city) if part)
    if customer.address and address:
        points.append(("address", address[:ADDRESS_LIMIT]))
    return PreparedCustomer(customer, tuple(points), ring.customer_keys(customer, emails, phones))
