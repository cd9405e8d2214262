from models.mask import mask, mask_spans
from models.text import BRAND, BRAND_LOWER


def test_every_spelling_of_the_name_is_hidden() -> None:
    assert mask("Orange, orange et #Orange", ["Orange"]).split() == [BRAND, ",", BRAND_LOWER, "et", "#", BRAND]


def test_a_name_inside_a_word_is_not_the_name() -> None:
    assert mask("une orangeade", ["orange"]) == "une orangeade"


def test_spans_and_spellings_hide_alike() -> None:
    text = "Merci @Comète pour rien"
    assert mask_spans(text, [(6, 13)]) == mask(text, ["@Comète"])
