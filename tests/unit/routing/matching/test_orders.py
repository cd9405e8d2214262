"""A number counts only if the shop could have made it; a careless pattern is refused before it meets a hostile text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import BrandSettings, Settings
from domain.errors import Misconfigured
from routing.matching.orders import CHECKSUMS, Checked, checked, compiled

LUHN = compiled("web", "HR[0-9]{10}", "luhn")
STORE = compiled("store", "[0-9]{13}", "mod10")


@pytest.mark.parametrize(
    ("pattern", "checksum", "right", "wrong"),
    [
        ("HR[0-9]{10}", "luhn", "HR4829174632", "HR4829174637"),
        ("[0-9]{13}", "mod10", "4006381333931", "4006381333932"),
        ("FR[0-9A-Z]+", "mod97", "FR7630006000011234567890189", "FR7630006000011234567890188"),
        ("[A-Z]{2}[0-9]{9}[A-Z]{2}", "s10", "RR123456785FR", "RR123456786FR"),
        ("W(?P<checked>[0-9]{5})-?X", "luhn", "W18754X", "W18755X"),
        ("HR[0-9]{10}", "none", "HR4829174637", "HR482917463"),
    ],
)
def test_a_check_digit_is_checked(pattern: str, checksum: str, right: str, wrong: str) -> None:
    if checksum == "mod97":  # an IBAN has its check digits in front, an order at its end
        right, wrong = (number[4:] + number[:4] for number in (right, wrong))
        pattern = "[0-9A-Z]+"
    found = compiled("one", pattern, checksum)
    assert checked(right, [found]) == Checked(valid=True, pattern="one")
    assert not checked(wrong, [found]).valid


@pytest.mark.parametrize("number", ["HR4829174632", "hr 4829-174632", "HR 48 29 17 46 32"])
def test_spelling_does_not_matter(number: str) -> None:
    assert checked(number, [STORE, LUHN]) == Checked(valid=True, pattern="web")


@pytest.mark.parametrize("place", range(2, 12))
@pytest.mark.parametrize("digit", "0123456789")
def test_one_wrong_digit_is_never_another_order(place: int, digit: str) -> None:
    number = "HR4829174632"
    other = number[:place] + digit + number[place + 1 :]
    assert checked(other, [LUHN]).valid == (other == number)


@pytest.mark.parametrize(
    ("number", "pattern"), [("CF7297394413", None), ("HR4829174637", "web"), ("", None), ("1" * 5000, None)]
)
def test_a_number_of_no_pattern_or_a_failing_check_is_no_identifier(number: str, pattern: str | None) -> None:
    assert checked(number, [LUHN, STORE]) == Checked(valid=False, pattern=pattern)


def test_a_shop_without_patterns_takes_every_number() -> None:
    assert checked("CF7297394413", []) == Checked(valid=True)


@pytest.mark.parametrize("checksum", sorted(CHECKSUMS))
@given(number=st.text(max_size=60))
def test_any_text_is_taken(checksum: str, number: str) -> None:
    checked(number, [compiled("any", "(?s).+", checksum)])


@pytest.mark.parametrize(
    ("pattern", "checksum", "told"),
    [
        ("HR[0-9", "none", "does not compile"),
        ("(?<=a", "none", "does not compile"),
        ("[0-9]*", "none", "fits an empty number"),
        (r"(\d|\d\d)+[A-F]", "none", "takes too long"),
        ("([0-9A]|[0-9]|A)+[xy]", "none", "takes too long"),
        ("H" * 300, "none", "longer than 200"),
        ("HR[0-9]{10}", "crc32", "none of none, luhn"),
    ],
)
def test_a_bad_pattern_is_refused_in_one_line(pattern: str, checksum: str, told: str) -> None:
    started = time.process_time()
    with pytest.raises(Misconfigured, match=told) as refused:
        compiled("web", pattern, checksum)
    assert "\n" not in str(refused.value)
    assert "order pattern web" in str(refused.value)
    assert time.process_time() - started < 5


def test_a_pattern_that_explodes_later_finds_nothing_and_stops() -> None:
    slow = compiled("slow", "(B|C|BC)+[YZ]")  # which no number that patterns are tried on would show
    started = time.process_time()
    assert not checked("BC" * 20, [slow]).valid
    assert time.process_time() - started < 2


def test_patterns_stand_in_the_settings_of_a_brand() -> None:
    told = {"name": "web", "pattern": "HR[0-9]{10}", "checksum": "luhn"}
    settings = Settings.model_validate({"brand": {"order_patterns": [told]}})
    assert checked("HR4829174632", settings.order_patterns("default")).valid
    assert settings.order_patterns("another") == ()


def test_settings_with_a_bad_pattern_are_refused() -> None:
    with pytest.raises(ValidationError, match="does not compile"):
        BrandSettings.model_validate({"order_patterns": [{"name": "web", "pattern": "HR["}]})
