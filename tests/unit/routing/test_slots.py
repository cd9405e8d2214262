"""A call is planned when both sides are awake and at work, and nobody else has the slot."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.contact import ContactPolicy, Recipient
from routing.calendar import next_open
from routing.channels.phone import PhoneSettings
from routing.slots import CallHours, next_slot

POLICY = ContactPolicy()
HOURS = PhoneSettings().call_hours()
PARIS = ZoneInfo("Europe/Paris")
ANA = Recipient("C1", "FR", "fr", "Europe/Paris")


def test_the_next_full_slot_after_the_lead():
    monday = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
    assert next_slot(monday, HOURS, ANA, POLICY, {}) == (monday + timedelta(minutes=30), monday + timedelta(minutes=90))


def test_evenings_sundays_and_holidays_are_left_out():
    saturday = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)
    start, _ = next_slot(saturday, HOURS, ANA, POLICY, {}) or (None, None)
    assert start == datetime(2026, 12, 28, 9, 0, tzinfo=UTC)


def test_who_lives_far_away_is_called_in_his_own_day():
    reunion = Recipient("C1", "RE", "fr", "Indian/Reunion")
    start, end = next_slot(datetime(2026, 11, 16, 12, 0, tzinfo=UTC), HOURS, reunion, POLICY, {}) or (None, None)
    assert start is not None
    assert end is not None
    assert start.astimezone(ZoneInfo("Indian/Reunion")).time() >= time(8)
    assert end.astimezone(ZoneInfo("Indian/Reunion")).time() <= time(20)


def test_no_common_hour_is_no_slot():
    auckland = Recipient("C1", "NZ", "en", "Pacific/Auckland")
    assert next_slot(datetime(2026, 11, 16, tzinfo=UTC), HOURS, auckland, POLICY, {}) is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(1, 3))
def test_any_slot_lies_in_the_hours_of_both_and_is_not_overbooked(moment: datetime, per_slot: int):
    now = moment.replace(tzinfo=UTC)
    hours = CallHours(HOURS.spans, HOURS.weekdays, timedelta(minutes=30), timedelta(minutes=30), per_slot)
    booked: Counter[datetime] = Counter()
    for _ in range(2 * per_slot):
        found = next_slot(now, hours, ANA, POLICY, booked)
        assert found is not None
        start, end = found
        booked[start] += 1
        local = start.astimezone(PARIS)
        assert start - now >= timedelta(minutes=30)
        assert any(opens <= local.time() and end.astimezone(PARIS).time() <= closes for opens, closes in hours.spans)
        assert next_open(ANA, start, POLICY) == start
    assert set(booked.values()) == {per_slot}


@pytest.mark.parametrize("hours", [("10-12",), ("12:00-10:00",), ("10:00-25:00",)])
def test_hours_that_are_none_are_refused(hours: tuple[str, ...]):
    with pytest.raises(ValidationError, match="span of a day"):
        PhoneSettings(hours=hours)
