"""Numbers that prove themselves: parcels of carriers with a public check digit, bank accounts, French firms.

What fails its check is left to the looser rules of models.identifiers; digits alone of DHL, GLS or Colissimo have too
weak a check, or none that is published, and are taken for an order only where they are called one.
"""

import re
from collections.abc import Callable, Iterator

from stdnum import iban
from stdnum.exceptions import ValidationError
from stdnum.fr import siren, siret
from stdnum.iso7064 import mod_37_36

from domain.reading import Entity

_S10 = re.compile(r"(?<![\w-])[A-Z]{2}(?:[ .-]?[0-9]){9}[ .-]?[A-Z]{2}(?![\w-])", re.IGNORECASE | re.ASCII)
_UPS = re.compile(r"(?<![\w-])1Z(?:[ .-]?[0-9A-Z]){15}[ .-]?[0-9](?![\w-])", re.IGNORECASE | re.ASCII)
_DPD = re.compile(r"(?<![\w-])[0-9](?: ?[0-9]){26} ?[0-9A-Z](?![\w-])", re.IGNORECASE | re.ASCII)
_IBAN = re.compile(r"(?<![\w-])[A-Z]{2}[0-9]{2}(?:[ .-]?[0-9A-Z]){11,30}(?![\w-])", re.IGNORECASE | re.ASCII)
_FIRM = re.compile(r"\b(siren|siret|rcs)\b[^0-9\n]{0,20}([0-9](?:[ .]?[0-9]){8,13})(?![\w-])", re.IGNORECASE)
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def parcels(text: str) -> Iterator[Entity]:
    """Kind order, since a parcel's number stands in for it."""
    for shape, holds in ((_S10, s10), (_UPS, ups), (_DPD, dpd)):
        for found in shape.finditer(text):
            number = _compact(found[0])
            if holds(number):
                yield Entity("order", found[0], *found.span(), number)


def accounts(text: str) -> Iterator[Entity]:
    """IBANs whose check digits and length hold (ISO 13616); words behind one are cut off."""
    for found in _IBAN.finditer(text):
        for end in _ends(found[0]):
            number = _compact(found[0][:end])
            if _valid(iban.validate, number):
                yield Entity("iban", found[0][:end], found.start(), found.start() + end, number)
                break


def firms(text: str) -> Iterator[Entity]:
    """SIREN and SIRET (Luhn), where they are called so."""
    for found in _FIRM.finditer(text):
        number = _compact(found[2])
        for kind, size, check in (("siret", 14, siret.validate), ("siren", 9, siren.validate)):
            if len(number) == size and _valid(check, number):
                yield Entity(kind, found[2], *found.span(2), number)


def s10(number: str) -> bool:
    """Of a post: RR123456785FR (UPU standard S10, also Chronopost and Colissimo abroad)."""
    total = sum(weight * int(digit) for weight, digit in zip(_S10_WEIGHTS, number[2:10], strict=True))
    return int(number[10]) == {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11)


def ups(number: str) -> bool:
    """Letters count (code - 63) mod 10, every second place twice, modulus 10."""
    values = [int(sign) if sign.isdigit() else (ord(sign) - 63) % 10 for sign in number[2:-1]]
    return (sum(values[0::2]) + 2 * sum(values[1::2]) + int(number[-1])) % 10 == 0


def dpd(number: str) -> bool:
    """The 28 signs of a label: ISO 7064 MOD 37,36 (DPD parcel label specification)."""
    return bool(mod_37_36.is_valid(number))


def _compact(text: str) -> str:
    return re.sub(r"[ .-]", "", text).upper()


def _ends(text: str) -> Iterator[int]:
    """The whole, then without the groups at its end, one by one."""
    yield len(text)
    for at in range(len(text) - 1, 14, -1):
        if text[at] in " .-":
            yield at


def _valid(check: Callable[[str], str], number: str) -> bool:
    try:
        check(number)
    except ValidationError:
        return False
    return True
