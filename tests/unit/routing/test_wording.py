"""What may not stand in a message is found, in French and English; what may is let through."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.after import Resolution
from routing.wording import Allowed, Problem, cents, gsm, problems, said_days, segments

REFUND = Resolution("refunded", 1290, "EUR", date(2026, 3, 12))
OWN = frozenset({"hirondelle.example"})


def kinds(text: str, channel: str = "email", **allowed: object) -> set[str]:
    return {problem.kind for problem in problems(channel, "", text, Allowed(**allowed))}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *("Nous avons vu votre tweet.", "We saw your post.", "Suite à votre avis, nous vous écrivons."),
        *("Your comment on Facebook reached us.", "Vous nous avez écrit sur Mastodon.", "We've noticed what you said"),
        *("ce que vous dites en ligne", "sur les réseaux sociaux"),
    ],
)
def test_words_that_tell_that_we_read_along_are_found(text: str) -> None:
    assert "surveillance" in kinds(text)


@pytest.mark.parametrize(
    "text", ["comme prévu, votre commande", "La Poste a remis le colis", "your order is ready", "votre réponse"]
)
def test_plain_words_are_no_surveillance(text: str) -> None:
    assert kinds(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        *("Nous vous remboursons.", "You will be refunded.", "Vous recevrez 15 €.", "a credit of $20.50"),
        *("sous 3 jours ouvrés", "within 48 hours", "dès demain", "by Friday", "le 13 mars", "on 13/03/2026"),
        *("un bon d'achat", "a goodwill voucher", "c'est garanti", "we will replace it", "2026-03-14"),
    ],
)
def test_a_promise_that_no_resolution_holds_is_found(text: str) -> None:
    assert "promise" in kinds(text)


def test_what_the_resolution_holds_may_be_said_and_nothing_more() -> None:
    assert kinds("Nous vous remboursons 12,90 €, au plus tard le 12/03/2026.", resolution=REFUND) == set()
    assert kinds("We are refunding you €12.90 by 12 March 2026.", resolution=REFUND) == set()
    for more in ("Nous vous remboursons 13,90 €.", "remboursé le 13/03/2026", "remboursé 12,90 € sous 3 jours"):
        assert kinds(more, resolution=REFUND) == {"promise"}
    assert kinds("Nous vous remboursons.", resolution=Resolution("explained", words="x")) == {"promise"}


def test_a_refund_that_is_only_named_is_no_promise() -> None:
    assert kinds("Si un remboursement tarde, dites-le nous.") == set()
    assert kinds("Trouble with a refund?") == set()
    assert kinds("Si vous voulez, nous vous rembourserons.") == {"promise"}


@given(amount=st.integers(1, 10_000_000), other=st.integers(1, 10_000_000), french=st.booleans())
def test_an_amount_is_read_as_it_is_written(amount: int, other: int, french: bool) -> None:
    from routing.resolution import amount_text

    text = amount_text(amount, "EUR", "fr" if french else "en")
    assert cents(text.strip("€ ")) == amount
    held = Resolution("refunded", other, "EUR")
    assert ("promise" in kinds(text, resolution=held)) == (amount != other)


@given(day=st.dates(date(2020, 1, 1), date(2099, 12, 31)), french=st.booleans())
def test_a_day_is_read_as_it_is_written(day: date, french: bool) -> None:
    from routing.resolution import day_text

    found = list(said_days(f"au plus tard le {day_text(day, 'fr' if french else 'en')}."))
    assert any(day in days for _, days in found)
    assert all(day in days for _, days in found)


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://hirondelle.example/retours", False),
        ("https://aide.hirondelle.example", False),
        ("https://hirondelle.example.evil.example", True),
        ("https://hirondelle.example@evil.example/", True),
        ("www.evil.example", True),
        ("HTTP://EVIL.EXAMPLE", True),
    ],
)
def test_a_link_to_elsewhere_is_found(link: str, found: bool) -> None:
    assert ("link" in kinds(f"Voir {link} pour la suite", hosts=OWN)) == found


def test_a_persons_data_do_not_stand_where_others_read_along() -> None:
    private = ("CF7297394413", "Camille")
    assert kinds("Bonjour Camille, commande cf7297394413", private=private) == set()
    found = problems("sms", "", "Bonjour Camille", Allowed(private=private, discreet=True))
    assert found == [Problem("personal", "Camille")]
    assert kinds("votre compte FR76 3000 6000 0112 3456 7890 189") == {"personal"}
    assert kinds("écrivez à lea@example.org") == {"personal"}


def test_signs_that_nobody_sees_are_found() -> None:
    for sign in ("\u202e", "\u200b", "\x00", "\ud800", "\ufeff"):
        assert "hidden" in kinds(f"a{sign}b")
    assert kinds("deux\nlignes\tet plus") == set()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        *(("", 0), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2)),
        *(("ê" * 70, 1), ("ê" * 71, 2), ("😀" * 35, 1), ("😀" * 36, 2), ("é" * 160, 1)),
    ],
)
def test_text_messages_are_counted_in_parts(text: str, parts: int) -> None:
    assert segments(text) == parts


def test_too_long_is_found_by_channel() -> None:
    assert kinds("a" * 460, "sms") == {"too_long"}
    assert kinds("a" * 459, "sms") == set()
    assert kinds("a" * 2000, "email") == set()
    assert problems("mastodon", "", "a" * 501, Allowed(), 500)[0].kind == "too_long"


@given(st.text(max_size=80))
def test_the_plain_alphabet_changes_nothing_that_it_cannot_spell(text: str) -> None:
    folded = gsm(text)
    assert folded == text or segments(folded) <= segments(text) or len(folded) > len(text)
    assert gsm(folded) == folded


def test_french_in_the_plain_alphabet() -> None:
    assert gsm("Ça reçu, être prêt, cœur : «oui»…") == 'Ça recu, etre pret, coeur : "oui"...'
    assert gsm("Привет, prêt") == "Привет, prêt"
