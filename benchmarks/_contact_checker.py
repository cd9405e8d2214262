"""The judge of the contact simulation: looks at what went out, with rules written down anew. It calls nothing of
Vigie's decision, calendar or caps.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import holidays

from benchmarks._contact_people import Person, Sent
from domain.contact import ContactPoint

HOME, HOME_ZONE = "FR", "Europe/Paris"
OVERSEAS = {"974": "Indian/Reunion"}
# Each country of the simulation without a known zone: its westernmost and easternmost ones stand for all.
WIDEST = {
    "US": ("Pacific/Honolulu", "America/Adak", "America/Los_Angeles", "America/New_York"),
    "DE": ("Europe/Berlin",),
}
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
DAY, EVENING = 8, 20


class Checker:
    """Counts what was wrong, by kind; nothing may be."""

    def __init__(self) -> None:
        self.wrong: Counter[str] = Counter()
        self.went = 0
        self._ids: set[str] = set()
        self._log: dict[int, list[tuple[datetime, str, str]]] = defaultdict(list)

    def saw(self, person: Person, message: Sent, now: datetime) -> None:
        """A carrier took this message at this moment."""
        self.went += 1
        found = list(self._found(person, message, now))
        self.wrong.update(found)
        self._ids.add(message.id)
        self._log[person.key].append((now, message.group, message.case.id))

    def _found(self, person: Person, message: Sent, now: datetime) -> list[str]:
        safety = message.case.purpose == "safety"
        checks = {
            "twice": message.id in self._ids,
            "not by proof": message.case.grade.value == "suggested",
            "against an objection": bool(person.known.objections & {"all", "social_care"})
            or ("linking" in person.known.objections and message.case.grade.value != "authenticated"),
            "not an active customer": person.known.status != "active",
            "address": not any(self._good(point, message, now) for point in person.known.contact_points),
            "without consent": not self._allowed(person, message),
            "in quiet hours": not safety and message.channel != "letter" and _asleep(person, now),
            "a second message of a case": self._second(person, message),
            "over the cap": not safety and self._too_many(person, message, now),
            "without a reason": not message.reasons,
            "a channel not spoken of": not {p.channel for p in person.known.contact_points} <= message.told,
            "provider's window": message.channel == "whatsapp" and not self._in_window(person, message, now),
        }
        return [name for name, wrong in checks.items() if wrong]

    def _good(self, point: ContactPoint, message: Sent, now: datetime) -> bool:
        if (point.channel, point.address) != (message.channel, message.address):
            return False
        if not point.verified or (point.shared_by > 1 and point.channel != "letter"):
            return False
        if point.changed_at is not None and now - point.changed_at < timedelta(hours=72):
            return False
        if not point.suppressed:
            return True
        again = [
            word for word in message.case.written if (word.channel, word.address) == (point.channel, point.address)
        ]
        return point.suppressed == "stop" and any(
            point.suppressed_at is not None and point.suppressed_at < word.at and now - word.at <= timedelta(hours=72)
            for word in again
        )

    def _allowed(self, person: Person, message: Sent) -> bool:
        words = [word for word in person.known.consents if word.channel == message.channel]
        if words:
            last = max(word.at for word in words)
            return {word.status for word in words if word.at == last} == {"granted"}
        case = message.case
        spoke = case.addressed_brand and case.network == message.channel
        return (
            spoke or case.requested_channel == message.channel or message.channel in {w.channel for w in case.written}
        )

    def _second(self, person: Person, message: Sent) -> bool:
        return any(case == message.case.id and group != message.group for _, group, case in self._log[person.key])

    def _too_many(self, person: Person, message: Sent, now: datetime) -> bool:
        """One message in seven days, two in thirty; those that went out together are one. Marketing leaves room for
        one.
        """
        others = {group: at for at, group, _ in self._log[person.key] if group != message.group}
        pushed = sum(past.purpose == "marketing" and now - past.at < MONTH for past in person.past)
        week = sum(now - at < WEEK for at in others.values())
        month = sum(now - at < MONTH for at in others.values())
        return week >= 1 or month >= 2 or (month >= 1 and month + pushed >= 2)

    def _in_window(self, person: Person, message: Sent, now: datetime) -> bool:
        words = [past.at for past in person.past if past.direction == "in" and past.channel == "whatsapp"]
        words += [word.at for word in message.case.written if word.channel == "whatsapp"]
        return any(now - at < timedelta(hours=24) for at in words)


def _asleep(person: Person, now: datetime) -> bool:
    """Whether it is night, Sunday, a holiday, or a time that he asked for, wherever he may be."""
    return any(_is_quiet(person, now.astimezone(zone)) for zone in _zones(person))


def _is_quiet(person: Person, local: datetime) -> bool:
    own = person.known.quiet
    if own is not None:
        start, end, at = own.start, own.end, local.time()
        if (start < end and start <= at < end) or (start > end and not end <= at < start):
            return True
        if local.weekday() in own.weekdays:
            return True
    if not DAY <= local.hour < EVENING or local.weekday() == 6:
        return True
    return local.date() in _free_days(person.known.country or HOME, person.known.region, local.year)


def _zones(person: Person) -> tuple[ZoneInfo, ...]:
    known = person.known
    if known.timezone in available_timezones_once():
        return (ZoneInfo(str(known.timezone)),)
    names = (OVERSEAS[known.region],) if known.region in OVERSEAS else WIDEST.get(known.country or HOME, (HOME_ZONE,))
    return tuple(ZoneInfo(name) for name in names)


@cache
def available_timezones_once() -> frozenset[str]:
    """The names of all zones."""
    return frozenset(available_timezones())


@cache
def _free_days(country: str, region: str | None, year: int) -> frozenset[object]:
    try:
        return frozenset(
            holidays.country_holidays(country, subdiv=region if region == "57" or region == "974" else None, years=year)
        )
    except (NotImplementedError, ZoneInfoNotFoundError):
        return frozenset()
