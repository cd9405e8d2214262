"""Days named in a text, in French and English: "le 12 novembre", "depuis lundi", "3 days ago", "12/11".

A value says what was said, without a day to count from, after ISO 8601 and TimeML's TIMEX3: `2026-11-12`, `2026-11`,
`--11-12` and `--11` (no year was said), `W1` to `W7` (the last Monday ... Sunday; `+W1`: the next), `-P3D` (three days
before), `+P2W` (in two weeks), `P3D` (three days long). `resolved` counts from a day.

Rules of our own, because dateparser 1.5 takes 18 ms a post and finds dates in "m'a" and in "may" (docs/decisions/0013).
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta

from domain.reading import Entity
from models.tokens import flat

_MONTHS = (
    "janvier janv january jan|fevrier fevr fev february feb|mars march mar|avril avr april apr|mai may|juin june jun"
    "|juillet juil july jul|aout august aug|septembre september sept sep|octobre october oct|novembre november nov"
    "|decembre december dec"
)
_DAYS = "lundi monday|mardi tuesday|mercredi wednesday|jeudi thursday|vendredi friday|samedi saturday|dimanche sunday"
_COUNTS = "un une one a an|deux two|trois three|quatre four|cinq five|six|sept seven|huit eight|neuf nine|dix ten"
_ADVERBS_BY_VALUE = {
    "-P0D": "aujourd'hui|aujourdhui|auj|ce matin|cet apres-midi|ce soir|today|tonight|this morning|this afternoon",
    "-P1D": "hier|hier matin|hier soir|yesterday|last night",
    "-P2D": "avant-hier|avant hier|the day before yesterday",
    "+P1D": "demain|demain matin|demain soir|tomorrow",
    "+P2D": "apres-demain|apres demain|the day after tomorrow",
    "-P1W": "la semaine derniere|semaine derniere|la semaine passee|last week",
    "+P1W": "la semaine prochaine|semaine prochaine|next week",
    "-P1M": "le mois dernier|mois dernier|last month",
    "+P1M": "le mois prochain|mois prochain|next month",
    "-P1Y": "l'an dernier|l'annee derniere|last year",
    "+P1Y": "l'an prochain|l'annee prochaine|next year",
}
_UNITS_BY_VALUE = {
    "TM": "minute min",
    "TH": "heure hour hr h",
    "D": "jour day j",
    "W": "semaine week sem",
    "M": "mois month",
    "Y": "an annee year yr",
}
_SIGNS = {"-": "il y a|ya|y a|depuis|since|ca fait", "+": "dans|in|d'ici|within|sous"}
_OTHER_CLUES = (
    "aujourd aujourdhui auj hier demain matin soir midi today tonight yesterday tomorrow morning afternoon night"
)


def _numbered(table: str) -> dict[str, int]:
    return {name: at for at, names in enumerate(table.split("|"), 1) for name in names.split()}


def _any(names: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


_MONTH, _WEEKDAY = _numbered(_MONTHS), _numbered(_DAYS)
_NUMBER = _numbered(_COUNTS) | {"quinze": 15, "fifteen": 15, "vingt": 20, "twenty": 20, "couple of": 2}
_ADVERB = {name: value for value, names in _ADVERBS_BY_VALUE.items() for name in names.split("|")}
_UNIT = {name: value for value, names in _UNITS_BY_VALUE.items() for name in names.split()}
_SIGN = {name: sign for sign, names in _SIGNS.items() for name in names.split("|")}
_LONELY = frozenset("h j an a min sem".split())  # mean a length of time only with a preposition and a figure
_CLUES = frozenset(
    (
        *_MONTH,
        *_WEEKDAY,
        *(day + "s" for day in _WEEKDAY),
        *_UNIT,
        *(unit + "s" for unit in _UNIT),
        *_OTHER_CLUES.split(),
    )
)
_GLUED = re.compile(r"[0-9](?:h|H|j|J|min|ans)(?!\w)")
_FIGURES = re.compile(r"[0-9][-/. ][0-9]")

_ALONE = r"(?<![\w/.,-])"
_YEAR = r"(?:19|20)[0-9]{2}"
_TWO = r"([0-9]{1,2})"
_A_MONTH = rf"({_any(_MONTH)})"
_NTH = r"(?:er|st|nd|rd|th)?"
_WHOLE = re.compile(
    rf"{_ALONE}(?:({_YEAR})([-/.]){_TWO}\2{_TWO}|{_TWO}([-/. ]){_TWO}\6({_YEAR}|[0-9]{{2}}))(?![\w/-]|[ .,][0-9])"
)
_PART = re.compile(
    rf"\b(?:le|du|au|depuis|des|avant|apres|since|on|by|until|before|after|from|{_any(_WEEKDAY)}) (?:le )?"
    rf"{_TWO}[/.]{_TWO}(?![\w/-]|[.,][0-9])"
)
_WRITTEN = re.compile(
    rf"{_ALONE}(?:(?:{_any(_WEEKDAY)}),? (?:the )?)?"
    rf"(?:{_TWO}{_NTH}[ -](?:of )?{_A_MONTH}\b(?:[.,]? ({_YEAR})\b)?"
    rf"|{_A_MONTH}\.? {_TWO}{_NTH}\b(?!:|[ ]?%|h\b)(?:,? ({_YEAR})\b)?"
    rf"|(premier|first) (?:of )?{_A_MONTH}\b)"
)
_MONTH_ALONE = re.compile(
    r"\b(?:en|in|depuis|since|debut|fin|mi|mid|early|late|de|until|jusqu'en|mois de|mois d')[ -]?"
    rf"{_A_MONTH}\b(?: ({_YEAR})\b)?"
)
_NAMED_DAY = re.compile(rf"\b(?:(last|next|this) )?({_any(_WEEKDAY)})s?\b(?: (dernier|prochain|passe)\b)?")
_SAID = re.compile(rf"(?<![\w-])(?:{_any(_ADVERB)})(?![\w-])")
_SPAN = re.compile(
    rf"(?<![\w.,/-])(?:({_any(_SIGN)}|for|pendant) (?:plus de |over |plus d')?)?"
    rf"(?:([0-9]{{1,3}}) ?|({_any(_NUMBER)}) )({_any(_UNIT)})s?(?![\w-])( ago)?"
)

Found = tuple[int, int, str]


def dates(text: str, words: Iterable[str], *, month_first: bool = False) -> Iterator[Entity]:
    """Surest first, they may overlap. `words` are the text's, folded; 12/11 is in November unless `month_first`."""
    clues = _CLUES.intersection(words)
    if clues or _GLUED.search(text):
        plain = flat(text).replace("’", "'")
        for rule, needed in _RULES:
            if not clues.isdisjoint(needed) or rule is _spans:
                yield from (Entity("date", text[start:end], start, end, value) for start, end, value in rule(plain))
    if _FIGURES.search(text):
        for start, end, value in _figures(flat(text), month_first):
            yield Entity("date", text[start:end], start, end, value)


def resolved(value: str, day: date) -> str:
    """The ISO date (or month) that a value names when said on `day`; what names none (`P3D`, `-PT2H`) comes back."""
    if value.startswith("--"):
        return _last_of(value, day)
    if re.fullmatch(r"\+?W[1-7]", value):
        back = (day.isoweekday() - int(value[-1])) % 7
        return _moved(day, -back if value[0] == "W" else 7 - back, "D").isoformat()
    moved = re.fullmatch(r"([+-])P([0-9]+)([DWMY])", value)
    return _moved(day, int(moved[1] + moved[2]), moved[3]).isoformat() if moved else value


def _figures(plain: str, month_first: bool) -> Iterator[Found]:
    for found in _WHOLE.finditer(plain):
        year, _, month, day, *others = found.groups()
        if others[0]:
            year, (day, month) = others[3], _ordered(others[0], others[2], month_first)
        value = _calendar(year if len(year) == 4 else f"20{year}", month, day)
        if value and not (len(year) == 2 and others[1] == " "):
            yield (*found.span(), value)
    for found in _PART.finditer(plain):
        day, month = _ordered(found[1], found[2], month_first)
        if value := _calendar("", month, day):
            yield found.start(1), found.end(), value


def _ordered(first: str, second: str, month_first: bool) -> tuple[str, str]:
    """Day and month; a number above twelve is a day wherever it stands."""
    if int(second) > 12 or (month_first and int(first) <= 12):
        return second, first
    return first, second


def _calendar(year: str, month: str, day: str) -> str:
    """ "" where there is no such day."""
    if not 1 <= int(month) <= 12 or not 1 <= int(day) <= monthrange(int(year or 2024), int(month))[1]:
        return ""
    return f"{year or '-'}-{int(month):02}-{int(day):02}"


def _written(plain: str) -> Iterator[Found]:
    for found in _WRITTEN.finditer(plain):
        day, month = found[1] or found[5] or "1", found[2] or found[4] or found[8]
        if value := _calendar(found[3] or found[6] or "", str(_MONTH[month]), day):
            yield (*found.span(), value)


def _months(plain: str) -> Iterator[Found]:
    for found in _MONTH_ALONE.finditer(plain):
        if found[1] in ("mai", "may") or (len(found[1]) > 3 and found[1] != "sept"):
            end = found.end(2) if found[2] else found.end(1)
            yield found.start(1), end, f"{found[2] or '-'}-{_MONTH[found[1]]:02}"


def _adverbs(plain: str) -> Iterator[Found]:
    for found in _SAID.finditer(plain):
        yield (*found.span(), _ADVERB[found[0]])


def _weekdays(plain: str) -> Iterator[Found]:
    for found in _NAMED_DAY.finditer(plain):
        ahead = found[1] == "next" or found[3] == "prochain"
        yield (*found.span(), f"{'+' if ahead else ''}W{_WEEKDAY[found[2]]}")


def _spans(plain: str) -> Iterator[Found]:
    for found in _SPAN.finditer(plain):
        before, figure, number, unit, ago = found.groups()
        if unit in _LONELY and (figure is None or before is None):
            continue
        sign = "-" if ago else _SIGN.get(before or "", "")
        of_day, scale = _UNIT[unit][:-1], _UNIT[unit][-1]
        start = found.start() if sign else found.start(2 if figure else 3)
        yield start, found.end(), f"{sign}P{of_day}{int(figure) if figure else _NUMBER[number]}{scale}"


_RULES: tuple[tuple[Callable[[str], Iterator[Found]], frozenset[str]], ...] = (
    (_written, frozenset(_MONTH)),
    (_months, frozenset(_MONTH)),
    (_adverbs, _CLUES - frozenset((*_MONTH, *_WEEKDAY))),
    (_spans, _CLUES),
    (_weekdays, frozenset((*_WEEKDAY, *(day + "s" for day in _WEEKDAY)))),
)


def _last_of(value: str, day: date) -> str:
    """The latest such day or month that is not more than half a year ahead."""
    month = int(value[2:4])
    year = day.year - (month - day.month > 6) + (day.month - month > 6)
    last = value[5:]
    if last and int(last) > monthrange(year, month)[1]:
        return value
    return f"{year}{value[1:]}"


def _moved(day: date, count: int, unit: str) -> date:
    if unit in "DW":
        return _safely(day, lambda: day + timedelta(days=count * (7 if unit == "W" else 1)))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "Y" else 1)
    year, month = divmod(months, 12)
    return _safely(day, lambda: date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])))


def _safely(day: date, count: Callable[[], date]) -> date:
    """Within the calendar: 999 years before 2026 is its first day."""
    try:
        return count()
    except (ValueError, OverflowError):
        return date.min
