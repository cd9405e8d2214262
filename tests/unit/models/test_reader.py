import random
import time

import pytest

from domain.brand import Brand
from domain.reading import FLAGS, Reading
from models.heads import HEADS
from models.reader import load_reader

NAMED = Brand(name="Hirondelle", products=("box Nid",), accounts=("mastodon:HirondelleAide",))
TEXTS = [
    "Colis Hirondelle HR4829174637 toujours pas livré, trois semaines que j'attends !!",
    "merci @HirondelleAide pour la rapidité, tout est réglé 🙏",
    "Is the fibre down in Lyon? @HirondelleAide",
    "une hirondelle a fait son nid sous le toit",
    "ok",
    "",
    "🔥🔥🔥",
    "My box Nid has been dead for four days and I work from home. I want a refund and I am leaving. " * 12,
]


def read(text: str, brand: Brand = NAMED) -> Reading:
    return load_reader().read([text], brand)[0]


def test_a_reading_does_not_depend_on_its_batch_mates() -> None:
    reader = load_reader()
    alone = {text: reader.read([text], NAMED)[0].as_dict() for text in TEXTS}
    dice = random.Random(3)
    for size in (2, 5, 8, 40):
        mixed = dice.choices(TEXTS, k=size)
        assert [one.as_dict() for one in reader.read(mixed, NAMED)] == [alone[text] for text in mixed]


def test_the_object_is_the_one_that_is_promised() -> None:
    printed = read(TEXTS[0]).as_dict()
    assert list(printed) == "language sentiment intent flags urgency entities abstain model".split()
    assert set(printed["flags"]) == set(FLAGS)
    assert len(printed["intent"]["probabilities"]) == 13
    assert sum(printed["sentiment"]["probabilities"].values()) == pytest.approx(1, abs=2e-4)
    assert printed["language"]["label"] == "fr"
    assert printed["model"] == "embedded-2"
    assert {"kind": "order", "text": "HR4829174637", "start": 17, "end": 29, "value": "HR4829174637"} in printed[
        "entities"
    ]


def test_every_probability_has_four_decimals_at_most() -> None:
    one = read(TEXTS[0])
    values = [*one.sentiment.probabilities.values(), *one.intent.probabilities.values(), *one.flags.values()]
    assert all(value == round(value, 4) and 0 <= value <= 1 for value in values)


def test_a_brand_without_a_name_hears_everything() -> None:
    assert read("le printemps arrive", Brand()).flags["about_brand"] == 1


def test_a_text_that_never_names_the_brand_is_hardly_about_it() -> None:
    assert read("le printemps arrive enfin, quel beau temps").flags["about_brand"] < 0.3


def test_an_account_of_the_brand_is_no_homonym() -> None:
    assert read("@HirondelleAide vous êtes là ?").flags["about_brand"] > 0.9


def test_the_plain_cases_are_read_right() -> None:
    late, thanks = read(TEXTS[0]), read(TEXTS[1])
    assert (late.sentiment.label, late.intent.label) == ("negative", "delivery")
    assert (thanks.sentiment.label, thanks.intent.label) == ("positive", "praise")
    assert late.flags["complaint"] > 0.5 > thanks.flags["complaint"]
    assert read("The swallow built its nest again").language.label == "en"


def test_nothing_to_read_is_left_to_a_person_on_every_head() -> None:
    assert read("").abstain == HEADS
    assert read(" \n\0 ").abstain == HEADS


@pytest.mark.parametrize(
    "text", ["word " * 2_000_000, "e" + "\u0301" * 1_000_000, "\0\ud800\udfff" * 1000, "(" * 20_000, "‮\u200d" * 9000]
)
def test_no_text_is_slow_or_breaks_it(text: str) -> None:
    load_reader()
    began = time.perf_counter()
    assert read(text).model == "embedded-2"
    assert time.perf_counter() - began < 3
