"""Figures mean one thing everywhere: on the page, in the CSV, for the command."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from insights import charts
from insights.exports import csv_text, safe_cell
from insights.figures import funnel
from insights.trends import Compared, Period, burst_limit, first_answers, period_ending, trends, wilson
from storage.database import Database
from tests.console import factories
from tests.console.factories import NOW

BRAND = "hirondelle"


def write(database: Database, make: Callable[[Session], Any]) -> None:
    with database.begin() as session:
        factories.brand(session)
        make(session)


def read_post(session: Session, days_ago: float = 0.1, unhappy: bool = True, **changes: Any) -> factories.PostRow:
    at = NOW - timedelta(days=days_ago)
    post = factories.post(session, writer=factories.author(session), created_at=at, heard_at=at)
    factories.reading(session, post, unhappy=unhappy, **changes)
    return post


def test_the_funnel_counts_each_step_once(database: Database) -> None:
    def make(session: Session) -> None:
        owner = factories.customer(session)
        linked = read_post(session)
        factories.match(session, linked, linked=owner)
        case = factories.case(session, linked, owner=owner, state="resolved", resolved_at=NOW)
        factories.decision(session, case)
        for state in ("replied", "unconfirmed", "reserved"):
            factories.message(session, case, state)
        suggested = read_post(session)
        factories.match(session, suggested, owner)
        factories.case(session, suggested)
        read_post(session, unhappy=False)
        read_post(session, about_brand=0.2)
        edited = read_post(session)
        edited.version, edited.stage = 2, "heard"
        factories.post(session, None)
        factories.post(session, stage="heard", failed="model missing")

    write(database, make)
    with database.read() as session:
        found = funnel(session, BRAND)
    assert (found.heard, found.about_brand, found.unhappy) == (7, 3, 2)
    assert found.matched == {"authenticated": 0, "declared": 0, "stated": 1, "suggested": 1, "none": 0}
    assert (found.linked, found.contactable, found.contacted, found.answered, found.solved) == (1, 1, 1, 1, 1)
    assert found.messages == {"email": {"replied": 1, "reserved": 1, "unconfirmed": 1}}
    assert (found.reviews_waiting, found.unconfirmed, found.failed) == (1, 1, 1)
    assert {stage: line.count for stage, line in found.waiting.items()} == {
        "heard": 2,
        "read": 0,
        "contact": 1,
        "outbox": 1,
    }
    assert json.dumps(found.as_dict())
    assert str(found.as_dict()["waiting"]["heard"]["oldest"]).endswith("Z")


def test_the_funnel_of_an_empty_brand_is_all_zero(database: Database) -> None:
    write(database, lambda session: None)
    with database.read() as session:
        found = funnel(session, BRAND)
    assert (found.heard, found.unhappy, found.solved, sum(found.cases.values())) == (0, 0, 0, 0)


def test_the_days_of_the_trends_add_up_to_the_funnel(database: Database) -> None:
    def make(session: Session) -> None:
        for turn in range(12):
            read_post(
                session, days_ago=turn / 2 + 0.1, unhappy=turn % 3 > 0, intent="outage" if turn % 2 else "billing"
            )
        read_post(session, about_brand=0.1)
        factories.post(session, None)

    write(database, make)
    with database.read() as session:
        found = trends(session, BRAND, period_ending(NOW, 14, "Europe/Paris"))
        whole = funnel(session, BRAND)
    assert found.about.count == whole.about_brand == 12
    assert found.unhappy.count == whole.unhappy == sum(line.count for line in found.intents)
    assert found.unhappy.count == sum(line.count for line in found.networks)
    assert sum(1 for day in found.days if day.gap) == 7


def test_the_previous_period_stands_beside(database: Database) -> None:
    def make(session: Session) -> None:
        for days_ago in (1, 2, 8, 9, 10):
            read_post(session, days_ago=days_ago)

    write(database, make)
    with database.read() as session:
        found = trends(session, BRAND, period_ending(NOW, 7, "Europe/Paris"))
    assert (found.about.count, found.about.previous) == (2, 3)
    assert found.about.change == pytest.approx(-1 / 3)
    assert Compared("x", 3, 0).change is None


@pytest.mark.parametrize("timezone", ["Europe/Paris", "America/New_York", "Pacific/Noumea", "UTC"])
def test_days_are_local_and_lose_no_post(database: Database, timezone: str) -> None:
    write(database, lambda session: [read_post(session, days_ago=hour / 24) for hour in range(48)])
    with database.read() as session:
        found = trends(session, BRAND, period_ending(NOW, 7, timezone))
    assert found.about.count == 48
    assert found.days[-1].day == found.period.last


def test_a_day_of_the_clock_change_has_its_own_length() -> None:
    spring = Period(date(2026, 3, 29), date(2026, 3, 29), "Europe/Paris")
    autumn = Period(date(2026, 10, 25), date(2026, 10, 25), "Europe/Paris")
    assert spring.until.timestamp() - spring.since.timestamp() == 23 * 3600
    assert autumn.until.timestamp() - autumn.since.timestamp() == 25 * 3600


def test_wilson_agrees_with_published_values() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I: .2553 to .3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson(0, 20)
    assert (low, round(high, 4)) == (0.0, 0.1611)


def test_a_planted_burst_is_marked_and_noise_is_not() -> None:
    calm = [20, 23, 18, 25, 21, 19, 22, 24, 20, 17, 26, 22, 21]
    limit = burst_limit([*calm, 90])
    assert limit is not None
    assert max(calm) < limit < 90
    assert burst_limit([3, 4]) is None, "too few days to tell"
    assert (burst_limit([0] * 10) or 0) >= 1


def test_first_answers_are_counted_by_span(database: Database) -> None:
    def make(session: Session) -> None:
        for hours in (0.5, 2, 30, None):
            opened = NOW - timedelta(days=2)
            answer = None if hours is None else opened + timedelta(hours=hours)
            factories.case(
                session,
                read_post(session),
                opened_at=opened,
                first_answer_at=answer,
                due_first_answer_at=opened + timedelta(hours=4),
            )

    write(database, make)
    with database.read() as session:
        found = first_answers(session, BRAND, period_ending(NOW, 7, "Europe/Paris"))
    assert (found.opened, found.answered, found.median_hours) == (4, 3, 2)
    assert found.buckets == {"under_1h": 1, "under_4h": 1, "under_24h": 0, "under_72h": 1, "later": 0}
    assert (found.kept, found.due) == (2, 3)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =HYPERLINK(1)", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert str(safe_cell(text)).startswith("'")


def test_csv_reads_back_as_it_was() -> None:
    rows = [["a;b", 'say "no"', "two\nlines", 1.5, None], ["é\u202e", "x", "y", -3, ""]]
    read = list(csv.reader(io.StringIO(csv_text(["1", "2", "3", "4", "5"], rows).removeprefix("\ufeff"))))
    assert read[1:] == [["a;b", 'say "no"', "two\nlines", "1.5", ""], ["é\u202e", "x", "y", "-3", ""]]


def test_charts_are_drawn_without_scripts_styles_or_foreign_addresses() -> None:
    lines = [Compared("<script>", 5, 3), Compared("b", 2, 0)]
    drawn = charts.svg(charts.bars(lines, {"<script>": "<script>alert(1)</script>", "b": "B"}))
    assert drawn.startswith("<svg")
    assert "<script>" not in drawn
    assert " style=" not in drawn
    assert "href" not in drawn.replace("xmlns:xlink", "")
    assert "var(--chart-bad)" in drawn
    assert charts.svg(charts.bars(lines, {"<script>": "x", "b": "B"})) is charts.svg(
        charts.bars(lines, {"<script>": "x", "b": "B"})
    ), "the same chart is drawn once"
