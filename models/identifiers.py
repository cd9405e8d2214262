"""What a customer may be known by: order and parcel numbers, e-mail addresses, phones; and amounts, links, handles."""

import re
from collections.abc import Iterator
from itertools import chain

from domain.reading import Entity

_DOT = r"(?:\.|\s?[\[(]\s?(?:dot|point|\.)\s?[\])]\s?|\s(?:dot|point)\s)"
_AT = r"(?:@|\s?[\[(]\s?(?:at|a|arobase|arobas|@)\s?[\])]\s?|\s(?:at|arobase|arobas|chez)\s)"
_PART = r"[a-z0-9_+-]{1,40}"
_EMAIL = re.compile(
    rf"(?<![\w.+-])({_PART}(?:{_DOT}{_PART}){{0,3}}){_AT}"
    rf"([a-z0-9-]{{1,40}}(?:{_DOT}[a-z0-9-]{{1,40}}){{0,3}}{_DOT}[a-z]{{2,12}})(?![\w])",
    re.IGNORECASE | re.ASCII,
)
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'»]{1,2000}", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@.])@[\w.-]{0,60}\w(?:@[\w.-]{1,80}\w)?")
_PHONE = re.compile(r"(?<![\w+])(?:\+|\(?0)[0-9]?(?:[ .()/-]{0,2}[0-9]){6,15}(?![\w-])")
_PHONE_NO_TRUNK = re.compile(r"(?<![\w+])\(?[2-9][0-9]{1,3}\)?[ .-][0-9]{2,4}(?:[ .-]?[0-9]{2,4}){1,3}(?![\w-])")
_CODE = re.compile(
    r"(?<![\w@#/.-])(?=[A-Z0-9]{0,12}[A-Z])[A-Z0-9]{1,24}(?:-[A-Z0-9]{2,14}){0,4}(?![\w@-])", re.IGNORECASE | re.ASCII
)
_SPACED = re.compile(
    r"(?<![\w@#/.-])([A-Z]{2,4})[ .-]?[0-9]{2,12}"
    r"(?:(?![ .-]0[1-9][ .-]?[0-9]{2}[ .-]?[0-9]{2})[ .-][0-9]{2,10}){0,4}(?![\w@-])",
    re.IGNORECASE | re.ASCII,
)
_NAMED = re.compile(
    r"\b(?:commande|colis|order|parcel|suivi|tracking|dossier|contrat|facture|client|ticket|r[ée]f[a-zé]{0,8}|n[°ºo]"
    r"|num[ée]ro|number)[ :#.°ºn-]{0,6}([0-9](?:[ -]?[0-9]){5,14})(?![\w-])",
    re.IGNORECASE,
)
_SIGN = r"€|\$|£|eur(?:os?)?|usd|dollars?|bucks|gbp|pounds?|quid|balles|chf"
_FIGURE = r"[0-9]{1,3}(?:[ .,\u00a0\u202f][0-9]{3}){1,3}(?:[.,][0-9]{1,2})?|[0-9]{1,9}(?:[.,][0-9]{1,2})?"
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?:(?P<before>€|\$|£)\s?(?P<a>{_FIGURE})"
    rf"|(?P<b>{_FIGURE})\s?(?P<after>{_SIGN})(?P<cents>[0-9]{{2}})?)(?![\w])",
    re.IGNORECASE,
)
_SIGNS = ("€", "$", "£", "eur", "usd", "dollar", "buck", "gbp", "pound", "quid", "balles", "chf")
_HIDDEN_AT = (" at ", "(at", "[at", "( at", "[ at", "arob", " chez ", "(a)", "[a]", "( a )", "[ a ]", "(@", "[@")
_CURRENCY = {"€": "EUR", "e": "EUR", "b": "EUR", "$": "USD", "u": "USD", "d": "USD", "£": "GBP", "g": "GBP", "p": "GBP"}
_CURRENCY |= {"q": "GBP", "c": "CHF"}
_SMALL_WORDS = frozenset(
    "le la les l un une des du de d au aux en et à a as ai on ou il y sur par pour mon ma mes ton ta tes ce ces cet "
    "the of at to in is an my for by and or no it we us on tel fax mob vers dès env plus soit code bts rue".split()
)
_NO_TRUNK = frozenset(("US", "CA", "ES", "PT", "IT", "PL", "DK", "NO", "LU"))
ORDER_DIGITS = range(5, 21)


def identifiers(text: str, country: str) -> Iterator[Entity]:
    """All of them, surest kinds first; they may overlap, the first one holds.

    Each kind is looked for only where the text has what it cannot be without: a sign, a word, enough digits.
    """
    small = text.lower()
    digits = sum(map(text.count, "0123456789"))
    if "://" in small or "www." in small:
        yield from _urls(text)
    if "@" in text or any(clue in small for clue in _HIDDEN_AT):
        yield from _emails(text)
    if digits >= 9:
        from models.parcels import accounts, firms, parcels  # 20 ms, for texts that may have one

        yield from accounts(text)
        yield from firms(text)
        yield from parcels(text)
    if digits >= 7:
        yield from _phones(text, country)
    if digits and any(sign in small for sign in _SIGNS):
        yield from _amounts(text)
    if digits >= ORDER_DIGITS.start:
        yield from _orders(text)
    if "@" in text:
        yield from _handles(text)


def _urls(text: str) -> Iterator[Entity]:
    for found in _URL.finditer(text):
        link = found[0].rstrip(".,;:!?)]…")
        yield Entity("url", link, found.start(), found.start() + len(link), link)


def _emails(text: str) -> Iterator[Entity]:
    for found in _EMAIL.finditer(text):
        local, host = (re.sub(_DOT, ".", part, flags=re.IGNORECASE).lower() for part in found.groups())
        yield Entity("email", found[0], found.start(), found.end(), f"{local}@{host}")


def _phones(text: str, country: str) -> Iterator[Entity]:
    """Only what is dialled with a trunk or country prefix; any other run of digits is taken for a reference."""
    import phonenumbers  # 30 ms, for texts that may have one

    shapes = (_PHONE, _PHONE_NO_TRUNK) if country in _NO_TRUNK else (_PHONE,)
    for found in chain.from_iterable(shape.finditer(text) for shape in shapes):
        try:
            number = phonenumbers.parse(found[0], country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):  # ranges kept for fiction are possible, though not valid
            value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            yield Entity("phone", found[0], found.start(), found.end(), value)


def _amounts(text: str) -> Iterator[Entity]:
    for found in _AMOUNT.finditer(text):
        sign = (found["before"] or found["after"]).lower()
        figure = _decimal(found["a"] or found["b"]) + (f".{found['cents']}" if found["cents"] else "")
        yield Entity("amount", found[0], found.start(), found.end(), f"{float(figure):.2f} {_CURRENCY[sign[0]]}")


def _decimal(figure: str) -> str:
    """The last point or comma with one or two digits behind it is the decimal sign."""
    whole = re.fullmatch(r"(.*?)(?:[.,]([0-9]{1,2}))?", figure)
    digits, cents = whole.groups() if whole else (figure, None)
    return re.sub(r"[^0-9]", "", digits) + (f".{cents}" if cents else "")


def _orders(text: str) -> Iterator[Entity]:
    for found in _SPACED.finditer(text):
        if found[1].lower() not in _SMALL_WORDS and _enough(found[0]):
            yield _order(found[0], found.start())
    for found in _CODE.finditer(text):
        if _enough(found[0]) and sum(map(str.isdigit, found[0])) * 2 >= len(found[0].replace("-", "")):
            yield _order(found[0], found.start())
    for found in _NAMED.finditer(text):
        yield _order(found[1], found.start(1))


def _enough(text: str) -> bool:
    return sum(map(str.isdigit, text)) in ORDER_DIGITS


def _order(text: str, start: int) -> Entity:
    return Entity("order", text, start, start + len(text), re.sub(r"[^0-9A-Z]", "", text.upper()))


def _handles(text: str) -> Iterator[Entity]:
    for found in _HANDLE.finditer(text):
        yield Entity("mention", found[0], found.start(), found.end(), found[0][1:].lower())
