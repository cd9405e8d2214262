import time
from datetime import date

import pytest

from models.dates import dates, resolved
from models.tokens import split

SUNDAY = date(2026, 11, 22)


def values(text: str, *, month_first: bool = False) -> list[str]:
    """Of the first ones where several overlap, as the pipeline keeps them."""
    kept: list[tuple[int, int, str]] = []
    for one in dates(text, split(text).plain, month_first=month_first):
        assert text[one.start : one.end] == one.text
        if all(one.end <= start or one.start >= end for start, end, _ in kept):
            kept.append((one.start, one.end, one.value))
    return [value for *_, value in sorted(kept)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("colis promis le 12 novembre", "--11-12"),
        ("facturé le 1er août 2026", "2026-08-01"),
        ("dispo au premier janvier", "--01-01"),
        ("ordered Nov. 12, still nothing", "--11-12"),
        ("on March 3rd 2026 I paid", "2026-03-03"),
        ("the 2nd of June", "--06-02"),
        ("résilié depuis mars", "--03"),
        ("posted it back in May", "--05"),
        ("reçu 12/11/2026", "2026-11-12"),
        ("reçu 12.11.26", "2026-11-12"),
        ("livré le 15 11 2026", "2026-11-15"),
        ("due 2026-11-12.", "2026-11-12"),
        ("promis pour le 12/11 au plus tard", "--11-12"),
        ("j'attends depuis lundi", "W1"),
        ("lundi prochain au plus tard", "+W1"),
        ("next Friday", "+W5"),
        ("hier soir", "-P1D"),
        ("avant-hier", "-P2D"),
        ("aujourd’hui", "-P0D"),
        ("last week", "-P1W"),
        ("3 days ago", "-P3D"),
        ("il y a deux semaines", "-P2W"),
        ("depuis 9 jours", "-P9D"),
        ("sous 48h", "+PT48H"),
        ("waiting for three weeks", "P3W"),
        ("5 JOURS sans internet", "P5D"),
    ],
)
def test_a_day_is_known_however_it_is_said(text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "ouvert 24/7",
        "note 2/10",
        "you may march in",
        "le 31/02/2026",
        "HR-12-11-2026",
        "06 12 11 20 26",
        "https://example.org/2026/11/12/x",
        "1.2.3",
        "la 4G et 5 h",
        "m'a dit second",
    ],
)
def test_what_is_no_day_is_not_taken_for_one(text: str) -> None:
    assert values(text) == []


def test_seven_in_french_is_no_month() -> None:
    assert values("en sept minutes") == ["PT7M"]


def test_americans_write_the_month_first() -> None:
    assert values("on 11/12", month_first=True) == ["--11-12"]
    assert values("on 11/12") == ["--12-11"]
    assert values("on 11/25") == ["--11-25"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-11-12", "2026-11-12"),
        ("--11-12", "2026-11-12"),
        ("--12-24", "2026-12-24"),
        ("--08", "2026-08"),
        ("--01-15", "2027-01-15"),
        ("W7", "2026-11-22"),
        ("W1", "2026-11-16"),
        ("+W1", "2026-11-23"),
        ("+W7", "2026-11-29"),
        ("-P1D", "2026-11-21"),
        ("+P2W", "2026-12-06"),
        ("-P1M", "2026-10-22"),
        ("-P1Y", "2025-11-22"),
        ("P3W", "P3W"),
        ("-PT4H", "-PT4H"),
    ],
)
def test_a_day_is_counted_from_the_day_it_was_said(value: str, said: str) -> None:
    assert resolved(value, SUNDAY) == said


def test_the_calendar_has_an_end() -> None:
    assert resolved("--02-29", SUNDAY) == "--02-29"
    assert resolved("-P1M", date(2026, 3, 31)) == "2026-02-28"
    assert resolved("-P999Y", date(500, 1, 1)) == "0001-01-01"


@pytest.mark.parametrize(
    "piece", ["1/", "12/11 ", "le 1", "lundi ", "3 jours ", "il y a ", "1 1 1 2026 ", "in in ", "a an "]
)
def test_no_text_is_slow(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    began = time.process_time()
    list(dates(text, split(text).plain))
    assert time.process_time() - began < 1.5
