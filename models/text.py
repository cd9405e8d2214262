"""Text as the network reads it: bounded, cleaned, split into words. Never used for offsets.

At most MAX_CHARACTERS of a post are read for its meaning; what follows is looked at for entities only.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import filterfalse

MAX_CHARACTERS = 3000
BRAND = "\ue000"  # stands where the brand is named with a capital
BRAND_LOWER = "\ue001"  # where it is written like a common noun
SHOUT = "\ue002"  # before a text written in capitals
MARKS = (BRAND, BRAND_LOWER, SHOUT)

_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ue000-\uf8ff]")
_PILED_MARKS = re.compile(r"([\u0300-\u036f\u0483-\u0489\u20d0-\u20f0])[\u0300-\u036f\u0483-\u0489\u20d0-\u20f0]+")
_URL = re.compile(r"(?:https?://|www\.)\S+|\bhttps?\b|\b[\w-]{1,40}\.(?:com|fr|org|net|ly|co)/\S*", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}|\[email\]", re.IGNORECASE)
_HANDLE = re.compile(r"@\w{1,50}(?:@[\w.-]{1,60})?")
_PHONE = re.compile(r"\[phone\]|(?<![\w-])(?:\+\d|0)(?:[ .-]?\d){7,14}(?!\d)")
_CODE = re.compile(
    r"(?<![\w])(?=[a-z-]{0,6}[0-9])[a-z]{0,4}[ -]?[0-9][0-9a-z]*(?:[ -][0-9]{2,})*(?![\w])", re.IGNORECASE
)
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+")
_STRETCHED = re.compile(r"(.)\1\1\1+", re.DOTALL)
_WORD_OR_SIGN = re.compile(r"[\w\u0300-\u036f]+|[^\w\s]")
_ACCENTED = re.compile(r"[^\x00-\x7f]")
_STRAIGHT = (("’", "'"), ("‘", "'"), ("´", "'"), ("`", "'"), ("“", '"'), ("”", '"'), ("«", '"'), ("»", '"'))
_CODE_DIGITS, _PHONE_DIGITS = 6, 8  # what a reference and a phone number have at least


def printable(text: str) -> str:
    """The same text, character for character, with what no library takes replaced by a space."""
    return _UNSAFE.sub(" ", text)


def words(text: str) -> list[str]:
    """The words and signs of a cleaned text: lower case, accents kept, addresses and numbers by kind."""
    text = _straight(unicodedata.normalize("NFKC", _PILED_MARKS.sub(r"\1", text[:MAX_CHARACTERS])))
    text = _STRETCHED.sub(r"\1\1\1", _without_numbers(_without_addresses(text)))
    found = _WORD_OR_SIGN.findall(text.lower())
    return [SHOUT, *found] if _shouted(text) else found


def fold(word: str) -> str:
    """Without accents: how people type in a hurry."""
    return word if word.isascii() else _ACCENTED.sub(lambda found: _plain(found[0]), word)


@lru_cache(maxsize=4096)
def _plain(sign: str) -> str:
    """One sign without what combines with it: sign by sign, since their order changes nothing else."""
    return "".join(filterfalse(unicodedata.combining, unicodedata.normalize("NFKD", sign)))


def _straight(text: str) -> str:
    """Quotes and apostrophes as a keyboard has them."""
    for curly, plain in _STRAIGHT:
        text = text.replace(curly, plain)
    return text


def _without_addresses(text: str) -> str:
    """Their kind instead of links, e-mail addresses and handles. Most posts have none of the signs of any."""
    lower = text.lower()
    if "/" in text or "http" in lower or "www." in lower:
        text = _URL.sub(" zurl ", text)
    if "@" in text or "[" in text:
        text = _HANDLE.sub(" zuser ", _EMAIL.sub(" zemail ", text))
    return text


def _without_numbers(text: str) -> str:
    """Their kind instead of phone numbers and references, their length instead of other numbers."""
    digits = len(_DIGIT.findall(text))
    if digits >= _PHONE_DIGITS or "[" in text:
        text = _PHONE.sub(" zphone ", text)
    if digits >= _CODE_DIGITS:
        text = _CODE.sub(lambda found: " zcode " if _digits(found[0]) >= _CODE_DIGITS else found[0], text)
    return _NUMBER.sub(lambda found: "0" * min(len(found[0]), 6), text) if digits else text


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _shouted(text: str) -> bool:
    capitals = sum(map(str.isupper, text))
    return capitals >= 8 and capitals > 0.6 * sum(map(str.isalpha, text))
