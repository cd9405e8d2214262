"""What an answer of ours says, read by rules from its words in French and English: granted, declined, delivered, a day.

Only plain statements are read; a sentence with "if" (`si`, `if`) or a question states nothing. What is not understood
is left out: a missed statement costs a rupture that nobody sees, a wrong one accuses a colleague.
"""

import re
from datetime import UTC, datetime, time, timedelta
from itertools import islice

from routing.wording import said_days

_SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+")
_OPEN = re.compile(r"\?|\b(?:si|if|unless|sauf|lorsque|when|whether)\b", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:ne|n'|n’)\s?\w+(?:\s\w+){0,2}\s(?:pas|plus)\b|\bpas\b|\b(?:not|cannot|can't|won't|unable|never)\b"
    r"|\b(?:refus|declin|reject)\w*|\brejet\w*",
    re.IGNORECASE,
)
_GRANT = re.compile(
    r"\b(?:rembours|refund|reimburs|dédommag|compensat|indemnis|accord(?:ons|é|er)|acceptée?\b|accepted|approved|granted"
    r"|geste commercial|goodwill)\w*",
    re.IGNORECASE,
)
_DECLINED = re.compile(
    r"\b(?:(?:demande|réclamation|request|claim) (?:est |a été |is |was |has been )?"
    r"(?:refusée?|rejetée?|declined|rejected)"
    r"|suite (?:favorable|défavorable))\b",
    re.IGNORECASE,
)
_DELIVERED = re.compile(r"\b(?:livrée?s?|delivered|remise? au destinataire|distribuée?s?)\b", re.IGNORECASE)
_TO_COME = re.compile(
    r"\b(?:sera|seront|serez|va|vont|will|to be|being|soon|bientôt|devrait|should|not yet|pas encore|en cours)\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:(?:nous|on|je) (?:vous |le |la |les |y )*"
    r"(?:rappel|recontact|revien|rembours|livr|envo|répond|renvo|expédi|trait|crédit|remplac|tien)\w*"
    r"|vous (?:serez|recevrez|aurez|allez recevoir)|(?:sera|seront) \w+"
    r"|(?:we|i)(?:'ll| will| are going to| shall) \w+|you(?:'ll| will) (?:be|receive|get|hear)|will be \w+"
    r"|(?:we|i)(?:'m| am| are|'re) \w+ing)\b",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r"\b(?:sous|dans(?: les)?|d'ici|d’ici|within|in(?: the next)?)\s+(\d{1,3}|une?|deux|trois|one|two|three|an|a)\s*"
    r"(h|heures?|jours?|semaines?|hours?|days?|weeks?|(?:working|business) days?)\b( ouvrés?| ouvrables?)?",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"\b(?:rappel|recontact|revien|call(?:ing)? you back|get back to you|be in touch)\w*", re.IGNORECASE
)
_TOMORROW = re.compile(r"\b(?:demain|tomorrow)\b", re.IGNORECASE)
_TODAY = re.compile(r"\b(?:aujourd'hui|aujourd’hui|today|dans la journée|ce soir|tonight)\b", re.IGNORECASE)
_NUMBERS = {"un": 1, "une": 1, "one": 1, "a": 1, "an": 1, "deux": 2, "two": 2, "trois": 3, "three": 3}


def stances(text: str) -> frozenset[str]:
    """What an answer states."""
    found: set[str] = set()
    for sentence in _sentences(text):
        refused = bool(_NOT.search(sentence))
        if _DECLINED.search(sentence) or (_GRANT.search(sentence) and refused):
            found.add("declined")
        elif _GRANT.search(sentence):
            found.add("granted")
        if _DELIVERED.search(sentence) and refused:
            found.add("not_delivered")
        elif _DELIVERED.search(sentence) and not _TO_COME.search(sentence):
            found.add("delivered")
    return frozenset(found)


def promised_until(text: str, at: datetime, otherwise: timedelta | None = None) -> datetime | None:
    """The end of the day (UTC) until which an answer promises something; None where it promises nothing.

    A promise without a day is due after `otherwise`, or counts for nothing without it. Working days are counted as
    seven for five. A day that is past when it is said is no promise.
    """
    for sentence in _sentences(text):
        if _PROMISE.search(sentence) and not _NOT.search(sentence):
            due = _due(sentence, at)
            if due is not None:
                return due
            if otherwise is not None and _LATER.search(sentence):
                return _evening(at + otherwise)
    return None


def _due(sentence: str, at: datetime) -> datetime | None:
    span = _SPAN.search(sentence)
    if span:
        number = _NUMBERS.get(span[1].lower()) or int(span[1])
        return at + _length(number, span[2].lower(), bool(span[3]) or "working" in span[2] or "business" in span[2])
    if _TOMORROW.search(sentence):
        return _evening(at + timedelta(days=1))
    if _TODAY.search(sentence):
        return _evening(at)
    days = sorted(
        day for _, days in islice(said_days(sentence), 20) for day in days if day is not None and day >= at.date()
    )
    return None if not days else datetime.combine(days[0], time(23, 59), UTC)


def _length(number: int, unit: str, working: bool) -> timedelta:
    if unit.startswith("h"):
        return timedelta(hours=number)
    if unit.startswith(("semaine", "week")):
        return timedelta(weeks=number)
    return timedelta(days=number * 7 / 5 if working else number)


def _evening(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(23, 59), UTC)


def _sentences(text: str) -> list[str]:
    found = (sentence.strip() for sentence in _SENTENCES.split(text[:20_000]))
    return [sentence for sentence in found if sentence and not _OPEN.search(sentence)]
