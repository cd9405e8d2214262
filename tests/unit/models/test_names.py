import pytest

from domain.brand import Brand
from models.common import made_of_common_words
from models.names import Names
from models.tokens import flat, humps, split


def named(text: str, brand: Brand) -> list[tuple[str, str]]:
    return [(name.value, text[start:end]) for name, start, end in Names(brand).find(text, split(text))]


@pytest.mark.parametrize("text", ["le comité", "une comédie", "comète" * 2, "je commets"])
def test_an_ordinary_word_is_no_slip_of_the_finger(text: str) -> None:
    assert named(text, Brand(name="Comète")) == []


@pytest.mark.parametrize("text", ["comete", "Comètes", "comette", "COMÈTR", "#comete"])
def test_a_misspelt_name_is_heard(text: str) -> None:
    assert named(text, Brand(name="Comète")) == [("Comète", text)]


def test_what_the_settings_call_a_misspelling_is_heard_even_if_it_is_a_word() -> None:
    assert named("le comité", Brand(name="Comète", misspellings=("comité",))) == [("Comète", "comité")]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("#JeQuitteOrange", "Orange"),
        ("#OrangeEnPanne", "#Orange"),
        ("#boycottorange", "orange"),
        ("#orangevoleur", "#orange"),
        ("#Orange2026", "#Orange"),
        ("#orange", "#orange"),
        ("#jequitteorange", "orange"),
    ],
)
def test_a_hashtag_names_the_brand_by_one_of_its_words(text: str, part: str) -> None:
    assert named(text, Brand(name="Orange")) == [("Orange", part)]


@pytest.mark.parametrize("text", ["#orangerie", "#Porangelo", "#xzqorange"])
def test_a_hashtag_that_has_the_letters_names_nobody(text: str) -> None:
    assert named(text, Brand(name="Orange")) == []


def test_a_name_with_capitals_inside_is_one_name_in_any_writing() -> None:
    brand = Brand(name="TotalEnergies")
    for text in ("TotalEnergies", "#TotalEnergies", "totalenergies", "Total Energies", "#StopTotalEnergies"):
        assert [value for value, _ in named(text, brand)] == ["TotalEnergies"]


def test_a_hashtag_is_taken_apart_by_its_capitals() -> None:
    text = "#JeQuitteSNCFConnect2"
    assert [text[start:end] for start, end in humps(text, 1, len(text))] == ["Je", "Quitte", "SNCF", "Connect", "2"]
    assert split("#JeQuitte là").plain == ["je", "quitte", "la"]


def test_flattening_keeps_every_place() -> None:
    text = "Œuvre ÉTÉ İstanbul ß e\u0301 😡"
    assert len(flat(text)) == len(text)
    assert flat("ÉTÉ août") == "ete aout"


def test_common_words_run_together_fall_apart() -> None:
    assert made_of_common_words("boycott")
    assert made_of_common_words("jamaisplus")
    assert not made_of_common_words("xzq")
