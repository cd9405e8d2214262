"""Letters that only look alike: what a reader sees in a name, and by which trick it was made.

The look-alikes are those of Unicode Technical Standard 39, kept beside as data. The library confusable-homoglyphs 3.3.1
was compared: it tells mixed scripts, but makes no skeleton, and lets pass fullwidth and mathematical letters, Roman
numerals, invisible signs, a whole name in Cyrillic look-alikes, and a 1 for an l; it was not taken.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LONGEST = 300  # characters of a name that are looked at
TABLE = Path(__file__).with_name("confusables.tsv")
WHOLE_WORDS_FROM = 6  # letters; a shorter name all in Cyrillic look-alikes is taken to be what it is

_NEAR = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET")
_SIGNED_SMALL = frozenset("ªº™")  # "Mª Carmen", "nº": nobody hides behind these
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")  # letters and marks that show nothing
_LATIN = r"A-Za-z\u00c0-\u024f"
_SMALL = r"a-z\u00df-\u00f6\u00f8-\u00ff"
_RUN = re.compile(r"[^\W\d_]+")
_DIGIT_WITHIN = re.compile(rf"(?<=[{_LATIN}])[01345](?=[{_LATIN}])|\b[01](?=[{_SMALL}]{{4}})")
_CAPITAL_I = re.compile(rf"(?<=[{_SMALL}])I(?![{_LATIN}])|(?<=\b[A-Z])I(?=[{_SMALL}])")
_SMALL_L = re.compile(r"\bl(?=[bcdfgjkmnpqrstvwxz][a-z])")
_ONE_STROKE = str.maketrans("1i0", "llo")
_DIGITS = {"0": "o", "3": "e", "4": "a", "5": "s"}


@dataclass(frozen=True, slots=True)
class Unmasked:
    """A name as a reader sees it, in Latin letters where it only looked so, and the tricks that it took.

    Tricks are `invisible`, `width`, `script`, `digit` ("C1aire") and `case` ("PauI"). The last two happen among pen
    names too: they speak against somebody only where `text` is a customer's name and what he wrote is not.
    """

    text: str
    tricks: frozenset[str]

    @property
    def changed(self) -> bool:
        """Whether there was anything to see through."""
        return bool(self.tricks)

    @property
    def disguised(self) -> bool:
        """Whether nobody writes so by accident."""
        return bool(self.tricks & {"invisible", "width", "script"})


@lru_cache(maxsize=256)
def unmask(name: str) -> Unmasked:
    """See through a name's look-alikes (its first 300 characters)."""
    shown = name[:LONGEST]
    if shown.isascii():
        tricks: set[str] = set()
    else:
        shown, tricks = _plain_letters(shown)
    shown = _seen(_DIGIT_WITHIN, shown, _digit, "digit", tricks)
    shown = _seen(_CAPITAL_I, shown, lambda *_: "l", "case", tricks)
    shown = _seen(_SMALL_L, shown, lambda *_: "I", "case", tricks)
    return Unmasked(shown, frozenset(tricks))


def skeleton(text: str) -> str:
    """What two confusable texts have in common (UTS 39, section 4), case aside: for comparing, never to be shown."""
    plain = unicodedata.normalize("NFD", unmask(text).text.replace("m", "rn").replace("M", "rn"))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
    return letters.translate(_ONE_STROKE)


def _plain_letters(text: str) -> tuple[str, set[str]]:
    tricks: set[str] = set()
    if _hides(text):
        tricks.add("invisible")
        text = _visible(text)
    narrow = "".join(_narrow(sign) for sign in text)
    if narrow != text:
        tricks.add("width")
    latin = any(_script(sign) == "LATIN" for sign in narrow)
    read = _RUN.sub(lambda word: _read(word[0]), narrow)
    if read != narrow and not latin and not _all_alike(narrow):
        read = narrow
    if read != narrow or any(_mixed(word) for word in _RUN.findall(narrow)):
        tricks.add("script")
    return read, tricks


def _visible(text: str) -> str:
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf" and sign not in _BLANK)


def _hides(text: str) -> bool:
    """Whether invisible signs stand beside Latin letters, or turn their direction; in Persian or emoji they belong."""
    letters = [_script(sign) == "LATIN" for sign in text]
    if any(letters) and not _BIDI.isdisjoint(text):
        return True
    padded = [False, *letters, False]
    return any(
        not _visible(sign) and (before or after)
        for sign, before, after in zip(text, padded, padded[2:], strict=False)
        if sign not in "\ufe0e\ufe0f"
    )


def _narrow(sign: str) -> str:
    """Fullwidth and mathematical letters and Roman numerals as the letters that they show."""
    plain = unicodedata.normalize("NFKC", sign)
    if plain == sign or sign in _SIGNED_SMALL or not plain[:1].isalpha():
        return sign
    return plain if _script(plain[0]) in ("LATIN", *_NEAR) and _script(sign) not in _NEAR else sign


def _read(word: str) -> str:
    """A word in Latin letters, if it can be one: mixed with Latin letters, or all of it looks Latin."""
    table = look_alikes()
    scripts = {_script(sign) for sign in word}
    if scripts == {"LATIN"}:
        return "".join(table.get(sign, sign) for sign in word)
    alike = scripts <= set(_NEAR) and all(sign in table for sign in word)
    if alike or "LATIN" in scripts:
        return "".join(table.get(sign, sign) for sign in word)
    return word


def _all_alike(text: str) -> bool:
    """Whether every letter of a name without Latin ones has a Latin look-alike: then no language wrote it."""
    table, letters = look_alikes(), [sign for sign in text if sign.isalpha()]
    return len(letters) >= WHOLE_WORDS_FROM and all(sign in table and _script(sign) in _NEAR for sign in letters)


def _mixed(word: str) -> bool:
    scripts = {_script(sign) for sign in word}
    return "LATIN" in scripts and not scripts.isdisjoint(_NEAR)


def _digit(text: str, at: int) -> str:
    if text[at] != "1":
        return _DIGITS[text[at]]
    return "l" if text[at + 1].lower() in "aeiouy" else "i"


def _seen(shape: re.Pattern[str], text: str, letter: Callable[[str, int], str], trick: str, tricks: set[str]) -> str:
    read = shape.sub(lambda found: letter(text, found.start()), text)
    if read != text:
        tricks.add(trick)
    return read


@lru_cache(maxsize=1)
def look_alikes() -> dict[str, str]:
    """Sign → the Latin letters that it looks like."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {sign: letters for letters, signs in rows for sign in signs}


@lru_cache(maxsize=4096)
def _script(sign: str) -> str:
    """The script of a letter by the first word of its name; empty for what is no letter."""
    return unicodedata.name(sign, "").partition(" ")[0] if sign.isalpha() else ""
