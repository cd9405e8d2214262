"""Disguises are seen through, and people with names from anywhere are not taken for disguised."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.matching.confusables import look_alikes, skeleton, unmask


@pytest.mark.parametrize(
    ("shown", "seen", "trick"),
    [
        ("Cl\u0430ire Martin", "Claire Martin", "script"),  # Cyrillic a
        ("Claire \u039cartin", "Claire Martin", "script"),  # Greek M
        ("\u0421l\u0430ir\u0435 M\u0430rtin", "Claire Martin", "script"),
        ("Paul \u0420\u043e\u0440\u0435", "Paul Pope", "script"),  # one word all Cyrillic, beside a Latin one
        ("\u0421\u043e\u0441\u043e \u0420\u043e\u0440\u0435", "Coco Pope", "script"),  # all of it
        ("Claire\u0436", "Claire\u0436", "script"),  # two alphabets in one word, though nothing looks alike
        ("Claire\u200b Martin", "Claire Martin", "invisible"),
        ("Cla\u00adire Martin", "Claire Martin", "invisible"),
        ("Claire\u202e Martin", "Claire Martin", "invisible"),
        ("\uff23\uff4c\uff41\uff49\uff52\uff45 Martin", "Claire Martin", "width"),
        ("\U0001d402\U0001d425\U0001d41a\U0001d422\U0001d42b\U0001d41e Martin", "Claire Martin", "width"),
        ("C\u217caire Martin", "Claire Martin", "width"),  # Roman numeral fifty
        ("C1aire Martin", "Claire Martin", "digit"),
        ("Claire Mart1n", "Claire Martin", "digit"),
        ("S0phie Martin", "Sophie Martin", "digit"),
        ("CIaire Martin", "Claire Martin", "case"),  # capital i for l
        ("PauI Durand", "Paul Durand", "case"),
        ("lsabelle Durand", "Isabelle Durand", "case"),
    ],
)
def test_a_disguise_is_seen_through(shown: str, seen: str, trick: str) -> None:
    found = unmask(shown)
    assert (found.text, found.tricks) == (seen, {trick})
    assert found.disguised == (trick not in ("digit", "case"))


@pytest.mark.parametrize(
    "name",
    [
        "Claire Martin", "Claire Martin 👩‍💻", "José Núñez", "Ольга Смирнова", "Мария", "Ευα Παππα", "李 小龍", "Œdipe Straße",
        "Zoé 🏳️‍🌈", "Anaïs", "محمد حسن", "N°5", "", "e\u0301ric", "Claire Martin 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "Łukasz Święty", "Iris", "IRIS", "DiIorio",
        "McIntyre", "Mª Carmen", "می‌خواهم", "D’Arc", "Claire2", "Işık", "Ольга (Olga)", "l’été", "שלום Dan", "山田 Taro",
    ],
)  # fmt: skip
def test_names_of_all_the_world_are_no_disguise(name: str) -> None:
    found = unmask(name)
    assert (found.text, found.changed) == (name, False)


@pytest.mark.parametrize("other", ["C1aire MartIn", "Cl\u0430ire M\u0430rtin", "CLAIRE MARTIN", "claire mart\u0456n"])
def test_confusable_names_have_one_skeleton(other: str) -> None:
    assert skeleton(other) == skeleton("Claire Martin")


def test_other_names_have_another_skeleton() -> None:
    assert skeleton("Claire Martin") != skeleton("Clara Martin")


def test_the_table_maps_single_signs_to_latin_letters() -> None:
    table = look_alikes()
    assert len(table) > 300
    assert all(len(sign) == 1 and not sign.isascii() and letters.isascii() for sign, letters in table.items())


@given(st.text(max_size=80))
def test_any_text_is_taken_and_the_plain_one_stays(text: str) -> None:
    found = unmask(text)
    assert found.changed or found.text == text
    skeleton(text)


@pytest.mark.parametrize("name", ["a" * 10_000, "\u202e" * 10_000, "\u0430a" * 5_000, "é\u0301" * 5_000, "ﷺ" * 2_000])
def test_a_name_of_ten_thousand_signs_takes_no_time(name: str) -> None:
    started = time.process_time()
    unmask(name)
    assert time.process_time() - started < 0.5
