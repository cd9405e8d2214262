"""Normal forms, so that one fact has one spelling; and the blocking keys made of them."""

import hmac
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import phonenumbers
import regex

from domain.customer import Customer

_ALNUM = re.compile(r"[^0-9A-Z]")
_ASCII_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
_WORDS = regex.compile(r"(?:\p{L}\p{M}*+)++(?:['’](?:\p{L}\p{M}*+)++)?")
_ACCENTED_BELOW = "\u0400"  # Latin and Greek: elsewhere a mark is part of the letter (й is not и)
# Letters that Unicode does not take apart, though people without such keys do.
_UNACCENTED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_NOT_IN_HANDLE = re.compile(r"[\W_]+")
KEYS_VERSION = 2  # of `Keyring.customer_keys`: stored keys of an older one are made anew
SHORTEST_MAILBOX = 5  # letters and digits; shorter ones are shared by too many
PARTICLES = frozenset(
    {"de", "du", "des", "le", "la", "les", "van", "von", "der", "den", "di", "da", "dos", "el", "al", "ben"}
)


def normal_order(number: str) -> str:
    """Upper case, letters and digits only: "hr 4829-174637" and "HR4829174637" are one number."""
    return _ALNUM.sub("", unicodedata.normalize("NFKC", number).upper())


def normal_email(address: str) -> str:
    """Lower case, without spaces around."""
    return address.strip().casefold()


def normal_phone(number: str, country: str) -> str | None:
    """E.164, read as one dials it in that country (two letters); None if it is no number."""
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def fold(text: str) -> str:
    """Compatibility forms, no case, and no accents on Latin and Greek letters; other scripts keep their marks."""
    if text.isascii():
        return text.casefold()
    kept, accented = [], True
    for sign in unicodedata.normalize("NFKD", text):
        if not unicodedata.combining(sign):
            accented = sign < _ACCENTED_BELOW or not sign.isalpha()
        elif accented:
            continue
        kept.append(sign)
    return unicodedata.normalize("NFKC", "".join(kept)).casefold().translate(_UNACCENTED)


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name, folded; hyphens split, apostrophes vanish ("D'Arc" is "darc")."""
    folded = fold(name)
    words: list[str] = (_ASCII_WORDS if folded.isascii() else _WORDS).findall(folded)
    return tuple(word.replace("'", "").replace("’", "") for word in words)


class Named(Protocol):
    """A record with a name: a row of the file, or of the table."""

    @property
    def name(self) -> str: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...


_words_of_file = lru_cache(maxsize=4096)(name_words)  # namesakes are met again and again


def full_name(named: Named) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of first and last name; the last one is empty where the record has no two words of a name."""
    if named.first_name and named.last_name:
        return _words_of_file(named.first_name), _words_of_file(named.last_name)
    words = _words_of_file(named.name)
    return words[:1], words[1:]


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """To be copied: taking in the secret costs as much as the rest."""
    return hmac.new(secret, digestmod="sha256")


@dataclass(frozen=True, slots=True)
class Keyring:
    """Makes blocking keys: an HMAC with the installation's secret, so that keys hold no clear data."""

    secret: bytes

    def key(self, kind: str, value: str) -> str:
        """32 hexadecimal digits for one fact of one kind."""
        made = _keyed(self.secret).copy()
        made.update(f"{kind}:{value}".encode("utf-8", "replace"))
        return made.hexdigest()[:32]

    def customer_keys(
        self, customer: Customer, emails: tuple[str, ...], phones: tuple[str, ...]
    ) -> tuple[tuple[str, str], ...]:
        """Every key by which a customer can be found."""
        facts = [("email", email) for email in emails] + [("phone", phone) for phone in phones]
        facts += [("mailbox", name) for name in dict.fromkeys(map(mailbox, emails)) if len(name) >= SHORTEST_MAILBOX]
        first, last = full_name(customer)
        if last:
            facts += [("name", name_key(first + last)), ("first", " ".join(first)), ("last", last_name(last))]
            facts += [("initial", initial_key(first, last))]
        return tuple((kind, self.key(kind, value)) for kind, value in facts)


def without_particles(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a name that tell people apart; all of them where it is made of particles alone."""
    return tuple(word for word in words if word not in PARTICLES) or words


def last_name(words: tuple[str, ...]) -> str:
    """A last name as it is counted: particles do not count."""
    return " ".join(without_particles(words))


def initial_key(first: tuple[str, ...], last: tuple[str, ...]) -> str:
    """The same for "C. Martin" and "Claire Martin"."""
    return f"{''.join(first)[:1]} {last_name(last)}"


def mailbox(email: str) -> str:
    """The letters and digits before the @, without what follows a plus: people name accounts after mailboxes."""
    return _NOT_IN_HANDLE.sub("", fold(email.partition("@")[0].partition("+")[0]))


def name_key(words: tuple[str, ...]) -> str:
    """The same for "Martin Claire" and "Claire Martin"; particles do not count."""
    return " ".join(sorted(without_particles(words)))
