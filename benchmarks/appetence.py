"""Appetence against an oracle: does counting answers find the channel that each customer answers on?

    python -m benchmarks.appetence [--customers 20000] [--contacts 50000] [--seed 1]

The world is that of the design's report: 20,000 customers of several segments, five channels, 50,000 contacts over a
year (2.5 each), a random part of the channels open at each, a quarter of the customers said which one they like best.
What is told is the share of the oracle, which knows every customer's true chance of an answer: the sum of the true
chances of what was chosen over that of the best. Answers are known as late as in life: within 72 hours, or when these
are over.
"""

import argparse
import heapq
import json
import math
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.appetence import CLOSES, Counts, Evidence, fading, probability
from domain.contact import ContactPolicy
from routing.decide import INTRUSION

CHANNELS = ("email", "sms", "whatsapp", "phone", "letter")
SEGMENTS = 8
DAYS = 365.0
STATED = 0.25
Kept = dict[str, tuple[float, Counts]]  # channel → day of the last word, counts as they stood then


@dataclass(frozen=True)
class Customer:
    """His segment, his true chance of an answer by channel, and what he said he likes best."""

    segment: int
    chances: Mapping[str, float]
    stated: str | None


@dataclass
class Learner:
    """The counts as the program keeps them, each as old as its last trial."""

    everybody: Kept = field(default_factory=dict)
    segments: dict[int, Kept] = field(default_factory=dict)
    own: dict[int, Kept] = field(default_factory=dict)
    waiting: list[tuple[float, int, int, int, str, bool]] = field(default_factory=list)

    def evidence(self, number: int, segment: int, day: float) -> Evidence:
        """What is known of a customer on a day."""
        self._close(day)
        levels = (self.own.get(number, {}), self.segments.get(segment, {}), self.everybody)
        own, of_segment, all_ = ({name: _faded(kept, day) for name, kept in level.items()} for level in levels)
        return Evidence(own, of_segment, all_, str(segment))

    def tried(self, place: int, number: int, segment: int, channel: str, answered: bool, known_on: float) -> None:
        """A trial whose end is known on a later day."""
        heapq.heappush(self.waiting, (known_on, place, number, segment, channel, answered))

    def _close(self, day: float) -> None:
        while self.waiting and self.waiting[0][0] <= day:
            on, _, number, segment, channel, answered = heapq.heappop(self.waiting)
            for kept in (self.everybody, self.segments.setdefault(segment, {}), self.own.setdefault(number, {})):
                kept[channel] = (on, _faded(kept.get(channel, (on, Counts())), on) + Counts(1.0, float(answered)))


def _faded(kept: tuple[float, Counts], day: float) -> Counts:
    since, counts = kept
    age = CLOSES * ((day - since) / (CLOSES.total_seconds() / 86400))
    left = fading(age)
    return Counts(counts.tried * left, counts.answered * left, counts.solved * left)


def world(count: int, chance: random.Random) -> list[Customer]:
    """Customers whose chances scatter around those of their segment."""
    centres = [{channel: chance.gauss(-0.9, 1.0) for channel in CHANNELS} for _ in range(SEGMENTS)]
    return [_customer(centres, chance) for _ in range(count)]


def _customer(centres: list[dict[str, float]], chance: random.Random) -> Customer:
    segment = chance.randrange(len(centres))
    chances = {name: 1 / (1 + math.exp(-chance.gauss(centre, 0.4))) for name, centre in centres[segment].items()}
    best = max(chances, key=lambda name: chances[name])
    return Customer(segment, chances, best if chance.random() < STATED else None)


def simulate(customers: int = 20_000, contacts: int = 50_000, seed: int = 1) -> dict[str, Any]:
    """The share of the oracle of each way to choose."""
    chance = random.Random(seed)
    people, learner, priced = world(customers, chance), Learner(), Learner()
    gains = dict.fromkeys(("fixed order", "stated else fixed", "learned", "learned, intrusion priced", "oracle"), 0.0)
    begun = time.perf_counter()
    for place, day in enumerate(sorted(chance.uniform(0, DAYS) for _ in range(contacts))):
        number = chance.randrange(customers)
        person = people[number]
        open_ = [channel for channel in CHANNELS if chance.random() < 0.7] or [chance.choice(CHANNELS)]
        said = person.stated if person.stated in open_ else None
        lot, soon = chance.random(), chance.uniform(0, CLOSES.total_seconds() / 86400)
        chosen = {
            "fixed order": open_[0],
            "stated else fixed": said or open_[0],
            "oracle": max(open_, key=lambda name: person.chances[name]),
        }
        for name, memory, price in (("learned", learner, 0.0), ("learned, intrusion priced", priced, _PRICE)):
            channel = said or _likeliest(open_, memory.evidence(number, person.segment, day), price)
            answered = lot < person.chances[channel]
            memory.tried(place, number, person.segment, channel, answered, day + (soon if answered else 3.0))
            chosen[name] = channel
        for name, channel in chosen.items():
            gains[name] += person.chances[channel]
    shares = {name: round(gain / gains["oracle"], 3) for name, gain in gains.items()}
    seconds = round(time.perf_counter() - begun, 1)
    return {"customers": customers, "contacts": contacts, "share of the oracle": shares, "seconds": seconds}


_PRICE = ContactPolicy().intrusion_price


def _likeliest(channels: list[str], known: Evidence, price: float) -> str:
    return max(channels, key=lambda name: probability(name, known) - price * INTRUSION[name])


def main() -> int:
    """Print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--contacts", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    print(json.dumps(simulate(wanted.customers, wanted.contacts, wanted.seed), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
