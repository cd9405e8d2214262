"""Receipts in any order, any number of times, early or late, give one final state that never goes back."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.message import MessageState, Receipt
from routing.channels.base import Heard, Reply
from routing.receipts import Taken, take, take_waiting
from storage import messages
from storage.brands import ensure_brands
from storage.database import Database
from storage.receipts import RANK
from storage.tables import CaseEventRow, CaseRow, CustomerRow, InteractionRow, MessageRow, NoteRow, ReceiptRow
from tests.conftest import NOW
from tests.fakes.outbox import BRAND, fill
from tests.unit.samples import undone

NUMBER = "+33612340000"
STATES = st.sampled_from(["handed_over", "failed", "delivered", "read"])


@pytest.fixture
def message(session: Session) -> MessageRow:
    """A text message that was handed over; its provider calls it p1."""
    return sent(session)


def sent(session: Session, state: str = "handed_over", provider_id: str | None = "p1") -> MessageRow:
    (row,) = fill(session, 1, NOW, "sms")
    row.state, row.via, row.provider_id = state, "twilio", provider_id
    row.handing_over_at = NOW
    row.handed_over_at = NOW if state == "handed_over" else None
    row.lease_owner = row.lease_until = None
    session.flush()
    return row


def receipt(state: str, number: int = 1, **more: str) -> Receipt:
    return Receipt(f"{number}:{state}", MessageState(state), NOW + timedelta(minutes=number), "p1", **more)


def hear(session: Session, *heard: Receipt | Reply, at: datetime = NOW) -> Taken:
    told = Taken()
    for one in heard:
        words = Heard((one,)) if isinstance(one, Receipt) else Heard((), (one,))
        told += take(session, [BRAND], "twilio", "sms", words, at)
    session.flush()
    return told


def state(session: Session, row: MessageRow) -> str:
    session.expire_all()
    return session.get_one(MessageRow, row.id).state


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(CaseEventRow.kind).order_by(CaseEventRow.id)))


@settings(max_examples=40, deadline=None)
@given(said=st.lists(STATES, min_size=1, max_size=6), order=st.randoms(), early=st.integers(0, 6), data=st.data())
def test_every_order_and_repetition_gives_the_same_final_state(
    shared_sqlite: Database, said: list[str], order, early: int, data: st.DataObject
):
    words = [receipt(one, number) for number, one in enumerate(said)]
    shuffled = [*words, *data.draw(st.lists(st.sampled_from(words), max_size=4))]
    order.shuffle(shuffled)
    with undone(shared_sqlite) as session:
        row = sent(session, "handing_over", None)
        seen: list[int] = []
        for place, word in enumerate(shuffled):
            if place == early:
                answered(session, row)
            hear(session, word)
            seen.append(RANK.get(MessageState(state(session, row)), 0))
        if early >= len(shuffled):
            answered(session, row)
        take_waiting(session, NOW)
        best = max(said, key=lambda one: RANK[MessageState(one)])
        assert state(session, row) == best
        assert seen == sorted(seen), "the state went back"
        assert len(session.scalars(select(ReceiptRow)).all()) == len(words)


def answered(session: Session, row: MessageRow) -> None:
    """The provider's answer to the request is committed: from now on its name for the message is known."""
    row = session.get_one(MessageRow, row.id, populate_existing=True)
    assert messages.mark(session, row, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW, "provider_id": "p1"})


@pytest.fixture(scope="module")
def shared_sqlite(tmp_path_factory: pytest.TempPathFactory):
    opened = Database(f"sqlite:///{tmp_path_factory.mktemp('receipts') / 'vigie.db'}")
    opened.upgrade()
    yield opened
    opened.close()


def test_accepted_is_not_delivered(session: Session, message: MessageRow):
    hear(session, receipt("handed_over"))
    assert state(session, message) == "handed_over"


def test_read_without_delivered_is_read(session: Session, message: MessageRow):
    hear(session, receipt("read"), receipt("delivered", 2))
    assert state(session, message) == "read"


def test_a_word_of_a_message_nobody_knows_waits_for_it(session: Session):
    row = sent(session, "handing_over", None)
    assert hear(session, receipt("delivered")) == Taken(early=1)
    answered(session, row)
    assert take_waiting(session, NOW) == 1
    assert state(session, row) == "delivered"
    assert take_waiting(session, NOW) == 0


def test_our_own_id_in_a_receipt_settles_what_was_unconfirmed(session: Session):
    row = sent(session, "unconfirmed", None)
    hear(session, receipt("handed_over", message_id=row.message_id))
    assert state(session, row) == "handed_over"
    row = session.get_one(MessageRow, row.id)
    assert (row.provider_id, row.handed_over_at) == ("p1", NOW)


def test_what_waits_and_was_delivered_after_all_does_not_go_again(session: Session):
    row = sent(session, "reserved", None)
    hear(session, receipt("delivered", message_id=row.message_id))
    assert messages.due(session, NOW + timedelta(days=1), 10, 60) == []
    assert session.get_one(CaseRow, row.case_id).first_answer_at is not None


def test_another_provider_says_nothing_of_it(session: Session, message: MessageRow):
    take(session, [BRAND], "vonage", "sms", Heard((receipt("failed", message_id=message.message_id),)), NOW)
    assert state(session, message) == "handed_over"


def test_a_failure_asks_a_person_and_the_case_is_our_turn(session: Session, message: MessageRow):
    case = session.get_one(CaseRow, message.case_id)
    case.state = "waiting_customer"
    hear(session, receipt("failed", code="30003"))
    session.expire_all()
    assert (state(session, message), case.state, case.contact_state) == ("failed", "waiting_us", "person")
    assert "30003" in (session.get_one(MessageRow, message.id).reason or "")


@pytest.mark.parametrize("suppress", ["stop", "hard_bounce"])
def test_an_opted_out_or_dead_number_is_written_to_no_more(session: Session, message: MessageRow, suppress: str):
    hear(session, receipt("failed", suppress=suppress))
    assert messages.suppression(session, BRAND, "sms", NUMBER) == suppress


def test_an_answer_counts_once_and_is_kept_where_agents_see_it(session: Session, message: MessageRow):
    reply = Reply("SM9", NUMBER, "Toujours rien reçu\x00", NOW + timedelta(hours=1))
    assert hear(session, reply, reply, at=NOW + timedelta(hours=1)) == Taken(replies=1, repeated=1)
    (row,) = session.scalars(select(InteractionRow))
    assert (row.channel, row.direction, row.text, row.case_ref) == (
        "sms",
        "in",
        "Toujours rien reçu",
        str(message.case_id),
    )
    assert state(session, message) == "replied"
    assert kinds(session).count("customer_answered") == 1
    assert messages.suppression(session, BRAND, "sms", NUMBER) is None


@pytest.mark.parametrize("text", ["STOP", " Arrêt ! ", "Ne m'écrivez plus"])
def test_stop_is_followed(session: Session, message: MessageRow, text: str):
    hear(session, Reply("SM9", NUMBER, text, NOW))
    assert messages.suppression(session, BRAND, "sms", NUMBER) == "stop"
    assert "stop_recorded" in kinds(session)


def test_the_providers_own_stop_is_followed_whatever_the_words(session: Session, message: MessageRow):
    hear(session, Reply("SM9", NUMBER, "END", NOW, stop=True))
    assert messages.suppression(session, BRAND, "sms", NUMBER) == "stop"


def test_an_answer_names_its_message_where_there_are_several(session: Session, message: MessageRow):
    (second,) = fill(session, 1, NOW, "sms", first=9)
    second.state, second.via, second.provider_id, second.address = "handed_over", "twilio", "p2", NUMBER
    second.handing_over_at = second.handed_over_at = NOW + timedelta(hours=1)
    session.flush()
    hear(session, Reply("SM9", NUMBER, "oui", NOW, answers="p1"))
    assert (state(session, message), state(session, second)) == ("replied", "handed_over")
    hear(session, Reply("SM10", NUMBER, "et encore", NOW))
    assert state(session, second) == "replied"


def test_words_about_a_case_without_a_customer_are_a_note(session: Session, message: MessageRow):
    message.customer_key = None
    session.flush()
    hear(session, Reply("SM9", NUMBER, "bonjour", NOW))
    assert [note.text for note in session.scalars(select(NoteRow))] == ["bonjour"]


def test_words_from_a_number_we_never_wrote_to(session: Session):
    ensure_brands(session, [Brand(id=BRAND)], NOW)
    session.flush()
    hear(session, Reply("SM9", "+33699999999", "STOP", NOW))
    assert messages.suppression(session, BRAND, "sms", "+33699999999") == "stop"
    assert session.scalars(select(InteractionRow)).all() == []


def test_the_answer_of_an_erased_customer_is_nobodys(session: Session, message: MessageRow):
    session.execute(update(MessageRow).values(address=None, customer_key=None, body=None))
    hear(session, Reply("SM9", NUMBER, "bonjour", NOW))
    assert session.scalars(select(InteractionRow)).all() == []
    assert session.scalars(select(CustomerRow)).all() != []
    assert [row.raw for row in session.scalars(select(ReceiptRow))] == [{}]
