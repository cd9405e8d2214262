"""The figures of matching say what they are named for."""

from datetime import UTC, datetime

import pytest

from benchmarks._matching_febrl import Pair, precision_and_recall
from benchmarks._matching_figures import Judged, calibration_error, quality
from benchmarks._matching_told import explain, table
from benchmarks._matching_world import Heard, Truth
from domain.evidence import Action, Candidate, Evidence, Grade, MatchDecision
from domain.post import Author, Post

NOW = datetime(2026, 11, 16, tzinfo=UTC)


def judged(
    linked: str | None,
    wrote: str | None,
    *,
    most: Action = Action.LINK,
    probability: float = 1.0,
    told_apart: bool = True,
) -> Judged:
    candidate = Candidate("C1", probability, (Evidence("order", 20.0, "HR1"),))
    decision = MatchDecision(
        grade=Grade.STATED if linked else Grade.SUGGESTED,
        action=Action.LINK if linked else Action.REVIEW,
        customer_id=linked,
        candidates=(candidate,),
        none_probability=1 - probability,
        gates=(),
        version="test",
    )
    truth = Truth("customer", frozenset({wrote} if wrote else ()), most, told_apart)
    return Judged(Heard(Post("forum", "1", "text", NOW, Author("a", name="Claire")), truth), decision)


def test_a_link_to_somebody_else_is_wrong_and_one_beyond_what_may_be_is_told() -> None:
    told = quality([judged("C1", "C1"), judged("C1", "C2"), judged("C1", None), judged("C1", "C1", most=Action.REVIEW)])
    assert (told.links, told.wrong, told.beyond) == (4, 2, 1)
    assert told.recall == pytest.approx(2 / 3)


def test_who_cannot_be_told_apart_is_counted_beside() -> None:
    told = quality([judged("C1", None, told_apart=False), judged("C1", "C1")])
    assert (told.links, told.wrong, told.indistinguishable) == (1, 0, 1)


def test_review_takes_the_likeliest_of_a_fifth_of_the_posts() -> None:
    sure = [judged(None, "C1", probability=0.9) for _ in range(21)]
    unsure = [judged(None, None, probability=0.1) for _ in range(79)]
    told = quality([*unsure, *sure])
    assert (told.reviewed, told.review_right, told.recall_with_review) == (0.21, 1.0, 1.0)


def test_calibration_error_is_the_gap_between_told_and_true() -> None:
    assert calibration_error([judged(None, "C1", probability=0.75), judged(None, None, probability=0.75)]) == 0.25
    assert calibration_error([judged(None, "C1", probability=1.0)]) == 0.0


def test_each_wrong_link_is_explained() -> None:
    lines = "\n".join(explain([judged("C1", "C2")]))
    assert "linked: C1" in lines
    assert "order +20.0 (HR1)" in lines


def test_the_table_tells_the_bound() -> None:
    assert "1 wrong; precision at least 0.0253" in "\n".join(
        table("natural", quality([judged("C1", "C1"), judged("C1", "C2")]))
    )


def test_precision_and_recall_by_threshold() -> None:
    pairs = [Pair("rec-1-org", "rec-1-dup-0", 0.999), Pair("rec-2-org", "rec-3-dup-0", 0.6)]
    found = precision_and_recall(pairs, 4)
    assert found[0.5] == (0.5, 0.25)
    assert found[0.99] == (1.0, 0.25)
