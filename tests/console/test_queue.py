"""The queue counts, filters and sorts the same on every database."""

import re
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from storage.tables import CaseRow
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_pages import under_review, whole_case


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_queue_counts_filters_and_sorts(console: Console, fill: Fill) -> None:
    def make(session: Session) -> list[CaseRow]:
        late = timedelta(hours=-2)
        return [
            whole_case(session, priority=10, assignee="agent.hirondelle@example.org"),
            under_review(session, priority=90, intent="outage", contact_state="person"),
            whole_case(session, priority=50, due_first_answer_at=factories.NOW + late),
            whole_case(session, priority=40, state="resolved", resolved_at=factories.NOW),
        ]

    low, review, late, _ = fill(make)
    browser = console.signed_in()

    def shown(query: str) -> list[int]:
        return [int(number) for number in re.findall(r'<a href="/cases/(\d+)">', browser.get(f"/?{query}").text)]

    assert shown("") == [review.id, late.id, low.id]
    assert shown("view=mine") == [low.id]
    assert shown("view=overdue") == [late.id]
    assert shown("view=person") == shown("view=review") == shown("intent=outage") == [review.id]
    assert shown("view=unassigned") == [review.id, late.id]
    assert len(shown("view=resolved")) == 1
    assert shown(f"q=%23{low.id}") == [low.id]
    assert len(shown("q=HR123")) == 2
    assert shown("q=%25") == shown("q=_") == []
    assert len(shown("q=camille+roux")) == 3
    assert browser.get("/?view=nothing").status_code == 404
