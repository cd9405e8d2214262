"""The contact simulation, small: nothing goes out that must not, and its judge sees what does."""

from dataclasses import replace
from datetime import time

import pytest

from benchmarks._contact_database import through_database
from benchmarks._contact_people import POLICY
from benchmarks.appetence import simulate
from benchmarks.contact_simulation import in_memory


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_goes_out_that_must_not(seed: int) -> None:
    told = in_memory(5_000, seed)
    assert told["wrong"] == {}
    assert told["messages that went"] > 50


def test_nothing_goes_out_through_the_real_outbox_either() -> None:
    told = through_database(150, 3)
    assert told["wrong"] == {}
    assert told["messages that went"] > 5


@pytest.mark.parametrize(
    ("broken", "seen"),
    [
        ({"quiet_from": time(0), "quiet_until": time(0)}, "in quiet hours"),
        ({"quiet_on_holidays": False, "quiet_weekdays": frozenset()}, "in quiet hours"),
        ({"require_consent": False}, "without consent"),
        ({"proactive_per_7_days": 9}, "over the cap"),
        ({"proactive_per_30_days": 9, "proactive_per_7_days": 9}, "over the cap"),
        ({"service_reserve": 9}, "over the cap"),
        ({"proactive_per_case": 9, "proactive_per_7_days": 9, "proactive_per_30_days": 9}, "over the cap"),
        ({"changed_address_hours": 0}, "address"),
        ({"shared_points": "discreet"}, "address"),
        ({"limits": {}}, "provider's window"),
    ],
)
def test_the_judge_sees_a_broken_rule(broken: dict[str, object], seen: str) -> None:
    assert seen in in_memory(5_000, 1, replace(POLICY, **broken))["wrong"]  # type: ignore[arg-type]


def test_what_is_learned_beats_a_fixed_order_and_comes_near_the_oracle() -> None:
    shares = simulate(1_000, 4_000)["share of the oracle"]
    assert shares["fixed order"] < shares["stated else fixed"] < shares["learned"]
    assert shares["learned, intrusion priced"] > 0.92
