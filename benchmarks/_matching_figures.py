"""What decisions are worth: wrong links with their bound, recall with and without review, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks._matching_world import Heard
from domain.evidence import Action, Grade, MatchDecision
from routing.matching.bound import lower_bound

BINS = 15
REVIEWED = 0.21  # the most that people may be asked to look at, of all posts
GRADES = tuple(Grade)


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision beside the truth."""

    heard: Heard
    decision: MatchDecision

    @property
    def linked(self) -> bool:
        return self.decision.action is Action.LINK

    @property
    def wrong(self) -> bool:
        """Linked to somebody who did not write it."""
        return self.linked and self.decision.customer_id not in self.heard.truth.customers

    @property
    def beyond(self) -> bool:
        """Linked to the right person, though a look was due."""
        return self.linked and not self.wrong and self.heard.truth.at_most is not Action.LINK

    @property
    def top(self) -> tuple[str, float] | None:
        """The likeliest candidate and his probability."""
        found = self.decision.candidates
        return (found[0].customer_id, found[0].probability) if found else None

    @property
    def top_is_right(self) -> bool:
        return self.top is not None and self.top[0] in self.heard.truth.customers


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often a grade came and what followed."""

    posts: int
    links: int
    wrong: int
    reviews: int


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of one world. Shares are of 1; `precision_at_least` is the one-sided 95 % bound."""

    posts: int
    by_customers: int
    links: int
    wrong: int
    beyond: int
    indistinguishable: int
    precision_at_least: float
    recall: float
    reviewed: float
    review_right: float
    recall_with_review: float
    calibration_error: float
    calibration_error_of_candidates: float
    grades: dict[str, Outcome] = field(default_factory=dict)


def quality(judged: Sequence[Judged]) -> Quality:
    """Over all posts but those whose writer nothing in public tells from the customer; those are counted apart."""
    told_apart = [one for one in judged if one.heard.truth.told_apart]
    own = [one for one in told_apart if one.heard.truth.customers]
    linked = [one for one in told_apart if one.linked]
    wrong = sum(one.wrong for one in linked)
    found = sum(not one.wrong for one in linked if one.heard.truth.customers)
    looked_at = _review(told_apart, round(REVIEWED * len(told_apart)))
    right = sum(one.top_is_right for one in looked_at)
    return Quality(
        posts=len(judged),
        by_customers=len(own),
        links=len(linked),
        wrong=wrong,
        beyond=sum(one.beyond for one in linked),
        indistinguishable=sum(one.linked for one in judged if not one.heard.truth.told_apart),
        precision_at_least=lower_bound(wrong, len(linked)),
        recall=_share(found, len(own)),
        reviewed=_share(len(looked_at), len(told_apart)),
        review_right=_share(right, len(looked_at)),
        recall_with_review=_share(found + right, len(own)),
        calibration_error=calibration_error(told_apart),
        calibration_error_of_candidates=calibration_error([one for one in told_apart if one.top]),
        grades={grade.value: _of([one for one in told_apart if one.decision.grade is grade]) for grade in GRADES},
    )


def by_role(judged: Sequence[Judged]) -> dict[str, Outcome]:
    """How often each kind of poster got linked, linked wrongly, or under review."""
    roles = dict.fromkeys(one.heard.truth.role for one in judged)
    return {role: _of([one for one in judged if one.heard.truth.role == role]) for role in roles}


def _of(some: Sequence[Judged]) -> Outcome:
    reviews = sum(one.decision.action is Action.REVIEW for one in some)
    return Outcome(len(some), sum(one.linked for one in some), sum(one.wrong for one in some), reviews)


def _review(judged: Sequence[Judged], most: int) -> list[Judged]:
    """What people look at: the likeliest of what waits for them."""
    waiting = [one for one in judged if one.decision.action is Action.REVIEW and one.top]
    return sorted(waiting, key=lambda one: -(one.top or ("", 0.0))[1])[:most]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def calibration_error(judged: Sequence[Judged]) -> float:
    """Expected calibration error in 15 bins of equal width (Naeini 2015) of the likeliest candidate's probability.

    A post without candidates says 0 and is right where its writer is in no file.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for one in judged:
        told = one.top[1] if one.top else 0.0
        bins[min(int(told * BINS), BINS - 1)].append((told, one.top_is_right))
    gaps = (abs(sum(told for told, _ in some) - sum(right for _, right in some)) for some in bins)
    return sum(gaps) / len(judged) if judged else 0.0
