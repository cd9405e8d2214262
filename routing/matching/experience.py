"""What second looks taught about kinds of evidence: bits added where the weights alone are too sure, or too shy.

Facts are not as independent as their weights pretend, and strangers are not drawn by lot: who quotes an order that is
not his often shows the name on the label. So each pattern of evidence (suspects.pattern) gets an offset to its
log-odds, the likeliest one under what reviewers found of decisions drawn by lot, near zero where they found little.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SPREAD = 2.0  # nats: the offsets that are expected before anything was looked at
STEPS = 40
LEAST = 0.0005  # probabilities are told to four digits: nearer to 0 or 1 they say nothing more
SMALLEST = 0.05  # bits that are worth a line


@dataclass(frozen=True, slots=True)
class Look:
    """One decision that was looked at: its likeliest candidate's evidence, probability, and whether it was he.

    `known` are the bits of earlier experience within that probability; `stands_for` counts those that were not drawn.
    """

    pattern: str
    probability: float
    right: bool
    known: float = 0.0
    stands_for: float = 1.0


def learn_experience(looks: Iterable[Look]) -> Mapping[str, float]:
    """Bits by pattern of evidence."""
    by_pattern: defaultdict[str, list[Look]] = defaultdict(list)
    for look in looks:
        by_pattern[look.pattern].append(look)
    learned = {pattern: round(_offset(some) / math.log(2), 2) for pattern, some in sorted(by_pattern.items())}
    return {pattern: bits for pattern, bits in learned.items() if abs(bits) >= SMALLEST}


def _offset(looks: Iterable[Look]) -> float:
    """The likeliest offset in nats under a normal prior around 0: Newton's steps, each cut to a nat."""
    told = [(_log_odds(look), look.right, look.stands_for) for look in looks]
    offset = 0.0
    for _ in range(STEPS):
        chances = [(1 / (1 + math.exp(-(odds + offset))), right, weight) for odds, right, weight in told]
        slope = math.fsum(weight * (right - chance) for chance, right, weight in chances) - offset / SPREAD**2
        curve = math.fsum(weight * chance * (1 - chance) for chance, _, weight in chances) + 1 / SPREAD**2
        step = max(-1.0, min(1.0, slope / curve))
        offset += step
        if abs(step) < 1e-6:
            break
    return offset


def _log_odds(look: Look) -> float:
    chance = min(max(look.probability, LEAST), 1 - LEAST)
    return math.log(chance / (1 - chance)) - look.known * math.log(2)
