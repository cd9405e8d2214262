"""A letter shows its whole address in the window, wraps its text, and is the same file every time."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Permanent
from domain.message import OutgoingMessage
from routing.channels._paper import (
    LINE_SIGNS,
    MARGIN,
    MOST_LINES,
    WINDOW_HEIGHT,
    WINDOW_LEFT,
    WINDOW_TOP,
    WINDOW_WIDTH,
    address_lines,
    sheet,
)
from routing.channels.base import AddressRefused, Surroundings
from routing.channels.letter import LetterChannel, Letterhead, LetterSettings
from routing.postal import postal_address
from tests.fakes.pdf import text, words

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
ADDRESS = "Mme Éloïse Garcin-Lœuvre\nBât. B, 12 bis rue de l'Église\n35000 Saint-Étienne"
LETTER = OutgoingMessage(
    "m-1", "acme", "1", "letter", ADDRESS, "fr", "Votre commande", "Bonjour Éloïse,\n\nŒuvre à 10 €.\n", "Acmé"
)
HEAD = Letterhead(("Acmé", "1 rue du Port", "75001 PARIS"), "Paris")


def test_the_lines_are_those_of_the_post():
    assert address_lines(ADDRESS) == (
        "Mme Éloïse Garcin-Lœuvre",
        "BAT B 12 BIS RUE DE L EGLISE",
        "35000 SAINT ETIENNE",
    )


def test_the_address_stands_in_the_window_and_nothing_else_does():
    found = words(sheet(LETTER, HEAD, AT))
    lines = set(address_lines(ADDRESS))
    for word in found:
        inside = (
            WINDOW_LEFT <= word.left <= WINDOW_LEFT + WINDOW_WIDTH
            and WINDOW_TOP <= word.top <= WINDOW_TOP + WINDOW_HEIGHT
        )
        assert inside == (word.text in lines), word


def test_the_longest_address_still_fits_into_the_window():
    longest = "\n".join(["W" * LINE_SIGNS, *["9" * LINE_SIGNS] * (MOST_LINES - 1)])
    found = [word for word in words(sheet(replace(LETTER, address=longest), HEAD, AT)) if len(word.text) == LINE_SIGNS]
    assert len(found) == MOST_LINES
    assert max(word.top for word in found) <= WINDOW_TOP + WINDOW_HEIGHT


@given(st.lists(st.text("ab é'-,1", min_size=1, max_size=60), min_size=2, max_size=6))
def test_any_address_is_printed_in_lines_that_machines_read_or_refused(lines: list[str]):
    try:
        printed = address_lines("\n".join(lines))
    except (AddressRefused, Permanent):
        return
    assert len(printed) <= MOST_LINES
    assert all(0 < len(line) <= LINE_SIGNS for line in printed)


def test_it_says_who_writes_when_and_what():
    told = text(sheet(LETTER, HEAD, AT)).decode()
    for part in ("1 rue du Port", "Paris, le 1er décembre 2026", "Votre commande", "Œuvre à 10 €."):
        assert part in told
    english = text(sheet(replace(LETTER, language="en-GB"), HEAD, AT)).decode()
    assert "Paris, 1 December 2026" in english


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=200))
def test_any_text_becomes_a_letter_and_twice_the_same(body: str):
    letter = replace(LETTER, body=f"Bonjour {body}")
    assert sheet(letter, HEAD, AT) == sheet(letter, HEAD, AT)


def test_what_the_font_cannot_show_is_said_and_long_texts_go_on_overleaf():
    found = words(sheet(replace(LETTER, body="漢字 😀 fin\n" + "Ligne d'une lettre. " * 400), HEAD, AT))
    assert any("\ufffd" in word.text for word in found)
    assert max(word.page for word in found) > 1
    assert all(word.left >= MARGIN for word in found)


def test_it_lies_in_the_print_folder_once(tmp_path: Path):
    around = Surroundings(lambda: AT, lambda path: tmp_path / path)
    channel = LetterChannel.make(LetterSettings(path="letters"), around)
    for _ in range(2):
        with channel.stage(LETTER) as staged:
            assert staged.hand_over().provider_id == "letter-m-1.pdf"
    (file,) = (tmp_path / "letters").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert channel.lookup("m-1") is True


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        (("Ana Riou", "9 rue des Goélands", "29200", "Brest", "FR"), "Ana Riou\n9 rue des Goélands\n29200 Brest"),
        (("Ana Riou", "9 rue\nBât. B", "1000", "Bruxelles", "BE"), "Ana Riou\n9 rue\nBât. B\n1000 Bruxelles\nBE"),
        (("Ana Riou", None, "29200", "Brest", "FR"), None),
        (("Ana Riou", "9 rue", None, "Brest", "FR"), None),
        (("", "9 rue", "29200", "Brest", "FR"), None),
        (("A" * 600, "9 rue", "29200", "Brest", "FR"), None),
    ],
)
def test_a_record_has_a_letter_box_only_with_a_whole_address(fields: tuple[str | None, ...], address: str | None):
    assert postal_address(*fields) == address
