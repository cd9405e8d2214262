import pytest

from models.identifiers import identifiers


def first(text: str) -> tuple[str, str]:
    one = next(iter(identifiers(text, "FR")))
    assert text[one.start : one.end] == one.text
    return one.kind, one.value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("RR473124829FR", "RR473124829FR"),
        ("colis RR 473 124 829 FR perdu", "RR473124829FR"),
        ("eb000717618hk", "EB000717618HK"),
        ("1Z5R89390357567127", "1Z5R89390357567127"),
        ("1Z 5R8 939 03 5756 7127", "1Z5R89390357567127"),
        ("00 81827 0998 0000 0200 33 350 276 C", "008182709980000020033350276C"),
    ],
)
def test_a_parcel_whose_check_digit_holds_is_known_in_any_writing(text: str, number: str) -> None:
    assert first(text) == ("order", number)


def test_a_wrong_check_digit_proves_no_parcel() -> None:
    from models.parcels import parcels

    for number in ("RR473124828FR", "1Z5R89390357567128", "008182709980000020033350276A"):
        assert not list(parcels(number))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("FR7630006000011234567890189", "FR7630006000011234567890189"),
        ("mon IBAN FR76 3000 6000 0112 3456 7890 189 merci", "FR7630006000011234567890189"),
        ("gb82 west 1234 5698 7654 32", "GB82WEST12345698765432"),
    ],
)
def test_an_account_whose_check_digits_hold_is_known(text: str, number: str) -> None:
    assert first(text) == ("iban", number)


def test_a_number_like_an_account_is_none() -> None:
    assert all(one.kind != "iban" for one in identifiers("FR76 3000 6000 0112 3456 7890 188", "FR"))


def test_a_firm_is_known_where_it_is_called_one() -> None:
    assert first("SIRET : 732 829 320 00074") == ("siret", "73282932000074")
    assert first("siren 732829320") == ("siren", "732829320")
    assert all(one.kind != "siren" for one in identifiers("siren 732829321", "FR"))
    assert all(one.kind != "siren" for one in identifiers("appelez le 732829320", "FR"))
