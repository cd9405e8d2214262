"""What second looks teach: offsets that bring what is told to what was found."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.matching.experience import Look, learn_experience


def told(probability: float, bits: float) -> float:
    odds = probability / (1 - probability) * 2**bits
    return odds / (1 + odds)


def test_what_is_too_sure_is_lowered_to_what_was_found() -> None:
    looks = [Look("name+city", 0.98, at % 4 != 0) for at in range(400)]
    assert told(0.98, learn_experience(looks)["name+city"]) == pytest.approx(0.75, abs=0.01)


def test_what_is_right_as_often_as_it_says_is_left_alone() -> None:
    assert learn_experience([Look("name", 0.8, at % 5 != 0) for at in range(500)]) == {}


def test_little_evidence_moves_little() -> None:
    once, often = ([Look("name", 0.5, right=False)] * times for times in (1, 50))
    assert -2 < learn_experience(once)["name"] < 0
    assert learn_experience(often)["name"] < -4


def test_a_look_drawn_by_lot_stands_for_those_that_were_not() -> None:
    rare = [Look("name", 0.5, at < 2, stands_for=10) for at in range(4)]
    many = [Look("name", 0.5, at < 20) for at in range(40)]
    assert learn_experience(rare) == learn_experience(many)


def test_learning_again_starts_from_the_weights_alone() -> None:
    looks = [Look("name", 0.98, at % 4 != 0) for at in range(400)]
    bits = learn_experience(looks)["name"]
    again = [Look("name", told(0.98, bits), at % 4 != 0, known=bits) for at in range(400)]
    assert learn_experience(again)["name"] == pytest.approx(bits, abs=0.02)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(1, 50)), max_size=30))
def test_offsets_are_numbers_whatever_was_found(found: list[tuple[float, bool, float]]) -> None:
    looks = [Look("name", chance, right, stands_for=weight) for chance, right, weight in found]
    assert all(math.isfinite(bits) and abs(bits) < 60 for bits in learn_experience(looks).values())
