"""Links of which the truth is known: what a person's word keeps of a match, and what other weights would make of it."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from domain.evidence import Evidence
from routing.matching.quoted import IDENTIFIER_KINDS
from routing.matching.suspects import pattern
from routing.matching.weights import DEFAULT, M_OF_FACT, NOT_OF_FACT, U_OF_FACT, Weights, from_dict, load_weights
from storage.tables import LinkEventRow, MatchRow

HELD_OUT = 5  # one account in five
EXPERIENCE = "experience"
SUREST = 1e-4  # a probability is never nearer to 0 or 1


@dataclass(frozen=True, slots=True)
class Link:
    """One link of which the truth is known. `bits` are the weights of its facts as they were given under `weights`.

    `probability` is what the match said, `identifiers` how many were quoted.
    """

    key: str
    is_customer: bool
    bits: Mapping[str, float]
    weights: Weights
    stands_for: float = 1.0
    probability: float = 0.5
    pattern: str = ""
    identifiers: int = 0

    @property
    def is_held_out(self) -> bool:
        """By the account, so that what one person confirmed is never on both sides."""
        return hashlib.sha256(self.key.encode()).digest()[0] % HELD_OUT == 0

    def believed(self, weights: Weights) -> float:
        """The probability that the match would have given with other weights."""
        chance = min(max(self.probability, SUREST), 1 - SUREST)
        moved = score(self, weights) - math.fsum(self.bits.values())
        return 1 / (1 + (1 - chance) / chance * math.exp2(-moved))


def facts_of(session: Session, match: MatchRow, customer_id: str) -> dict[str, object]:
    """What a word keeps of a match: the facts' names and bits, and the weights that gave them. No values of facts."""
    told = next((one for one in match.candidates if one["customer_id"] == customer_id), None)
    evidence = [Evidence(**fact) for fact in told["evidence"]] if told else []
    facts: dict[str, float] = {}
    for fact in evidence:
        facts[fact.fact] = facts.get(fact.fact, 0.0) + fact.weight
    return {
        "facts": facts,
        "pattern": pattern(evidence),
        "identifiers": sum(fact.fact in IDENTIFIER_KINDS for fact in evidence),
        "probability": told["probability"] if told else 0.0,
        "grade": match.grade,
        "rules": match.version,
        "weights": load_weights(session, match.brand_id).as_dict(),
    }


def link_of(word: LinkEventRow) -> Link | None:
    """A word as a link, None where it keeps no facts."""
    detail = word.detail
    if "facts" not in detail or word.is_customer is None:
        return None
    key = f"author:{word.author_id}" if word.author_id is not None else f"post:{word.post_id}"
    return Link(
        key=key,
        is_customer=word.is_customer,
        bits=detail["facts"],
        weights=from_dict(detail["weights"]) if "weights" in detail else DEFAULT,
        stands_for=1 / float(detail.get("rate", 1.0)),
        probability=float(detail["probability"]),
        pattern=detail["pattern"],
        identifiers=int(detail["identifiers"]),
    )


def score(link: Link, weights: Weights) -> float:
    """The bits of a link as other weights would give them."""
    plain = (bits + _shift(fact, link.weights, weights) for fact, bits in link.bits.items() if fact != EXPERIENCE)
    return math.fsum(plain) + _of_identifiers(link, weights) + weights.experience.get(link.pattern, 0.0)


def _shift(fact: str, old: Weights, new: Weights) -> float:
    """By how many bits a fact's weight changes with its m, and with its u where that is no count of the moment."""
    if fact in NOT_OF_FACT:
        m, u = NOT_OF_FACT[fact]
        return _ratio(1 - getattr(old, m), 1 - getattr(new, m)) - _ratio(1 - getattr(old, u), 1 - getattr(new, u))
    m, u = M_OF_FACT.get(fact, ""), U_OF_FACT.get(fact, "")
    bits = _ratio(getattr(old, m), getattr(new, m)) if m and fact not in IDENTIFIER_KINDS else 0.0
    return bits - (_ratio(getattr(old, u), getattr(new, u)) if u else 0.0)


def _of_identifiers(link: Link, new: Weights) -> float:
    """The first identifier weighs by one pair of numbers, each further one by another."""
    if not link.identifiers:
        return 0.0
    old = link.weights
    first = _ratio(old.m_identifier, new.m_identifier) - _ratio(old.u_stranger_quotes, new.u_stranger_quotes)
    again = _ratio(old.m_second, new.m_second) - _ratio(old.u_second, new.u_second)
    return first + again * (link.identifiers - 1)


def _ratio(old: float, new: float) -> float:
    return math.log2(new / old)
