"""When a customer can be called: inside the team's hours and inside his own window of contact. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.contact import ContactPolicy, Recipient
from routing.calendar import next_open

DAYS_LOOKED_AHEAD = 30


@dataclass(frozen=True, slots=True)
class CallHours:
    """When calls are made, in the brand's zone: spans of a day, weekdays (0 is Monday), how long a slot is.

    `per_slot` calls may begin at once; the first slot begins `lead` after now at the earliest.
    """

    spans: tuple[tuple[time, time], ...]
    weekdays: frozenset[int]
    length: timedelta
    lead: timedelta
    per_slot: int


def next_slot(
    now: datetime, hours: CallHours, recipient: Recipient, policy: ContactPolicy, booked: Mapping[datetime, int]
) -> tuple[datetime, datetime] | None:
    """The first free slot (UTC) in which both are awake and at work; None within 30 days."""
    team = Recipient("", policy.default_country, None, policy.default_timezone)
    for start in _starts(now + hours.lead, hours, ZoneInfo(policy.default_timezone)):
        end = start + hours.length
        if booked.get(start, 0) >= hours.per_slot:
            continue
        if _awake(start, end, recipient, policy) and _awake(start, end, team, policy):
            return start, end
    return None


def _starts(earliest: datetime, hours: CallHours, zone: ZoneInfo) -> list[datetime]:
    first = earliest.astimezone(zone).date()
    found = []
    for day in (first + timedelta(days=number) for number in range(DAYS_LOOKED_AHEAD)):
        if day.weekday() not in hours.weekdays:
            continue
        for opens, closes in hours.spans:
            at = datetime.combine(day, opens, zone).astimezone(UTC)
            until = datetime.combine(day, closes, zone).astimezone(UTC)
            while at + hours.length <= until:
                if at >= earliest:
                    found.append(at)
                at += hours.length
    return found


def _awake(start: datetime, end: datetime, who: Recipient, policy: ContactPolicy) -> bool:
    looks: Callable[[datetime], bool] = lambda at: next_open(who, at, policy) == at  # noqa: E731
    return looks(start) and looks(end - timedelta(minutes=1))
