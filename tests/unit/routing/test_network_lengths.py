"""Lengths as the networks count them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.channels import _length as length

LINK = "https://care.example.org/c/abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bonjour", 7),
        ("été", 3),
        ("e\u0301te\u0301", 3),  # normalised before it is counted
        ("日本語", 6),
        ("“oui”", 5),
        ("👍", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇫🇷", 2),
        (LINK, 23),
        (f"voir {LINK}.", 29),
        ("http://a.fr et http://b.fr", 50),
        ("voir acme.example", 28),
        ("ana@acme.example", 16),
    ],
)
def test_x_weighs_signs_links_and_emoji(text: str, expected: int) -> None:
    assert length.weighted(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("👨‍👩‍👧‍👦 🇫🇷 e\u0301", 5), ("", 0), ("ab\n", 3)])
def test_bluesky_counts_what_a_reader_sees(text: str, expected: int) -> None:
    assert length.graphemes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@ana@home.example bonjour", 12),
        (f"voir {LINK} !", 30),
        ("@ana bonjour", 12),
        ("👨‍👩‍👧‍👦", 1),
        ("ana@home.example", 16),
    ],
)
def test_mastodon_counts_a_link_as_23_and_a_mention_without_its_server(text: str, expected: int) -> None:
    assert length.mastodon(text) == expected


@given(st.text(max_size=200), st.text(max_size=50))
def test_a_text_is_never_longer_than_two_a_sign_and_grows_with_what_is_added(text: str, more: str) -> None:
    assert length.graphemes(text) <= len(text)
    assert 0 <= length.weighted(text) <= max(23 * len(text), 2 * len(text))
    assert length.utf16(text + more) == length.utf16(text) + length.utf16(more)


def test_links_are_found_where_they_stand() -> None:
    text = f"Été : {LINK}, ou ({LINK})"
    for first, last, link in length.links(text):
        assert text[first:last] == link == LINK
    assert len(length.links(text)) == 2
