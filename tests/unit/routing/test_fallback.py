"""Another channel only by rule, only from what surely did not arrive, and counted once."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.wiring import App
from domain.contact import ContactAction
from domain.message import MessageState
from routing.contact import plan_batch, recheck, situation_of
from routing.crm import import_customers
from routing.fallback import FallbackRules, fall_back
from storage import messages
from storage.tables import CaseEventRow, CaseRow, ConsentRow, CustomerRow, MessageRow
from tests.unit.samples import ACTING, BRAND, NOW, customer

PHONE, EMAIL = "+33698765432", "ana@example.org"
ON = FallbackRules(True, timedelta(hours=48), frozenset({"email"}))
RULES = App(ACTING).contact_rules(BRAND)


@pytest.fixture
def first(session: Session) -> MessageRow:
    """The e-mail that was planned for a case of a customer with an address and a telephone, and was handed over."""
    import_customers(session, BRAND, [customer("C1", "Ana", "Riou", emails=(EMAIL,), phones=(PHONE,))], NOW)
    key = session.scalars(select(CustomerRow.id)).one()
    for channel in ("email", "sms"):
        own = {"brand_id": BRAND.id, "customer_key": key, "channel": channel}
        session.add(ConsentRow(**own, purpose="service", status="granted", at=NOW - timedelta(days=9)))
    case = CaseRow(
        brand_id=BRAND.id, subject=f"customer:{key}", network="forum", thread="t1", customer_key=key, grade="declared",
        intent="delivery", severity="high", moment="delivery", language="fr", priority=50, team="logistics",
        opened_at=NOW, last_post_at=NOW, addressed_brand=True, contact_state="pending",
    )  # fmt: skip
    session.add(case)
    session.flush()
    assert plan_batch(session, BRAND, RULES, 10, NOW).send == 1
    row = session.scalars(select(MessageRow)).one()
    assert row.channel == "email"
    move(session, row, MessageState.HANDING_OVER, NOW, {"handing_over_at": NOW, "via": "email"})
    return row


def move(session: Session, row: MessageRow, state: MessageState, at: datetime, changes: dict | None = None) -> None:
    assert messages.mark(session, row, state, at, changes or {})
    session.flush()
    session.expire_all()


def next_ways(session: Session, at: datetime, rules: FallbackRules = ON) -> int:
    done = fall_back(session, BRAND, RULES, rules, 10, at)
    session.flush()
    return done


def newest(session: Session) -> MessageRow:
    return session.scalars(select(MessageRow).order_by(MessageRow.id.desc())).first()


def test_what_failed_for_good_goes_another_way_once(session: Session, first: MessageRow):
    move(session, first, MessageState.FAILED, NOW)
    assert next_ways(session, NOW) == 1
    second = newest(session)
    assert (second.channel, second.fallback_of, second.state) == ("sms", first.message_id, "reserved")
    assert session.get_one(CaseRow, first.case_id).contact_state == "planned"
    assert "fallback" in session.scalars(select(CaseEventRow.kind)).all()
    assert next_ways(session, NOW) == 0


def test_it_passes_its_last_gate_although_the_first_channel_is_the_better_one(session: Session, first: MessageRow):
    move(session, first, MessageState.FAILED, NOW)
    next_ways(session, NOW)
    decision = recheck(session, BRAND, newest(session), RULES, NOW)
    assert (decision.action, decision.channel) == (ContactAction.SEND, "sms")


def test_when_the_last_channel_failed_a_person_has_it(session: Session, first: MessageRow):
    move(session, first, MessageState.FAILED, NOW)
    next_ways(session, NOW)
    move(session, newest(session), MessageState.FAILED, NOW)
    assert next_ways(session, NOW) == 0
    assert session.get_one(CaseRow, first.case_id).contact_state == "person"


def test_what_nobody_knows_is_never_followed(session: Session, first: MessageRow):
    move(session, first, MessageState.UNCONFIRMED, NOW)
    assert next_ways(session, NOW + timedelta(days=3)) == 0


def test_nor_while_another_message_of_the_case_is_open(session: Session, first: MessageRow):
    move(session, first, MessageState.FAILED, NOW)
    other = messages.Reservation(
        key="other", case_id=first.case_id, customer_key=first.customer_key, channel="letter", address="x", template="delivery",
        language="fr", subject="", body="x", send_after=NOW,
    )  # fmt: skip
    row = messages.reserve(session, BRAND.id, other, NOW)
    assert row is not None
    row.state, row.handing_over_at = "unconfirmed", NOW
    session.flush()
    assert next_ways(session, NOW) == 0


def test_what_was_not_delivered_in_time_is_followed_where_the_channel_would_tell(session: Session, first: MessageRow):
    move(session, first, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW})
    late = NOW + timedelta(hours=50)
    assert next_ways(session, NOW + timedelta(hours=40)) == 0
    assert next_ways(session, late, FallbackRules(True, timedelta(hours=48), frozenset())) == 0
    assert next_ways(session, late) == 1


def test_a_delivered_one_is_not(session: Session, first: MessageRow):
    move(session, first, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW})
    move(session, first, MessageState.DELIVERED, NOW)
    assert next_ways(session, NOW + timedelta(hours=50)) == 0


def test_both_count_once(session: Session, first: MessageRow):
    move(session, first, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW})
    next_ways(session, NOW + timedelta(hours=50))
    case = session.get_one(CaseRow, first.case_id)
    past = situation_of(session, case, RULES, NOW + timedelta(hours=51)).history
    assert [contact.channel for contact in past] == ["sms"]


def test_a_person_in_charge_is_left_alone(session: Session, first: MessageRow):
    move(session, first, MessageState.FAILED, NOW)
    session.get_one(CaseRow, first.case_id).assignee = "anna@example.org"
    session.flush()
    assert next_ways(session, NOW) == 0


def test_off_is_off(session: Session, first: MessageRow):
    move(session, first, MessageState.FAILED, NOW)
    assert next_ways(session, NOW, FallbackRules()) == 0


def test_a_message_knows_until_when_it_makes_sense(session: Session, first: MessageRow):
    assert first.expires_at == NOW + timedelta(hours=72)


def test_what_waited_too_long_is_cancelled_and_a_person_looks(session: Session, first: MessageRow):
    move(session, first, MessageState.RESERVED, NOW)
    assert messages.expire(session, BRAND.id, NOW + timedelta(hours=71)) == 0
    assert messages.expire(session, BRAND.id, NOW + timedelta(hours=72)) == 1
    session.flush()
    session.expire_all()
    assert session.get_one(MessageRow, first.id).state == "cancelled"
    assert session.get_one(CaseRow, first.case_id).contact_state == "person"
