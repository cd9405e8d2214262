"""Which complaints of one customer are one matter: a function of what he said, in whatever order it is told."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.joining import JoinRules, Matter, Strand, matter_of, plan
from tests.unit.samples import NOW

DAY = timedelta(days=1)
RULES = JoinRules("reopen", 30 * DAY)


def strand(number: int, day: float = 0, **facts: Any) -> Strand:
    at = NOW + day * DAY
    told = {"network": "mastodon", "thread": f"t{number}", "id": f"p{number}", "intent": "delivery", **facts}
    told["orders"] = frozenset(told.get("orders", ()))
    return Strand(post=number, at=at, until=told.pop("until", at), **told)


def groups(*strands: Strand, rules: JoinRules = RULES) -> list[list[int]]:
    return [[one.post for one in matter.strands] for matter in plan(strands, rules)]


class TestWhatIsOneMatter:
    def test_the_same_intent_soon_after_on_another_network(self) -> None:
        assert groups(strand(1), strand(2, 20, network="bluesky")) == [[1, 2]]

    def test_another_intent_is_another_matter(self) -> None:
        assert groups(strand(1), strand(2, 1, intent="billing")) == [[1], [2]]

    def test_another_intent_about_the_same_order_is_not(self) -> None:
        assert groups(strand(1, orders="A"), strand(2, 1, intent="billing", orders="A")) == [[1, 2]]

    def test_two_orders_are_two_matters(self) -> None:
        assert groups(strand(1, orders="A"), strand(2, 1, orders="B")) == [[1], [2]]

    def test_what_quotes_no_order_bridges_no_two_orders(self) -> None:
        assert groups(strand(1, orders="A"), strand(2, 1), strand(3, 2, orders="B")) == [[1, 2], [3]]

    def test_the_order_says_more_than_the_time(self) -> None:
        told = [strand(1, orders="A"), strand(2, 1, orders="B"), strand(3, 2, orders="A", intent="billing")]
        assert groups(*told) == [[1, 3], [2]]

    def test_long_after_it_is_another_one(self) -> None:
        assert groups(strand(1), strand(2, 31)) == [[1], [2]]

    def test_as_long_as_he_goes_on_about_it_it_is_the_same(self) -> None:
        assert groups(strand(1), strand(2, 20), strand(3, 40)) == [[1, 2, 3]]
        assert groups(strand(1, until=NOW + 25 * DAY), strand(2, 50)) == [[1, 2]]

    def test_one_thread_is_one_matter_whatever_is_said_in_it(self) -> None:
        assert groups(strand(1, thread="t"), strand(2, 90, thread="t", intent="billing")) == [[1, 2]]


class TestSettled:
    @pytest.mark.parametrize(("rule", "together"), [("continue", [[1, 2]]), ("reopen", [[1, 2]]), ("new", [[1], [2]])])
    def test_the_rule_says_whether_a_settled_case_takes_a_new_complaint(self, rule: Any, together: Any) -> None:
        settled = strand(1, case=7, settled_at=NOW + DAY)
        assert groups(settled, strand(2, 3), rules=JoinRules(rule, 30 * DAY)) == together

    @pytest.mark.parametrize("rule", ["continue", "reopen"])
    def test_not_for_ever(self, rule: Any) -> None:
        settled = strand(1, case=7, settled_at=NOW + DAY, until=NOW + 20 * DAY, orders="A")
        assert groups(settled, strand(2, 32, orders="A"), rules=JoinRules(rule, 30 * DAY)) == [[1], [2]]

    def test_an_open_case_is_never_hidden_in_a_settled_one_that_goes_on_as_it_is(self) -> None:
        settled, opened = strand(1, case=7, settled_at=NOW + DAY), strand(2, 3, case=8)
        assert groups(settled, opened, rules=JoinRules("continue", 30 * DAY)) == [[1], [2]]
        assert groups(settled, opened) == [[1, 2]]

    def test_what_lies_in_it_stays(self) -> None:
        told = strand(1, case=7, settled_at=NOW + DAY), strand(2, 3, case=7, settled_at=NOW + DAY)
        assert groups(*told, rules=JoinRules("new", 30 * DAY)) == [[1, 2]]


class TestPeople:
    def test_two_cases_that_a_person_looked_at_are_not_joined(self) -> None:
        assert groups(strand(1, case=1, fixed=True), strand(2, 1, case=2, fixed=True)) == [[1], [2]]

    def test_what_a_person_put_together_stays_together(self) -> None:
        assert groups(strand(1, case=1, fixed=True), strand(2, 90, intent="billing", case=1, fixed=True)) == [[1, 2]]

    def test_what_has_been_written_about_is_not_taken_apart(self) -> None:
        assert groups(strand(1, case=1, bound=True), strand(2, 90, intent="billing", case=1, bound=True)) == [[1, 2]]

    def test_a_new_complaint_joins_the_case_that_a_person_touched(self) -> None:
        told = strand(1, case=5, fixed=True), strand(2, 1, case=3)
        assert plan(told, RULES)[0].case == 5


class TestCases:
    def test_the_oldest_case_takes_the_others_in(self) -> None:
        found = plan([strand(1, case=4), strand(2, 1, case=3), strand(3, 2)], RULES)
        assert [(one.case, one.others) for one in found] == [(3, (4,))]

    def test_a_case_stays_with_the_thread_that_it_is_named_after(self) -> None:
        told = [strand(1, case=3), strand(2, 1, intent="billing", case=3, home=True)]
        assert [(one.strands[0].post, one.case) for one in plan(told, RULES)] == [(1, None), (2, 3)]

    def test_a_strand_finds_its_matter(self) -> None:
        found = matter_of([strand(1, case=3), strand(2, 1)], 2, RULES)
        assert found is not None
        assert found.case == 3
        assert matter_of([], 2, RULES) is None


@st.composite
def told(draw: st.DrawFn) -> list[Strand]:
    """Strands of one customer in up to five cases, some of them settled, touched by a person or written about."""
    numbers = range(1, draw(st.integers(1, 8)) + 1)
    cases = draw(
        st.lists(
            st.builds(
                lambda fixed, bound, settled: {"fixed": fixed, "bound": bound, "settled_at": settled},
                st.booleans(),
                st.booleans(),
                st.none() | st.integers(0, 60).map(lambda day: NOW + day * DAY),
            ),
            min_size=5,
            max_size=5,
        )
    )
    found = []
    for number in numbers:
        case = draw(st.none() | st.integers(0, 4))
        facts: dict[str, Any] = {} if case is None else {"case": case + 1, "home": draw(st.booleans()), **cases[case]}
        facts["orders"] = draw(st.sampled_from(["", "", "A", "B", "AB"]))
        facts["intent"] = draw(st.sampled_from(["delivery", "billing"]))
        facts["thread"] = draw(st.sampled_from(["t", f"t{number}"]))
        found.append(strand(number, draw(st.integers(0, 90)), **facts))
    return found


rules = st.builds(JoinRules, st.sampled_from(["continue", "reopen", "new"]), st.integers(0, 60).map(lambda d: d * DAY))


@given(told(), rules, st.randoms())
def test_the_plan_is_the_same_in_any_order_and_loses_nobody(strands: list[Strand], rules: JoinRules, dice: Any) -> None:
    found = plan(strands, rules)
    shuffled = list(strands)
    dice.shuffle(shuffled)
    assert plan(shuffled, rules) == found
    assert sorted(one.post for matter in found for one in matter.strands) == [one.post for one in strands]
    kept = [matter.case for matter in found if matter.case] + [case for matter in found for case in matter.others]
    assert len(kept) == len(set(kept)), "a case belongs to one matter"
    assert set(kept) == {one.case for one in strands if one.case}, "no case is left behind"


@given(told(), rules)
def test_a_person_s_word_holds(strands: list[Strand], rules: JoinRules) -> None:
    for matter in plan(strands, rules):
        assert len({one.case for one in matter.strands if one.fixed}) <= 1


@given(told(), rules)
def test_carried_out_it_changes_nothing_more(strands: list[Strand], rules: JoinRules) -> None:
    """Once every strand lies in the case of its matter, the plan is to leave it there."""
    if any(one.settled_at for one in strands):
        strands = [replace(one, settled_at=None) for one in strands]
    done = carried_out(plan(strands, rules))
    again = plan(done, rules)
    assert [matter.others for matter in again] == [()] * len(again)
    assert {one.post: matter.case for matter in again for one in matter.strands} == {one.post: one.case for one in done}


def carried_out(matters: list[Matter]) -> list[Strand]:
    found = []
    for number, matter in enumerate(matters):
        case = matter.case or 100 + number
        fixed = any(one.fixed for one in matter.strands)
        bound = any(one.bound for one in matter.strands)
        found += [
            replace(one, case=case, home=one is matter.strands[0], fixed=fixed, bound=bound) for one in matter.strands
        ]
    return found


def test_times_are_told_apart_by_network_and_id() -> None:
    at: datetime = NOW
    told = [replace(strand(1, case=1), at=at), replace(strand(2, case=2), at=at)]
    assert plan(told, RULES) == plan(told[::-1], RULES)
