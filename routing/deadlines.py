"""When a first answer and a resolution are due: hours of work, by severity and team, pure and without a clock.

Two clocks run for a case. That of the first answer runs from opening until somebody answers and never stops. That of
the resolution stands while we wait for the customer or the case sleeps, and starts anew when it is opened again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.case import CaseState, Severity
from domain.team import WorkHours
from routing.calendar import holidays_of

DAY = timedelta(days=1)
STANDS_IN = (CaseState.WAITING_CUSTOMER, CaseState.SNOOZED)

Run = tuple[datetime, datetime | None]


def due(start: datetime, length: timedelta, hours: WorkHours | None) -> datetime:
    """The instant (UTC) at which `length` of work has passed since `start`; None for hours means day and night.

    It never lies in closed time, though it may be the minute of closing.
    """
    found = due_over([(start, None)], length, hours)
    assert found is not None  # noqa: S101 - an open run never ends before its work is done
    return found


def due_over(runs: Sequence[Run], length: timedelta, hours: WorkHours | None) -> datetime | None:
    """The same where the clock runs in these intervals only (in order, the end None for still running).

    None if it stands before the length is used up.
    """
    left = length
    for start, end in runs:
        for opens, closes in _open_between(start.astimezone(UTC), end, hours):
            if closes is None or left <= closes - opens:
                return opens + left
            left -= closes - opens
    return None


def worked(start: datetime, end: datetime, hours: WorkHours | None) -> timedelta:
    """How much time of work lies between two instants."""
    if end <= start:
        return timedelta(0)
    spans = _open_between(start.astimezone(UTC), end, hours)
    return sum(((closes or end) - opens for opens, closes in spans), timedelta(0))


def is_open(at: datetime, hours: WorkHours | None) -> bool:
    """Whether somebody works at this instant."""
    if hours is None:
        return True
    return any(opens <= at < closes for opens, closes in _open_on(hours, at.astimezone(hours.zone).date()))


def _open_between(
    start: datetime, end: datetime | None, hours: WorkHours | None
) -> Iterator[tuple[datetime, datetime | None]]:
    """Open time from start to end, in order; without end it goes on for ever."""
    if hours is None:
        yield start, end
        return
    day = start.astimezone(hours.zone).date()
    last_day = date.max if end is None else end.astimezone(hours.zone).date()
    while day <= last_day:
        for opens, closes in _open_on(hours, day):
            if closes >= start and (end is None or opens <= end):
                yield max(opens, start), closes if end is None else min(closes, end)
        day += DAY


@lru_cache(maxsize=8192)
def _open_on(hours: WorkHours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The spans of one day on their wall, as instants."""
    if hours.country and day in holidays_of(hours.country, day.year, hours.region):
        return ()
    spans = (
        (_instant(day, start, hours.zone), _instant(day, end, hours.zone)) for start, end in hours.week[day.weekday()]
    )
    return tuple((opens, closes) for opens, closes in spans if opens < closes)


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """When the clock on the wall shows this minute: of two times the first; a time left out is the clock's setting."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class TeamClock:
    """A team's hours, and how much of them it has, by severity."""

    hours: WorkHours | None
    first_answer: Mapping[Severity, timedelta]
    resolution: Mapping[Severity, timedelta]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Time until the first answer and until the resolution, by severity; for teams that have their own, by team.

    `warn_share`: a warning comes when this share of the time is left.
    """

    first_answer: Mapping[Severity, timedelta]
    resolution: Mapping[Severity, timedelta]
    teams: Mapping[str, TeamClock] = field(default_factory=dict)
    warn_share: float = 0.25

    def clock(self, team: str) -> TeamClock:
        """The team's clock, else that of all."""
        return self.teams.get(team) or TeamClock(None, self.first_answer, self.resolution)

    def first_answer_at(self, opened_at: datetime, severity: Severity, team: str = "") -> datetime:
        """When somebody has to have answered (UTC)."""
        clock = self.clock(team)
        return due(opened_at, clock.first_answer[severity], clock.hours)

    def resolution_at(self, opened_at: datetime, severity: Severity, team: str = "") -> datetime:
        """When the matter has to be settled (UTC), if the clock never stands."""
        clock = self.clock(team)
        return due(opened_at, clock.resolution[severity], clock.hours)


@dataclass(frozen=True, slots=True)
class Due:
    """One deadline: its end and when to warn (UTC), None while its clock stands. `round` counts reopenings."""

    which: str
    round: int
    at: datetime | None
    warn_at: datetime | None


def runs_of(opened_at: datetime, moves: Iterable[tuple[datetime, CaseState]]) -> tuple[list[Run], int]:
    """When the clock of the resolution ran, by the states the case came into, and how often it was opened again."""
    runs: list[Run] = [(opened_at, None)]
    rounds = 0
    for at, state in moves:
        running = bool(runs) and runs[-1][1] is None
        if state is CaseState.REOPENED:
            runs, rounds = [(at, None)], rounds + 1
        elif state in STANDS_IN and running:
            runs[-1] = (runs[-1][0], at)
        elif state not in STANDS_IN and not running:
            runs.append((at, None))
    return runs, rounds


def first_answer_due(opened_at: datetime, severity: Severity, team: str, deadlines: Deadlines) -> Due:
    """The deadline of the first answer."""
    clock = deadlines.clock(team)
    length = clock.first_answer[severity]
    at, warn_at = (due(opened_at, part, clock.hours) for part in (length, length * (1 - deadlines.warn_share)))
    return Due("first_answer", 0, at, warn_at)


def resolution_due(runs: Sequence[Run], rounds: int, severity: Severity, team: str, deadlines: Deadlines) -> Due:
    """The deadline of the resolution."""
    clock = deadlines.clock(team)
    length = clock.resolution[severity]
    at, warn_at = (due_over(runs, part, clock.hours) for part in (length, length * (1 - deadlines.warn_share)))
    return Due("resolution", rounds, at, warn_at)
