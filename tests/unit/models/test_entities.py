import itertools
import time

import pytest

from domain.brand import Brand
from models.entities import find_entities

BRAND = Brand(
    name="Hirondelle",
    aliases=("Hirondelle Groupe",),
    products=("Hirondelle Mobile", "box Nid"),
    accounts=("mastodon:@HirondelleAide", "x:HirondelleAide"),
)


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    (entities,) = find_entities([text], BRAND)
    assert all(text[one.start : one.end] == one.text for one in entities)
    return [(one.kind, one.value) for one in entities if one.kind in kinds]


@pytest.mark.parametrize(
    "text",
    [
        "Hirondelle",
        "HIRONDELLE",
        "l'hirondelle",
        "hirondelles",
        "hirondele",
        "hirrondelle",
        "#hirondelle",
        "@HirondelleAide",
        "Hirondelle's",
    ],
)
def test_the_brand_is_heard_however_it_is_written(text: str) -> None:
    assert found(f"merci {text} bravo", "brand") == [("brand", "Hirondelle")]


@pytest.mark.parametrize("text", ["hironde", "le Nil", "boxe", "@HirondelleFan"])
def test_another_word_is_not_the_brand(text: str) -> None:
    assert not found(text, "brand", "product")


def test_a_product_is_heard_and_its_name_is_not_the_brands_alone() -> None:
    assert found("ma BOX NID et #HirondelleMobile", "brand", "product") == [
        ("product", "box Nid"),
        ("product", "Hirondelle Mobile"),
    ]


def test_accents_do_not_matter() -> None:
    (entities,) = find_entities(["comete ou Comète"], Brand(name="Comète"))
    assert [one.value for one in entities] == ["Comète", "Comète"]


def test_entities_never_overlap_and_stand_in_order() -> None:
    (entities,) = find_entities(
        ["bob@example.org HR 4829 174637 06 39 98 12 34 @bob https://example.org/HR4829174637"], BRAND
    )
    assert [one.kind for one in entities] == ["email", "order", "phone", "mention", "url"]
    assert all(one.end <= two.start for one, two in itertools.pairwise(entities))


def test_a_brand_without_a_name_is_named_nowhere() -> None:
    assert find_entities(["Hirondelle"], Brand()) == [()]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000_000,
        "e" + "\u0301" * 1_000_000,
        "\0\ud800" * 500,
        "(" * 20_000,
        "1 " * 10_000,
        "a at " * 4_000,
        "",
        "hirondele " * 2_000,
    ],
)
def test_no_text_is_slow_or_breaks_it(text: str) -> None:
    began = time.perf_counter()
    find_entities([text], BRAND)
    assert time.perf_counter() - began < 3
