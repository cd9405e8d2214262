"""Every reading of a name that is worth a look-up, few of them, and in no time."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.matching.handles import residue
from routing.matching.names import MOST, Kind, hypotheses

FIRST_NAMES = Counter(
    {
        "claire": 40, "marie": 90, "jean": 100, "pierre": 60, "jean pierre": 20, "martin": 2, "paul": 50, "charles": 10,
        "emmanuel": 8, "jonathan": 5, "anne": 30, "jeanne": 5, "ludwig": 1,
    }
)  # fmt: skip


def known(first: str) -> int:
    return FIRST_NAMES[first]


def read(name: str | None, handle: str | None = None) -> list[tuple[str, str, Kind]]:
    return [(" ".join(one.first), " ".join(one.last), one.kind) for one in hypotheses(name, handle, known)]


CLAIRE = ("claire", "martin", "full")
INVERTED = ("claire", "martin", "inverted")


class TestDisplayName:
    @pytest.mark.parametrize(
        ("name", "likeliest"),
        [
            ("Claire Martin", CLAIRE),
            ("claire martin", CLAIRE),
            ("Clàïre Mârtin", CLAIRE),
            ("ClaireMartin", CLAIRE),
            ("claire_martin", CLAIRE),
            ("Claire.Martin", CLAIRE),
            ("✨ Claire ✨ Martin ✨", CLAIRE),
            ("📦 Claire Martin 👩‍💻", CLAIRE),
            ("Dr Claire Martin", CLAIRE),
            ("Mme Claire MARTIN", CLAIRE),
            ("Me Claire Martin avocate", CLAIRE),
            ("Claire Martin, avocate", CLAIRE),
            ("Claire Martin, Lyon", CLAIRE),
            ("Claire Martin (Lyon)", CLAIRE),
            ("Claire Martin | Photographe à Lyon", CLAIRE),
            ("Claire Martin - journaliste", CLAIRE),
            ("Claire Martin in Lyon", CLAIRE),
            ("Claire Martin à Nantes", CLAIRE),
            ("Claire Martin aka dragon", CLAIRE),
            ("Claire Martin 75 🇫🇷 FR", CLAIRE),
            ("MARTIN Claire", INVERTED),
            ("Martin, Claire", INVERTED),
            ("Charles de Gaulle", ("charles", "de gaulle", "full")),
            ("de Gaulle Charles", ("charles", "de gaulle", "inverted")),
            ("Gaulle, Charles de", ("charles", "de gaulle", "inverted")),
            ("Ludwig van der Berg", ("ludwig", "van der berg", "full")),
            ("Jeanne d’Arc", ("jeanne", "darc", "full")),
            ("Jean-Pierre Le Goff", ("jean pierre", "le goff", "full")),
            ("Jean Pierre Martin", ("jean pierre", "martin", "full")),
            ("Paul Martin Dupont", ("paul martin", "dupont", "full")),
            ("J. Martin", ("j", "martin", "initial")),
            ("Marie D.", ("marie", "d", "initial")),
            ("Ben Martin", ("ben", "martin", "full")),
            ("محمد حسن", ("محمد", "حسن", "full")),
            ("Ольга Смирнова", ("ольга", "смирнова", "full")),
            ("李小龍", ("小龍", "李", "inverted")),
            ("Claire", ("claire", "", "single")),
            ("Marie in Lyon", ("marie", "", "single")),
            ("Me Dupont avocat", ("", "dupont", "single")),
            ("Mme Dupont", ("", "dupont", "single")),
        ],
    )
    def test_the_likeliest_reading_comes_first(self, name: str, likeliest: tuple[str, str, str]) -> None:
        assert read(name)[0] == likeliest

    @pytest.mark.parametrize(
        ("name", "reading"),
        [
            ("Martin Claire", INVERTED),
            ("Paul Martin Dupont", ("paul", "martin dupont", "full")),
            ("Marie Anne Dupont", ("marie", "dupont", "full")),
            ("Claire Martin-Dupont", ("claire", "dupont", "full")),
            ("Claire Martin-Dupont", ("claire", "martin", "full")),
            ("Claire Dupont née Petit", ("claire", "petit", "full")),
            ("Claire Dupont (née Petit)", ("claire", "petit", "full")),
            ("Claire Dupont ép. Martin", ("claire", "martin", "full")),
            ("Dupont ép. Martin", ("", "martin", "single")),
            ("JP Le Goff", ("jean pierre", "le goff", "nickname")),
            ("J.-P. Martin", ("jean pierre", "martin", "nickname")),
            ("Jon Smith", ("jonathan", "smith", "nickname")),
            ("Smith Jon", ("jonathan", "smith", "nickname")),
            ("Manu Dupont", ("emmanuel", "dupont", "nickname")),
            ("Kate Smith", ("katherine", "smith", "nickname")),
            ("Manu", ("emmanuel", "", "nickname")),
            ("M. Martin", ("m", "martin", "initial")),
            ("Claire & Paul Martin", ("claire", "martin", "full")),
            ("Claire et Paul Martin", ("paul", "martin", "full")),
            ("Dupont", ("dupont", "", "single")),
            ("李 小龍", ("小龍", "李", "inverted")),
        ],
    )
    def test_other_readings_are_there(self, name: str, reading: tuple[str, str, str]) -> None:
        assert reading in read(name)

    @pytest.mark.parametrize("name", [None, "", "🌸🌸", "@@@", "12345", "…", "\x00", "\ud800"])
    def test_what_is_no_name_has_no_reading(self, name: str | None) -> None:
        assert read(name) == []


class TestHandle:
    @pytest.mark.parametrize(
        ("handle", "reading"),
        [
            ("claire.martin75", ("claire", "martin", "full")),
            ("@claire.martin@example.social", ("claire", "martin", "full")),
            ("MartinClaireLyon", ("claire", "martin", "inverted")),
            ("clairemartin69", ("claire", "martin", "full")),
            ("martinclaire", ("claire", "martin", "inverted")),
            ("c_martin", ("c", "martin", "initial")),
            ("manu_dupont", ("emmanuel", "dupont", "nickname")),
            ("tremblay-zoltan", ("tremblay", "zoltan", "full")),
            ("claire", ("claire", "", "single")),
        ],
    )
    def test_a_name_in_a_handle_is_found(self, handle: str, reading: tuple[str, str, str]) -> None:
        assert reading in read(None, handle)

    def test_a_handle_that_says_the_same_adds_nothing(self) -> None:
        assert read("Claire Martin", "claire.martin") == read("Claire Martin")

    def test_readings_say_where_they_come_from(self) -> None:
        sources = {one.source for one in hypotheses("Ours Polaire", "claire.martin", known)}
        assert sources == {"name", "handle"}

    @pytest.mark.parametrize(
        ("handle", "first", "last", "left"),
        [
            ("claire.martin75", "claire", "martin", "75"),
            ("MartinClaireLyon", "claire", "martin", "lyon"),
            ("cmartin_69", "claire", "martin", "69"),
            ("martinc", "claire", "martin", ""),
            ("ClaireM", "claire", "martin", ""),
            ("xcmartin", "claire", "martin", "xc"),
            ("jp.legoff", "jean pierre", "le goff", ""),
            ("charles_degaulle", "charles", "de gaulle", ""),
            ("charles.gaulle_1890", "charles", "de gaulle", "1890"),
            ("manu_dupont", "emmanuel", "dupont", ""),
            ("@claire@example.social", "claire", "martin", ""),
            ("MadameMartin", "claire", "martin", "madame"),
            ("dragon42", "claire", "martin", "dragon42"),
            ("ÉloïseLefèvre2", "eloise", "lefevre", "2"),
            ("", "claire", "martin", ""),
        ],
    )
    def test_what_is_left_of_it_without_the_name(self, handle: str, first: str, last: str, left: str) -> None:
        assert residue(handle, tuple(first.split()), tuple(last.split())) == left


class TestBounds:
    @given(st.text(max_size=60), st.text(max_size=40))
    def test_any_name_has_at_most_twelve_readings_with_words_in_them(self, name: str, handle: str) -> None:
        found = hypotheses(name, handle, known)
        assert len(found) <= MOST
        assert len({(one.first, one.last, one.kind, one.source) for one in found}) == len(found)
        for one in found:
            assert one.first or one.last
            residue(handle, one.first, one.last)

    @given(
        st.lists(
            st.sampled_from([*"JP MARTIN de Le Claire & , ( ) née ép. - Jean-Pierre van M. @x | Manu".split()]),
            max_size=9,
        )
    )
    def test_parts_of_names_in_any_order_are_taken(self, words: list[str]) -> None:
        assert len(hypotheses(" ".join(words), "".join(words), known)) <= MOST

    @pytest.mark.parametrize(
        "name",
        ["a" * 10_000, "Claire Martin " * 800, "a-" * 5_000, "(" * 10_000, "J. " * 3_000, "de " * 3_000, "é" * 10_000],
    )
    def test_ten_thousand_signs_take_no_time(self, name: str) -> None:
        asked = Counter[str]()

        def count(first: str) -> int:
            asked.update([first])
            return known(first)

        started = time.process_time()
        assert len(hypotheses(name, name, count)) <= MOST
        assert time.process_time() - started < 0.5
        assert asked.total() <= 60  # each may be a look-up in the database
