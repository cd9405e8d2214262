"""When a person may be written to: his zone, quiet hours, Sundays, public holidays.

The window is closed from `quiet_from` to `quiet_until` local time (it may span midnight), on the
quiet weekdays and on the public holidays of his country and region (package `holidays`); what he himself asked for
comes on top. Where his zone is not known, all zones of his country must be awake (tzdata's zone table); failing that,
the brand's.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from domain.contact import ContactPolicy, QuietTime, Recipient

# Parts of France by the beginning of their postal codes, as the package `holidays` names them.
FRENCH_REGIONS = {
    "57": "57",
    "67": "6AE",
    "68": "6AE",
    **{code: code for code in ("971", "972", "973", "974", "976")},
    "975": "PM",
    "986": "WF",
    "987": "PF",
    "988": "NC",
}
FRENCH_ZONES = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "976": "Indian/Mayotte",
    "PM": "America/Miquelon",
    "WF": "Pacific/Wallis",
    "PF": "Pacific/Tahiti",
    "NC": "Pacific/Noumea",
}
SEARCHED = timedelta(days=21)  # no calendar closes for longer


def next_open(recipient: Recipient, now: datetime, policy: ContactPolicy) -> datetime:
    """`now` if the window is open, else the first instant at which it opens. UTC.

    Where it does not open within three weeks, an instant after them.
    """
    zones = _zones(recipient, policy, now.year)
    windows = [_Window(policy.quiet_from, policy.quiet_until, policy.quiet_weekdays, _calendar(recipient, policy))]
    if recipient.quiet is not None:
        windows.append(_own(recipient.quiet))
    at = now.astimezone(UTC)
    while at - now < SEARCHED:
        later = max((_opens(at, zone, window) for zone in zones for window in windows), default=at)
        if later <= at:
            return at
        at = later
    return at


@dataclass(frozen=True, slots=True)
class _Window:
    """When nothing goes out: a time of the day (it may span midnight), weekdays, holidays."""

    start: time
    end: time
    weekdays: frozenset[int]
    calendar: tuple[str, str | None] | None = None

    def quiet(self, moment: time) -> bool:
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def closed(self, day: date) -> bool:
        return day.weekday() in self.weekdays or (
            self.calendar is not None and day in holidays_of(self.calendar[0], day.year, self.calendar[1])
        )


def _own(quiet: QuietTime) -> _Window:
    """A customer who closed all seven days has closed none: his No is an objection, not a calendar."""
    days = quiet.weekdays if len(quiet.weekdays) < 7 else frozenset()
    return _Window(quiet.start, quiet.end, days)


def _calendar(recipient: Recipient, policy: ContactPolicy) -> tuple[str, str | None] | None:
    if not policy.quiet_on_holidays:
        return None
    country = (recipient.country or policy.default_country).upper()
    return country, recipient.region


def _opens(at: datetime, zone: ZoneInfo, window: _Window) -> datetime:
    """The first instant from `at` on at which this window is open in this zone."""
    local = at.astimezone(zone)
    day = local.date()
    while window.closed(day):
        day += timedelta(days=1)
    if day > local.date():
        return _instant(day, window.end if window.quiet(time(0, 0)) else time(0, 0), zone)
    if window.quiet(local.time()):
        if window.start > window.end and local.time() >= window.start:
            day += timedelta(days=1)
        return _instant(day, window.end, zone)
    return at


def _instant(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


@lru_cache(maxsize=512)
def holidays_of(country: str, year: int, region: str | None = None) -> frozenset[date]:
    """The public holidays of a country, with those of one of its regions; none where they are not known."""
    try:
        return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))
    except NotImplementedError:
        return holidays_of(country, year) if region else frozenset()


def french_region(postal_code: str | None) -> str | None:
    """The part of France with holidays of its own that a postal code lies in: Alsace, Moselle, the overseas ones."""
    code = (postal_code or "").replace(" ", "")
    if len(code) != 5 or not code.isdigit():
        return None
    return FRENCH_REGIONS.get(code[:2]) or FRENCH_REGIONS.get(code[:3])


def zone_of_region(country: str | None, region: str | None) -> str | None:
    """The time zone of an overseas part of France; None for all others."""
    return FRENCH_ZONES.get(region or "") if (country or "").upper() == "FR" else None


def _zones(recipient: Recipient, policy: ContactPolicy, year: int) -> tuple[ZoneInfo, ...]:
    told = recipient.timezone and _zone(recipient.timezone)
    if told:
        return (told,)
    country = (recipient.country or "").upper()
    overseas = zone_of_region(country, recipient.region)
    if overseas:
        return (ZoneInfo(overseas),)
    found = _zones_of(country, year) if country and country != policy.default_country else ()
    return found or (ZoneInfo(policy.default_timezone),)


@lru_cache(maxsize=1024)
def _zones_of(country: str, year: int) -> tuple[ZoneInfo, ...]:
    """The zones of a country, of those that show the same time all year one."""
    noons = [datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    found: dict[tuple[timedelta | None, ...], ZoneInfo] = {}
    for zone in map(_zone, _country_zones().get(country, ())):
        if zone is not None:
            found.setdefault(tuple(noon.astimezone(zone).utcoffset() for noon in noons), zone)
    return tuple(found.values())


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def _country_zones() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    text = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            table[country] = (*table.get(country, ()), zone)
    return table
