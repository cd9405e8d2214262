from random import Random

from models.training.gloss import Lexicon

PAIRS = (
    ("the parcel", "le colis"),
    ("a parcel", "un colis"),
    ("my parcel", "mon colis"),
    ("the house", "la maison"),
    ("my house", "ma maison"),
    ("a house", "une maison"),
)


def test_words_find_their_translation_by_the_company_they_keep() -> None:
    lexicon = Lexicon([one.split() for one, _ in PAIRS], [two.split() for _, two in PAIRS])
    assert lexicon.translations["parcel"][0][0] == "colis"
    assert lexicon.translations["house"][0][0] == "maison"


def test_an_unknown_word_stays() -> None:
    lexicon = Lexicon([one.split() for one, _ in PAIRS], [two.split() for _, two in PAIRS])
    assert lexicon.gloss(["!", "zzz"], Random(1)) == ["!", "zzz"]
