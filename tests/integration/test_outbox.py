"""The outbox keeps its promises: handed over at most once, nothing lost, nobody against their will."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import MessageState, OutgoingMessage, Receipt
from routing.channels.base import (
    AddressRefused,
    Carriers,
    Channel,
    Handed,
    Heard,
    OptedOut,
    Unanswered,
    Unavailable,
)
from routing.channels.email import EmailChannel, EmailOptions
from routing.channels.folder import FolderChannel, FolderOptions
from routing.outbox import Backoff, Cancel, Delivered, Hold, deliver, sweep
from routing.receipts import take
from storage import messages, switches
from storage.cases import cancel_reserved
from storage.claims import release_dead
from storage.database import Database
from storage.listening import listener_states
from storage.tables import CaseEventRow, CaseRow, InteractionRow, MessageRow, SuppressionRow
from tests.fakes.outbox import BRAND, fill
from tests.fakes.smtp import DROP, KEEP_AND_DROP, STALL, FakeSmtp

Answer = Handed | Exception


@dataclass
class Scripted(Channel):
    """A channel that answers as told, and fails before or in its last step."""

    name: ClassVar[str] = "scripted"

    before: list[Exception] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    handed: list[str] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    found: bool | None = None

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator["_Scripted"]:
        if self.before:
            raise self.before.pop(0)
        yield _Scripted(self, message)

    def lookup(self, message_id: str) -> bool | None:
        return self.found


@dataclass
class _Scripted:
    channel: Scripted
    message: OutgoingMessage

    def hand_over(self) -> Handed:
        self.channel.during()
        answer = self.channel.answers.pop(0) if self.channel.answers else Handed("p1")
        if isinstance(answer, Exception):
            raise answer
        self.channel.handed.append(self.message.id)
        return answer


@dataclass
class Clock:
    """Time that moves when told."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **span: float) -> None:
        self.at += timedelta(**span)


def allow(session: Session, message: MessageRow) -> None:
    """Nothing against it."""


both = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database_kind() -> str:
    """What is about the outbox alone runs on one kind; what is about the database is marked `both`."""
    return "sqlite"


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def outbox(database: Database, clock: Clock) -> Callable[..., Delivered]:
    """Deliver with the defaults of these tests."""

    def run(channel: Channel, **options: object) -> Delivered:
        arguments = {"recheck": allow, "now": clock, "max_attempts": 3, "batch": 7, **options}
        return deliver(database, Carriers({"email": channel}), **arguments)  # type: ignore[arg-type]

    return run


@pytest.fixture
def filled(database: Database, clock: Clock) -> Callable[..., None]:
    def put(count: int = 1, first: int = 0) -> None:
        with database.begin() as session:
            fill(session, count, clock(), first=first)

    return put


def states(database: Database) -> Counter[str]:
    with database.read() as session:
        return Counter(session.scalars(select(MessageRow.state)))


def only(database: Database) -> MessageRow:
    with database.read() as session:
        return session.scalars(select(MessageRow)).one()


def case(database: Database) -> CaseRow:
    with database.read() as session:
        return session.scalars(select(CaseRow)).one()


def events(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(CaseEventRow.kind).order_by(CaseEventRow.id)))


def smtp(server: FakeSmtp, **options: object) -> EmailChannel:
    settings = {"security": "none", "timeout_seconds": 5.0, **options}
    return EmailChannel(EmailOptions(server.host, "care@acme.example", server.port, **settings))  # type: ignore[arg-type]


@both
def test_a_message_is_handed_over_and_its_case_waits_for_the_customer(database, outbox, filled, clock):
    filled()
    assert outbox(Scripted()) == Delivered(handed_over=1)
    message, told = only(database), case(database)
    assert (message.state, message.provider_id, message.via, message.attempts) == ("handed_over", "p1", "scripted", 1)
    assert (message.handed_over_at, message.lease_owner) == (clock(), None)
    assert (told.state, told.first_answer_at, told.contact_state) == ("waiting_customer", clock(), "planned")
    assert events(database) == ["message_reserved", "message_handing_over", "message_handed_over", "state"]
    assert outbox(Scripted()) == Delivered()


@both
def test_a_key_is_reserved_once_and_names_the_same_message_for_ever(database, filled, now):
    filled()
    with database.begin() as session:
        row = session.scalars(select(MessageRow)).one()
        wanted = messages.Reservation(
            row.key, row.case_id, None, "sms", "+33600000000", "delivery", "fr", "", "Bonjour", now
        )
        assert messages.reserve(session, BRAND, wanted, now) is None
        assert row.message_id == messages.message_name(BRAND, row.key)
    assert states(database) == {"reserved": 1}


def test_a_message_whose_time_has_not_come_waits(database, outbox, filled, clock):
    filled()
    clock.pass_(hours=-1)
    assert outbox(Scripted()) == Delivered()


@both
def test_no_transaction_is_open_while_the_provider_works(database, outbox, filled):
    filled()

    def write() -> None:
        with database.begin() as session:
            session.execute(update(CaseRow).values(priority=51))

    assert outbox(Scripted(during=write)).handed_over == 1


def test_handing_over_is_committed_before_the_provider_is_told(database, outbox, filled):
    filled()
    seen = []
    outbox(Scripted(during=lambda: seen.append(only(database).state)))
    assert seen == ["handing_over"]


@pytest.mark.parametrize("place", ["before", "answers"])
def test_a_refusal_for_now_is_tried_again_later_and_given_to_a_person_in_the_end(
    database, outbox, filled, clock, place
):
    filled()
    channel = Scripted(**{place: [Transient("busy", 7200), Transient("busy"), Transient("busy")]})
    assert outbox(channel) == Delivered(retried=1)
    assert (only(database).state, only(database).send_after) == ("reserved", clock() + timedelta(hours=2))
    clock.pass_(hours=2)
    assert outbox(channel) == Delivered(retried=1)
    assert only(database).send_after == clock() + timedelta(minutes=2)
    clock.pass_(minutes=2)
    assert outbox(channel) == Delivered(failed=1)
    assert (only(database).attempts, case(database).contact_state) == (3, "person")


def test_the_wait_doubles_and_never_exceeds_a_day():
    backoff = Backoff(60)
    waits = [backoff.after(attempts, None).total_seconds() for attempts in (1, 2, 3, 20)]
    assert waits == [60, 120, 240, 86_400]
    assert backoff.after(1, 10 * 365 * 86_400).total_seconds() == 86_400


@both
def test_a_hard_bounce_suppresses_the_address_and_asks_a_person(database, outbox, filled):
    filled()
    assert outbox(Scripted(answers=[AddressRefused("550")])) == Delivered(failed=1)
    with database.read() as session:
        assert messages.suppression(session, BRAND, "email", " ANA0@example.org") == "hard_bounce"
        assert messages.suppression(session, BRAND, "sms", "ana0@example.org") is None
        assert "ana0" not in str(session.scalars(select(SuppressionRow)).one().__dict__)
    assert case(database).contact_state == "person"


def test_a_refusal_for_good_that_is_not_the_address_suppresses_nothing(database, outbox, filled):
    filled()
    assert outbox(Scripted(answers=[Permanent("554")])) == Delivered(failed=1)
    with database.read() as session:
        assert messages.suppression(session, BRAND, "email", "ana0@example.org") is None


def test_what_nobody_knows_is_never_sent_again(database, outbox, filled, clock):
    filled()
    assert outbox(Scripted(answers=[Uncertain("lost")])) == Delivered(unconfirmed=1)
    clock.pass_(days=30)
    channel = Scripted()
    assert sweep(database, Carriers({"email": channel}), clock) == [only(database).message_id]
    assert outbox(channel) == Delivered()
    assert channel.handed == []


@both
def test_a_misconfigured_channel_stops_only_its_own_messages(database, filled, clock):
    filled(3)
    with database.begin() as session:
        fill(session, 2, clock(), "sms", first=3)
    broken, good = Scripted(before=[Misconfigured("no host")] * 5), Scripted()
    done = deliver(database, Carriers({"email": broken, "sms": good}), allow, clock)
    assert done == Delivered(handed_over=2, errors=("email: no host",))
    assert states(database) == {"reserved": 3, "handed_over": 2}
    assert len(broken.before) == 4
    with database.read() as session:
        kept = session.scalars(select(MessageRow).filter_by(state="reserved")).all()
        assert {(row.attempts, row.lease_owner) for row in kept} == {(0, None)}


def test_a_channel_that_is_nowhere_set_up_is_an_error_and_keeps_its_messages(database, filled, clock):
    filled()
    done = deliver(database, Carriers(), allow, clock)
    assert "email is not switched on" in done.errors[0]
    assert states(database) == {"reserved": 1}


def test_a_provider_that_is_down_costs_no_message_an_attempt(database, outbox, filled, clock):
    filled(3)
    channel = Scripted(before=[Unavailable("down")])
    assert outbox(channel) == Delivered(retried=1, errors=("email: down",))
    clock.pass_(minutes=1)
    assert outbox(channel) == Delivered(handed_over=3)


def test_consent_withdrawn_after_reserving_cancels(database, outbox, filled):
    filled()
    channel = Scripted()
    assert outbox(channel, recheck=lambda session, message: Cancel("objection")) == Delivered(cancelled=1)
    assert (only(database).reason, case(database).contact_state, channel.handed) == ("objection", "never", [])


@both
def test_consent_withdrawn_while_the_provider_is_engaged_cancels(database, outbox, filled):
    filled()
    asked: list[int] = []

    def recheck(session: Session, message: MessageRow) -> Cancel | None:
        asked.append(message.id)
        return Cancel("STOP") if len(asked) == 2 else None

    channel = Scripted()
    assert outbox(channel, recheck=recheck) == Delivered(cancelled=1)
    assert channel.handed == []


def test_quiet_hours_hold_a_message_and_it_is_decided_again(database, outbox, filled, clock):
    filled()
    morning = clock() + timedelta(hours=10)
    assert outbox(Scripted(), recheck=lambda session, message: Hold("quiet hours", morning)) == Delivered(held=1)
    assert (only(database).state, only(database).send_after) == ("reserved", morning)
    assert outbox(Scripted()) == Delivered()
    clock.pass_(hours=10)
    assert outbox(Scripted()) == Delivered(handed_over=1)
    assert only(database).attempts == 1


def test_a_message_whose_words_were_erased_does_not_go(database, outbox, filled):
    filled()
    with database.begin() as session:
        session.execute(update(MessageRow).values(address=None, body=None))
    assert outbox(Scripted()) == Delivered(cancelled=1)


@both
def test_a_case_cancelled_in_between_is_left_alone(database, outbox, filled):
    filled()

    def recheck(session: Session, message: MessageRow) -> None:
        assert message.state == "reserved"

    with database.begin() as session:
        row = session.scalars(select(MessageRow)).one()
        messages.mark(session, row, MessageState.CANCELLED, row.reserved_at, reason="case merged")
    assert outbox(Scripted(), recheck=recheck) == Delivered()


def test_an_unexpected_error_before_handing_over_frees_the_rest_and_counts_an_attempt(database, outbox, filled):
    filled(3)
    with pytest.raises(ZeroDivisionError):
        outbox(Scripted(before=[ZeroDivisionError()]))
    with database.read() as session:
        rows = session.scalars(select(MessageRow).order_by(MessageRow.id)).all()
    assert [(row.state, row.attempts, row.lease_owner) for row in rows] == [
        ("reserved", 1, None),
        ("reserved", 0, None),
        ("reserved", 0, None),
    ]


def test_an_unexpected_error_while_handing_over_leaves_it_to_a_person(database, outbox, filled):
    filled()
    with pytest.raises(ZeroDivisionError):
        outbox(Scripted(answers=[ZeroDivisionError()]))
    assert states(database) == {"unconfirmed": 1}


@both
def test_an_answer_that_comes_after_the_lease_was_taken_is_believed(database, outbox, filled, clock):
    filled()

    def overtake() -> None:
        clock.pass_(hours=1)
        assert sweep(database, Carriers(), clock) != []

    assert outbox(Scripted(during=overtake)).handed_over == 1
    assert states(database) == {"handed_over": 1}


@both
def test_a_person_who_was_too_quick_cannot_make_it_go_out_twice(database, outbox, filled, clock):
    filled()

    def overtake() -> None:
        clock.pass_(hours=1)
        (message_id,) = sweep(database, Carriers(), clock)
        with database.begin() as session:
            assert messages.resolve_unconfirmed(session, message_id, False, "eve", clock())

    channel = Scripted(during=overtake)
    outbox(channel)
    channel.during = lambda: None
    outbox(channel)
    assert len(channel.handed) == 1
    assert only(database).reason == "was handed over after all"


@both
def test_who_saw_an_older_state_changes_nothing(database, filled, clock):
    filled()
    with database.begin() as session:
        (seen,) = messages.due(session, clock(), 1, 120)
    with database.begin() as session:
        cancel_reserved(session, seen.case_id, "case merged")
    with database.begin() as session:
        assert not messages.renew(session, seen, clock())
        assert not messages.mark(session, seen, MessageState.HANDING_OVER, clock(), {"handing_over_at": clock()})
    assert states(database) == {"cancelled": 1}


@both
def test_who_held_an_older_lease_changes_nothing(database, filled, clock):
    filled()
    with database.begin() as session:
        (first,) = messages.due(session, clock(), 1, 120)
    clock.pass_(seconds=121)
    with database.begin() as session:
        (second,) = messages.due(session, clock(), 1, 120)
    with database.begin() as session:
        assert not messages.renew(session, first, clock())
        assert not messages.give_back(session, first)
        assert not messages.put_back(session, first, clock(), "late", clock(), tried=True)
        assert not messages.mark(session, first, MessageState.CANCELLED, clock())
        assert messages.give_back(session, second)
    assert states(database) == {"reserved": 1}


def test_a_step_that_the_life_of_a_message_does_not_have_is_a_mistake(database, outbox, filled, clock):
    filled()
    outbox(Scripted())
    with database.begin() as session, pytest.raises(ValueError, match="handed_over to reserved"):
        messages.mark(session, session.scalars(select(MessageRow)).one(), MessageState.RESERVED, clock())


@both
def test_a_lease_that_ran_out_before_the_commit_loses_the_message(database, outbox, filled, clock):
    filled()
    stolen = Scripted()

    def recheck(session: Session, message: MessageRow) -> None:
        session.execute(update(MessageRow).values(lease_owner="elsewhere:1:0.00"))

    assert outbox(stolen, recheck=recheck) == Delivered(lost=1)
    assert stolen.handed == []


@both
@pytest.mark.parametrize(("was_sent", "state"), [(True, "handed_over"), (False, "reserved")])
def test_a_person_settles_what_is_unconfirmed_once(database, outbox, filled, clock, was_sent, state):
    filled()
    outbox(Scripted(answers=[Uncertain("lost")]))
    message_id = only(database).message_id
    with database.begin() as session:
        assert messages.resolve_unconfirmed(session, message_id, was_sent, "eve@acme.example", clock())
        assert not messages.resolve_unconfirmed(session, message_id, not was_sent, "bob@acme.example", clock())
    assert states(database) == {state: 1}
    with database.read() as session:
        told = session.scalars(select(CaseEventRow).filter_by(kind=f"message_{state}", actor="eve@acme.example"))
        assert len(told.all()) == 1


def strand(database: Database, via: str, clock: Clock) -> None:
    """Leave the only message as a process does that dies while handing over."""
    with database.begin() as session:
        session.execute(
            update(MessageRow).values(
                state="handing_over", handing_over_at=clock(), via=via, lease_owner=None, lease_until=None
            )
        )


@both
@pytest.mark.parametrize(
    ("found", "idempotent", "state"),
    [
        (True, False, "handed_over"),
        (None, False, "unconfirmed"),
        (False, False, "unconfirmed"),
        (False, True, "reserved"),
    ],
)
def test_what_a_dead_process_left_is_settled_only_by_proof(
    database, filled, clock, monkeypatch, found, idempotent, state
):
    filled()
    strand(database, "scripted", clock)
    monkeypatch.setattr(Scripted, "idempotent", idempotent)
    left = sweep(database, Carriers({"email": Scripted(found=found)}), clock)
    assert states(database) == {state: 1}
    assert len(left) == (state == "unconfirmed")
    assert "message_unconfirmed" in events(database)


def test_a_living_process_keeps_what_it_is_handing_over(database, outbox, filled, clock):
    filled()
    assert outbox(Scripted(during=lambda: sweep(database, Carriers(), clock) and None)).handed_over == 1
    assert "message_unconfirmed" not in events(database)


@both
def test_history_counts_what_went_out_what_may_have_and_what_waits(database, outbox, filled, clock):
    filled()
    with database.begin() as session:
        key = session.scalars(select(MessageRow.customer_key)).one()
        for number, age in ((1, 5), (2, 50)):
            at = clock() - timedelta(days=age)
            session.add(
                InteractionRow(
                    brand_id=BRAND,
                    interaction_id=str(number),
                    customer_id="C0",
                    channel="phone",
                    direction="in",
                    at=at,
                    row_hash="",
                )
            )
    since = clock() - timedelta(days=30)
    with database.read() as session:
        past = messages.history(session, BRAND, key, since)
    assert [(item.channel, item.direction, item.status, item.proactive) for item in past] == [
        ("phone", "in", "delivered", False),
        ("email", "out", "reserved", True),
    ]
    outbox(Scripted(answers=[Permanent("no")]))
    with database.read() as session:
        assert [item.channel for item in messages.history(session, BRAND, key, since)] == ["phone"]


@both
def test_two_workers_hand_each_message_over_once(database, filled, clock):
    filled(40)
    channel = Scripted()
    done: list[Delivered] = []

    def work() -> None:
        done.append(deliver(database, Carriers({"email": channel}), allow, clock, batch=3))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sum(part.handed_over for part in done) == 40
    assert Counter(channel.handed).most_common(1)[0][1] == 1
    assert states(database) == {"handed_over": 40}


def test_shadow_mode_writes_every_channel_into_the_folder(database, filled, clock, tmp_path: Path):
    filled(2)
    with database.begin() as session:
        fill(session, 1, clock(), "sms", first=2)
    folder = FolderChannel(FolderOptions(tmp_path / "out"))
    assert deliver(database, Carriers(shadow=folder), allow, clock).handed_over == 3
    names = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert names == [".eml", ".eml", ".txt"]


def test_the_folder_proves_what_arrived_before_a_crash(database, filled, clock, tmp_path: Path):
    filled()
    folder = FolderChannel(FolderOptions(tmp_path / "out"))
    carriers = Carriers(shadow=folder)
    deliver(database, carriers, allow, clock)
    (written,) = (tmp_path / "out").iterdir()
    content = written.read_bytes()
    strand(database, "folder", clock)
    assert sweep(database, carriers, clock) == []
    assert states(database) == {"handed_over": 1}
    written.unlink()
    strand(database, "folder", clock)
    assert sweep(database, carriers, clock) == []
    assert deliver(database, carriers, allow, clock).handed_over == 1
    assert written.read_bytes() == content


# Over real SMTP: what the server does, then what becomes of the message (C3.29).
FAULTS = [
    ({}, "handed_over", 1),
    ({"rcpt": ["421 4.3.2 closing"]}, "reserved", 0),
    ({"rcpt": ["450 4.2.0 busy"]}, "reserved", 0),
    ({"rcpt": ["550 5.1.1 <ana0@example.org> unknown"]}, "failed", 0),
    ({"rcpt": ["554 5.7.1 no"]}, "failed", 0),
    ({"rcpt": [STALL]}, "reserved", 0),
    ({"rcpt": [DROP]}, "reserved", 0),
    ({"mail": ["451 4.3.0 later"]}, "reserved", 0),
    ({"mail": ["550 5.7.1 not your address"]}, "reserved", 0),
    ({"data": ["421 4.3.2 closing"]}, "reserved", 0),
    ({"data": ["554 5.5.1 no"]}, "failed", 0),
    ({"data": [STALL]}, "reserved", 0),
    ({"data": [DROP]}, "reserved", 0),
    ({"dot": ["451 4.3.0 later"]}, "reserved", 0),
    ({"dot": ["554 5.6.0 no"]}, "failed", 0),
    ({"dot": [KEEP_AND_DROP]}, "unconfirmed", 1),
    ({"dot": [DROP]}, "unconfirmed", 0),
    ({"dot": [STALL]}, "unconfirmed", 0),
    ({"ehlo": ["421 4.3.2 closing"]}, "reserved", 0),
    ({"ehlo": [DROP]}, "reserved", 0),
]


@pytest.mark.parametrize(("faults", "state", "taken"), FAULTS, ids=lambda value: str(value))
def test_each_fault_of_a_mail_server_ends_as_it_should(database, outbox, filled, faults, state, taken):
    filled()
    with FakeSmtp(faults) as server:
        outbox(smtp(server, timeout_seconds=0.2 if STALL in str(faults) else 5.0))
        assert len(server.taken) == taken
    message = only(database)
    assert message.state == state
    assert "ana0" not in (message.reason or "")
    suppressed = "5.1.1" in str(faults)
    with database.read() as session:
        assert (session.scalar(select(func.count(SuppressionRow.id))) == 1) == suppressed


@both
@pytest.mark.parametrize("name", ["email", "all"])
def test_a_channel_that_is_shut_keeps_its_messages_and_goes_on_when_it_is_opened(database, outbox, filled, clock, name):
    filled(3)
    with database.begin() as session:
        assert switches.shut_channel(session, BRAND, name, "wrong text", "ana", clock())
        assert not switches.shut_channel(session, BRAND, name, "again", "ana", clock())
    channel = Scripted()
    assert outbox(channel) == Delivered()
    assert states(database) == {"reserved": 3}
    with database.begin() as session:
        assert switches.open_channel(session, BRAND, name, "mended", "ana", clock())
    assert outbox(channel).handed_over == 3


@both
def test_a_channel_that_is_shut_while_the_provider_is_engaged_hands_nothing_over(database, outbox, filled, clock):
    filled(2)

    class Slow(Scripted):
        @contextmanager
        def stage(self, message: OutgoingMessage) -> Iterator["_Scripted"]:
            with database.begin() as session:
                switches.shut_channel(session, BRAND, "email", "wrong text", "ana", clock())
            yield _Scripted(self, message)

    channel = Slow()
    assert outbox(channel) == Delivered(held=2)
    assert channel.handed == []
    assert "message_postponed" not in events(database)


def test_another_channel_or_brand_is_not_shut_with_it(database, outbox, filled, clock):
    filled()
    with database.begin() as session:
        switches.shut_channel(session, BRAND, "sms", "x", "ana", clock())
    assert outbox(Scripted()).handed_over == 1


def test_what_comes_too_late_does_not_go(database, outbox, filled, clock):
    filled()
    with database.begin() as session:
        session.execute(update(MessageRow).values(expires_at=clock() + timedelta(hours=1)))
    clock.pass_(hours=1)
    assert outbox(Scripted()) == Delivered(cancelled=1)
    assert case(database).contact_state == "person"
    assert "no sense" in str(only(database).reason)


def test_an_idempotent_provider_is_asked_again_and_a_person_looks_in_the_end(database, outbox, filled, clock):
    filled()
    channel = Scripted(answers=[Unanswered("silence")] * 3)
    for _ in range(2):
        assert outbox(channel) == Delivered(retried=1)
        clock.pass_(hours=1)
    assert outbox(channel) == Delivered(unconfirmed=1)


def test_a_provider_that_asks_to_wait_costs_no_message_an_attempt(database, outbox, filled, clock):
    filled(3)
    channel = Scripted(answers=[Unavailable("wait", 120)])
    done = outbox(channel)
    assert (done.handed_over, done.retried, len(done.errors)) == (0, 1, 1)
    with database.read() as session:
        assert set(session.scalars(select(MessageRow.attempts))) == {0}
    clock.pass_(seconds=121)
    assert outbox(channel).handed_over == 3


@both
def test_a_provider_that_is_dead_is_sick_until_it_takes_a_message(database, outbox, filled, clock):
    def sick() -> frozenset[str]:
        with database.read() as session:
            return messages.unwell_channels(session, BRAND, clock())

    filled(3)
    found = []
    for _ in range(3):
        outbox(Scripted(before=[Unavailable("dead")]))
        found.append(sick())
        clock.pass_(minutes=2)
    assert found == [frozenset(), frozenset(), {"email"}]
    with database.read() as session:
        assert set(session.scalars(select(MessageRow.attempts))) == {0}
        assert listener_states(session, BRAND) == []
    assert outbox(Scripted()).handed_over == 3
    assert sick() == frozenset()
    filled(1, first=3)
    outbox(Scripted(before=[Unavailable("dead")]))
    assert sick() == frozenset(), "counted anew"


def test_what_nobody_tried_for_long_is_not_sick_for_ever(database, outbox, filled, clock):
    filled()
    for _ in range(3):
        outbox(Scripted(before=[Unavailable("dead")]))
        clock.pass_(minutes=2)
    clock.pass_(hours=1)
    with database.read() as session:
        assert messages.unwell_channels(session, BRAND, clock()) == frozenset()


def test_who_told_the_provider_to_stop_is_suppressed_as_one_who_said_stop(database, outbox, filled):
    filled()
    outbox(Scripted(answers=[OptedOut("no")]))
    with database.read() as session:
        assert session.scalars(select(SuppressionRow.reason)).one() == "stop"


@pytest.mark.parametrize(("hours", "open_"), [(None, False), (23, True), (23.95, False), (25, False)])
def test_a_channel_with_a_window_learns_whether_it_is_open(database, outbox, filled, clock, monkeypatch, hours, open_):
    filled()
    seen = []
    if hours is not None:
        told = {"brand_id": BRAND, "interaction_id": "1", "customer_id": "C0", "channel": "email", "direction": "in"}
        with database.begin() as session:
            session.add(InteractionRow(**told, at=clock() - timedelta(hours=hours), row_hash=""))

    class Windowed(Scripted):
        window_hours: ClassVar[float | None] = 24.0

        @contextmanager
        def stage(self, message: OutgoingMessage) -> Iterator["_Scripted"]:
            seen.append(message.extra["window_open"])
            yield _Scripted(self, message)

    outbox(Windowed())
    assert seen == [open_]


def test_a_receipt_that_was_quicker_than_our_commit_is_taken_with_it(database, outbox, filled, clock):
    filled()

    def say() -> None:
        told = Heard((Receipt("e1", MessageState.DELIVERED, clock(), "p1"),))
        with database.begin() as session:
            take(session, [BRAND], "scripted", "email", told, clock())

    assert outbox(Scripted(during=say)).handed_over == 1
    assert states(database) == {"delivered": 1}


def test_greylisting_is_waited_out(database, outbox, filled, clock):
    filled()
    with FakeSmtp({"rcpt": ["450 4.7.1 greylisted"]}) as server:
        assert outbox(smtp(server)) == Delivered(retried=1)
        clock.pass_(minutes=5)
        assert outbox(smtp(server)) == Delivered(handed_over=1)
        assert len(server.taken) == 1


@both
def test_after_a_crash_the_lease_of_the_dead_is_given_back(database, outbox, filled, clock):
    filled()
    with database.begin() as session:
        (row,) = messages.due(session, clock(), 1, 120)
        dead = str(row.lease_owner).rsplit(":", 2)[0] + ":999999:1.00"
        session.execute(update(MessageRow).values(lease_owner=dead))
    assert outbox(Scripted()) == Delivered()
    with database.begin() as session:
        assert release_dead(session) == 1
    assert outbox(Scripted()) == Delivered(handed_over=1)
