import pytest

from domain.brand import Brand
from models.assessment import Answer, ask, assess
from models.labelled import Labelled
from models.reader import load_reader


def answer(truth: str, said: str, sure: float, lang: str = "fr", *, abstained: bool = False) -> Answer:
    return Answer(truth, said, sure, abstained, lang)


ANSWERS = [
    *(answer("yes", "yes", 0.9) for _ in range(6)),
    *(answer("no", "no", 0.8, "en") for _ in range(2)),
    answer("no", "yes", 0.6, "en", abstained=True),
    answer("yes", "no", 0.5, abstained=True),
]


def test_all_figures_are_there_and_right() -> None:
    told = assess(ANSWERS)
    assert told["rows"] == 10
    assert told["accuracy"]["value"] == 0.8
    assert told["accuracy"]["low"] < 0.8 < told["accuracy"]["high"]
    assert told["macro_recall"]["value"] == pytest.approx((6 / 7 + 2 / 3) / 2, abs=1e-4)
    assert told["classes"]["yes"] == {"precision": 0.8571, "recall": 0.8571, "f1": 0.8571, "support": 7}
    assert told["accuracy_on_surest"] == {"share": 0.8, "accuracy": 1.0}
    assert told["abstained"] == {"share": 0.2, "accuracy_on_rest": 1.0}
    assert told["calibration_error"] == pytest.approx(0.6 * 0.1 + 0.2 * 0.2 + 0.1 * 0.6 + 0.1 * 0.5, abs=1e-4)
    assert told["languages"] == {"en": {"rows": 3}, "fr": {"rows": 7}}, "too few for figures of their own"
    assert told["confusions"] == [
        {"truth": "no", "said": "yes", "count": 1},
        {"truth": "yes", "said": "no", "count": 1},
    ]


def test_who_always_asks_a_person_has_no_rest() -> None:
    assert assess([answer("yes", "yes", 0.5, abstained=True)])["abstained"] == {"share": 1.0, "accuracy_on_rest": None}


def test_a_row_is_read_for_the_brand_that_it_names() -> None:
    text = "Plus de réseau chez Bouleau depuis lundi, quelqu'un d'autre ?"
    rows = [Labelled(text, "yes", "fr", "Bouleau"), Labelled(text, "no", "fr", "Absente")]
    counts: list[int] = []
    answers = ask(load_reader(), rows, "about_brand", Brand(name="Autre", products=("réseau",)), counts.append)
    assert {one.truth: one.said for one in answers} == {"yes": "yes", "no": "no"}
    assert sum(counts) == 2
