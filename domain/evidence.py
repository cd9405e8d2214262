"""Proof of who spoke: evidence, grades, and the decision of a match."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Grade(StrEnum):
    """How well it is proven which customer spoke, strongest first (DESIGN, "Matching")."""

    AUTHENTICATED = "authenticated"
    DECLARED = "declared"
    STATED = "stated"
    SUGGESTED = "suggested"
    NONE = "none"


class Action(StrEnum):
    """What follows from a match."""

    LINK = "link"
    REVIEW = "review"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact for (or, below zero, against) a candidate. `weight` is in bits (log2 of the odds)."""

    fact: str
    weight: float
    detail: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer who may have spoken. Its evidence adds up to its score."""

    customer_id: str
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class MatchDecision:
    """Who spoke, with what proof, and what may be done with it.

    `customer_id` is None unless the action is `link`. `none_probability` is that of "none of them".
    """

    grade: Grade
    action: Action
    customer_id: str | None
    candidates: tuple[Candidate, ...]
    none_probability: float
    gates: tuple[str, ...]
    version: str

    def as_dict(self) -> dict[str, Any]:
        """The object that `vigie match` prints (CONTRACTS), without network and id."""
        return {
            "grade": self.grade.value,
            "action": self.action.value,
            "customer_id": self.customer_id,
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "none_probability": self.none_probability,
            "gates": list(self.gates),
        }
