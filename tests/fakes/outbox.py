"""Rows for tests of the outbox: one case with one customer for each message."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from domain.brand import Brand
from storage.brands import ensure_brands
from storage.messages import Reservation, reserve
from storage.tables import CaseRow, CustomerRow, MessageRow

BRAND = "acme"


def fill(
    session: Session, count: int, now: datetime, channel: str = "email", first: int = 0, brand: str = BRAND
) -> list[MessageRow]:
    """Reserve `count` messages, each of its own case, due now, in the order of their numbers."""
    ensure_brands(session, [Brand(id=brand, name="Acmé")], now)
    session.flush()
    return [_one(session, number, now, channel, brand) for number in range(first, first + count)]


def _one(session: Session, number: int, now: datetime, channel: str, brand: str) -> MessageRow:
    customer = CustomerRow(
        brand_id=brand, customer_id=f"C{number}", name="Ana", row_hash="", changed_at=now, attributes={}
    )
    session.add(customer)
    session.flush()
    case = CaseRow(
        brand_id=brand,
        subject=f"customer:{customer.id}",
        network="forum",
        thread=f"t{number}",
        customer_key=customer.id,
        grade="declared",
        intent="delivery",
        severity="high",
        moment="delivery",
        language="fr",
        priority=50,
        team="logistics",
        opened_at=now,
        last_post_at=now,
        contact_state="planned",
    )
    session.add(case)
    session.flush()
    wanted = Reservation(
        key=f"{case.id}:service:1",
        case_id=case.id,
        customer_key=customer.id,
        channel=channel,
        address=f"ana{number}@example.org" if channel == "email" else f"+3361234{number:04}",
        template="delivery",
        language="fr",
        subject=f"Votre livraison {number}",
        body=f"Bonjour,\n.\nUn point seul sur sa ligne, message {number}.\n",
        send_after=now - timedelta(seconds=1) + timedelta(microseconds=number),
    )
    row = reserve(session, brand, wanted, now)
    if row is None:
        raise AssertionError("reserved twice")
    return row
