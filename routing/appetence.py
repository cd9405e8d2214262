"""Which channels a customer answers on, as the decision and its reader want it: ordered guesses, each with its
reason.
"""

import hashlib

from domain.appetence import Counts, Evidence, probability
from domain.contact import Learned

ENOUGH = 30.0  # trials of all customers together; with fewer nothing is learned
HELD_OUT = 5  # of a hundred customers so many are decided without learning, so that its worth can be measured


def learned_channels(known: Evidence, customer_id: str, channels: frozenset[str] = frozenset()) -> tuple[Learned, ...]:
    """Every channel of which something is known, and these, the likeliest answer first; none while too little is
    known.
    """
    if sum(one.tried for one in known.everybody.values()) < ENOUGH or is_held_out(customer_id):
        return ()
    names = sorted({*known.everybody, *known.segment, *known.own, *channels})
    found = [Learned(name, probability(name, known), explain(name, known)) for name in names]
    return tuple(sorted(found, key=lambda one: (-one.probability, one.channel)))


def explain(channel: str, known: Evidence) -> str:
    """One line: his own answers, those of his segment, those of everybody."""
    own = known.own.get(channel, Counts())
    parts = [f"learned: answers {channel} {own.answered:.0f} of {own.tried:.0f} times"]
    if known.segment_name and channel in known.segment:
        parts.append(f"segment {known.segment_name[:60]} {_share(known.segment[channel])} %")
    parts.append(f"all {_share(known.everybody.get(channel, Counts()))} %")
    return "; ".join(parts)


def is_held_out(customer_id: str) -> bool:
    """Whether this customer is of those without learning: always the same ones."""
    return (
        int.from_bytes(hashlib.sha256(customer_id.encode("utf-8", "surrogatepass")).digest()[:4], "big") % 100
        < HELD_OUT
    )


def _share(counts: Counts) -> str:
    return f"{100 * counts.answered / counts.tried:.0f}" if counts.tried else "–"
