"""The customer told us again by phone or by mail: what the CRM holds of it is noted in his open case."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from routing.joining import quoted_orders
from routing.matching.normal import normal_order
from storage import cases
from storage.brands import lock_brand
from storage.tables import CaseEventRow, CasePostRow, CaseRow, CustomerRow, InteractionRow, PostRow, ReadingRow

OURS = "vigie:"  # contacts that we told the customer's history of ourselves
WHY = "the customer contacted us about it"


def note_contacts(session: Session, brand_id: str, now: datetime) -> int:
    """Note contacts that came in after the complaint about an order that it quotes, once each; returns how many.

    A contact that names the case counts too. Who waited for the customer has his answer.
    """
    lock_brand(session, brand_id)
    noted = 0
    for case, contacts in _contacts(session, brand_id):
        known = _noted(session, case)
        orders = quoted_orders(_readings(session, case))
        for contact in contacts:
            if contact.id not in known and _is_about(contact, case, orders):
                _note(session, case, contact, now)
                noted += 1
    return noted


def _contacts(session: Session, brand_id: str) -> list[tuple[CaseRow, list[InteractionRow]]]:
    """Open cases of known customers, with what came in since the first post of each."""
    query = (
        select(CaseRow, InteractionRow)
        .join(CustomerRow, CustomerRow.id == CaseRow.customer_key)
        .join(
            InteractionRow,
            (InteractionRow.brand_id == CaseRow.brand_id) & (InteractionRow.customer_id == CustomerRow.customer_id),
        )
        .where(CaseRow.brand_id == brand_id, CaseRow.state.in_(OPEN_STATES), InteractionRow.direction == "in")
        .where(~InteractionRow.interaction_id.startswith(OURS, autoescape=True))
        .where(InteractionRow.at > _first_word())
        .order_by(CaseRow.id, InteractionRow.at, InteractionRow.id)
    )
    found: dict[int, tuple[CaseRow, list[InteractionRow]]] = {}
    for case, contact in session.execute(query):
        found.setdefault(case.id, (case, []))[1].append(contact)
    return list(found.values())


def _first_word() -> object:
    return (
        select(PostRow.created_at)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(CasePostRow.case_id == CaseRow.id, CasePostRow.role == "complaint", PostRow.created_at.is_not(None))
        .order_by(PostRow.created_at)
        .limit(1)
        .correlate(CaseRow)
        .scalar_subquery()
    )


def _readings(session: Session, case: CaseRow) -> Sequence[ReadingRow]:
    return [reading for _, reading in cases.complaints_of(session, case.id)]


def _noted(session: Session, case: CaseRow) -> set[int]:
    events = select(CaseEventRow.detail).where(CaseEventRow.case_id == case.id, CaseEventRow.kind == "seen_again")
    return {detail["contact"] for detail in session.scalars(events) if "contact" in detail}


def _is_about(contact: InteractionRow, case: CaseRow, orders: frozenset[str]) -> bool:
    if contact.case_ref is not None and contact.case_ref.strip().upper() in (str(case.id), f"V{case.id}"):
        return True
    said = normal_order(f"{contact.subject or ''} {contact.text or ''}")
    return any(order in said for order in orders)


def _note(session: Session, case: CaseRow, contact: InteractionRow, now: datetime) -> None:
    is_answer = case.state_since is None or contact.at > case.state_since
    if case.state == CaseState.WAITING_CUSTOMER and is_answer:
        cases.step(session, case, CaseState.WAITING_US, now, why=WHY)
    cases.add_event(session, case, "seen_again", now, contact=contact.id, channel=contact.channel)
