"""What may stand in a message, and what may not: pure checks of finished texts, in French and English.

    too_long       longer than its channel carries, or more than three parts of a text message
    link           an address that is not the brand's own
    personal       data of a person where others may read along, or a bank account or an e-mail address anywhere
    surveillance   words that tell that we read along
    promise        an amount, a day or a deed that no resolution of the case holds
    hidden         signs that no reader sees

A text message is one part of 160 signs in the GSM alphabet (3GPP TS 23.038) or of 70 in any other; longer ones are cut
into parts of 153 and 67.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from stdnum import iban

from domain.after import Resolution

MOST_PARTS = 3
SUBJECT_MAX = 200
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("{}[]~|\\^€\f")
_SPELLED = {
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "…": "...",
    "œ": "oe",
    "Œ": "OE",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    "ẞ": "SS",
}
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,255}\.[a-z]{2,}", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}[ ]?[A-Z0-9]{0,4}\b")
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_SURVEILLANCE = re.compile(
    r"\b(?:tweets?|retweets?|posts?|publications?|commentaires?|comments?|mentions?|votre avis|vos avis"
    r"|your reviews?|mastodon|bluesky|twitter|reddit|facebook|instagram|linkedin|tiktok|youtube|trustpilot|google play"
    r"|app store|forums?|réseaux? socia(?:l|ux)|social (?:media|networks?)|en ligne|online|sur (?:internet|le web|X)"
    r"|on (?:the (?:internet|web)|X)|(?:avons|ai|a) (?:bien )?(?:vu|lu|remarqué|repéré|entendu|noté)"
    r"|(?:we|I)(?:'ve| have)? (?:just )?(?:saw|seen|read|noticed|spotted|heard))\b",
    re.IGNORECASE,
)
_MONTHS = {
    **{name: number for number, name in enumerate("janvier février mars avril mai juin juillet août".split(), 1)},
    "septembre": 9,
    "octobre": 10,
    "novembre": 11,
    "décembre": 12,
    "fevrier": 2,
    "aout": 8,
    "decembre": 12,
    **{name: number for number, name in enumerate("january february march april may june july august".split(), 1)},
    "september": 9,
    "october": 10,
    "november": 11,
    "december": 12,
}
_MONTH = "|".join(_MONTHS)
_SIGN = r"€|euros?|eur|\$|usd|dollars?|£|gbp|pounds?|livres sterling|chf|francs?|cad"
_FIGURE = r"\d{1,3}(?:[ \u00a0\u202f,.]\d{3})*(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_MONEY = re.compile(
    rf"(?:(?:€|\$|£|chf|eur|usd|gbp) ?({_FIGURE})(?!\d))|(?<!\d)({_FIGURE}) ?(?:{_SIGN})(?!\w)", re.IGNORECASE
)
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:er|st|nd|rd|th)? (?:of )?({_MONTH})\b(?: (\d{{4}}))?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.IGNORECASE)
_FIGURES = re.compile(r"(?<![\d/.-])(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d{2}))?(?![\d/-]|\.\d)")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_TERM = re.compile(
    r"\b(?:sous|dans(?: les)?|d'ici(?: à)?|en|within|in(?: the next)?)"
    r" (?:\d+|une?|deux|trois|quelques|one|two|three|a few)"
    r" ?(?:h|heures?|jours?|semaines?|hours?|(?:working |business )?days?|weeks?)\b"
    r"|\b(?:demain|après-demain|aujourd'hui|tomorrow|today|tonight|ce soir|la semaine prochaine|next week)\b"
    r"|\b(?:dès|d'ici|avant|pour|by|before|on|ce|this|next) (?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n\n+")
_OPEN = re.compile(r"\?|\b(?:si|if|whether)\b", re.IGNORECASE)
_NOUN = re.compile(r"remboursements?|refunds?|remplacements?|replacements?", re.IGNORECASE)
# A deed in words, and the outcomes under which it may be said.
_DEEDS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = (
    (re.compile(r"\b(?:re)?(?:rembours|refund|reimburs)\w*", re.IGNORECASE), frozenset({"refunded", "declined"})),
    (
        re.compile(
            r"\b(?:dédommag\w*|compensat\w*|indemni\w*|geste commercial|gesture|goodwill|bons? d'achat|vouchers?"
            r"|gift cards?|cartes? cadeaux?|offert(?:e|s|es)?|gratuit\w*|free of charge|for free)",
            re.IGNORECASE,
        ),
        frozenset({"apologised", "declined", "other"}),
    ),
    (
        re.compile(r"\b(?:remplac(?:er|é|ée|ement|erons|ons)\w*|replac(?:e|ed|ement|ing)\w*)", re.IGNORECASE),
        frozenset({"replaced", "declined"}),
    ),
    (
        re.compile(r"\b(?:garanti(?:r|e|es|s|ssons)?|guarantee\w*|promett\w*|promis(?:e|es)?)\b", re.IGNORECASE),
        frozenset(),
    ),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text, and the words or the figure that show it.

    `kind` is too_long, link, personal, surveillance, promise or hidden.
    """

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a text may say. `hosts` are the brand's own (their subdomains too); `private` must not stand in it where
    `discreet`; `resolution` is what the case holds; without `promises` nothing is looked for that could be one.
    """

    hosts: frozenset[str] = frozenset()
    private: tuple[str, ...] = ()
    discreet: bool = False
    resolution: Resolution | None = None
    promises: bool = True


def problems(channel: str, subject: str, body: str, allowed: Allowed, max_length: int | None = None) -> list[Problem]:
    """Everything that stands against a message, the same for the same text. `max_length` is the channel's."""
    whole = f"{subject}\n{body}"
    found = [*_too_long(channel, subject, body, max_length), *_links(whole, allowed.hosts), *_personal(whole, allowed)]
    found += [Problem("surveillance", match[0]) for match in _SURVEILLANCE.finditer(whole)]
    found += [Problem("hidden", f"U+{ord(match[0]):04X}") for match in _HIDDEN.finditer(whole)]
    found += _promises(whole, allowed.resolution) if allowed.promises else ()
    return list(dict.fromkeys(found))


def segments(text: str) -> int:
    """In how many parts a text message goes out; 0 for none."""
    if not text:
        return 0
    if all(sign in _GSM or sign in _GSM_TWICE for sign in text):
        length, one, more = sum(2 if sign in _GSM_TWICE else 1 for sign in text), 160, 153
    else:
        length, one, more = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if length <= one else -(-length // more)


def gsm(text: str) -> str:
    """The text in the GSM alphabet where its letters have a plain form there: `ê` becomes `e`, `œ` becomes `oe`.

    A text with other letters (Greek small ones, Cyrillic, emoji) stays as it is: half of it would help nobody.
    """
    spelled = "".join(_plain(sign) for sign in text)
    return spelled if all(sign in _GSM or sign in _GSM_TWICE for sign in spelled) else text


def _plain(sign: str) -> str:
    if sign in _GSM or sign in _GSM_TWICE:
        return sign
    if sign in _SPELLED:
        return _SPELLED[sign]
    base = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    return base or sign


def _too_long(channel: str, subject: str, body: str, max_length: int | None) -> Iterator[Problem]:
    if len(subject) > SUBJECT_MAX:
        yield Problem("too_long", f"subject {len(subject)} > {SUBJECT_MAX}")
    if max_length is not None and len(body) > max_length:
        yield Problem("too_long", f"{len(body)} > {max_length}")
    if channel == "sms" and segments(body) > MOST_PARTS:
        yield Problem("too_long", f"{segments(body)} parts > {MOST_PARTS}")


def _links(text: str, hosts: Iterable[str]) -> Iterator[Problem]:
    own = {host.casefold() for host in hosts if host}
    for match in _LINK.finditer(text):
        host = re.split(r"[/?#]", re.sub(r"^https?://", "", match[0], flags=re.IGNORECASE), maxsplit=1)[0].casefold()
        bare = host.rpartition("@")[2].partition(":")[0].rstrip(".,;)")
        if "@" in host or not any(bare == one or bare.endswith(f".{one}") for one in own):
            yield Problem("link", match[0][:80])


def _personal(text: str, allowed: Allowed) -> Iterator[Problem]:
    folded = text.casefold()
    if allowed.discreet:
        for value in allowed.private:
            if value.strip() and value.strip().casefold() in folded:
                yield Problem("personal", value.strip()[:80])
    bare = _LINK.sub(" ", text)
    for match in _EMAIL.finditer(bare):
        yield Problem("personal", match[0][:80])
    for match in _IBAN.finditer(bare):
        if iban.is_valid(match[0]):
            yield Problem("personal", match[0][:80])


def _promises(text: str, held: Resolution | None) -> Iterator[Problem]:
    amounts = {held.amount_cents} if held and held.amount_cents is not None else set()
    for match in _MONEY.finditer(text):
        if cents(match[1] or match[2]) not in amounts:
            yield Problem("promise", match[0].strip())
    for words, days in said_days(text):
        if held is None or held.due_on not in days:
            yield Problem("promise", words)
    for match in _TERM.finditer(text):
        yield Problem("promise", match[0])
    for sentence in _SENTENCES.split(text):
        yield from _deeds(sentence, held)


def _deeds(sentence: str, held: Resolution | None) -> Iterator[Problem]:
    """Deeds that are said to be done or to come; "if a refund is late" and "a refund?" only name one."""
    named = bool(_OPEN.search(sentence))
    for pattern, outcomes in _DEEDS:
        for match in pattern.finditer(sentence):
            only_named = named and _NOUN.fullmatch(match[0]) is not None
            if not only_named and (held is None or held.outcome not in outcomes):
                yield Problem("promise", match[0])


def cents(figure: str) -> int:
    """Hundredths of a written amount: `1 234,5` is 123450. A mark before three digits parts thousands."""
    plain = re.sub(r"[ \u00a0\u202f]", "", figure)
    plain = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", plain).replace(",", ".")
    whole, _, part = plain.partition(".")
    return int(whole or 0) * 100 + int((part + "00")[:2])


def said_days(text: str) -> Iterator[tuple[str, frozenset[date | None]]]:
    """Every day of the calendar that a text names, as the words and the days that they may mean."""
    for match in _ISO.finditer(text):
        yield match[0], frozenset({_day(match[1], match[2], match[3])})
    for match in _FIGURES.finditer(text):
        first, second = _any_year(match[3], match[2], match[1]), _any_year(match[3], match[1], match[2])
        if (match[3] or "/" in match[0]) and (first or second):
            yield match[0], first | second
    for match in _DAY_FIRST.finditer(text):
        yield match[0], _any_year(match[3], str(_MONTHS[match[2].casefold()]), match[1])
    for match in _MONTH_FIRST.finditer(text):
        yield match[0], _any_year(match[3], str(_MONTHS[match[1].casefold()]), match[2])


def _any_year(year: str | None, month: str, day: str) -> frozenset[date | None]:
    """The day in its year, or in every year that a promise may mean where none is said."""
    years = [str(2000 + int(year)) if len(year) == 2 else year] if year else [str(one) for one in range(2020, 2100)]
    return frozenset(found for one in years if (found := _day(one, month, day)) is not None)


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
