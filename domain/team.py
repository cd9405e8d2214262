"""Teams and people of customer care: who they are, when they work, what they can take."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from domain.case import Severity

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
# What a team may choose to be told of.
NOTICE_KINDS = ("opened", "deadline_near", "deadline_missed")
# Labels of a language that is not known: whoever can take the case may.
NO_LANGUAGE = frozenset({"", "und", "other", "unknown", "mul", "zxx"})

Span = tuple[int, int]
Week = tuple[tuple[Span, ...], ...]

_LINE = re.compile(r"([a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*) (\d\d):(\d\d)-(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class WorkHours:
    """When people work, by the clock on their wall.

    `week` has the spans of each weekday from Monday on, in minutes since midnight, in order and without overlap.
    On the public holidays of `country` (and its `region`) nobody works; without a country there are none.
    """

    zone: ZoneInfo
    week: Week
    country: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """Who cases are for. `hours` None means day and night; `overflow` names the team that helps out."""

    name: str
    zone: ZoneInfo
    hours: WorkHours | None = None
    escalate_to: str = ""
    overflow: str = ""
    overflow_after: timedelta = timedelta(0)
    notify_env: str = ""
    notify: frozenset[str] = frozenset(NOTICE_KINDS)
    notify_severity: Severity = Severity.HIGH


@dataclass(frozen=True, slots=True)
class Person:
    """Who works cases. Empty skills (intents) and languages mean all; `hours` None means those of the team."""

    email: str
    teams: frozenset[str]
    zone: ZoneInfo
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    capacity: int = 20
    hours: WorkHours | None = None
    notify_env: str = ""


@dataclass(frozen=True, slots=True)
class Staff:
    """All teams by name and all people by e-mail address, as the settings have them."""

    teams: Mapping[str, Team] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)

    def members(self, team: str) -> Sequence[Person]:
        """The people of a team, by address."""
        return [person for _, person in sorted(self.people.items()) if team in person.teams]

    def chain(self, team: str) -> Sequence[str]:
        """The team and those that help out, each once, in turn."""
        found: list[str] = []
        while team and team not in found:
            found.append(team)
            known = self.teams.get(team)
            team = known.overflow if known else ""
        return found

    def notify_env(self, name: str) -> str:
        """The environment variable that says where a team or a person is told; "" for nowhere."""
        holder = self.people.get(name) or self.teams.get(name)
        return holder.notify_env if holder else ""


def week_of(lines: Iterable[str]) -> Week:
    """The week that lines such as `mon-fri 09:00-18:00` describe.

    An end before its beginning is on the next day; spans that touch are one. Raises ValueError naming a line that is
    none.
    """
    days: list[list[Span]] = [[] for _ in DAYS]
    for line in lines:
        for day, start, end in _spans(line):
            days[day].append((start, end))
    return tuple(_joined(spans) for spans in days)


def _spans(line: str) -> list[tuple[int, int, int]]:
    found = _LINE.fullmatch(line.strip().lower())
    if found is None:
        raise ValueError(f"{line!r} are no hours; write them as mon-fri 09:00-18:00")
    start, end = _minute(found[2], found[3], line), _minute(found[4], found[5], line)
    if start in (end, DAY_MINUTES):
        raise ValueError(f"{line!r}: begins when it ends")
    days = [day for part in found[1].split(",") for day in _days(part, line)]
    if start < end:
        return [(day, start, end) for day in days]
    evening = [(day, start, DAY_MINUTES) for day in days]
    return evening + [((day + 1) % 7, 0, end) for day in days if end]


def _minute(hour: str, minute: str, line: str) -> int:
    value = int(hour) * 60 + int(minute)
    if int(minute) > 59 or value > DAY_MINUTES:
        raise ValueError(f"{line!r}: there is no {hour}:{minute}")
    return value


def _days(part: str, line: str) -> list[int]:
    names = part.split("-")
    for name in names:
        if name not in DAYS:
            raise ValueError(f"{line!r}: {name!r} is no day; days are {', '.join(DAYS)}")
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)
