"""Deadlines in hours of work: never in closed time, whatever the clocks on the wall do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.case import CaseState, Severity
from domain.team import WorkHours, week_of
from routing.deadlines import (
    Deadlines,
    TeamClock,
    due,
    due_over,
    first_answer_due,
    is_open,
    resolution_due,
    runs_of,
    worked,
)

PARIS = ZoneInfo("Europe/Paris")
OFFICE = WorkHours(PARIS, week_of(["mon-fri 09:00-18:00"]), "FR")
HOUR = timedelta(hours=1)
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "America/Havana")
WEEKS = (
    ["mon-fri 09:00-18:00"],
    ["mon-sun 00:00-24:00"],
    ["sat-sun 01:30-02:30", "sun 02:30-03:15", "mon,wed 13:00-14:00"],
    ["mon-fri 22:00-06:00"],
    ["sun 23:00-01:00", "thu-fri 00:00-01:30", "tue 12:00-20:00"],
)
calendars = st.builds(
    lambda zone, week, country: WorkHours(ZoneInfo(zone), week_of(week), country),
    st.sampled_from(ZONES),
    st.sampled_from(WEEKS),
    st.sampled_from(["", "FR", "US", "EG"]),
)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(0), timedelta(hours=60))


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@given(instants, lengths, calendars)
def test_a_deadline_never_lies_in_closed_time(start: datetime, length: timedelta, hours: WorkHours) -> None:
    end = due(start, length, hours)
    assert end >= start
    if length:
        assert is_open(end - timedelta(microseconds=1), hours)
    assert is_open(end, hours) or worked(end - timedelta(seconds=1), end, hours) > timedelta(0) or end == start


@given(instants, lengths, lengths, calendars)
def test_more_time_is_never_due_earlier(start: datetime, length: timedelta, more: timedelta, hours: WorkHours) -> None:
    assert due(start, length, hours) <= due(start, length + more, hours)
    assert due(start, length, hours) <= due(start + more, length, hours)


@given(instants, lengths, lengths, calendars)
def test_time_adds_up(start: datetime, one: timedelta, other: timedelta, hours: WorkHours) -> None:
    assert due(due(start, one, hours), other, hours) == due(start, one + other, hours)


@given(instants, lengths, calendars)
@example(datetime(2026, 3, 29, 0, 0, tzinfo=UTC), timedelta(hours=1), WorkHours(PARIS, week_of(["sun 02:15-04:00"])))
def test_as_much_is_worked_until_a_deadline_as_it_asks_for(
    start: datetime, length: timedelta, hours: WorkHours
) -> None:
    assert worked(start, due(start, length, hours), hours) == length


def test_the_weekend_and_a_holiday_are_no_work() -> None:
    assert due(paris("2026-11-20T17:00"), 2 * HOUR, OFFICE) == paris("2026-11-23T10:00")
    assert due(paris("2026-12-24T17:00"), 2 * HOUR, OFFICE) == paris("2026-12-28T10:00")
    assert due(paris("2026-11-20T17:00"), HOUR, OFFICE) == paris("2026-11-20T18:00")


def test_a_region_has_holidays_of_its_own() -> None:
    alsace = WorkHours(PARIS, OFFICE.week, "FR", "57")
    start = paris("2025-12-25T20:00")  # Saint Stephen's Day, a Friday
    assert due(start, HOUR, OFFICE) == paris("2025-12-26T10:00")
    assert due(start, HOUR, alsace) == paris("2025-12-29T10:00")


def test_an_hour_that_the_clocks_leave_out_or_repeat_is_counted_as_it_passes() -> None:
    night = WorkHours(PARIS, week_of(["sun 01:00-05:00"]))
    assert worked(paris("2026-03-29T00:00"), paris("2026-03-29T12:00"), night) == 3 * HOUR
    assert worked(paris("2026-10-25T00:00"), paris("2026-10-25T12:00"), night) == 5 * HOUR
    left_out = WorkHours(PARIS, week_of(["sun 02:00-02:45", "tue 09:00-17:00"]))
    assert due(paris("2026-03-29T00:00"), HOUR, left_out) == paris("2026-03-31T10:00")


def test_without_hours_day_and_night_count() -> None:
    start = paris("2026-11-21T23:00")
    assert due(start, 5 * HOUR, None) == start + 5 * HOUR


def test_the_clock_stands_while_we_wait_for_the_customer() -> None:
    opened = paris("2026-11-16T09:00")
    moves = [
        (paris("2026-11-16T11:00"), CaseState.WAITING_CUSTOMER),
        (paris("2026-11-17T10:00"), CaseState.WAITING_US),
    ]
    runs, rounds = runs_of(opened, moves)
    assert rounds == 0
    assert due_over(runs, 4 * HOUR, OFFICE) == paris("2026-11-17T12:00")
    assert due_over(runs[:1], 4 * HOUR, OFFICE) is None
    assert due_over(runs[:1], HOUR, OFFICE) == paris("2026-11-16T10:00"), "it was missed before"


def test_opened_again_the_time_begins_anew() -> None:
    again = paris("2026-11-19T09:00")
    runs, rounds = runs_of(paris("2026-11-16T09:00"), [(again - HOUR, CaseState.RESOLVED), (again, CaseState.REOPENED)])
    assert (runs, rounds) == ([(again, None)], 1)


def test_a_team_has_its_own_hours_and_lengths() -> None:
    plain = dict.fromkeys(Severity, 4 * HOUR)
    team = TeamClock(OFFICE, dict.fromkeys(Severity, 2 * HOUR), plain)
    deadlines = Deadlines(plain, plain, {"billing": team}, warn_share=0.5)
    friday = paris("2026-11-20T17:00")
    assert deadlines.first_answer_at(friday, Severity.HIGH, "billing") == paris("2026-11-23T10:00")
    assert deadlines.first_answer_at(friday, Severity.HIGH, "care") == friday + 4 * HOUR
    found = first_answer_due(friday, Severity.HIGH, "billing", deadlines)
    assert (found.at, found.warn_at) == (paris("2026-11-23T10:00"), paris("2026-11-20T18:00"))
    assert resolution_due([(friday, None)], 0, Severity.LOW, "care", deadlines).at == friday + 4 * HOUR


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("monday 9-18", "are no hours"),
        ("mon 09:00-09:00", "begins when it ends"),
        ("mon 24:00-02:00", "begins when it ends"),
        ("mon 09:00-25:00", "there is no 25:00"),
        ("mon 09:60-10:00", "there is no 09:60"),
        ("mon-abc 09:00-10:00", "'abc' is no day"),
    ],
)
def test_hours_that_are_none_are_named(line: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        week_of([line])


def test_hours_that_touch_are_one_and_a_night_shift_ends_on_the_next_day() -> None:
    assert week_of(["mon 09:00-12:00", "mon 12:00-18:00"])[0] == ((540, 1080),)
    assert week_of(["sun 22:00-06:00"])[6] == ((1320, 1440),)
    assert week_of(["sun 22:00-06:00"])[0] == ((0, 360),)
