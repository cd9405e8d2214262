"""Trends: what is said about a brand per day, why, where, and how fast it was answered.

A period is a number of whole local days that ends with today; the previous period is as many days before.
Posts count on the local day on which they were written, reposts included, deleted ones left out:
the sum of the days is `about_brand` and `unhappy` of `insights.figures` for that period.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import sqrt
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from domain.case import CaseState
from insights.figures import ABOUT_BRAND_THRESHOLD, present_reading
from storage.tables import CaseRow, PostRow, ReadingRow

PERIODS = (7, 14, 28, 90)
ANSWER_BUCKETS = (("under_1h", 1.0), ("under_4h", 4.0), ("under_24h", 24.0), ("under_72h", 72.0), ("later", None))
BURST_DAYS_NEEDED = 5


@dataclass(frozen=True, slots=True)
class Period:
    """Local days `first` to `last` inclusive; `since` ≤ time < `until` in UTC terms."""

    first: date
    last: date
    timezone: str

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=step) for step in range((self.last - self.first).days + 1)]

    @property
    def since(self) -> datetime:
        return _midnight(self.first, self.timezone)

    @property
    def until(self) -> datetime:
        return _midnight(self.last + timedelta(days=1), self.timezone)

    @property
    def before(self) -> "Period":
        """As many days just before."""
        length = timedelta(days=len(self.days))
        return Period(self.first - length, self.last - length, self.timezone)


@dataclass(frozen=True, slots=True)
class Day:
    """One local day. `heard` counts every post, so zero means that nothing was listened to: a gap, no calm."""

    day: date
    heard: int = 0
    about: int = 0
    unhappy: int = 0
    burst: bool = False

    @property
    def gap(self) -> bool:
        return self.heard == 0

    @property
    def share(self) -> float | None:
        """Unhappy posts among those about the brand."""
        return self.unhappy / self.about if self.about else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.unhappy, self.about) if self.about else None


@dataclass(frozen=True, slots=True)
class Compared:
    """A count in this period and in the previous one."""

    name: str
    count: int
    previous: int

    @property
    def change(self) -> float | None:
        """Relative change, None where there was nothing before."""
        return (self.count - self.previous) / self.previous if self.previous else None


@dataclass(frozen=True, slots=True)
class FirstAnswers:
    """How long the cases opened in a period waited for their first answer. `due_kept` is a share of all due."""

    opened: int
    answered: int
    buckets: Mapping[str, int]
    median_hours: float | None
    ninetieth_hours: float | None
    due: int
    kept: int


@dataclass(frozen=True, slots=True)
class Trends:
    period: Period
    days: Sequence[Day]
    previous: Sequence[Day]
    intents: Sequence[Compared]
    networks: Sequence[Compared]
    answers: FirstAnswers
    burst_above: float | None

    @property
    def about(self) -> Compared:
        return Compared("about", sum(d.about for d in self.days), sum(d.about for d in self.previous))

    @property
    def unhappy(self) -> Compared:
        return Compared("unhappy", sum(d.unhappy for d in self.days), sum(d.unhappy for d in self.previous))


@dataclass(slots=True)
class _Sums:
    days: list[Day] = field(default_factory=list)
    intents: Counter[str] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)


def period_ending(now: datetime, days: int, timezone: str) -> Period:
    """The period of so many local days that ends with the day of `now`."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    return Period(today - timedelta(days=days - 1), today, timezone)


def trends(session: Session, brand_id: str, period: Period, threshold: float = ABOUT_BRAND_THRESHOLD) -> Trends:
    """Everything of one period, next to the previous one. Intents and networks count unhappy posts."""
    now, before = _sums(session, brand_id, period, threshold), _sums(session, brand_id, period.before, threshold)
    limit = burst_limit([day.unhappy for day in (*before.days, *now.days) if not day.gap])
    return Trends(
        period=period,
        days=[_marked(day, limit) for day in now.days],
        previous=before.days,
        intents=_compare(now.intents, before.intents),
        networks=_compare(now.networks, before.networks),
        answers=first_answers(session, brand_id, period),
        burst_above=limit,
    )


def wilson(hits: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which stays honest for few posts."""
    share, spread = hits / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def burst_limit(counts: Sequence[int]) -> float | None:
    """Above this many unhappy posts a day is a burst: mean + 3 standard deviations, taken robustly.

    The median stands for the mean and 1.4826 × the median absolute deviation for the standard deviation, so that
    the burst itself does not hide; never less than the square root of the median, which is pure chance (Poisson).
    """
    if len(counts) < BURST_DAYS_NEEDED:
        return None
    middle = median(counts)
    spread = 1.4826 * median(abs(count - middle) for count in counts)
    return middle + 3 * max(spread, sqrt(middle), 1.0)


def first_answers(session: Session, brand_id: str, period: Period) -> FirstAnswers:
    """First answer times of the cases opened in the period; merged ones left out."""
    query = select(CaseRow.opened_at, CaseRow.first_answer_at, CaseRow.due_first_answer_at).where(
        CaseRow.brand_id == brand_id,
        CaseRow.state != CaseState.MERGED,
        CaseRow.opened_at >= period.since,
        CaseRow.opened_at < period.until,
    )
    rows = list(session.execute(query).all())
    hours = sorted(max(0.0, (answer - opened).total_seconds() / 3600) for opened, answer, _ in rows if answer)
    due = [(answer, limit) for _, answer, limit in rows if limit is not None and answer is not None]
    return FirstAnswers(
        opened=len(rows),
        answered=len(hours),
        buckets={name: sum(1 for hour in hours if _bucket(hour) == name) for name, _ in ANSWER_BUCKETS},
        median_hours=median(hours) if hours else None,
        ninetieth_hours=hours[min(len(hours) - 1, int(0.9 * len(hours)))] if hours else None,
        due=len(due),
        kept=sum(1 for answer, limit in due if answer <= limit),
    )


def _sums(session: Session, brand_id: str, period: Period, threshold: float) -> _Sums:
    sums = _Sums()
    for day in period.days:
        _add_day(sums, session, brand_id, day, period.timezone, threshold)
    return sums


def _add_day(sums: _Sums, session: Session, brand_id: str, day: date, timezone: str, threshold: float) -> None:
    # One indexed query a day: local days have 23 to 25 hours, which no portable SQL function knows.
    about = and_(PostRow.stage != "gone", ReadingRow.about_brand >= threshold)
    query = (
        select(
            PostRow.network,
            ReadingRow.intent,
            func.count(),
            func.sum(case((about, 1), else_=0)),
            func.sum(case((and_(about, ReadingRow.unhappy), 1), else_=0)),
        )
        .join(ReadingRow, present_reading(), isouter=True)
        .where(
            PostRow.brand_id == brand_id,
            PostRow.created_at >= _midnight(day, timezone),
            PostRow.created_at < _midnight(day + timedelta(days=1), timezone),
        )
        .group_by(PostRow.network, ReadingRow.intent)
    )
    heard = about_count = unhappy_count = 0
    for network, intent, posts, of_brand, unhappy in session.execute(query):
        heard, about_count, unhappy_count = heard + posts, about_count + of_brand, unhappy_count + unhappy
        sums.networks[network] += unhappy
        if intent is not None:
            sums.intents[intent] += unhappy
    sums.days.append(Day(day, heard, about_count, unhappy_count))


def _compare(now: Counter[str], before: Counter[str]) -> list[Compared]:
    names = {name for name in (*now, *before) if now[name] or before[name]}
    return sorted((Compared(n, now[n], before[n]) for n in names), key=lambda line: (-line.count, line.name))


def _marked(day: Day, limit: float | None) -> Day:
    if limit is None or day.unhappy <= limit:
        return day
    return Day(day.day, day.heard, day.about, day.unhappy, burst=True)


def _bucket(hours: float) -> str:
    return next(name for name, limit in ANSWER_BUCKETS if limit is None or hours < limit)


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))
