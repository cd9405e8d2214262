"""The contact simulation over the real outbox: SQLite, `plan_batch`, `last_word`, `deliver` and `sweep`, a faulty
carrier.

While a message is engaged the customer changes his mind, a second worker runs, or the process dies; a provider refuses,
stalls, or takes the message and does not say so.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from benchmarks._contact_checker import Checker
from benchmarks._contact_people import CHANNELS, POLICY, START, Person, Sent, complaint, happens, moments, people
from domain.brand import Brand
from domain.case import Severity
from domain.contact import CaseFacts, ContactPoint, NetworkPolicy, PastContact
from domain.errors import Permanent, Transient, Uncertain
from domain.evidence import Grade
from domain.message import OutgoingMessage
from models.intents import load_intents
from routing.channels.base import Carriers, Channel, Handed, Unavailable
from routing.contact import ContactRules, plan_batch
from routing.matching.certificate import CertificateRules
from routing.outbox import deliver, sweep
from routing.recheck import last_word
from routing.recipient import CHANNELS_OF
from storage import messages
from storage.brands import ensure_brands
from storage.database import Database
from storage.tables import (
    CaseRow,
    ConsentRow,
    ContactPointRow,
    CustomerRow,
    InteractionRow,
    MessageRow,
    ObjectionRow,
    PreferenceRow,
    QuietTimeRow,
)  # fmt: skip

BRAND = Brand(id="sim", name="Simulation")
KIND_OF = {channel: kind for kind, channels in CHANNELS_OF.items() for channel in channels}
RULES = ContactRules(
    POLICY,
    load_intents(),
    lambda name: NetworkPolicy(name, frozenset(Grade), frozenset(Grade)),
    CertificateRules(start="acting", start_reason="a simulation"),
)
# What the database drive takes of what may happen; marketing and mail are the memory's.
HERE = frozenset(
    {"consent", "stop", "objection", "move", "bounce", "verify", "share", "prefer", "quiet", "status", "call"}
)


class Died(BaseException):
    """The process is gone: nothing after it was done."""


def through_database(events: int, seed: int = 1) -> dict[str, Any]:
    """So many events, judged: what happened, and what was wrong."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        database = Database(f"sqlite:///{folder}/vigie.db")
        database.upgrade()
        drive = _Drive(database, random.Random(seed))
        begun = time.perf_counter()
        drive.run(events)
        database.close()
    return {
        "events": events,
        "customers": len(drive.people),
        "states": dict(drive.states),
        "messages that went": drive.checker.went,
        "wrong": dict(drive.checker.wrong),
        "seconds": round(time.perf_counter() - begun, 1),
    }


class _Drive:
    def __init__(self, database: Database, chance: random.Random) -> None:
        self.database, self.chance, self.now = database, chance, START
        self.checker, self.states = Checker(), Counter[str]()
        self.people: list[Person] = []
        self.cases: dict[int, tuple[Person, CaseFacts]] = {}
        self.carriers = Carriers({channel: _Faulty(self) for channel in CHANNELS})
        self.depth = 0

    def run(self, events: int) -> None:
        with self.database.begin() as session:
            ensure_brands(session, [BRAND], START)
            session.flush()
            self.people = people(max(20, events // 60), self.chance)
            for person in self.people:
                _enter(session, person)
        for now, what in moments(events, 45 + events / 200, self.chance):
            self.now = now
            person = self.chance.choice(self.people)
            if what in ("complaint", "write"):
                with self.database.begin() as session:
                    self._open(session, person)
            elif what == "work":
                self.work()
            elif what in HERE:
                self.change(person, what)
        with self.database.read() as session:
            self.states.update(session.scalars(select(MessageRow.state)))

    def change(self, person: Person, what: str) -> None:
        happens(what, person, self.now, self.chance)
        with self.database.begin() as session:
            _sync(session, person, self.now)

    def work(self) -> None:
        """One run of the flows `contact` and `follow_up`, which may die anywhere."""
        with self.database.begin() as session:
            plan_batch(session, BRAND, RULES, 50, self.now)
        sweep(self.database, self.carriers, lambda: self.now)
        with suppress(Died):
            deliver(self.database, self.carriers, self._recheck, lambda: self.now, batch=5, max_attempts=4)

    def _recheck(self, session: Session, message: MessageRow) -> Any:
        return last_word(session, BRAND, message, RULES, self.now)

    def _open(self, session: Session, person: Person) -> None:
        facts = replace(complaint(person, self.now, self.chance), purpose="service")
        row = CaseRow(
            brand_id=BRAND.id, subject=f"customer:{person.key + 1}", network=str(facts.network), thread=facts.id,
            customer_key=person.key + 1, grade=facts.grade, intent=facts.intent, severity=Severity(facts.severity),
            moment="delivery", language="fr", priority=50, team="care", opened_at=self.now, last_post_at=self.now,
            requested_channel=facts.requested_channel, addressed_brand=facts.addressed_brand,
        )  # fmt: skip
        session.add(row)
        session.flush()
        self.cases[row.id] = (person, facts)

    def took(self, message: OutgoingMessage) -> None:
        """A carrier has this message for good."""
        person, facts = self.cases[int(message.case_id)]
        with self.database.read() as session:
            row = session.scalars(select(MessageRow).filter_by(message_id=message.id)).one()
        group, reasons = row.paired_with or row.message_id, tuple(row.decision["reasons"])
        sent = Sent(message.id, facts, message.channel, message.address, group, reasons, frozenset(CHANNELS))
        self.checker.saw(person, sent, self.now)

    def meanwhile(self) -> None:
        """What happens while a provider is engaged."""
        fate = self.chance.random()
        if fate < 0.4:
            self.change(self.chance.choice(self.people), self.chance.choice(sorted(HERE)))
        elif fate < 0.5 and not self.depth:
            self.depth = 1
            self.work()
            self.depth = 0


@dataclass
class _Faulty(Channel):
    """A provider on a bad day."""

    name: ClassVar[str] = "faulty"
    drive: _Drive

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator["_Engaged"]:
        person, _ = self.drive.cases[int(message.case_id)]
        self.drive.meanwhile()
        if self.drive.chance.random() < 0.2:  # he whom it is for
            self.drive.change(person, self.drive.chance.choice(("stop", "consent", "objection", "move", "prefer")))
        fate = self.drive.chance.random()
        if fate < 0.03:
            raise Died
        if fate < 0.06:
            raise Unavailable("does not answer", retry_after=30)
        if fate < 0.09:
            raise Transient("not now")
        yield _Engaged(self.drive, message)


@dataclass
class _Engaged:
    drive: _Drive
    message: OutgoingMessage

    def hand_over(self) -> Handed:
        """Take it, refuse it, take it and not say so, or die."""
        fate = self.drive.chance.random()
        if fate < 0.04:
            raise Transient("not now", 60)
        if fate < 0.07:
            raise Permanent("no")
        if fate < 0.10:
            raise Uncertain("nothing came back")
        if fate < 0.13:
            raise Died
        self.drive.took(self.message)
        if fate < 0.16:
            raise Uncertain("nothing came back")
        if fate < 0.19:
            raise Died
        return Handed("p")


def _enter(session: Session, person: Person) -> None:
    """A customer and, as a second record, somebody who shares his addresses."""
    for id_ in (person.known.customer_id, f"{person.known.customer_id}-twin"):
        row = CustomerRow(brand_id=BRAND.id, customer_id=id_, name="Ana", row_hash="", changed_at=START, attributes={})
        row.id = person.key + 1 if id_ == person.known.customer_id else 10**6 + person.key
        region = person.known.region
        row.country, row.timezone, row.language = person.known.country, person.known.timezone, "fr"
        row.postal_code = {"57": "57000", "974": "97400"}.get(region or "")
        session.add(row)
        session.flush()
    _sync(session, person, START)


def _sync(session: Session, person: Person, now: datetime) -> None:
    """Make the database say of a customer what `person` says, and `person` what a database can say: an address of a
    kind is on all channels of that kind.
    """
    key, twin = person.key + 1, 10**6 + person.key
    for table in (ContactPointRow, ConsentRow, ObjectionRow, PreferenceRow, QuietTimeRow):
        session.execute(delete(table).where(table.customer_key.in_((key, twin))))
    by_value: dict[tuple[str, str], list[ContactPoint]] = {}
    for point in person.known.contact_points:
        if point.channel in KIND_OF:
            by_value.setdefault((KIND_OF[point.channel], point.address), []).append(point)
    held: list[ContactPoint] = []
    for place, ((kind, value), points) in enumerate(by_value.items()):
        first = points[0]
        for owner in (key, twin)[: first.shared_by]:
            session.add(ContactPointRow(
                brand_id=BRAND.id, customer_key=owner, kind=kind, value=value, verified=first.verified, position=place,
                since=first.changed_at,
            ))  # fmt: skip
        for channel in CHANNELS_OF[kind]:
            own = next((point for point in points if point.channel == channel and point.suppressed), None)
            if own is not None:
                messages.suppress(session, BRAND.id, channel, value, str(own.suppressed), own.suppressed_at or now)
            held.append(_as_kept(session, channel, value, first))
    person.known = replace(person.known, contact_points=tuple(held))
    _words(session, person, key, now)


def _as_kept(session: Session, channel: str, value: str, first: ContactPoint) -> ContactPoint:
    stopped = messages.suppressed(session, BRAND.id, channel, value)
    return replace(
        first,
        channel=channel,
        suppressed=stopped.reason if stopped else None,
        suppressed_at=stopped.at if stopped else None,
    )


def _words(session: Session, person: Person, key: int, now: datetime) -> None:
    known, ours = person.known, {"brand_id": BRAND.id, "customer_key": key}
    unique = {(word.channel, word.status, word.at): word for word in known.consents}
    for word in unique.values():
        session.add(ConsentRow(**ours, channel=word.channel, purpose="service", status=word.status, at=word.at))
    for topic in known.objections:
        session.add(ObjectionRow(**ours, topic=topic, at=now))
    if known.preferred_channel is not None:
        told = known.preferred_channel
        session.add(PreferenceRow(**ours, channel=told.channel, source=told.source, at=told.at))
    if known.quiet is not None:
        start, end = (f"{at:%H:%M}" for at in (known.quiet.start, known.quiet.end))
        session.add(QuietTimeRow(**ours, start=start, end=end, weekdays=sorted(known.quiet.weekdays), at=now))
    row = session.get_one(CustomerRow, key)
    row.status = known.status
    for past in person.past:
        _call(session, known.customer_id, past)


def _call(session: Session, customer_id: str, past: PastContact) -> None:
    name = f"{customer_id}:{past.at.isoformat()}"
    if past.direction == "in" and session.scalar(select(InteractionRow.id).filter_by(interaction_id=name)) is None:
        session.add(InteractionRow(
            brand_id=BRAND.id, interaction_id=name, customer_id=customer_id, channel=past.channel, direction="in",
            at=past.at, row_hash="",
        ))  # fmt: skip
