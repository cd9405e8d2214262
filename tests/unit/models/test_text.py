import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import MAX_CHARACTERS, SHOUT, fold, printable, words


def test_accents_stay_in_words_and_go_when_folded() -> None:
    assert words("Déçu, très DÉÇU") == ["déçu", ",", "très", "déçu"]
    assert fold("déçu") == "decu"


def test_addresses_and_numbers_are_read_by_their_kind() -> None:
    assert words("@bob voir https://x.example/y, tel 06 39 98 12 34, bob@example.org, 42") == (
        ["zuser", "voir", "zurl", "tel", "zphone", ",", "zemail", ",", "00"]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Appelez le 06.12.34.56.78 ou CF7297394413 !", "appelez le zphone ou zcode !"),
        ("VOIR HTTPS://X.EXAMPLE/A?b=1 @Bob@ex.org [Email] [phone]", "voir zurl @ zemail zemail zphone"),
        ("Ｐｒｉｘ：１２３４５ €, l’été “super” n°12-345-678", 'prix : 000 € , l \' été " super " n ° zcode'),
        ("x.fr/ promo a.com/b ﬁn ＃１", "zurl promo zurl fin # 0"),
        ("0612345678+33612345678 et ٣٤٥", "zphone + zcode et 000"),
        ("-0612345678 et 1234567 et 12345", "zcode et zcode et 000"),
        ("e\u0301\u0302\u0303t ½ ² _a_", "ét 0 ⁄ 0 0 _a_"),
        ("a\x1cb\u2028c\u200dd", "a b c \u200d d"),
    ],
)
def test_a_text_is_split_as_the_weights_were_trained(text: str, found: str) -> None:
    assert words(text) == found.split(" ")


@given(st.text())
def test_folding_drops_what_combines_and_nothing_else(text: str) -> None:
    whole = unicodedata.normalize("NFKD", text)
    assert fold(text) == "".join(sign for sign in whole if not unicodedata.combining(sign))


@pytest.mark.parametrize("sign", ["0", "@", "[", "/", ".", "http", "é", "A", "0 ", "-0", "a@", "a.", "[email", "!a"])
def test_no_sign_makes_it_slow(sign: str) -> None:
    began = time.process_time()
    words(sign * MAX_CHARACTERS)
    assert time.process_time() - began < 0.5


def test_capitals_leave_a_mark() -> None:
    assert words("RENDEZ-MOI MON ARGENT")[0] == SHOUT


def test_stretched_letters_are_shortened() -> None:
    assert words("nuuuuuuul !!!!!!!!") == ["nuuul", "!", "!", "!"]


def test_printable_keeps_every_place() -> None:
    hostile = "a\0b\ud800c\ue000d"
    assert printable(hostile) == "a b c d"


def test_only_the_beginning_is_read() -> None:
    assert len(words("a " * 10_000)) <= MAX_CHARACTERS
    assert words("x" + "\u0301" * 1_000_000) == ["x́"]
