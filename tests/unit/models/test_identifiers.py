import pytest

from models.identifiers import identifiers


def values(text: str, kind: str, country: str = "FR") -> list[str]:
    return [one.value for one in identifiers(text, country) if one.kind == kind]


@pytest.mark.parametrize(
    "text",
    [
        "HR4829174637",
        "hr4829174637",
        "HR 4829 174637",
        "n°HR4829174637.",
        "colis HR-4829-174637 perdu",
        "(HR 4829174637)",
    ],
)
def test_an_order_number_is_known_however_it_is_written(text: str) -> None:
    assert "HR4829174637" in values(text, "order")


@pytest.mark.parametrize("text", ["le 15 11 2026", "au 06 39 98 12 34", "1200 euros", "iphone15", "covid19", "2026"])
def test_what_is_no_order_number_is_not_taken_for_one(text: str) -> None:
    assert not values(text, "order")


def test_a_number_of_digits_alone_counts_where_it_is_called_an_order() -> None:
    assert values("ma commande 48291746", "order") == ["48291746"]
    assert values("order number: 123456789", "order") == ["123456789"]
    assert not values("48291746 vues", "order")


@pytest.mark.parametrize(
    "text",
    [
        "prenom.nom@example.org",
        "Prenom.Nom@Example.org",
        "prenom.nom at example point org",
        "prenom.nom (at) example.org",
        "prenom.nom [at] example [dot] org",
        "prenom point nom arobase example point org",
    ],
)
def test_an_address_is_known_however_it_is_hidden(text: str) -> None:
    assert values(f"écrivez à : {text} merci", "email") == ["prenom.nom@example.org"]


def test_at_in_a_sentence_is_no_address() -> None:
    assert not values("meet me at the shop. Thanks", "email")


@pytest.mark.parametrize(
    "text", ["06 39 98 12 34", "06.39.98.12.34", "0639981234", "+33 6 39 98 12 34", "+33639981234"]
)
def test_a_phone_is_known_however_it_is_written(text: str) -> None:
    assert values(f"appelez-moi au {text} svp", "phone") == ["+33639981234"]


def test_a_phone_without_country_code_is_one_of_the_brands_country() -> None:
    assert values("call 020 7946 0018", "phone", "GB") == ["+442079460018"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("49,90€", "49.90 EUR"),
        ("12€50", "12.50 EUR"),
        ("1 200 euros", "1200.00 EUR"),
        ("$5.50", "5.50 USD"),
        ("£30", "30.00 GBP"),
    ],
)
def test_an_amount_has_one_normal_form(text: str, value: str) -> None:
    assert values(f"payé {text} pour rien", "amount") == [value]


def test_a_link_ends_before_the_full_stop() -> None:
    assert values("voir https://example.org/a?b=c.", "url") == ["https://example.org/a?b=c"]
