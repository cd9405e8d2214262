"""When a person may be written to: his zone, quiet hours, Sundays, public holidays.

The window is closed from `quiet_from` to `quiet_until` local time (it may span midnight), on the
quiet weekdays and on the public holidays of his country (package `holidays`). Where his zone is not
known, all zones of his country must be awake (tzdata's zone table); failing that, the brand's.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from domain.contact import ContactPolicy, Recipient

STEP_LIMIT = 60  # days of closed windows that are looked through; no calendar closes for longer


def next_open(recipient: Recipient, now: datetime, policy: ContactPolicy) -> datetime:
    """`now` if the window is open, else the first instant at which it opens. UTC."""
    zones = _zones(recipient, policy)
    country = (recipient.country or policy.default_country).upper()
    at = now.astimezone(UTC)
    for _ in range(STEP_LIMIT * 4):
        later = max((_opens(at, zone, country, policy) for zone in zones), default=at)
        if later <= at:
            return at
        at = later
    return at


def _opens(at: datetime, zone: ZoneInfo, country: str, policy: ContactPolicy) -> datetime:
    """The first instant from `at` on at which this zone's window is open."""
    local = at.astimezone(zone)
    day = local.date()
    while _closed_day(day, country, policy):
        day += timedelta(days=1)
    if day > local.date():
        return _first_open_time(day, zone, policy)
    if _quiet(local.time(), policy):
        if policy.quiet_from > policy.quiet_until and local.time() >= policy.quiet_from:
            day += timedelta(days=1)
        return _instant(day, policy.quiet_until, zone)
    return at


def _quiet(moment: time, policy: ContactPolicy) -> bool:
    start, end = policy.quiet_from, policy.quiet_until
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end


def _first_open_time(day: date, zone: ZoneInfo, policy: ContactPolicy) -> datetime:
    return _instant(day, policy.quiet_until if _quiet(time(0, 0), policy) else time(0, 0), zone)


def _instant(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


def _closed_day(day: date, country: str, policy: ContactPolicy) -> bool:
    if day.weekday() in policy.quiet_weekdays:
        return True
    return policy.quiet_on_holidays and day in holidays_of(country, day.year)


@lru_cache(maxsize=512)
def holidays_of(country: str, year: int, region: str = "") -> frozenset[date]:
    """The public holidays of a country, with those of one of its regions; none where they are not known."""
    try:
        return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))
    except NotImplementedError:
        return frozenset()


def _zones(recipient: Recipient, policy: ContactPolicy) -> tuple[ZoneInfo, ...]:
    names: Iterable[str] = (recipient.timezone,) if recipient.timezone else ()
    if not names and recipient.country and recipient.country.upper() != policy.default_country:
        names = _country_zones().get(recipient.country.upper(), ())
    found = tuple(zone for zone in map(_zone, names) if zone is not None)
    return found or (ZoneInfo(policy.default_timezone),)


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
