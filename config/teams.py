"""The settings of customer care: teams, people, and what a priority is drawn from."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import holidays
from pydantic import Field, field_validator, model_validator

from config.section import Section, known_zone
from domain.brand import Brand
from domain.case import Severity
from domain.team import NOTICE_KINDS, Person, Staff, Team, WorkHours, week_of
from models.intents import load_intents
from routing.deadlines import Deadlines, TeamClock
from routing.priority import REPAIR, Weights

TeamHours = Annotated[float, Field(gt=0, le=24 * 365)]
Points = Annotated[int, Field(ge=0, le=100)]
NoticeKind = Literal["opened", "deadline_near", "deadline_missed"]
LEAST_WEEK = 240  # minutes; with less a deadline of some hundred hours lies decades away


class _Times(Section):
    """A place's clock: zone, hours of work, holidays."""

    timezone: str = ""
    hours: tuple[str, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return value and known_zone(value)

    @field_validator("hours")
    @classmethod
    def _week(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        open_minutes = sum(end - start for day in week_of(value) for start, end in day)
        if value and open_minutes < LEAST_WEEK:
            raise ValueError("open for less than four hours a week")
        return value


class TeamSettings(_Times):
    """Who cases are for, by the name that intents give (`models/intents.toml`). See `docs/teams.md`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")
    country: str = Field("", pattern=r"^([A-Z]{2})?$")
    region: str = ""
    holidays: bool = True
    first_answer_high_hours: TeamHours | None = None
    first_answer_normal_hours: TeamHours | None = None
    first_answer_low_hours: TeamHours | None = None
    resolution_high_hours: TeamHours | None = None
    resolution_normal_hours: TeamHours | None = None
    resolution_low_hours: TeamHours | None = None
    escalate_to: str = ""
    overflow: str = ""
    overflow_after_hours: float = Field(0.0, ge=0, le=24 * 365)
    notify_env: str = Field("", pattern=r"^([A-Z_][A-Z0-9_]*)?$")
    notify: tuple[NoticeKind, ...] = NOTICE_KINDS  # type: ignore[assignment]
    notify_severity: Literal["high", "normal", "low"] = "high"

    @model_validator(mode="after")
    def _known_place(self) -> Self:
        if self.region and not self.country:
            raise ValueError("region needs the country it lies in")
        if self.country:
            try:
                holidays.country_holidays(self.country, subdiv=self.region or None)
            except NotImplementedError as error:
                raise ValueError(f"the holidays of {self.country} {self.region} are not known") from error
        return self

    def work_hours(self, brand: Brand) -> WorkHours | None:
        """Its hours with its holidays; None without hours."""
        if not self.hours:
            return None
        country = (self.country or brand.country) if self.holidays else ""
        return WorkHours(ZoneInfo(self.timezone or brand.timezone), week_of(self.hours), country, self.region)

    def team(self, brand: Brand) -> Team:
        """The same as the domain's noun; `brand` lends zone and country."""
        return Team(
            name=self.name,
            zone=ZoneInfo(self.timezone or brand.timezone),
            hours=self.work_hours(brand),
            escalate_to=_name(self.escalate_to),
            overflow=self.overflow,
            overflow_after=timedelta(hours=self.overflow_after_hours),
            notify_env=self.notify_env,
            notify=frozenset(self.notify),
            notify_severity=Severity(self.notify_severity),
        )


class PersonSettings(_Times):
    """Who works cases, by the address of the console's user. See `docs/teams.md`."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=200)
    teams: tuple[str, ...] = Field(min_length=1)
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    capacity: int = Field(20, ge=0, le=10_000)
    notify_env: str = Field("", pattern=r"^([A-Z_][A-Z0-9_]*)?$")

    @field_validator("email")
    @classmethod
    def _as_signed_in(cls, value: str) -> str:
        return value.lower()

    @field_validator("skills")
    @classmethod
    def _are_intents(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _known("intent", value, load_intents())
        return value

    def person(self, brand: Brand, teams: Sequence[TeamSettings]) -> Person:
        """The same as the domain's noun; the first team with a zone or a country of its own lends them."""
        own = [team for team in teams if team.name in self.teams]
        lent = next((team.timezone for team in own if team.timezone), brand.timezone)
        zone = ZoneInfo(self.timezone or lent)
        first = own[0] if own else None
        country = "" if first is None or not first.holidays else first.country or brand.country
        region = first.region if first else ""
        return Person(
            email=self.email,
            teams=frozenset(self.teams),
            zone=zone,
            skills=frozenset(self.skills),
            languages=frozenset(language.lower() for language in self.languages),
            capacity=self.capacity,
            hours=WorkHours(zone, week_of(self.hours), country, region) if self.hours else None,
            notify_env=self.notify_env,
        )


class PrioritySettings(Section):
    """What a priority (0 to 100) is drawn from: points of harm, value and repair. See `docs/teams.md`."""

    severity_high: Points = 45
    severity_normal: Points = 28
    severity_low: Points = 10
    escalation: Points = 10
    further_post: Points = 2
    further_posts_most: Points = 5
    day_open: Points = 1
    days_open_most: Points = 5
    other_case: Points = 2
    contact: Points = 1
    often_most: Points = 5
    missed_deadline: Points = 3
    missed_deadlines_most: Points = 6
    harm_most: Points = 76
    reach_10000: Points = 10
    reach_1000: Points = 6
    reach_200: Points = 3
    may_leave: Points = 8
    valued: Points = 7
    valued_from: float = Field(1000.0, ge=0)
    valued_segments: tuple[str, ...] = ("vip",)
    value_most: Points = 25
    repair: dict[str, Points] = Field(default_factory=lambda: dict(REPAIR))
    repair_other: Points = 5
    repair_soon: Points = 10
    repair_most: Points = 15

    @field_validator("repair")
    @classmethod
    def _are_intents(cls, value: dict[str, int]) -> dict[str, int]:
        _known("intent", value, load_intents())
        return value

    def weights(self) -> Weights:
        """The same as routing's noun."""
        return Weights(**self.model_dump())


def check_teams(teams: Sequence[TeamSettings], people: Sequence[PersonSettings]) -> None:
    """Whether the names that teams and people use exist. Raises ValueError in one line."""
    _once("team", (team.name for team in teams))
    _once("person", (person.email for person in people))
    own, emails = [team.name for team in teams], {person.email for person in people}
    known = {*own, *(intent.team for intent in load_intents().values())}
    for team in teams:
        if team.overflow:
            _known("team", [team.overflow], known - {team.name})
        if team.escalate_to and _name(team.escalate_to) not in emails:
            _known("team or person", [team.escalate_to], known)
    for person in people:
        _known("team", person.teams, known)


def staff_of(teams: Sequence[TeamSettings], people: Sequence[PersonSettings], brand: Brand) -> Staff:
    """Teams and people as the domain's nouns; `brand` lends zone and country where they name none."""
    return Staff(
        teams={team.name: team.team(brand) for team in teams},
        people={person.email: person.person(brand, teams) for person in people},
    )


def deadlines_of(cases: Section, warn_before: float, teams: Sequence[TeamSettings], brand: Brand) -> Deadlines:
    """The deadlines of `[cases]`, with those of the teams that have their own."""
    first, resolution = (_lengths(kind, cases) for kind in ("first_answer", "resolution"))
    clocks = {
        team.name: TeamClock(
            hours=team.work_hours(brand),
            first_answer=first | _lengths("first_answer", team),
            resolution=resolution | _lengths("resolution", team),
        )
        for team in teams
    }
    return Deadlines(first, resolution, clocks, warn_before)


def _lengths(kind: str, section: Section) -> dict[Severity, timedelta]:
    hours = {severity: getattr(section, f"{kind}_{severity}_hours") for severity in Severity}
    return {severity: timedelta(hours=length) for severity, length in hours.items() if length is not None}


def _name(name: str) -> str:
    return name.lower() if "@" in name else name


def _once(what: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"the {what} {name} is named twice")


def _known(what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{re.sub(r'[^ -~]', '?', name)!r} is no {what}; there is {', '.join(sorted(known))}")
