"""Customers of the contact simulation, and what happens to them: random, by a seed, and hostile to every rule of
contact.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from domain.case import Severity
from domain.contact import (
    Also,
    CaseFacts,
    ChannelLimits,
    ContactPoint,
    ContactPolicy,
    PastContact,
    Preference,
    QuietTime,
    Recipient,
    Written,
)
from domain.customer import Consent
from domain.evidence import Grade

START = datetime(2026, 3, 26, 9, 0, tzinfo=UTC)  # three days before the night in which summer time begins
CHANNELS = ("email", "sms", "whatsapp", "phone", "letter", "mastodon")
KEPT = timedelta(days=95)
# Country, zone, region: known, unknown, of another continent, no zone at all.
PLACES = (
    ("FR", "Europe/Paris", None),
    ("FR", None, "57"),
    ("FR", None, "974"),
    ("FR", None, None),
    ("US", None, None),
    ("US", "America/New_York", None),
    ("NC", "Pacific/Noumea", None),
    ("NP", "Asia/Kathmandu", None),
    ("GB", "Europe/London", None),
    ("DE", "Not/AZone", None),
    (None, None, None),
)
POLICY = ContactPolicy(
    default_order=("email", "sms"),
    limits={"whatsapp": ChannelLimits(True, 24.0, needs_template=True)},
    also=(Also("email", "sms", frozenset({"billing"})),),
)
EVENTS = ("complaint",) * 8 + (
    "consent", "consent", "stop", "objection", "move", "bounce", "verify", "share", "prefer", "quiet", "write", "call",
    "marketing", "status", "work", "work", "work", "work",
)  # fmt: skip


@dataclass
class Sent:
    """A message as the carrier and the checker see it."""

    id: str
    case: CaseFacts
    channel: str
    address: str
    group: str
    reasons: tuple[str, ...]
    told: frozenset[str]  # the channels that the decision names


@dataclass
class Person:
    """A customer as he is at the moment."""

    key: int
    known: Recipient
    past: list[PastContact] = field(default_factory=list)
    cases: int = 0


def people(count: int, chance: random.Random) -> list[Person]:
    """That many customers."""
    return [_person(key, chance) for key in range(count)]


def _person(key: int, chance: random.Random) -> Person:
    country, zone, region = chance.choice(PLACES)
    channels = [channel for channel in CHANNELS if chance.random() < 0.6]
    points = tuple(_point(key, channel, 0, chance) for channel in channels)
    words = tuple(
        Consent(channel, "service", chance.choice(("granted",) * 5 + ("denied", "revoked")), START - timedelta(days=9))
        for channel in channels
        if chance.random() < 0.8
    )
    preferred = (
        Preference(chance.choice(CHANNELS), chance.choice(("declared", "observed"))) if chance.random() < 0.3 else None
    )
    known = Recipient(
        f"C{key}",
        country,
        "fr",
        zone,
        contact_points=points,
        consents=words,
        preferred_channel=preferred,
        region=region,
    )
    return Person(key, known)


def _point(key: int, channel: str, number: int, chance: random.Random) -> ContactPoint:
    return ContactPoint(
        channel,
        f"{channel}{key}.{number}@example.org" if channel == "email" else f"{channel}:{key}.{number}",
        verified=chance.random() < 0.9,
        shared_by=2 if chance.random() < 0.05 else 1,
    )


def complaint(person: Person, now: datetime, chance: random.Random, wrote: Written | None = None) -> CaseFacts:
    """A new case of a customer; `wrote`: he wrote to the brand himself."""
    person.cases += 1
    network = wrote.channel if wrote else chance.choice(("mastodon", "x", "forum"))
    return CaseFacts(
        id=f"{person.key}-{person.cases}",
        intent=chance.choice(("delivery", "billing", "defect")),
        severity=chance.choice(tuple(Severity)),
        grade=chance.choice((Grade.STATED,) * 5 + (Grade.DECLARED,) * 3 + (Grade.AUTHENTICATED, Grade.SUGGESTED)),
        opened_at=now,
        requested_channel=chance.choice(CHANNELS) if chance.random() < 0.1 else None,
        network=network,
        addressed_brand=wrote is not None or chance.random() < 0.5,
        purpose="safety" if chance.random() < 0.01 else "service",
        written=(wrote,) if wrote else (),
    )


def happens(what: str, person: Person, now: datetime, chance: random.Random) -> None:
    """Change a customer: consents, STOP, addresses, wishes, what passed before."""
    change = _CHANGES.get(what)
    if change is not None:
        person.known = change(person, now, chance)
    elif what in ("call", "marketing"):
        person.past.append(_contact(what, now, chance))
    person.past = [past for past in person.past if past.at > now - KEPT]


def _contact(what: str, now: datetime, chance: random.Random) -> PastContact:
    channel = chance.choice(CHANNELS)
    if what == "call":
        return PastContact(now, channel, "in")
    return PastContact(now, channel, "out", "marketing", proactive=True)


def _consent(person: Person, now: datetime, chance: random.Random) -> Recipient:
    word = Consent(chance.choice(CHANNELS), "service", chance.choice(("granted", "granted", "denied", "revoked")), now)
    return replace(person.known, consents=(*person.known.consents, word)[-12:])


def _stop(person: Person, now: datetime, chance: random.Random) -> Recipient:
    return _with_point(person, chance, suppressed="stop", suppressed_at=now)


def _bounce(person: Person, now: datetime, chance: random.Random) -> Recipient:
    return _with_point(person, chance, suppressed="hard_bounce", suppressed_at=now)


def _verify(person: Person, now: datetime, chance: random.Random) -> Recipient:
    return _with_point(person, chance, verified=chance.random() < 0.7)


def _share(person: Person, now: datetime, chance: random.Random) -> Recipient:
    return _with_point(person, chance, shared_by=chance.choice((1, 1, 2)))


def _move(person: Person, now: datetime, chance: random.Random) -> Recipient:
    """A new address in the place of one, or beside it."""
    points = list(person.known.contact_points)
    new = replace(_point(person.key, chance.choice(CHANNELS), chance.randrange(10**6), chance), changed_at=now)
    if points and chance.random() < 0.7:
        points.pop(chance.randrange(len(points)))
    return replace(person.known, contact_points=(*points, new)[-8:])


def _with_point(person: Person, chance: random.Random, **facts: object) -> Recipient:
    points = list(person.known.contact_points)
    if points:
        place = chance.randrange(len(points))
        points[place] = replace(points[place], **facts)  # type: ignore[arg-type]
    return replace(person.known, contact_points=tuple(points))


def _objection(person: Person, now: datetime, chance: random.Random) -> Recipient:
    topic = chance.choice(("all", "social_care", "linking", "profiling"))
    without = person.known.objections - {topic}
    return replace(person.known, objections=without | {topic} if chance.random() < 0.2 else without)


def _prefer(person: Person, now: datetime, chance: random.Random) -> Recipient:
    return replace(person.known, preferred_channel=Preference(chance.choice(CHANNELS), "declared", now))


def _quiet(person: Person, now: datetime, chance: random.Random) -> Recipient:
    hours = QuietTime(time(chance.randrange(24), 30), time(chance.randrange(24)), frozenset({chance.randrange(7)}))
    return replace(person.known, quiet=chance.choice((None, hours)))


def _status(person: Person, now: datetime, chance: random.Random) -> Recipient:
    return replace(person.known, status=chance.choice(("active",) * 25 + ("minor", "deceased", "legal_hold")))


_CHANGES = {
    "consent": _consent,
    "stop": _stop,
    "bounce": _bounce,
    "verify": _verify,
    "share": _share,
    "move": _move,
    "objection": _objection,
    "prefer": _prefer,
    "quiet": _quiet,
    "status": _status,
}


def wrote(person: Person, now: datetime, chance: random.Random) -> Written | None:
    """The customer writes to the brand from an address of his."""
    own = [point for point in person.known.contact_points if point.channel in ("email", "sms", "whatsapp")]
    return Written((point := chance.choice(own)).channel, point.address, now) if own else None


def moments(events: int, days: float, chance: random.Random) -> Iterator[tuple[datetime, str]]:
    """When something happens, and what."""
    now, step = START, days * 86400 / events
    for _ in range(events):
        now += timedelta(seconds=chance.expovariate(1 / step))
        yield now, chance.choice(EVENTS)
