from models.text import MAX_CHARACTERS, SHOUT, fold, printable, words


def test_accents_stay_in_words_and_go_when_folded() -> None:
    assert words("Déçu, très DÉÇU") == ["déçu", ",", "très", "déçu"]
    assert fold("déçu") == "decu"


def test_addresses_and_numbers_are_read_by_their_kind() -> None:
    assert words("@bob voir https://x.example/y, tel 06 39 98 12 34, bob@example.org, 42") == (
        ["zuser", "voir", "zurl", "tel", "zphone", ",", "zemail", ",", "00"]
    )


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
