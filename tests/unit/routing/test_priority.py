"""A priority is three named parts, each the sum of its reasons; time weighs on harm and on nothing else."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.intents import load_intents
from routing.priority import Passing, Signals, Weights, of_time, priority, reweighed, with_reasons

INTENTS = load_intents()
DELIVERY = Signals(
    intent=INTENTS["delivery"],
    second_intent=None,
    urgency="normal",
    escalation=0.1,
    posts=1,
    followers=0,
    reposts=0,
    segments=frozenset(),
    customer_value=None,
)
signals = st.builds(
    Signals,
    intent=st.sampled_from(list(INTENTS.values())),
    second_intent=st.sampled_from([None, "churn_cancel"]),
    urgency=st.sampled_from(["high", "normal", "low"]),
    escalation=st.sampled_from([0.0, 0.9]),
    posts=st.integers(1, 50),
    followers=st.integers(0, 10**7),
    reposts=st.integers(0, 10**4),
    segments=st.sampled_from([frozenset(), frozenset({"vip", "new"})]),
    customer_value=st.sampled_from([None, 10.0, 5000.0]),
)
passing = st.builds(
    Passing,
    open_for=st.timedeltas(timedelta(0), timedelta(days=400)),
    other_cases=st.integers(0, 30),
    contacts=st.integers(0, 99),
    missed=st.integers(0, 9),
)
weights = st.builds(
    Weights, severity_high=st.integers(0, 100), missed_deadline=st.integers(0, 9), harm_most=st.integers(0, 100)
)


@given(signals, passing, weights)
def test_the_parts_explain_the_number(told: Signals, time: Passing, weights: Weights) -> None:
    points, parts = reweighed(priority(told, weights)[1], time, weights)
    assert 0 <= points <= 100
    assert points == min(sum(part["points"] for part in parts), 100)
    assert [part["part"] for part in parts] == ["harm", "value", "repair"]
    for part, most in zip(parts, (weights.harm_most, weights.value_most, weights.repair_most), strict=True):
        assert part["points"] == min(sum(reason["points"] for reason in part["reasons"]), most)
        assert part["why"] == ", ".join(reason["why"] for reason in part["reasons"])


@given(signals, passing, passing)
def test_weighing_again_forgets_what_time_said_before(told: Signals, before: Passing, now: Passing) -> None:
    fresh = priority(told)[1]
    assert reweighed(reweighed(fresh, before, Weights())[1], now, Weights()) == reweighed(fresh, now, Weights())


@given(signals, signals, passing)
def test_a_new_post_leaves_what_time_said(told: Signals, again: Signals, time: Passing) -> None:
    before = reweighed(priority(told)[1], time, Weights())[1]
    assert with_reasons(priority(again), of_time(before), Weights()) == reweighed(priority(again)[1], time, Weights())


def test_a_missed_deadline_raises_the_priority() -> None:
    first = priority(DELIVERY)
    assert first[0] == 60
    assert reweighed(first[1], Passing(missed=1), Weights())[0] == 63
    assert reweighed(first[1], Passing(timedelta(days=2), 1, 3, 1), Weights())[0] == 60 + 2 + 2 + 3 + 3


def test_weights_are_the_settings() -> None:
    dear = Weights(valued_segments=("gold",), valued=20)
    assert priority(replace(DELIVERY, segments=frozenset({"gold"})), dear)[0] == 80
    assert priority(replace(DELIVERY, segments=frozenset({"vip"})), dear)[0] == 60


def test_a_priority_that_was_kept_without_its_reasons_goes_on() -> None:
    kept = [{"part": "harm", "points": 45, "why": "severity high, 2 posts"}]
    points, parts = reweighed(kept, Passing(missed=1), Weights())
    assert (points, parts[0]["why"]) == (48, "severity high, 2 posts, 1 deadlines missed")
