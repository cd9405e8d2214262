"""What a row's values must be, and the reasons given when they are not.

A row is first made clean: plain JSON values only, no half characters, no depth, no endless text. Every
check after that raises `BadRow` with a reason that a person understands, without the line number.
"""

import difflib
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from listeners.base import KNOWN_NETWORKS, SAME_NETWORK

TEXT_LIMIT = 100_000
SHORT_LIMIT = 300
ID_LIMIT = 500
DEPTH_LIMIT = 32
EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
LARGEST_COUNT = 2**63 - 1

T = TypeVar("T")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME_START = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}")
_SPACE_BEFORE_ZONE = re.compile(r"\s+(?=[+\-]\d{2}|[Zz]$)")
_YES = frozenset({"true", "1", "yes", "y", "t"})
_NO = frozenset({"false", "0", "no", "n", "f"})


class BadRow(ValueError):
    """A row is not what its file promises; the message says which value, and what it should be."""


def clean_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without empty values, all others as JSON knows them. Raises `BadRow`."""
    cleaned = {_clean_text(key, "a column name").strip(): clean(value, key) for key, value in row.items()}
    return {key: value for key, value in cleaned.items() if value is not None and value != ""}


def clean(value: Any, name: str, depth: int = 0) -> Any:
    """The value as JSON knows it; times as ISO 8601. `name` is for the reason. Raises `BadRow`."""
    if isinstance(value, str):
        return _clean_text(value, name)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    return _clean_nested(value, name, depth)


def _clean_nested(value: Any, name: str, depth: int) -> Any:
    if depth >= DEPTH_LIMIT:
        raise BadRow(f"{name} is nested deeper than {DEPTH_LIMIT} levels")
    if isinstance(value, Mapping):
        return {_clean_text(str(k), name): clean(v, f"{name}.{k}"[:80], depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, name, depth + 1) for item in value]
    raise BadRow(f"{name} holds {type(value).__name__}, which is neither text nor a number")


def _clean_text(text: str, name: str) -> str:
    if len(text) > TEXT_LIMIT:
        raise BadRow(f"{name} has {len(text):,} characters; at most {TEXT_LIMIT:,} are taken")
    if text.isprintable():  # the quick way: what is sought is not printable
        return text
    broken = _UNSTORABLE.search(text)
    if broken is None:
        return text
    if broken.group() == "\x00":
        raise BadRow(f"{name} holds a NUL character")
    raise BadRow(f"{name} holds half a character (lone surrogate {ascii(broken.group())[1:-1]})")


class Fields:
    """A clean row, asked for its values one by one. `known` are the columns that are not attributes."""

    def __init__(self, row: Mapping[str, Any], known: Collection[str]) -> None:
        self._row = clean_row(row)
        self._known = known

    def inside(self, values: Mapping[str, Any]) -> "Fields":
        """Values that stood inside of this row, clean already, asked in the same way."""
        fields = Fields({}, ())
        fields._row = {key: value for key, value in values.items() if value is not None and value != ""}
        return fields

    def __contains__(self, name: str) -> bool:
        return name in self._row

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def raw(self, name: str) -> Any:
        """The clean value, of any JSON type, or None."""
        return self._row.get(name)

    def attributes(self) -> dict[str, Any]:
        """Everything in columns that are not known."""
        return {key: value for key, value in self._row.items() if key not in self._known}

    def text(self, name: str, limit: int = TEXT_LIMIT) -> str | None:
        """Text, not stripped; numbers as text. None where there is nothing but white space."""
        value = as_text(self._row.get(name), name)
        if value is None or not value.strip():
            return None
        return _at_most(value, name, limit)

    def short(self, name: str, limit: int = SHORT_LIMIT) -> str | None:
        """Stripped text of one field."""
        value = self.text(name, limit)
        return None if value is None else value.strip()

    def identifier(self, name: str, limit: int = ID_LIMIT) -> str | None:
        """An id: text, or a whole number as text. Fractions are refused, because large ones lose digits."""
        return as_identifier(self._row.get(name), name, limit)

    def required_identifier(self, name: str, limit: int = ID_LIMIT) -> str:
        """An id that must be there."""
        return required(self.identifier(name, limit), name)

    def time(self, name: str, date_is_enough: bool = False) -> datetime | None:
        """An aware time; a plain date means midnight UTC where that is enough."""
        value = self._row.get(name)
        return None if value is None else parse_time(value, name, date_is_enough)

    def required_time(self, name: str, date_is_enough: bool = False) -> datetime:
        """A time that must be there."""
        return required(self.time(name, date_is_enough), name)

    def count(self, name: str) -> int | None:
        """A whole number, zero or more."""
        return as_count(self._row.get(name), name)

    def flag(self, name: str) -> bool:
        """True or false in any usual spelling; false when it is missing."""
        value = str(self._row.get(name, "false")).strip().lower().removesuffix(".0")
        if value not in _YES | _NO:
            raise BadRow(f"{name} must be true or false, not {value[:80]!r}")
        return value in _YES

    def network(self, name: str = "network") -> str:
        """A known network, normalised."""
        return as_network(required(self.short(name), name), name)


def required(value: T | None, name: str) -> T:
    """The value, or `BadRow` when there is none."""
    if value is None:
        raise BadRow(f"{name} is missing")
    return value


def as_text(value: Any, name: str) -> str | None:
    """Text, or a number as text (postal codes, phone numbers of a table). Raises `BadRow` for the rest."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow(f"{name} must be text, not {_kind(value)}")
    return str(value)


def as_identifier(value: Any, name: str, limit: int = ID_LIMIT) -> str | None:
    """An id as text: see `Fields.identifier`."""
    if value is None:
        return None
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise BadRow(f"{name} must be a string or a whole number, not {_kind(value)} ({str(value)[:80]})")
    return _at_most(str(value).strip(), name, limit) or None


def as_count(value: Any, name: str) -> int | None:
    """A whole number, zero or more; `12.0` counts, because tables with gaps write it so."""
    if value is None:
        return None
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
        if number >= 0 and number.is_integer():
            count = int(number) if isinstance(value, float) or "." in str(value) else int(value)
            if count <= LARGEST_COUNT:
                return count
    except (TypeError, ValueError, OverflowError):
        pass
    raise BadRow(f"{name} must be a whole number, zero or more, not {str(value)[:80]!r}")


def as_network(name: str, field: str = "network") -> str:
    """The network's one name. Raises `BadRow` naming the nearest known one."""
    wanted = name.strip().lower().replace(" ", "_")
    if wanted not in KNOWN_NETWORKS:
        raise BadRow(f"{field} {name[:80]!r} is not known{nearest(wanted, KNOWN_NETWORKS)}")
    return SAME_NETWORK.get(wanted, wanted)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; nearest known: 'x'`, or nothing when none is near."""
    found = difflib.get_close_matches(word[:80], sorted(known), n=1, cutoff=0.5)
    return f"; nearest known: {found[0]!r}" if found else ""


def parse_time(value: Any, name: str, date_is_enough: bool = False) -> datetime:
    """An aware time from ISO 8601: `Z`, `+0100`, fractions, a space instead of `T`.

    Raises `BadRow` without a zone, outside of 1990 to 2100, and for anything else.
    """
    text = _SPACE_BEFORE_ZONE.sub("", str(value).strip()).upper()
    if date_is_enough and _DATE.fullmatch(text):
        text += "T00:00:00Z"
    moment = _iso(text, name, value)
    if moment.tzinfo is None:
        raise BadRow(f"{name} has no time zone: {str(value)[:80]!r}")
    if not EARLIEST_YEAR <= moment.year < LATEST_YEAR:
        raise BadRow(f"{name} cannot be: {str(value)[:80]!r} is not between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


def _iso(text: str, name: str, value: Any) -> datetime:
    problem = f"{name} is no ISO 8601 time: {str(value)[:80]!r}"
    if _DATE.fullmatch(text):
        raise BadRow(f"{name} has a date and no time with zone: {text!r}")
    if not isinstance(value, str) or not _TIME_START.match(text):
        raise BadRow(problem)
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRow(problem) from None


def _at_most(text: str, name: str, limit: int) -> str:
    if len(text) > limit:
        raise BadRow(f"{name} has {len(text):,} characters; at most {limit:,} are taken")
    return text


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", float: "a fraction", dict: "an object", list: "a list"}
    return kinds.get(type(value), type(value).__name__)
