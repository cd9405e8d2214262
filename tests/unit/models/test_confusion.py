import random

import pytest

from models import evaluation
from models.confusion import Confusion, accuracy, macro_f1, macro_recall

DICE = random.Random(5)
TRUTH = DICE.choices(["a", "b", "c"], [6, 3, 1], k=400)
SAID = [one if DICE.random() < 0.7 else DICE.choice(["a", "b", "c", "d"]) for one in TRUTH]


@pytest.mark.parametrize("name", ["macro_recall", "macro_f1", "accuracy"])
def test_figures_and_bounds_are_those_of_redrawn_texts(name: str) -> None:
    figure = {"macro_recall": macro_recall, "macro_f1": macro_f1, "accuracy": accuracy}[name]
    found = Confusion(TRUTH, SAID).interval(figure)
    by_texts = evaluation.bootstrap(TRUTH, SAID, getattr(evaluation, name))
    assert found.value == pytest.approx(by_texts.value)
    assert found.low == pytest.approx(by_texts.low, abs=0.02)
    assert found.high == pytest.approx(by_texts.high, abs=0.02)


def test_classes_are_those_of_the_plain_count_and_what_was_only_said() -> None:
    found = Confusion(TRUTH, SAID).by_class()
    assert {label: found[label] for label in "abc"} == evaluation.by_class(TRUTH, SAID)
    assert (found["d"].support, found["d"].recall) == (0, 0)


def test_the_commonest_confusions_come_first() -> None:
    assert Confusion(["a", "a", "b", "b"], ["b", "b", "a", "b"]).worst(1) == [("a", "b", 2)]
