"""Whether a post is about the brand: its place counts beside its words, and the model's own word is kept."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.orm import Session

from routing.about import settle_about
from routing.crm import import_orders
from storage.tables import PostRow, ReadingRow
from tests.unit.samples import BRAND, order


@dataclass
class Thread:
    """Posts with what the model said of them; never stored."""

    read: list[tuple[PostRow, ReadingRow]] = field(default_factory=list)

    def say(self, about: float, *orders: str, reply_to: str | None = None) -> ReadingRow:
        number = len(self.read) + 1
        entities: list[dict[str, Any]] = [{"kind": "order", "value": value} for value in orders]
        reading = ReadingRow(about_brand=about, details={"entities": entities})
        self.read.append((PostRow(id=number, reply_to=reply_to), reading))
        return reading

    def settle(self, session: Session, *, ours: bool = False, spoken_to: bool = False) -> None:
        settle_about(session, BRAND.id, self.read, 0.5, ours=ours, spoken_to=spoken_to)


@pytest.fixture
def thread() -> Thread:
    return Thread()


def test_on_a_page_of_the_brand_everything_is_about_it(session: Session, thread: Thread) -> None:
    review = thread.say(0.1)
    thread.settle(session, ours=True)
    assert (review.about_brand, review.details["about_brand"]) == (1.0, {"model": 0.1, "why": "own page"})


def test_a_known_order_number_settles_it_and_an_unknown_one_does_not(session: Session, thread: Thread) -> None:
    import_orders(session, BRAND, [order("HR4829174637")])
    known, unknown = thread.say(0.2, "HR4829174637"), thread.say(0.2, "HR0000000000")
    thread.settle(session)
    assert (known.about_brand, unknown.about_brand) == (1.0, 0.2)


def test_an_answer_in_a_thread_about_the_brand_is_about_it(session: Session, thread: Thread) -> None:
    root, answer, aside = thread.say(0.9), thread.say(0.1, reply_to="1"), thread.say(0.1)
    thread.settle(session)
    assert (root.about_brand, answer.about_brand, aside.about_brand) == (0.9, 1.0, 0.1)


def test_an_answer_to_the_brand_is_about_it(session: Session, thread: Thread) -> None:
    answer = thread.say(0.1, reply_to="0")
    thread.settle(session, spoken_to=True)
    assert answer.about_brand == 1.0


def test_what_a_person_said_holds_whatever_the_place_says(session: Session, thread: Thread) -> None:
    root, answer = thread.say(0.9), thread.say(0.0, reply_to="1")
    for reading in (root, answer):
        reading.details = {**reading.details, "corrected": {"about_brand": "no"}}
    root.about_brand = 0.0
    thread.settle(session, ours=True)
    assert (root.about_brand, answer.about_brand) == (0.0, 0.0)


def test_settling_again_starts_from_the_models_own_word(session: Session, thread: Thread) -> None:
    root, answer = thread.say(0.9), thread.say(0.1, reply_to="1")
    thread.settle(session)
    root.details = {**root.details, "about_brand": {"model": 0.2, "why": None}}
    thread.settle(session)
    assert (root.about_brand, answer.about_brand) == (0.2, 0.1)
