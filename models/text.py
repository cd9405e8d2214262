"""Text as the network reads it: bounded, cleaned, split into words. Never used for offsets.

At most MAX_CHARACTERS of a post are read for its meaning; what follows is looked at for entities only.
"""

import re
import unicodedata

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
_NUMBER = re.compile(r"\d+")
_STRETCHED = re.compile(r"(.)\1{3,}", re.DOTALL)
_APART = re.compile(r"([^\w\s\u0300-\u036f])")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "´": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"'})


def printable(text: str) -> str:
    """The same text, character for character, with what no library takes replaced by a space."""
    return _UNSAFE.sub(" ", text)


def words(text: str) -> list[str]:
    """The words and signs of a cleaned text: lower case, accents kept, addresses and numbers by kind."""
    text = unicodedata.normalize("NFKC", _PILED_MARKS.sub(r"\1", text[:MAX_CHARACTERS]))
    text = _EMAIL.sub(" zemail ", _URL.sub(" zurl ", text.translate(_APOSTROPHES)))
    text = _PHONE.sub(" zphone ", _HANDLE.sub(" zuser ", text))
    text = _CODE.sub(lambda found: " zcode " if sum(map(str.isdigit, found[0])) >= 6 else found[0], text)
    text = _NUMBER.sub(lambda found: "0" * min(len(found[0]), 6), text)
    text = _STRETCHED.sub(r"\1\1\1", text)
    return _APART.sub(r" \1 ", (SHOUT if _shouted(text) else "") + text.lower()).split()


def fold(word: str) -> str:
    """Without accents: how people type in a hurry."""
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


def _shouted(text: str) -> bool:
    capitals = sum(c.isupper() for c in text)
    return capitals >= 8 and capitals > 0.6 * sum(c.isalpha() for c in text)
