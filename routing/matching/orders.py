"""Order numbers as a shop makes them: a pattern, and a check digit where there is one.

A number of no pattern, or whose check fails, is no identifier: a slip of the finger shall not be somebody else's order.
Patterns come from settings and meet hostile text: they are compiled once, tried at once on numbers that make careless
patterns explode, run under a time limit, and never see more than 40 characters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import regex
from stdnum import ean, luhn
from stdnum.iso7064 import mod_97_10

from domain.errors import Misconfigured
from models.parcels import s10
from routing.matching.normal import normal_order

LONGEST = 40  # characters of a number
LONGEST_PATTERN = 200
SECONDS = 0.25  # for one number and one pattern
CHECKED = "checked"  # the group of a pattern that its check digit speaks of, where it is not the whole
_HOSTILE = ("1" * 39 + "!", "A" * 39 + "!", "1A" * 19 + "!", "A1" * 20, "0" * 40)
_S10 = regex.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class OrderPattern:
    """One way in which order numbers are written, for their normal form (capitals and digits). See `compiled`."""

    name: str
    shape: "regex.Pattern[str]"
    checksum: str = "none"


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a number may identify an order, and the name of its pattern (None: of no pattern)."""

    valid: bool
    pattern: str | None = None


def compiled(name: str, pattern: str, checksum: str = "none") -> OrderPattern:
    """A pattern of the settings, ready for use. Raises Misconfigured with one line that says what is wrong.

    `pattern` describes the whole number in its normal form, without spaces and hyphens. `checksum` is one of CHECKSUMS;
    its digits are those of the group `(?P<checked>…)`, or of the whole number.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise Misconfigured(f"order pattern {name}: longer than {LONGEST_PATTERN} characters")
    if checksum not in CHECKSUMS:
        raise Misconfigured(f"order pattern {name}: checksum {checksum!r} is none of {', '.join(CHECKSUMS)}")
    try:
        shape = regex.compile(pattern)
    except regex.error as error:
        raise Misconfigured(f"order pattern {name}: {pattern!r} does not compile: {error}") from error
    if shape.fullmatch(""):
        raise Misconfigured(f"order pattern {name}: {pattern!r} fits an empty number")
    try:
        for number in _HOSTILE:
            shape.fullmatch(number, timeout=SECONDS)
    except TimeoutError as error:
        raise Misconfigured(f"order pattern {name}: {pattern!r} takes too long; avoid a repeat in a repeat") from error
    return OrderPattern(name, shape, checksum)


def checked(number: str, patterns: Sequence[OrderPattern]) -> Checked:
    """Whether a quoted number can be an order's. Without patterns, every number can."""
    if not patterns:
        return Checked(valid=True)
    normal = normal_order(number[: 2 * LONGEST])
    if not 0 < len(normal) <= LONGEST:
        return Checked(valid=False)
    failed = None
    for pattern in patterns:
        found = _fits(pattern, normal)
        if found is None:
            continue
        if CHECKSUMS[pattern.checksum](found):
            return Checked(valid=True, pattern=pattern.name)
        failed = failed or pattern.name
    return Checked(valid=False, pattern=failed)


def _fits(pattern: OrderPattern, number: str) -> str | None:
    """The part of the number that its check digit speaks of; None if the number is of another pattern."""
    try:
        found = pattern.shape.fullmatch(number, timeout=SECONDS)
    except TimeoutError:
        return None
    if found is None:
        return None
    return str(found[CHECKED] or "") if CHECKED in pattern.shape.groupindex else number


def _digits(number: str) -> str:
    return "".join(sign for sign in number if sign.isdecimal())


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    return bool(luhn.is_valid(_digits(number)))


def _mod97(number: str) -> bool:
    """ISO 7064 MOD 97-10, as of an IBAN moved to its end; letters count as 10 to 35."""
    return bool(mod_97_10.is_valid(number))


def _mod10(number: str) -> bool:
    """GS1: weights 3 and 1 from the right, as of an EAN or an SSCC."""
    digits = _digits(number)
    return len(digits) > 1 and bool(ean.calc_check_digit(digits[:-1]) == digits[-1])


def _upu(number: str) -> bool:
    """UPU S10: RR123456785FR."""
    return _S10.fullmatch(number) is not None and s10(number)


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    "none": lambda _: True,
    "luhn": _luhn,
    "mod97": _mod97,
    "mod10": _mod10,
    "s10": _upu,
}
