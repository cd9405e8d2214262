"""The team: who has how much, who is at work, who is away."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from console.web import Acting, Looking, PageError, Viewer, Web, agent, go_to, page, web_of
from domain.errors import BadInput
from domain.team import DAYS, Person, WorkHours
from models.intents import load_intents
from routing.assignment import Roster, roster_of
from storage import notices, staff

router = APIRouter()
Email = Annotated[str, Form(max_length=320)]
Day = Annotated[str, Form(max_length=10)]


@dataclass(frozen=True, slots=True)
class Working:
    """One person on the page: what she has, and whether she takes more now."""

    person: Person
    load: int
    now: str


@router.get("/team")
def team_page(request: Request, looking: Looking) -> HTMLResponse:
    web, now = web_of(request), web_of(request).now()
    agent(looking, looking.brand_id)
    with web.database.read() as session:
        roster = roster_of(session, looking.brand_id, web.staff, now)
        counts = staff.team_counts(session, looking.brand_id, now)
        away = staff.absences(session, now.date())
        may = sorted(staff.may_act(session, looking.brand_id))
        return page(
            request,
            looking,
            "team.html",
            teams=[(name, web.staff.teams.get(name), counts.get(name, (0, 0, 0))) for name in _shown(web, counts)],
            hours=_hours,
            people=[_working(person, roster) for _, person in sorted(web.staff.people.items())],
            absences=[row for row in away if row.person in {*may, *web.staff.people}],
            absentees=may if looking.right.role == "admin" else [looking.user.email],
            open_ends=notices.open_ends(session, looking.brand_id),
        )


@router.post("/team/away")
def away(request: Request, acting: Acting, person: Email, first: Day, last: Day) -> Response:
    def act(session: Session) -> None:
        try:
            days = date.fromisoformat(first), date.fromisoformat(last)
            staff.go_away(session, person, *days, acting.user.email, web_of(request).now())
        except (ValueError, BadInput) as error:
            raise PageError(422, "error.bad_days") from error

    return _do(request, acting, person, act)


@router.post("/team/back")
def back(request: Request, acting: Acting, person: Email) -> Response:
    def act(session: Session) -> None:
        now = web_of(request).now()
        zone = ZoneInfo(web_of(request).words(acting.brand_id).timezone)
        try:
            staff.come_back(session, person, now.astimezone(zone).date(), acting.user.email, now)
        except BadInput as error:
            raise PageError(422) from error

    return _do(request, acting, person, act)


def team_names(web: Web) -> list[str]:
    """Every team that a case can be handed to: those of the settings and of the intents."""
    return sorted({*web.staff.teams, *(intent.team for intent in load_intents().values())})


def _do(request: Request, acting: Viewer, person: str, act: Callable[[Session], None]) -> Response:
    """Agents speak for themselves, admins for everybody who may act in the brand."""
    who = agent(acting, acting.brand_id)
    with web_of(request).database.begin() as session:
        allowed = staff.may_act(session, who.brand_id) if who.right.role == "admin" else {who.user.email}
        if person not in allowed:
            raise PageError(403)
        act(session)
    return go_to("/team", brand=who.brand_id)


def _shown(web: Web, counts: dict[str, tuple[int, int, int]]) -> list[str]:
    return sorted({*web.staff.teams, *counts})


def _working(person: Person, roster: Roster) -> Working:
    load = roster.loads.get(person.email, 0)
    idle = {roster.idle(person, team) for team in sorted(person.teams)}
    why = None if None in idle else next(iter(sorted(filter(None, idle))))
    return Working(person, load, why or ("full" if load >= person.capacity else "at_work"))


def _hours(hours: WorkHours | None) -> str:
    """The week in short: `mon 09:00-18:00`, days that are alike together."""
    if hours is None:
        return ""
    runs: list[tuple[int, int]] = []
    for day in range(7):
        if runs and hours.week[day] == hours.week[runs[-1][0]]:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return ", ".join(_days(hours, first, last) for first, last in runs if hours.week[first])


def _days(hours: WorkHours, first: int, last: int) -> str:
    days = DAYS[first] if first == last else f"{DAYS[first]}-{DAYS[last]}"
    clock = (f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in hours.week[first])
    return f"{days} {' '.join(clock)}"
