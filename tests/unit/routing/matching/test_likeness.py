"""How a shown name is like a customer's: one view counts, and a pen name contradicts nobody."""

import pytest

from routing.matching.likeness import Likeness, is_anothers_handle, likeness, read_name

FIRST_NAMES = {"claire": 40, "paul": 60, "nathalie": 12, "jean": 90, "pierre": 80, "jean pierre": 9}


def known_first(name: str) -> int:
    return FIRST_NAMES.get(name, 0)


def seen(name: str | None, handle: str | None = None, text: str = "") -> Likeness:
    return likeness(read_name(name, handle, (text,), known_first), ("claire",), ("martin",), known_first)


@pytest.mark.parametrize(
    ("name", "handle", "expected"),
    [
        ("Claire Martin", None, Likeness.FULL),
        ("MARTIN Claire", "lune", Likeness.FULL),
        ("C. Martin", None, Likeness.INITIAL),
        ("Claire M.", None, Likeness.FIRST_AND_INITIAL),
        ("Claire", None, Likeness.FIRST),
        ("Mme Martin", None, Likeness.LAST),
        ("Claire", "claire.martin75", Likeness.HANDLE),
        ("Ours Polaire", "claire_martin", Likeness.HANDLE),
        ("Ours Polaire", "ours", Likeness.NONE),
        (None, None, Likeness.NONE),
        ("Martin Brocante", None, Likeness.NONE),
        ("Paul Martin", None, Likeness.OTHER_FIRST),
        ("Kevin Moreau", None, Likeness.OTHER),
        ("Paul", None, Likeness.OTHER),
        ("Claire Durand", None, Likeness.OTHER),
    ],
)
def test_one_view_of_a_name_counts(name: str | None, handle: str | None, expected: Likeness) -> None:
    assert seen(name, handle) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, Likeness.FULL),  # the network shows no names: the post says it itself
        ("Claire", Likeness.FIRST_SIGNED),  # so is whoever photographed a label of one of many Claires
        ("Claire M.", Likeness.FULL),
        ("C. Martin", Likeness.FULL),
        ("Mme Martin", Likeness.FULL),
        ("Ours Polaire", Likeness.SIGNED),  # a label says as much
        ("Paul Durand", Likeness.OTHER),
        ("Claire Durand", Likeness.OTHER),
    ],
)
def test_a_signature_proves_beside_a_name_that_agrees(name: str | None, expected: Likeness) -> None:
    assert seen(name, text="Commande perdue. Claire Martin, Lyon.") is expected


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("claire.martin75", Likeness.FULL),
        ("martin.c", Likeness.FULL),
        ("claire_m", Likeness.FULL),
        ("clairemart", Likeness.FULL),
        ("clairemoreau", Likeness.FIRST_SIGNED),
        ("claire", Likeness.FIRST_SIGNED),
        ("mart_claire", Likeness.FULL),
        ("mar", Likeness.FIRST_SIGNED),
        ("velonuage1", Likeness.FIRST_SIGNED),
        ("Claire", Likeness.FULL),  # the network shows the handle in place of a name: it shows none
    ],
)
def test_a_first_name_alone_leaves_it_to_the_handle(handle: str, expected: Likeness) -> None:
    assert seen("Claire", handle, text="Commande perdue. Claire Martin, Lyon.") is expected


def test_a_short_name_with_the_beginning_of_the_last_name_in_the_handle() -> None:
    shown = read_name("Titi 59", "titivanho@ruche.example", ("Vanhoutte Thierry, ligne 06.",), known_first)
    assert likeness(shown, ("thierry",), ("vanhoutte",), known_first) is Likeness.FULL
    assert likeness(shown, ("thierry",), ("vandamme",), known_first) is Likeness.FIRST


def test_a_part_of_a_double_first_name_is_not_his() -> None:
    shown = read_name("Michel Fleury", "michel918", ("Commande perdue. Jean-Pierre Petit, Lyon.",), known_first)
    assert likeness(shown, ("jean", "pierre"), ("petit",), known_first) is Likeness.OTHER
    shown = read_name("Pierre Fleury", "pierre918", ("Commande perdue. Jean-Pierre Petit, Lyon.",), known_first)
    assert likeness(shown, ("jean", "pierre"), ("petit",), known_first) is Likeness.OTHER


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Manon Roudizac", Likeness.OTHER),  # Manon is a name of its own, and short for Marie
        ("Manon Drolonel", Likeness.FULL),
        ("Manon D.", Likeness.FULL),
        ("Manon", Likeness.FIRST_SIGNED),
    ],
)
def test_a_short_name_beside_another_last_name_is_somebody_elses(name: str, expected: Likeness) -> None:
    shown = read_name(
        name, None, ("Commande perdue. Marie Drolonel, Guéret.",), lambda word: word in ("marie", "manon")
    )
    assert likeness(shown, ("marie",), ("drolonel",), known_first) is expected


def test_a_record_without_a_last_name_is_like_nobody() -> None:
    shown = read_name("Claire", None, (), known_first)
    assert likeness(shown, ("claire",), (), known_first) is Likeness.NONE


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("nathalie.chevalier", True),
        ("jeanpierre75", True),
        ("claire.durand", True),
        ("claire.martin", False),
        ("cmartin", False),
        ("lunechat33", False),
        ("martinparis", False),
    ],
)
def test_a_handle_can_be_another_persons(handle: str, expected: bool) -> None:
    shown = read_name("Claire Martin", handle, (), known_first)
    assert is_anothers_handle(shown, ("claire",), ("martin",), known_first) is expected
