"""From a case to messages: two at once, channels shut by hand, the last word before hand-over, what was learned."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.appetence import Trial, tally
from domain.contact import Also
from domain.customer import Consent
from domain.message import MessageState
from routing.contact import ContactRules, plan_batch
from routing.habits import learn_habits
from routing.outbox import Cancel, Hold, outgoing
from routing.preferences import Choice, customer_of, save, token_of
from routing.recheck import last_word
from routing.recipient import recipient_of
from routing.seal import PREFERENCES, unsealed
from storage import appetence, cases, messages
from storage.tables import (
    AppetenceRow,
    CaseRow,
    CustomerRow,
    IdentityRow,
    MessageRow,
    ObjectionRow,
    SwitchRow,
)
from tests.matching.world import ORDER, World, claire, person, who
from tests.unit.samples import NOW

YES = tuple(Consent(channel, "service", "granted", NOW - timedelta(days=90)) for channel in ("email", "sms"))
BOTH = (Also("email", "sms", frozenset({"delivery"})),)


@pytest.fixture
def world(session: Session) -> World:
    """One customer with a proven complaint, who may be written to by e-mail and text message."""
    found = World(session)
    found.know(claire(consents=YES))
    found.order(ORDER, "C1")
    found.route(found.post(f"Commande {ORDER} toujours pas là", who("Claire Martin")))
    return found


def rules(world: World, **policy: Any) -> ContactRules:
    base = world.app.contact_rules(world.brand)
    return replace(base, policy=replace(base.policy, **policy), preferences_url="https://care.example/p/")


def plan(world: World, **policy: Any) -> list[MessageRow]:
    plan_batch(world.session, world.brand, rules(world, **policy), 50, world.now)
    world.session.flush()
    return list(world.session.scalars(select(MessageRow).order_by(MessageRow.id)))


def case(world: World) -> CaseRow:
    return world.cases()[0]


def ask(world: World, message: MessageRow, **policy: Any) -> Cancel | Hold | None:
    return last_word(world.session, world.brand, message, rules(world, **policy), world.now)


class TestTwoAtOnce:
    """A short word that a message with the details is on its way."""

    def test_both_are_reserved_together_and_count_once(self, world: World) -> None:
        main, short = plan(world, also=BOTH)
        assert (main.channel, short.channel, short.paired_with) == ("email", "sms", main.message_id)
        assert f"V{main.case_id}" in (short.body or "")
        assert ORDER not in (short.body or "")
        past = messages.history(world.session, world.brand.id, main.customer_key or 0, NOW - timedelta(days=9))
        assert {one.group for one in past} == {main.message_id}
        assert case(world).contact_decision is not None
        assert (case(world).contact_decision or {})["also"] == ["sms"]

    def test_the_short_word_waits_for_the_message(self, world: World) -> None:
        main, short = plan(world, also=BOTH)
        assert ask(world, main, also=BOTH) is None
        assert isinstance(ask(world, short, also=BOTH), Hold)
        main.state, main.handed_over_at = MessageState.HANDED_OVER, world.now
        world.session.flush()
        assert ask(world, short, also=BOTH) is None

    @pytest.mark.parametrize("state", [MessageState.FAILED, MessageState.CANCELLED])
    def test_it_does_not_go_without_it(self, world: World, state: MessageState) -> None:
        main, short = plan(world, also=BOTH)
        main.state = state
        world.session.flush()
        assert isinstance(ask(world, short, also=BOTH), Cancel)

    def test_neither_goes_if_the_other_is_barred(self, world: World) -> None:
        main, short = plan(world, also=BOTH)
        messages.suppress(world.session, world.brand.id, "sms", short.address or "", "stop", world.now)
        refused = ask(world, main, also=BOTH)
        assert isinstance(refused, Cancel)
        messages.cancel(world.session, main, refused.reason, refused.then, world.now)
        world.session.refresh(short)
        assert (main.state, short.state, case(world).contact_state) == ("cancelled", "cancelled", "pending")
        again = [message for message in plan(world, also=BOTH) if message.state == "reserved"]
        assert [message.channel for message in again] == ["email"]

    def test_a_short_word_that_fails_leaves_nothing_to_a_person(self, world: World) -> None:
        _, short = plan(world, also=BOTH)
        messages.mark(world.session, short, MessageState.FAILED, world.now, reason="no")
        assert case(world).contact_state == "planned"


class TestLastWord:
    """What changed since the message was reserved."""

    def test_nothing(self, world: World) -> None:
        (message,) = plan(world)
        assert ask(world, message) is None

    def test_a_stop(self, world: World) -> None:
        (message,) = plan(world)
        messages.suppress(world.session, world.brand.id, "email", message.address or "", "stop", world.now)
        assert ask(world, message) == Cancel("another channel or address is the right one now", then="pending")

    def test_another_preference_is_decided_anew(self, world: World) -> None:
        (message,) = plan(world)
        customer = world.session.get_one(CustomerRow, message.customer_key)
        shown = frozenset({"email", "sms"})
        save(world.session, customer, Choice("sms", shown, shown), frozenset(), world.now)
        refused = ask(world, message)
        assert isinstance(refused, Cancel)
        messages.cancel(world.session, message, refused.reason, refused.then, world.now)
        assert [one.channel for one in plan(world) if one.state == "reserved"] == ["sms"]

    def test_a_person_who_took_over_keeps_the_case(self, world: World) -> None:
        (message,) = plan(world)
        case(world).assignee = "lea@example.org"
        world.session.flush()
        refused = ask(world, message)
        assert isinstance(refused, Cancel)
        messages.cancel(world.session, message, refused.reason, refused.then, world.now)
        assert case(world).contact_state == "person"

    def test_an_objection_ends_it(self, world: World) -> None:
        (message,) = plan(world)
        key = message.customer_key
        world.session.add(ObjectionRow(brand_id=world.brand.id, customer_key=key, topic="all", at=world.now))
        world.session.flush()
        refused = ask(world, message)
        assert isinstance(refused, Cancel)
        assert refused.then == "never"

    def test_quiet_hours_hold_it(self, world: World) -> None:
        (message,) = plan(world)
        world.now = NOW + timedelta(hours=12)
        held = ask(world, message)
        assert isinstance(held, Hold)
        assert held.until > world.now

    def test_after_a_failure_the_failed_channel_is_not_the_right_one(self, world: World) -> None:
        (message,) = plan(world)
        messages.mark(world.session, message, MessageState.FAILED, world.now, reason="no")
        told = messages.Reservation(
            key=f"{message.case_id}:service:fallback", case_id=message.case_id, customer_key=message.customer_key,
            channel="sms", address="+33612345678", template="delivery", language="fr", subject="", body="b",
            send_after=world.now,
        )  # fmt: skip
        second = messages.reserve(world.session, world.brand.id, told, world.now)
        assert second is not None
        second.fallback_of = message.message_id
        world.session.flush()
        assert ask(world, second) is None


class TestShutByHand:
    """The kill switch of a channel, and of all."""

    def shut(self, world: World, channel: str) -> None:
        told = {"brand_id": world.brand.id, "channel": channel, "reason": "r", "by": "lea", "at": world.now}
        world.session.add(SwitchRow(**told))
        world.session.flush()

    def test_his_channel_stays_his_and_what_goes_by_it_waits(self, world: World) -> None:
        self.shut(world, "email")
        (message,) = plan(world)
        assert message.channel == "email"
        assert messages.due(world.session, message.send_after, 10, 60) == []

    def test_nothing_is_decided_while_all_are_shut(self, world: World) -> None:
        self.shut(world, "all")
        assert plan(world) == []
        assert case(world).contact_state == "pending"

    @pytest.mark.parametrize("channel", ["email", "all"])
    def test_what_was_reserved_waits(self, world: World, channel: str) -> None:
        (message,) = plan(world)
        self.shut(world, channel)
        assert isinstance(ask(world, message), Hold)


def test_a_provider_that_takes_nothing_is_unwell_until_it_takes_something(world: World) -> None:
    (message,) = plan(world)
    told = (world.session, world.brand.id, world.now)
    for number in range(3):
        values = {name: getattr(message, name) for name in ("brand_id", "case_id", "template", "language", "decision")}
        row = MessageRow(
            message_id=f"m{number}", key=f"k{number}", channel="email", send_after=NOW, reserved_at=NOW, **values
        )
        row.attempts = 3
        world.session.add(row)
        world.session.flush()
        assert (messages.unwell_channels(*told) == {"email"}) is (number == 2)
    row.state, row.handed_over_at = "handed_over", world.now
    world.session.flush()
    assert messages.unwell_channels(*told) == frozenset()


class TestOwnPage:
    """The link to the customer's own page is put in when the message is handed over."""

    def test_the_outbox_does_not_hold_it(self, world: World) -> None:
        (message,) = plan(world)
        assert message.extra[PREFERENCES] == "https://care.example/p/"
        letter = unsealed(world.session, message, outgoing(message, "Hirondelle"))
        customer = world.session.get_one(CustomerRow, message.customer_key)
        token = token_of(world.session, customer, message.reserved_at)
        assert f"https://care.example/p/{token}" in letter.body
        assert token not in (message.body or "")
        assert PREFERENCES not in letter.extra
        assert unsealed(world.session, message, outgoing(message, "Hirondelle")) == letter

    def test_it_opens_his_page_for_a_year_and_nobody_elses(self, world: World) -> None:
        customer = world.customer("C1")
        token = token_of(world.session, customer, NOW)
        year = timedelta(days=365)
        assert customer_of(world.session, token, year, NOW + timedelta(days=364)) is customer
        assert customer_of(world.session, token, year, NOW + timedelta(days=366)) is None
        assert customer_of(world.session, token[:-2] + "xx", year, NOW) is None
        assert customer_of(world.session, "x" * 5000, year, NOW) is None

    def test_the_number_of_who_was_erased_opens_nothing_of_another(self, world: World) -> None:
        customer = world.customer("C1")
        token = token_of(world.session, customer, NOW)
        customer.customer_id = "another"
        world.session.flush()
        assert customer_of(world.session, token, timedelta(days=9), NOW) is None


class TestLearned:
    """Counts of answers, kept by `learn`, told to the decision."""

    def answered(self, world: World, count: int, replies: int, channel: str = "sms") -> None:
        """Messages of another customer, some of them answered."""
        at = NOW - timedelta(days=20)
        for number in range(count):
            one = case(world)
            told = messages.Reservation(
                key=f"{one.id}:learn:{channel}:{number}", case_id=one.id, customer_key=world.customer("C2").id,
                channel=channel, address="x", template="t", language="fr", subject="", body="b", send_after=at,
            )  # fmt: skip
            row = messages.reserve(world.session, world.brand.id, told, at)
            assert row is not None
            row.state, row.handed_over_at = "handed_over", at
            if number < replies:
                cases.add_event(world.session, one, "message_replied", at + timedelta(hours=5), message=row.message_id)
        world.session.flush()

    @pytest.fixture
    def learned(self, world: World) -> World:
        world.know(person("C2", "Paul", "Riou", segment="gold"))
        self.answered(world, 40, 30, "sms")
        self.answered(world, 40, 4, "email")
        return world

    def test_what_is_answered_is_counted_by_segment_and_in_all(self, learned: World) -> None:
        looked_at, rows = learn_habits(learned.session, learned.brand.id, NOW)
        assert (looked_at, rows) == (80, 4)
        found = {(row.subject, row.channel): row for row in learned.session.scalars(select(AppetenceRow))}
        sms = found["segment:gold", "sms"]
        assert sms.answered / sms.tried == pytest.approx(0.75)
        assert 30 < found["all", "email"].tried < 40  # faded by 20 days

    def test_twice_is_once(self, learned: World) -> None:
        learn_habits(learned.session, learned.brand.id, NOW)
        before = [(row.subject, row.channel, row.tried) for row in learned.session.scalars(select(AppetenceRow))]
        learn_habits(learned.session, learned.brand.id, NOW)
        assert [
            (row.subject, row.channel, row.tried) for row in learned.session.scalars(select(AppetenceRow))
        ] == before

    def test_who_objected_is_not_learned_from(self, learned: World) -> None:
        key = learned.customer("C2").id
        learned.session.add(ObjectionRow(brand_id=learned.brand.id, customer_key=key, topic="profiling", at=NOW))
        learned.session.flush()
        assert learn_habits(learned.session, learned.brand.id, NOW) == (0, 0)

    def test_the_decision_is_told_and_says_why(self, learned: World) -> None:
        learn_habits(learned.session, learned.brand.id, NOW)
        known = recipient_of(learned.session, learned.brand.id, learned.customer("C1").id, NOW, learn=True)
        assert known.learned[0].channel == "sms"
        assert known.learned[0].why == "learned: answers sms 0 of 0 times; all 75 %"
        last = plan(learned)[-1]
        assert last.channel == "sms"
        assert last.decision["reasons"][0].startswith("learned: answers sms")

    def test_who_objected_is_decided_without(self, learned: World) -> None:
        learn_habits(learned.session, learned.brand.id, NOW)
        key = learned.customer("C1").id
        learned.session.add(ObjectionRow(brand_id=learned.brand.id, customer_key=key, topic="profiling", at=NOW))
        learned.session.flush()
        assert recipient_of(learned.session, learned.brand.id, key, NOW, learn=True).learned == ()
        assert plan(learned)[-1].channel == "email"

    def test_a_young_message_is_counted_when_72_hours_are_over(self, learned: World) -> None:
        fresh = Trial("sms", NOW - timedelta(hours=71))
        assert tally([fresh], NOW) == {}
        assert tally([replace(fresh, answered_at=NOW - timedelta(hours=1))], NOW)["sms"].answered > 0.98
        assert tally([fresh], NOW + timedelta(hours=1))["sms"].answered == 0
        (_, old), *_ = appetence.trials(learned.session, learned.brand.id, NOW)
        assert old.answered


def test_a_proven_account_is_an_address_where_a_channel_carries_it(world: World) -> None:
    customer = world.customer("C1")
    proven = {
        "brand_id": world.brand.id,
        "customer_key": customer.id,
        "proof": "authenticated",
        "how": "claim",
        "at": NOW,
    }
    world.session.add(IdentityRow(network="email", account_id="acct-1", expires_at=NOW + timedelta(days=1), **proven))
    world.session.add(IdentityRow(network="nowhere", account_id="acct-2", **proven))
    world.session.flush()
    held = {point.address for point in recipient_of(world.session, world.brand.id, customer.id, NOW).contact_points}
    assert "acct-1" in held
    assert "acct-2" not in held
    later = recipient_of(world.session, world.brand.id, customer.id, NOW + timedelta(days=2))
    assert "acct-1" not in {point.address for point in later.contact_points}


def test_the_brands_app_is_a_channel_where_the_customer_file_names_him_there(world: World) -> None:
    customer = world.customer("C1")
    customer.attributes = {"app_user": "u-17"}
    world.session.flush()
    told = recipient_of(world.session, world.brand.id, customer.id, NOW, "app_user")
    assert [(point.channel, point.address) for point in told.contact_points][-2:] == [
        ("in_app", "u-17"),
        ("push", "u-17"),
    ]
