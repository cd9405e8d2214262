"""Linking records without labels: what belongs together is found through slips, and likeness alone is no proof."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from routing.matching.linkage import Field, Linked, alike, duplicates, learned, link, slipped

FIELDS = (Field("first"), Field("last"), Field("born", slipped), Field("town"))
BLOCKS = (("last", "town"), ("born",), ("first", "last"))
FIRSTS = ("claire", "paul", "zoe", "marc", "lucie", "jean", "anne", "hugo")
LASTS = tuple(one + two for one in ("mar", "dur", "pet", "mor", "gar", "rou", "fau", "lop", "ber", "vid") for two in ("tin", "and", "eau", "cia", "sel", "re", "pez", "nard", "al", "ot"))  # fmt: skip
TOWNS = ("lyon", "brest", "metz", "nantes", "dijon", "lille", "tours", "rouen", "reims", "nice")
Row = dict[str, str]


def people(count: int, seed: int = 1) -> list[Row]:
    drawn = Random(seed)
    return [
        {
            "first": drawn.choice(FIRSTS),
            "last": drawn.choice(LASTS),
            "born": f"{drawn.randrange(1940, 2000)}{drawn.randrange(1, 13):02d}{drawn.randrange(1, 29):02d}",
            "town": drawn.choice(TOWNS),
        }
        for _ in range(count)
    ]


def spoilt(row: Row, drawn: Random) -> Row:
    """A copy with a slip in one field, or one field lost."""
    name = drawn.choice(list(row))
    value = row[name]
    slip = value[1] + value[0] + value[2:] if drawn.random() < 0.7 else ""
    return {**row, name: slip}


def test_spoilt_copies_find_their_originals() -> None:
    originals, drawn = people(600), Random(2)
    order = drawn.sample(range(600), 600)
    copies = [spoilt(originals[at], drawn) for at in order]
    found = [one for one in link(originals, copies, FIELDS, BLOCKS) if one.probability >= 0.9]
    right = sum(order[one.right] == one.left for one in found)
    assert right / len(found) >= 0.99
    assert right / 600 >= 0.9


def test_strangers_among_them_are_nobodys_copies() -> None:
    originals, drawn = people(400), Random(5)
    copies = [spoilt(row, drawn) for row in originals[:100]] + people(300, seed=3)
    found = [one for one in link(originals, copies, FIELDS, BLOCKS) if one.probability >= 0.99]
    assert sum(one.left == one.right < 100 for one in found) >= 80
    assert sum(one.left != one.right for one in found) <= 1


def test_files_without_anybody_in_common_have_no_pair() -> None:
    found = link(people(400), people(400, seed=3), FIELDS, BLOCKS)
    assert len([one for one in found if one.probability >= 0.99]) <= 1  # two may agree on all by chance


def test_duplicates_of_one_file_come_once_each() -> None:
    rows, drawn = people(300), Random(4)
    rows += [spoilt(row, drawn) for row in rows[:60]]
    found = [one for one in duplicates(rows, FIELDS, BLOCKS) if one.probability >= 0.9]
    assert sum(one.right == one.left + 300 for one in found) >= 50
    assert all(one.left < one.right for one in found)


def test_likeness_of_values() -> None:
    assert [alike(*pair) for pair in (("martin", "martin"), ("martin", "matrin"), ("martin", "zoe"))] == [3, 2, 0]
    assert [slipped(*pair) for pair in (("1980", "1980"), ("1980", "1908"), ("1980", "1999"), ("1980", "2555"))] == [
        3,
        2,
        1,
        0,
    ]


def test_few_pairs_are_judged_as_usual() -> None:
    chances = learned([(3, 3, 3), (3, 0, 0)], [(0, 0, 0)] * 4, possible=6, most=4)
    assert chances[3, 3, 3] > 0.9
    assert chances[3, 0, 0] < 0.1


def test_many_pairs_tell_what_their_fields_say() -> None:
    """The second field is equal among strangers too."""
    strangers = [(0, 3, 0)] * 400 + [(0, 3, 3), (3, 3, 0)] * 2
    chances = learned([(3, 3, 3)] * 300 + [(0, 3, 3)] * 300, strangers, possible=500_000, most=1_000)
    assert chances[3, 3, 3] > 0.9
    assert chances[0, 3, 3] < 0.1


def test_nothing_to_compare_is_no_pair() -> None:
    assert learned([], [], possible=0, most=0) == {}
    assert link([], [], FIELDS, BLOCKS) == []
    assert link([{"first": "a"}], [{"last": "b"}], FIELDS, BLOCKS) == []


@given(st.lists(st.fixed_dictionaries({name: st.sampled_from(["", "a", "ab"]) for name in ("first", "last", "born", "town")}), max_size=12))  # fmt: skip
def test_any_records_give_probabilities(rows: list[Row]) -> None:
    found: list[Linked] = duplicates(rows, FIELDS, BLOCKS)
    assert all(0 <= one.probability <= 1 for one in found)
