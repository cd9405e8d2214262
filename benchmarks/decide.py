"""What one channel decision costs, beside the naive way: the first channel of a fixed order that has an address.

    python -m benchmarks.decide [--rounds 20000]

Both run over the same random situations (those of the contact simulation, with a year's history). A machine at work
measures slowly, so the best of several rounds is told, and the ratio of the two.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from benchmarks._contact_people import CHANNELS, POLICY, START, complaint, happens, people
from domain.contact import Situation
from routing.decide import decide

CHANGES = ("consent", "stop", "objection", "move", "bounce", "prefer", "quiet", "call", "marketing")
TRIES = 5


def situations(count: int, seed: int = 1) -> list[Situation]:
    """Random ones, each with what happened to its customer before."""
    chance = random.Random(seed)
    found = []
    for person in people(count, chance):
        for hour in range(12):
            happens(chance.choice(CHANGES), person, START + timedelta(hours=hour), chance)
        now = START + timedelta(days=chance.uniform(1, 300))
        case = replace(complaint(person, now, chance), addressed_brand=True)
        found.append(Situation(case, person.known, tuple(person.past), now))
    return found


def naive(situation: Situation) -> str | None:
    """The first channel of a fixed order that has an address."""
    points = situation.customer.contact_points if situation.customer else ()
    held = {point.channel for point in points}
    return next((channel for channel in CHANNELS if channel in held), None)


def microseconds(run: Callable[[Situation], object], told: list[Situation]) -> float:
    """The best mean of several rounds."""
    best = float("inf")
    for _ in range(TRIES):
        begun = time.process_time()
        for situation in told:
            run(situation)
        best = min(best, time.process_time() - begun)
    return best / len(told) * 1e6


def main() -> int:
    """Print both as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20_000)
    told = situations(parser.parse_args().rounds)
    ours, theirs = microseconds(lambda one: decide(one, POLICY), told), microseconds(naive, told)
    print(json.dumps({"decide_us": round(ours, 1), "naive_us": round(theirs, 2), "ratio": round(ours / theirs, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
