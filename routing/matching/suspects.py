"""A candidate while facts are gathered, and the facts that speak for or against him."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.evidence import Evidence
from routing.matching.likeness import Likeness
from routing.matching.lookup import Dealings, Owner, Record
from routing.matching.quoted import IDENTIFIER_KINDS
from routing.matching.speaker import Identifier


@dataclass(slots=True)
class Suspect:
    """A customer who may have spoken.

    `identifiers` are those of the quoted that are his alone; `owner` tells how the account is proven to be his;
    `other_handle`, that the handle is made of another person's name; `bearers`, how many customers bear his name.
    """

    record: Record
    evidence: list[Evidence] = field(default_factory=list)
    quoted: set[Identifier] = field(default_factory=set)
    identifiers: set[Identifier] = field(default_factory=set)
    likeness: Likeness = Likeness.NONE
    owner: Owner | None = None
    other_handle: bool = False
    bearers: int = 0
    has_mailbox: bool = False
    dealings: Dealings = field(default_factory=Dealings)

    @property
    def bits(self) -> float:
        """The score: the sum of the weights of its evidence, log2 of the odds."""
        return math.fsum(fact.weight for fact in self.evidence)

    def add(self, fact: str, bits: float, detail: str = "") -> None:
        """One more fact; rounded, so that what is printed adds up to the score."""
        self.evidence.append(Evidence(fact, round(bits, 2), detail))


def pattern(evidence: Iterable[Evidence]) -> str:
    """Which kinds of facts speak for somebody, for experience is kept by it: "identifiers+city"."""
    facts = [fact.fact for fact in evidence if fact.fact != "experience"]
    quoted = sum(fact in IDENTIFIER_KINDS for fact in facts)
    others = sorted({fact for fact in facts if fact not in IDENTIFIER_KINDS})
    return "+".join([*(["identifiers"] if quoted > 1 else ["identifier"] * quoted), *others])


def likelier(suspect: Suspect) -> tuple[float, str]:
    """For sorting: the highest score first, then by the brand's id."""
    return -suspect.bits, suspect.record.customer_id


def one_person(one: Record, other: Record, points: Mapping[int, set[Identifier]]) -> bool:
    """Whether two records are surely one person: name, year of birth, and an address of theirs in common."""
    same = _same_name(one, other) and one.birth_year is not None and one.birth_year == other.birth_year
    return same and bool(points[one.key] & points[other.key])


def in_conflict(one: Record, other: Record, points: Mapping[int, set[Identifier]]) -> bool:
    """Whether two records may be one person, and it is not known which of their addresses is his.

    The name is the same, and the year of birth or the house; of a kind both have addresses, and share none.
    """
    years = {one.birth_year, other.birth_year} - {None}
    if not _same_name(one, other) or len(years) > 1:
        return False
    same_house = one.address is not None and one.address == other.address
    born_together = one.birth_year is not None and one.birth_year == other.birth_year
    return (same_house or born_together) and any(
        _differ(points[one.key], points[other.key], kind) for kind in ("email", "phone")
    )


def _differ(mine: set[Identifier], its: set[Identifier], kind: str) -> bool:
    """Whether both have addresses of a kind, and none in common."""
    one, other = ({value for name, value in some if name == kind} for some in (mine, its))
    return bool(one and other) and not one & other


def _same_name(one: Record, other: Record) -> bool:
    return (one.first, one.last) == (other.first, other.last)


def pooled(suspects: Sequence[Suspect], points: Mapping[int, set[Identifier]]) -> list[Suspect]:
    """One suspect a person: records that are surely one become the first of them, with all that was quoted of any."""
    kept: list[Suspect] = []
    for suspect in suspects:
        twin = next((one for one in kept if one_person(one.record, suspect.record, points)), None)
        if twin is None:
            kept.append(suspect)
            continue
        twin.quoted |= suspect.quoted
        twin.owner = twin.owner or suspect.owner
        twin.has_mailbox |= suspect.has_mailbox
    return kept
