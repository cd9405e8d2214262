"""A postal address out of the fields of a customer's record: a line each, the name first (NF Z10-011)."""

from routing.plain import one_line

HOME_COUNTRIES = frozenset({"FR", "MC", "GP", "MQ", "GF", "RE", "YT", "PM"})


def postal_address(
    name: str | None, street: str | None, postal_code: str | None, city: str | None, country: str | None
) -> str | None:
    """The lines, None unless a letter could arrive: a name, a street, a postal code and a town.

    A country abroad stands on the last line by its ISO code.
    """
    streets = [one_line(line) for line in (street or "").splitlines()]
    lines = [one_line(name or ""), *(line for line in streets if line)]
    code, town = one_line(postal_code or ""), one_line(city or "")
    if not lines[0] or len(lines) < 2 or not code or not town:
        return None
    abroad = (country or "FR").upper()
    whole = [*lines, f"{code} {town}", *([] if abroad in HOME_COUNTRIES else [abroad])]
    joined = "\n".join(whole)
    return joined if len(joined) <= 500 else None
