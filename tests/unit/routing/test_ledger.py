"""A customer's ledger is drawn from every table, and the ruptures kept of it follow what is stored."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.after import Resolution
from domain.case import CaseState
from routing.journey import JourneyRules, LedgerEntry
from routing.ledger import ledgers_of, watch_journeys
from routing.resolution import record, send
from storage import cases
from storage.merges import merge_customers
from storage.people import erase_customer, everything_of
from storage.tables import CaseEventRow, CustomerRow, InteractionRow, ObjectionRow, OrderRow, ResolutionRow, RuptureRow
from tests.console import factories
from tests.unit.routing.care import BRAND, NOW, case_of, rules

RULES = JourneyRules()
LATER = NOW + timedelta(days=12)


def contact(session: Session, owner: CustomerRow, hours: float, direction: str = "in", **facts: Any) -> None:
    key = f"i{hours}{direction}"
    told = {"channel": "email", "at": NOW + timedelta(hours=hours), **facts}
    row = InteractionRow(
        brand_id="hirondelle",
        interaction_id=key,
        customer_id=owner.customer_id,
        direction=direction,
        row_hash=key,
        **told,
    )
    session.add(row)
    session.flush()


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(RuptureRow.kind).order_by(RuptureRow.at)))


def watch(session: Session) -> tuple[int, int]:
    done = watch_journeys(session, "hirondelle", RULES, 50, LATER)
    return done.found, done.withdrawn


def entries(session: Session, owner: CustomerRow) -> list[LedgerEntry]:
    return ledgers_of(session, "hirondelle", {owner.id: [owner.id]}, RULES, LATER)[owner.id]


def test_a_mail_without_an_answer_and_then_a_post_is_a_changed_channel(session: Session) -> None:
    case, owner = case_of(session)
    contact(session, owner, -40, subject="Où est mon colis ?")
    assert watch(session) == (1, 0)
    assert watch(session) == (0, 0)
    row = session.scalars(select(RuptureRow)).one()
    assert (row.kind, row.case_id, row.customer_key) == ("channel_switched", case.id, owner.id)
    event = session.scalars(select(CaseEventRow).where(CaseEventRow.kind == "rupture_found")).one()
    assert event.detail == {"rupture": "channel_switched", "since": row.at.isoformat()}


def test_a_phone_call_is_answered_there_and_then_unless_it_was_missed(session: Session) -> None:
    _, owner = case_of(session)
    contact(session, owner, -40, channel="phone", outcome="renseigné")
    assert watch(session) == (0, 0)
    contact(session, owner, -39, channel="phone", outcome="appel manqué")
    assert watch(session) == (1, 0)
    assert kinds(session) == ["channel_switched"]


def test_what_holds_no_longer_is_withdrawn(session: Session) -> None:
    _, owner = case_of(session)
    contact(session, owner, -40)
    watch(session)
    contact(session, owner, -30, "out", text="Nous regardons.")  # told of late by another system
    assert watch(session) == (0, 1)
    assert kinds(session) == []


def test_a_promise_of_a_resolution_and_a_parcel_that_keeps_it(session: Session) -> None:
    case, owner = case_of(session)
    due = (NOW + timedelta(days=4)).date()
    record(session, case, Resolution("refunded", 1290, "EUR", due), "lea", NOW)
    message = send(session, BRAND, case.id, rules(), "lea", NOW)
    message.state, message.handed_over_at = "handed_over", NOW
    session.flush()
    (entry,) = [one for one in entries(session, owner) if one.promised]
    assert (entry.stances, entry.promised and entry.promised.date()) == ({"granted", "amount:1290"}, due)
    assert watch(session) == (1, 0)
    assert kinds(session) == ["promise_broken"]
    cases.step(session, case, CaseState.RESOLVED, NOW + timedelta(days=2), "lea")
    session.flush()
    assert watch(session) == (0, 1)


def test_an_order_that_is_named_everywhere_is_one_matter(session: Session) -> None:
    case, owner = case_of(session)
    factories.history(session, owner)
    session.query(ObjectionRow).delete()
    order = session.scalars(select(OrderRow)).one()
    order.normal_id = order.order_id = "HR4829174637"
    session.flush()
    contact(session, owner, 1, "out", text="Votre commande HR-4829 174637 : nous vous remboursons.")
    contact(session, owner, 9, "out", text="HR4829174637 : votre demande est refusée.", case_ref=str(case.id))
    matters = {one.matter for one in entries(session, owner) if one.stances}
    assert matters == {"order:HR4829174637", f"case:{case.id}"}
    told = factories.post(session, "HR4829174637 ?", writer=factories.author(session))
    factories.reading(session, told, details={"entities": [{"kind": "order", "value": "HR4829174637"}]})
    session.add(factories.CasePostRow(brand_id="hirondelle", case_id=case.id, post_id=told.id))
    session.flush()
    watch(session)
    assert "contradicted" in kinds(session)


def test_hands_are_those_of_events_and_agents(session: Session) -> None:
    case, _ = case_of(session)
    for hour, to in enumerate(("lea", "tom", "ines", "lea")):
        factories.event(session, case, "assigned", NOW + timedelta(hours=hour), "lea", to=to)
    assert watch(session) == (1, 0)
    assert kinds(session) == ["passed_on"]


def test_who_objected_is_not_looked_into(session: Session) -> None:
    _, owner = case_of(session)
    contact(session, owner, -40)
    watch(session)
    session.add(ObjectionRow(brand_id="hirondelle", customer_key=owner.id, topic="profiling", at=NOW))
    session.flush()
    assert watch(session) == (0, 1)


def test_pages_go_through_everybody(session: Session) -> None:
    for number in range(3):
        _, owner = case_of(session)
        contact(session, owner, -40 - number)
    last, found = 0, 0
    for _ in range(5):
        page = watch_journeys(session, "hirondelle", RULES, 2, LATER, last)
        found += page.found
        if page.last is None:
            break
        last = page.last
    assert found == 3


def test_they_are_told_with_everything_held_and_erased_with_the_person(session: Session) -> None:
    case, owner = case_of(session)
    contact(session, owner, -40)
    watch(session)
    record(session, case, Resolution("explained", words="Chez la voisine."), "lea", NOW)
    told = everything_of(session, "hirondelle", owner.customer_id, "t", "shown", LATER)
    assert told is not None
    assert [row["kind"] for row in told["ruptures"]] == ["channel_switched"]
    assert told["resolutions"][0]["detail"] == "Chez la voisine."
    erase_customer(session, "hirondelle", owner.customer_id, "t", LATER)
    assert kinds(session) == []
    session.expire_all()
    assert session.scalars(select(ResolutionRow.detail)).all() == [None]


def test_records_that_are_one_person_have_one_ledger(session: Session) -> None:
    _, owner = case_of(session)
    other = factories.customer(session)
    contact(session, other, -40)
    assert watch(session) == (0, 0)
    merge_customers(session, "hirondelle", owner.customer_id, other.customer_id, "lea", NOW)
    session.flush()
    assert watch(session) == (1, 0)
    assert session.scalars(select(RuptureRow.customer_key)).all() == [owner.id]
    assert watch(session) == (0, 0)
