"""A case goes to one person who can take it: to the least loaded, always the same one, never twice."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.errors import BadInput
from domain.team import Staff
from routing.assignment import Assigned, Choice, Roster, Wanted, assign_waiting, choose
from routing.contact import situation_of
from storage import staff as store
from storage.assignees import give, hand_to_team, in_charge
from storage.cases import SYSTEM
from storage.tables import AuditRow, CaseRow, NoticeRow
from tests.unit.routing.caring import app, case, events, later, staff, user
from tests.unit.samples import BRAND, NOW

ANNA, BEN, CARO = "anna@example.org", "ben@example.org", "caro@example.org"
WANTED = Wanted("care", "fr", "service_quality", NOW)


@pytest.fixture(scope="module")
def database_kind() -> str:
    return "sqlite"


def roster(staff: Staff, away: tuple[str, ...] = (), now: Any = NOW, **loads: int) -> Roster:
    names = {"anna": ANNA, "ben": BEN, "caro": CARO}
    return Roster(staff, frozenset(staff.people), away, {names[name]: load for name, load in loads.items()}, now)


class TestChoice:
    def test_who_has_least_of_what_he_can_take(self) -> None:
        team = staff({"email": ANNA, "capacity": 10}, {"email": BEN, "capacity": 20})
        assert choose(WANTED, roster(team, anna=3, ben=5)).person == BEN
        assert choose(WANTED, roster(team, anna=2, ben=5)).person == ANNA

    def test_of_two_who_have_as_much_always_the_same_one(self) -> None:
        team = staff({"email": BEN}, {"email": ANNA})
        assert choose(WANTED, roster(team, anna=1, ben=1)).person == ANNA

    @pytest.mark.parametrize(
        ("person", "why"),
        [
            ({"languages": ["en"]}, "language"),
            ({"skills": ["billing"]}, "skill"),
            ({"capacity": 0}, "full"),
            ({"hours": ["sat-sun 09:00-18:00"]}, "not_at_work"),
        ],
    )
    def test_who_cannot_take_it_does_not_get_it(self, person: dict[str, Any], why: str) -> None:
        team = staff({"email": ANNA, **person})
        assert choose(WANTED, roster(team)) == Choice(None, "care", {ANNA: why})

    def test_who_is_away_or_may_not_see_it_does_not_get_it(self) -> None:
        team = staff({"email": ANNA}, {"email": BEN})
        found = choose(WANTED, Roster(team, {ANNA}, {ANNA}, {}, NOW))
        assert found.refused == {ANNA: "away", BEN: "no_user"}

    def test_a_language_that_nobody_knows_is_no_hindrance(self) -> None:
        team = staff({"email": ANNA, "languages": ["en"]})
        assert choose(Wanted("care", "und", "service_quality", NOW), roster(team)).person == ANNA

    def test_another_team_helps_out_where_nobody_can(self) -> None:
        teams = ({"name": "care", "overflow": "community", "overflow_after_hours": 2},)
        team = staff({"email": ANNA, "capacity": 1}, {"email": BEN, "teams": ["community"]}, teams=teams)
        full = {"anna": 1}
        assert choose(WANTED, roster(team)).person == ANNA
        assert choose(WANTED, roster(team, now=later(hours=1), **full)).person is None
        assert choose(WANTED, roster(team, now=later(hours=2), **full)) == Choice(BEN, "community", {ANNA: "full"})

    def test_teams_that_help_each_other_end(self) -> None:
        teams = ({"name": "care", "overflow": "community"}, {"name": "community", "overflow": "care"})
        assert choose(WANTED, roster(staff(teams=teams))).person is None

    @given(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8),
    )
    def test_nobody_ever_has_more_than_he_can_take(self, people: list[tuple[int, int]]) -> None:
        told = [{"email": f"p{n}@example.org", "capacity": capacity} for n, (capacity, _) in enumerate(people)]
        team = staff(*told)
        loads = {f"p{n}@example.org": load for n, (_, load) in enumerate(people)}
        found = choose(WANTED, Roster(team, frozenset(team.people), (), loads, NOW))
        room = {email for email, load in loads.items() if load < team.people[email].capacity}
        assert (found.person in room) if room else found.person is None


class TestAssigning:
    def test_what_waits_is_given_once_the_most_urgent_first(self, session: Session) -> None:
        user(session, ANNA)
        low, high = case(session, priority=10), case(session, priority=90)
        team = staff({"email": ANNA, "capacity": 1})
        assert assign_waiting(session, BRAND.id, team, NOW) == Assigned(assigned=1, waiting=1)
        assert (high.assignee, high.assigned_by, low.assignee) == (ANNA, SYSTEM, None)
        assert assign_waiting(session, BRAND.id, team, NOW) == Assigned(waiting=1)
        assert [(event.kind, event.detail["to"]) for event in events(session, high)] == [("assigned", ANNA)]

    def test_cases_are_spread(self, session: Session) -> None:
        user(session, ANNA), user(session, BEN)
        for _ in range(4):
            case(session)
        assign_waiting(session, BRAND.id, staff({"email": ANNA}, {"email": BEN}), NOW)
        held = session.scalars(select(CaseRow.assignee).where(CaseRow.brand_id == BRAND.id)).all()
        assert sorted(map(str, held)) == [ANNA, ANNA, BEN, BEN]

    def test_who_has_no_right_in_the_brand_gets_nothing(self, session: Session) -> None:
        user(session, ANNA, role="analyst"), user(session, BEN, brand_id="mesange")
        case(session)
        assert assign_waiting(session, BRAND.id, staff({"email": ANNA}, {"email": BEN}), NOW) == Assigned(waiting=1)

    def test_what_waits_for_the_customer_or_sleeps_is_not_given(self, session: Session) -> None:
        user(session, ANNA)
        case(session, state="waiting_customer"), case(session, state="snoozed"), case(session, state="resolved")
        assert assign_waiting(session, BRAND.id, staff({"email": ANNA}), NOW) == Assigned()

    def test_an_overdue_case_of_somebody_away_goes_to_somebody_else(self, session: Session) -> None:
        user(session, ANNA), user(session, BEN)
        late = case(session, assignee=ANNA, assigned_by=ANNA, due_first_answer_at=later(hours=-1))
        soon = case(session, assignee=ANNA, assigned_by=ANNA, due_first_answer_at=later(hours=1))
        store.go_away(session, ANNA, NOW.date(), NOW.date(), ANNA, NOW)
        team = staff({"email": ANNA}, {"email": BEN})
        assert assign_waiting(session, BRAND.id, team, NOW) == Assigned(assigned=1, returned=1)
        assert (late.assignee, soon.assignee) == (BEN, ANNA)
        assert [event.kind for event in events(session, late)] == ["unassigned", "assigned"]

    def test_who_was_shut_out_keeps_nothing(self, session: Session) -> None:
        user(session, ANNA).disabled_at = NOW
        user(session, BEN)
        held, elsewhere = case(session, assignee=ANNA), case(session, assignee="agent-7 of another desk")
        assign_waiting(session, BRAND.id, staff({"email": BEN}), NOW)
        assert (held.assignee, elsewhere.assignee) == (BEN, "agent-7 of another desk")

    def test_a_case_that_the_program_gave_is_still_written_to_by_itself_until_it_is_taken(
        self, session: Session
    ) -> None:
        user(session, ANNA)
        given = case(session)
        assign_waiting(session, BRAND.id, staff({"email": ANNA}), NOW)
        rules = app().contact_rules(BRAND)
        assert not in_charge(given)
        assert not situation_of(session, given, rules, NOW).case.person_in_charge
        give(session, given, ANNA, ANNA, NOW)
        assert in_charge(given)
        assert situation_of(session, given, rules, NOW).case.person_in_charge

    def test_another_team_gives_it_to_its_own_people(self, session: Session) -> None:
        user(session, ANNA), user(session, BEN)
        handed = case(session)
        team = staff({"email": ANNA}, {"email": BEN, "teams": ["billing"]})
        assign_waiting(session, BRAND.id, team, NOW)
        hand_to_team(session, handed, "billing", ANNA, NOW)
        assign_waiting(session, BRAND.id, team, NOW)
        assert handed.assignee == BEN
        assert [event.kind for event in events(session, handed)] == [
            "assigned", "team_changed", "unassigned", "assigned",
        ]  # fmt: skip

    def test_who_gets_a_case_is_told(self, session: Session) -> None:
        user(session, ANNA)
        given = case(session)
        assign_waiting(session, BRAND.id, staff({"email": ANNA, "notify_env": "TELL_ANNA"}), NOW)
        told = session.scalars(select(NoticeRow)).one()
        assert (told.kind, told.person, told.case_id) == ("assigned", ANNA, given.id)


class TestAbsences:
    def test_days_that_touch_are_one_absence_and_it_is_audited(self, session: Session) -> None:
        user(session, ANNA)
        store.go_away(session, ANNA, date(2026, 11, 16), date(2026, 11, 18), ANNA, NOW)
        store.go_away(session, ANNA.upper(), date(2026, 11, 19), date(2026, 11, 20), ANNA, NOW)
        rows = store.absences(session, date(2026, 11, 16))
        assert [(row.first_day, row.last_day) for row in rows] == [(date(2026, 11, 16), date(2026, 11, 20))]
        assert session.scalars(select(AuditRow.action)).all() == ["user.away", "user.away"]

    def test_coming_back_ends_what_runs_and_what_was_to_come(self, session: Session) -> None:
        user(session, ANNA)
        store.go_away(session, ANNA, date(2026, 11, 16), date(2026, 11, 30), ANNA, NOW)
        store.go_away(session, ANNA, date(2026, 12, 24), date(2026, 12, 31), ANNA, NOW)
        assert store.come_back(session, ANNA, date(2026, 11, 20), ANNA, NOW) == 2
        rows = store.absences(session, date(2026, 11, 1))
        assert [(row.first_day, row.last_day) for row in rows] == [(date(2026, 11, 16), date(2026, 11, 19))]

    def test_days_and_people_that_are_none_are_refused(self, session: Session) -> None:
        user(session, ANNA)
        for email, first, last in (
            (BEN, date(2026, 11, 16), date(2026, 11, 16)),
            (ANNA, date(2026, 11, 17), date(2026, 11, 16)),
            (ANNA, date(2026, 11, 17), date(2036, 11, 16)),
        ):
            with pytest.raises(BadInput):
                store.go_away(session, email, first, last, ANNA, NOW)

    def test_a_day_is_that_of_where_the_person_is(self, session: Session) -> None:
        user(session, ANNA)
        case(session)
        store.go_away(session, ANNA, date(2026, 11, 17), date(2026, 11, 17), ANNA, NOW)
        evening = NOW.replace(hour=23)  # already the next day in Paris, not yet in New York
        there = staff({"email": ANNA, "timezone": "America/New_York"})
        here = staff({"email": ANNA})
        assert assign_waiting(session, BRAND.id, here, evening).assigned == 0
        assert assign_waiting(session, BRAND.id, there, evening).assigned == 1


def test_resolved_cases_burden_nobody(session: Session) -> None:
    (
        case(session, assignee=ANNA),
        case(session, assignee=ANNA, state="resolved"),
        case(session, assignee=ANNA, state="snoozed"),
    )
    assert store.loads(session) == {ANNA: 1}
    assert CaseState.SNOOZED not in store.AT_WORK
