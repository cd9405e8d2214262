"""The language of rules: all keys, one of a list, not, any; what is not known holds for nothing; clear words."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.conditions import Key, holds, named, parse_when, values_of

KEYS = {
    "intent": Key("intent", "one_of", ("delivery", "billing")),
    "team": Key("team", "one_of"),
    "segment": Key("segments", "has_one_of"),
    "postal_code": Key("postal_code", "starts_with"),
    "posts_at_least": Key("posts", "at_least"),
    "score_below": Key("score", "below"),
    "due_within": Key("due", "at_most"),
    "assigned": Key("assigned", "is"),
}


@dataclass(frozen=True)
class Facts:
    intent: str = "delivery"
    team: str = "Logistics"
    segments: frozenset[str] = frozenset({"vip", "north"})
    postal_code: str | None = "59000"
    posts: int = 2
    score: float | None = None
    due: float | None = 2.0
    assigned: bool = False


def true_of(facts: Facts = Facts(), **table: Any) -> bool:
    return holds(parse_when(table, KEYS), facts, KEYS)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"intent": "delivery"}, True),
        ({"intent": ["billing", "delivery"]}, True),
        ({"intent": "billing"}, False),
        ({"team": "logistics"}, True),
        ({"segment": ["vip", "south"]}, True),
        ({"segment": "south"}, False),
        ({"postal_code": ["75", "59"]}, True),
        ({"postal_code": "9"}, False),
        ({"posts_at_least": 2}, True),
        ({"posts_at_least": 3}, False),
        ({"due_within": 2}, True),
        ({"due_within": 1.5}, False),
        ({"assigned": False}, True),
        ({"intent": "delivery", "posts_at_least": 3}, False),
        ({"intent": "delivery", "not": {"segment": "vip"}}, False),
        ({"not": {"segment": "vip", "posts_at_least": 3}}, True),
        ({"not": [{"posts_at_least": 3}, {"segment": "vip"}]}, False),
        ({"any": [{"posts_at_least": 3}, {"segment": "vip"}]}, True),
        ({"any": [{"posts_at_least": 3}, {"segment": "south"}]}, False),
    ],
)
def test_all_keys_hold_and_one_of_each_list(table: dict[str, Any], expected: bool) -> None:
    assert true_of(**table) is expected


def test_what_is_not_known_holds_for_nothing() -> None:
    assert not true_of(score_below=3)
    assert true_of(**{"not": {"score_below": 3}})
    assert true_of(Facts(score=2.5), score_below=3)
    assert not true_of(replace(Facts(), postal_code=None), postal_code="5")


TERMS = st.one_of(
    st.fixed_dictionaries({"intent": st.sampled_from(["delivery", "billing"])}),
    st.fixed_dictionaries({"posts_at_least": st.integers(0, 4)}),
    st.fixed_dictionaries({"score_below": st.integers(0, 5)}),
    st.fixed_dictionaries({"segment": st.lists(st.sampled_from(["vip", "north", "south"]), min_size=1)}),
)
FACTS = st.builds(
    Facts, intent=st.sampled_from(["delivery", "billing"]), posts=st.integers(0, 4),
    score=st.none() | st.integers(0, 5).map(float), segments=st.frozensets(st.sampled_from(["vip", "north", "south"])),
)  # fmt: skip


@given(TERMS, TERMS, FACTS)
def test_not_any_and_all_are_the_logic_of_their_names(one: dict[str, Any], two: dict[str, Any], facts: Facts) -> None:
    first, second = true_of(facts, **one), true_of(facts, **two)
    assert true_of(facts, **{"not": one}) is not first
    assert true_of(facts, **{"not": [one, two]}) is not (first or second)
    assert true_of(facts, any=[one, two]) is (first or second)
    if not one.keys() & two.keys():
        assert true_of(facts, **one, **two) is (first and second)
        assert true_of(facts, **{"not": {**one, **two}}) is not (first and second)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "at least one key"),
        ({"intnt": "delivery"}, "unknown key intnt, did you mean intent?"),
        ({"xyzzy": 1}, "unknown key xyzzy (known: any, assigned"),
        ({"intent": "delivry"}, "intent: 'delivry' is not known, did you mean delivery?"),
        ({"intent": 3}, "intent is a name or a list of names, not 3"),
        ({"intent": []}, "intent is a name or a list of names"),
        ({"intent": [""]}, "intent is a name or a list of names"),
        ({"posts_at_least": "two"}, "posts_at_least is a number, not 'two'"),
        ({"posts_at_least": True}, "posts_at_least is a number, not True"),
        ({"posts_at_least": float("nan")}, "posts_at_least is a number"),
        ({"assigned": "no"}, "assigned is true or false, not 'no'"),
        ({"not": "vip"}, "not is written as not = {"),
        ({"not": {}}, "at least one key"),
        ({"not": []}, "not has no table in it"),
        ({"any": {"intent": "billing"}}, "any is written as any = [{"),
        ({"any": [{"not": {"intnt": "x"}}]}, "unknown key intnt"),
    ],
)
def test_a_mistake_is_named(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as error:
        parse_when(table, KEYS)
    assert words in str(error.value)


def test_tables_are_not_nested_for_ever() -> None:
    table: dict[str, Any] = {"intent": "delivery"}
    for _ in range(10):
        table = {"not": table}
    with pytest.raises(ValueError, match="deeper than 5"):
        parse_when(table, KEYS)


def test_names_are_found_wherever_they_stand() -> None:
    when = parse_when(
        {"team": "a", "not": {"segment": "VIP"}, "any": [{"segment": ["x"]}, {"intent": "billing"}]}, KEYS
    )
    assert named(when) == {"team", "segment", "intent"}
    assert values_of(when, "segment") == {"vip", "x"}
