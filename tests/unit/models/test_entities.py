import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain.brand import Brand
from domain.reading import ENTITY_KINDS
from models.document import vocabulary
from models.entities import find_entities

ROOT = Path(__file__).parents[3]
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


def test_every_kind_is_one_of_the_domains() -> None:
    text = "Hirondelle box Nid RR473124829FR a@b.fr 0639981234, 3 € https://e.fr @bob siren 732829320 hier à Brest 😡"
    (entities,) = find_entities([f"{text} FR7630006000011234567890189 siret 73282932000074"], BRAND)
    assert {one.kind for one in entities} == set(ENTITY_KINDS)


def test_a_day_is_no_phone_and_a_link_keeps_its_days() -> None:
    assert found("payé le 05/11/2026", "date", "phone") == [("date", "2026-11-05")]
    assert found("https://example.org/2026/11/05/x", "date", "url") == [("url", "https://example.org/2026/11/05/x")]


def test_words_of_posts_do_not_stay_in_memory() -> None:
    find_entities(["premier"], BRAND)
    before = len(vocabulary().strings)
    find_entities([f"motinconnu{at}" for at in range(500)], BRAND)
    assert len(vocabulary().strings) == before


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
        "@" * 20_000,
        "a@a." * 5_000,
        "[(at" * 5_000,
        "1" * 20_000,
        "1Z" * 10_000,
        "FR76 1234 " * 2_000,
        "siret 1 " * 2_500,
        "1/1/1 " * 3_000,
        "€1 " * 6_000,
        "#" * 20_000,
        "#" + "hirondelle" * 2_000,
        "#" + "aB" * 10_000,
        "saint à " * 2_500,
        "le 1 mars " * 2_000,
        "😡" * 20_000,
    ],
)
def test_no_text_is_slow_or_breaks_it(text: str) -> None:
    began = time.process_time()
    find_entities([text], BRAND)
    assert time.process_time() - began < 2


def test_the_command_line_of_spacy_is_not_imported() -> None:
    """It takes half of the import of spaCy, which a first reading waits for."""
    asked = "import sys, models.entities; print([name for name in ('weasel', 'httpx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
