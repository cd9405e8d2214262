"""What makes a person look before a proof may act, whatever the proof."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from routing.matching.confusables import unmask
from routing.matching.normal import fold, name_words

LONGEST = 2_000  # characters of a name or bio that are looked at

# "for my mother", "mon voisin a commandé": the poster is not the customer of whom he speaks.
_RELATIVE = (
    r"m[eè]re|p[eè]re|maman|papa|mari|femme|[eé]poux|[eé]pouse|conjointe?|fils|fille|fr[eè]re|s(?:oe|œ)ur|"
    r"grand[- ]?(?:m[eè]re|p[eè]re)|mamie|papi|voisine?|coll[eè]gue|amie?|copine?|belle[- ]m[eè]re|beau[- ]p[eè]re|"
    r"tante|oncle|cousine?|compagn(?:e|on)|patronn?e?|client[e]?|parents?|grands[- ]parents|enfants?"
)
_RELATIVE_EN = (
    r"mum|mom|mother|dad|father|husband|wife|partner|son|daughter|brother|sister|gran(?:ny|dma|dad|dpa|dmother|dfather)?|"
    r"neighbou?rs?|colleague|(?:girl|boy)?friends?|flatmate|boss|client|aunt|uncle|(?:\w+-)?in-laws?|"
    r"parents?|grandparents|kids?|fianc[eé]e?"
)
_WHOSE = r"(?:ma|mon|mes|notre|nos|sa|son|ses|leurs?|une?)"
_WHOSE_EN = r"(?:my|our|his|her|their|an?|the)"
ON_BEHALF = re.compile(
    rf"\b(?:pour|au nom de|de la part de|[àa] la place de|le colis de|(?:la|de) commande de|celle de|celui de|chez)"
    rf"\s+{_WHOSE}\s+(?:{_RELATIVE})\b"
    rf"|\b(?:m(?:a|on|es)|notre|nos)\s+(?:{_RELATIVE})\s+(?:a|ont|attend(?:ent)?|avait|ne|n['’]\w+|est|sont|vient|doit|paie|s['’]est)\b"
    rf"|\bon behalf of\b|\bfor\s+{_WHOSE_EN}\s+(?:{_RELATIVE_EN})\b"
    rf"|\bmy\s+(?:{_RELATIVE_EN})"
    rf"(?:['’]s|\s+(?:has|have|had|is|are|was|were|ordered|paid|bought|never|can['’]t|needs?))\b"
    # "our neighbour Gérard …", "ma mère, Monique …": the name that follows is somebody else's
    rf"|\b(?:{_WHOSE}|{_WHOSE_EN})\s+(?:{_RELATIVE}|{_RELATIVE_EN}),?\s+(?-i:[A-ZÀ-Ý])",
    re.IGNORECASE,
)
NOT_A_CUSTOMER = re.compile(
    r"\b(?:officiel(?:le)?|official|parodi(?:e|que)|parody|satir(?:e|ique|ical)|journaliste?|journalist|"
    r"redac(?:tion|teur|trice)?|press(?:e)?|reporter|avocate?|lawyer|syndicat|syndicale?|union rep|"
    r"influence(?:ur|use|r)|support|service client|bot)\b"
)
_STAFF = (
    r"\b(?:travaill\w*|bosse|salarie\w*|employe\w*|conseill\w*|vendeu\w*|manageu?r\w*|responsable|directeur|directrice|equipe|"
    r"ambassad\w*|stagiaire|livreu\w*|work(?:s|ing)?|staff|team|advisor|assistant)\b[^.;|]{0,40}?\b"
)


def is_disguised(name: str) -> bool:
    """Whether letters of another script stand among Latin ones, or invisible signs hide in a name."""
    return not name.isascii() and unmask(name).disguised


def imitates(name: str, customers: Iterable[tuple[Sequence[str], Sequence[str]]]) -> bool:
    """Whether a shown name is one of these customers' (first and last names) only to the eye: "C1aire Martin"."""
    seen = unmask(name)
    if not seen.changed:
        return False
    plain, unmasked = set(name_words(name)), set(name_words(seen.text))
    wanted = ({*first, *last} for first, last in customers)
    return any(one and one <= unmasked and not one <= plain for one in wanted)


def on_behalf(text: str) -> bool:
    """Whether the poster says that he speaks for somebody else."""
    return ON_BEHALF.search(unicodedata.normalize("NFC", text)) is not None


def not_a_customer(name: str | None, bio: str | None, brand: Sequence[str] = ()) -> bool:
    """Whether the account presents itself as press, parody, a firm, a help desk, or as staff of the brand."""
    told = [fold(text[:LONGEST]) for text in (name, bio) if text]
    if any(NOT_A_CUSTOMER.search(text) for text in told):
        return True
    names = "|".join(re.escape(fold(one)) for one in brand)
    return bool(names) and any(_staff(names).search(text) for text in told)


@lru_cache(maxsize=64)
def _staff(names: str) -> re.Pattern[str]:
    return re.compile(rf"{_STAFF}(?:{names})\b")
