"""Dissatisfaction corrected: the customer's last public word about the brand in the days after his case decides."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.case import CaseState
from insights.after import after
from routing.outcomes import Followed, OutcomeRules, follow
from storage import cases
from storage.tables import AuthorRow, CaseEventRow, CaseOutcomeRow, CaseRow, IdentityRow, ObjectionRow
from tests.console import factories
from tests.unit.routing.care import NOW, case_of

RULES = OutcomeRules(timedelta(days=30), 0.5)
END = NOW + timedelta(days=31)


def resolved(session: Session) -> tuple[CaseRow, AuthorRow]:
    case, _ = case_of(session)
    cases.step(session, case, CaseState.RESOLVED, NOW, "lea")
    session.flush()
    return case, session.get_one(AuthorRow, case.author_id)


def posts(session: Session, author: AuthorRow, days: float, sentiment: str = "negative", **changes: Any) -> None:
    reading = {name: changes.pop(name) for name in ("about_brand",) if name in changes}
    post = factories.post(session, writer=author, created_at=NOW + timedelta(days=days), **changes)
    factories.reading(session, post, sentiment=sentiment, unhappy=sentiment == "negative", **reading)


def verdict(session: Session) -> str:
    follow(session, "hirondelle", RULES, 50, END)
    return session.scalars(select(CaseOutcomeRow)).one().verdict


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "silent"),
        ([(2, "positive")], "corrected"),
        ([(2, "neutral")], "corrected"),
        ([(2, "negative")], "unhappy"),
        ([(2, "negative"), (9, "positive")], "corrected"),
        ([(2, "positive"), (9, "negative")], "unhappy"),
        ([(-1, "negative")], "silent"),
        ([(30.5, "negative")], "silent"),
    ],
)
def test_the_last_word_decides(session: Session, words: list[tuple[float, str]], expected: str) -> None:
    _, author = resolved(session)
    for days, sentiment in words:
        posts(session, author, days, sentiment)
    assert verdict(session) == expected
    assert (
        session.scalars(select(CaseEventRow.detail).where(CaseEventRow.kind == "outcome")).one()["verdict"] == expected
    )


def test_what_is_not_his_public_word_about_the_brand_does_not_count(session: Session) -> None:
    _, author = resolved(session)
    posts(session, author, 2, about_brand=0.1)
    posts(session, author, 3, is_repost=True)
    posts(session, factories.author(session), 4)
    posts(session, factories.author(session, "email"), 5)
    posts(session, author, 6, text=None)
    assert verdict(session) == "silent"


def test_an_account_that_is_proven_to_be_his_counts(session: Session) -> None:
    case, _ = resolved(session)
    other = factories.author(session, "x")
    told = IdentityRow(
        brand_id="hirondelle", customer_key=case.customer_key, network="x", account_id=other.native_id,
        proof="declared", how="t", at=NOW,
    )  # fmt: skip
    session.add(told)
    posts(session, other, 3, "positive")
    assert verdict(session) == "corrected"


def test_until_the_days_are_over_it_is_watched(session: Session) -> None:
    _, author = resolved(session)
    posts(session, author, 2)
    done = follow(session, "hirondelle", RULES, 50, NOW + timedelta(days=20))
    row = session.scalars(select(CaseOutcomeRow)).one()
    assert done == Followed(begun=1, looked=1, ended=0)
    assert (row.verdict, row.posts, row.negative, row.positive) == ("watching", 1, 1, 0)
    assert follow(session, "hirondelle", RULES, 50, NOW + timedelta(days=20)) == Followed()


def test_a_case_that_is_open_again_at_the_end_is_not_corrected(session: Session) -> None:
    case, author = resolved(session)
    follow(session, "hirondelle", RULES, 50, NOW + timedelta(days=1))
    posts(session, author, 2, "positive")
    cases.step(session, case, CaseState.REOPENED, NOW + timedelta(days=3))
    assert verdict(session) == "unhappy"


def test_a_case_that_is_resolved_anew_is_watched_anew(session: Session) -> None:
    case, author = resolved(session)
    assert verdict(session) == "silent"
    cases.step(session, case, CaseState.REOPENED, END)
    cases.step(session, case, CaseState.RESOLVED, END + timedelta(hours=1))
    posts(session, author, 40, "positive")
    follow(session, "hirondelle", RULES, 50, END + timedelta(days=2))
    row = session.scalars(select(CaseOutcomeRow)).one()
    assert row.verdict == "watching"
    follow(session, "hirondelle", RULES, 50, END + timedelta(days=31))
    assert row.verdict == "corrected"


@pytest.mark.parametrize("topic", ["all", "social_care", "linking", "profiling"])
def test_nobody_is_followed_who_objected(session: Session, topic: str) -> None:
    case, _ = resolved(session)
    follow(session, "hirondelle", RULES, 50, NOW + timedelta(days=1))
    session.add(ObjectionRow(brand_id="hirondelle", customer_key=case.customer_key, topic=topic, at=NOW))
    session.flush()
    follow(session, "hirondelle", RULES, 50, END)
    assert session.scalars(select(CaseOutcomeRow)).all() == []
    assert follow(session, "hirondelle", RULES, 50, NOW + timedelta(days=2)).begun == 0


def test_the_figure_leaves_the_silent_out(session: Session) -> None:
    assert after(session, "hirondelle")["dissatisfaction"]["rate"] is None
    for words in (["positive"], ["positive"], ["negative"], []):
        _, author = resolved(session)
        for sentiment in words:
            posts(session, author, 2, sentiment)
    follow(session, "hirondelle", RULES, 50, END)
    assert after(session, "hirondelle")["dissatisfaction"] == {
        "watching": 0, "corrected": 2, "unhappy": 1, "silent": 1, "rate": pytest.approx(2 / 3)
    }  # fmt: skip
