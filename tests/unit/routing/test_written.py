"""Who said STOP and then writes himself by text message is answered there, in that case; nothing else opens again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.contact import ContactAction, Written
from domain.customer import Consent
from domain.message import MessageState
from domain.post import Author
from routing.care import decide_care
from routing.channels.base import Heard, Receipt, Reply
from routing.contact import situation_of
from routing.receipts import take
from routing.written import written_in
from storage import cases, messages
from storage.people import erase_customer
from storage.tables import CaseRow, MessageRow
from tests.matching.world import EMAIL, ORDER, PHONE, World, claire, who
from tests.unit.samples import NOW

REQUESTS = ["Bonjour, où en est mon colis ?", "D'accord, répondez-moi ici", "Hello, any news about my parcel?", "ok"]
NO_REQUESTS = [
    "STOP",
    "Je vous ai dit d'arrêter de m'écrire",
    "Please stop texting me",
    "Arrêtez de m'écrire si vous ne pouvez pas m'aider",
    "Stop texting me unless my parcel is here",
    "Stop! Vous vous trompez de personne",
    "",
    "🙄",
    "> Bonjour, votre colis est en route",
]
YES = tuple(Consent(channel, "service", "granted", NOW - timedelta(days=90)) for channel in ("sms", "whatsapp"))
Say = Callable[..., None]


@pytest.fixture
def world(session: Session) -> World:
    """A customer whose case we wrote about by text message, to whom nothing but that number leads."""
    found = World(session)
    found.know(claire(consents=YES, emails=()))
    found.order(ORDER, "C1")
    found.route(found.post(f"Commande {ORDER} toujours pas là", who("Claire Martin")))
    found.plan()
    row = sent(found)
    messages.mark(session, row, MessageState.HANDING_OVER, NOW, {"handing_over_at": NOW})
    messages.mark(session, row, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW, "via": "scripted"})
    return found


@pytest.fixture
def say(world: World) -> Say:
    """What she texts, a number of minutes after our message; it reaches us then, or at another minute."""

    def said(text: str, minute: int, *, heard: int | None = None, **facts: str) -> None:
        reply = Reply(f"e{minute}", PHONE, text, NOW + timedelta(minutes=minute), **facts)
        world.now = NOW + timedelta(minutes=minute if heard is None else heard)
        take(world.session, [world.brand.id], "scripted", sent(world).channel, Heard(replies=(reply,)), world.now)
        world.session.flush()

    return said


def sent(world: World) -> MessageRow:
    return world.session.scalars(select(MessageRow)).one()


def case(world: World) -> CaseRow:
    return world.cases()[0]


def action(world: World) -> ContactAction:
    return decide_care(world.session, case(world), world.app.care_rules(world.brand), world.now).action


def written(world: World) -> tuple[Written, ...]:
    return situation_of(world.session, case(world), world.app.contact_rules(world.brand), world.now).case.written


def test_a_stop_by_text_message_holds(world: World, say: Say) -> None:
    say("STOP", 10)
    assert action(world) is ContactAction.ASK_PERSON


@pytest.mark.parametrize("text", REQUESTS)
def test_who_writes_again_is_answered_where_he_wrote(world: World, say: Say, text: str) -> None:
    say("STOP", 10)
    say(text, 20)
    assert action(world) is ContactAction.SEND
    assert written(world) == (Written("sms", PHONE, NOW + timedelta(minutes=20)),)


@pytest.mark.parametrize("text", NO_REQUESTS)
def test_nothing_but_his_clear_words_opens_it(world: World, say: Say, text: str) -> None:
    say("STOP", 10)
    say(text, 20)
    assert action(world) is ContactAction.ASK_PERSON


def test_the_last_stop_counts(world: World, say: Say) -> None:
    say("Arrêtez de m'écrire", 10)
    say("Où est mon colis ?", 20)
    say("Arrêtez de m'écrire", 30)
    assert action(world) is ContactAction.ASK_PERSON
    say("Bon, où est-il ?", 40)
    assert action(world) is ContactAction.SEND


def test_words_from_before_the_stop_that_come_late_open_nothing(world: World, say: Say) -> None:
    say("STOP", 10)
    say("Où est mon colis ?", 5, heard=20)
    assert action(world) is ContactAction.ASK_PERSON


def test_what_the_provider_took_for_a_stop_is_no_request(world: World, say: Say) -> None:
    say("STOP", 10)
    say("Merci", 20, stop=True)  # type: ignore[arg-type]
    assert action(world) is ContactAction.ASK_PERSON


def test_it_opens_again_for_some_days_only(world: World, say: Say) -> None:
    say("STOP", 10)
    say("Où est mon colis ?", 20)
    world.now += timedelta(hours=73)
    assert action(world) is ContactAction.ASK_PERSON


def test_the_same_number_stays_shut_on_the_other_channel(world: World, say: Say) -> None:
    say("Ni SMS ni WhatsApp : ne m'envoyez plus de SMS, plus de WhatsApp", 10)
    messages.stop(world.session, world.brand.id, "whatsapp", PHONE, world.now)
    say("Où est mon colis ?", 20)
    assert {word.channel for word in written(world)} == {"sms"}


def test_another_case_of_his_stays_shut(world: World, say: Say) -> None:
    say("STOP", 10)
    say("Où est mon colis ?", 20)
    told = {column.key: getattr(case(world), column.key) for column in CaseRow.__table__.columns if column.key != "id"}
    other = CaseRow(**{**told, "subject": f"{told['subject']}:2"})
    world.session.add(other)
    world.session.flush()
    assert written_in(world.session, other, world.now) == ()


def test_a_merged_case_keeps_them(world: World, say: Say) -> None:
    say("STOP", 10)
    say("Où est mon colis ?", 20)
    before = case(world)
    world.route(world.post(f"Et la {ORDER} ?", who("Claire Martin", "a2")))
    for other in world.cases()[1:]:
        cases.merge(world.session, before, other, world.now, "test")
    assert [word.address for word in written(world)] == [PHONE]


def test_a_receipt_that_says_stop_once_more_shuts_nothing_that_he_opened(world: World, say: Say) -> None:
    message = sent(world)
    stopped = Receipt("r1", MessageState.FAILED, NOW, message_id=message.message_id, suppress="stop")
    take(world.session, [world.brand.id], "scripted", "sms", Heard(receipts=(stopped,)), world.now)
    say("Où est mon colis ?", 20)
    say("Alors ?", 30)
    assert action(world) is ContactAction.SEND


def test_a_program_that_answers_a_mail_opens_nothing(world: World) -> None:
    world.know(claire(consents=YES))
    messages.stop(world.session, world.brand.id, "email", EMAIL, world.now)
    absent = world.post("Je suis absente", Author(EMAIL), network="email", id="m1", attributes={"automatic": True})
    world.route(absent)
    for post_case in world.cases():
        told = written_in(world.session, post_case, world.now + timedelta(hours=1))
        assert not any(word.clear for word in told)


def test_erasure_leaves_no_address(world: World, say: Say) -> None:
    say("Où est mon colis ?", 20)
    before = case(world)
    erase_customer(world.session, world.brand.id, "C1", "test", world.now)
    assert written_in(world.session, before, world.now) == ()
