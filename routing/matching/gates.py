"""What makes a person look before a proof may act, whatever the proof."""

import re
import unicodedata

from routing.matching.normal import fold

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
    rf"|\bm(?:a|on|es)\s+(?:{_RELATIVE})\s+(?:a|ont|attend(?:ent)?|avait|ne|n['’]\w+|est|sont|vient|doit|paie|s['’]est)\b"
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
_JOINED_EMOJI = re.compile(r"(?<=[^\w\s])\u200d(?=[^\w\s])")  # 👩‍💻 is two signs and a joiner
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def looks_alike(name: str) -> bool:
    """Whether letters of another script stand among Latin ones, or invisible signs hide in a name."""
    if any(sign in _INVISIBLE for sign in _JOINED_EMOJI.sub("", name)):
        return True
    scripts = {unicodedata.name(sign, "").split(" ")[0] for sign in name if sign.isalpha()}
    plain = ((sign, unicodedata.normalize("NFKC", sign)) for sign in name)
    wide = any(letters != sign and letters.isalpha() and sign != "™" for sign, letters in plain)
    return wide or ("LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}))


def on_behalf(text: str) -> bool:
    """Whether the poster says that he speaks for somebody else."""
    return ON_BEHALF.search(unicodedata.normalize("NFC", text)) is not None


def not_a_customer(name: str | None, bio: str | None) -> bool:
    """Whether the account presents itself as press, parody, a firm or a help desk."""
    return any(NOT_A_CUSTOMER.search(fold(text)) for text in (name, bio) if text)
