"""The claim link: how a person who posted in public says, with proof, which customer he is.

A link needs two proofs: of the customer, by a code that is sent to an address of his that we hold; and of the account.
A link that went to the account alone (`direct`) brings the second along. One that stands in public may be opened by
anybody: whoever proved to be a customer there gets a word, and the account must post that word, or a person confirms.

issued ──▶ agreed      both proofs are there and the customer said yes: the account is linked
   ├─────▶ refused     the owner of the account said no
   ├─────▶ conflict    the account is proven to be another customer's: a person looks
   └─────▶ withdrawn   the person was erased
A link that expired stays `issued` and opens nothing. Visitors of a public link do not use it up: each has his own
code, his own word, his own no.

Token, code and word are drawn from a salt by HMAC-SHA256 (RFC 2104) with a key of the installation, and written
nowhere: the outbox puts them in when a message is handed over. What is kept is the salt and a keyed hash.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.contact import ContactPoint, Recipient
from domain.customer import Consent

REPLY_TEMPLATE, CODE_TEMPLATE = "claim_reply", "claim_code"
CLAIM_TEMPLATES = frozenset({REPLY_TEMPLATE, CODE_TEMPLATE})
# Where the token or the code comes to stand in a message when it is handed over.
PLACE = "{{secret}}"

TOKEN_LENGTH = 24  # characters: 96 random bits and a MAC of 48
CODE_DIGITS = 8  # one try in 10^8: also who guesses at many links for days does not get in
MAX_TRIES = 5
PROOF_HOLDS = timedelta(minutes=30)
CODE_CHANNELS = ("email", "sms")
# To one customer, whoever asks: nobody can be flooded, and guessing codes leads nowhere.
CODES_PER_HOUR, CODES_PER_DAY = 3, 6
# Neither vowels nor what looks alike: no word that means something, none that is read wrong.
WORD_SIGNS, WORD_LENGTH = "BCDFGHJKMNPQRSTVWXZ2345679", 8
OTHER_WORDS = 3  # that may stand beside the word: who asks what it means has confirmed nothing
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
_ADDRESSED = re.compile(r"https?://\S+|[@#]\S+", re.IGNORECASE)


class ClaimState(StrEnum):
    """Where a claim link stands."""

    ISSUED = "issued"
    AGREED = "agreed"
    REFUSED = "refused"
    CONFLICT = "conflict"
    WITHDRAWN = "withdrawn"


class Delivery(StrEnum):
    """How a link reached the author: where everybody reads it, or at his account alone."""

    PUBLIC = "public"
    DIRECT = "direct"


class Stage(StrEnum):
    """What a visitor of the link sees next."""

    START = "start"
    CODE = "code"
    REVIEW = "review"
    WORD = "word"
    DONE = "done"


class NoClaim(StrEnum):
    """Why a customer cannot be asked by a link."""

    NO_AUTHOR = "no_author"
    DELETED = "deleted"
    CLOSED = "closed"
    KNOWN = "known"
    NETWORK = "network"
    UNLINKABLE = "unlinkable"
    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no_address"
    CONTACT_OFF = "contact_off"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request for a code, of one visitor. `tries` counts codes typed; times are aware."""

    expires_at: datetime
    tries: int = 0
    confirmed_at: datetime | None = None
    agreed_at: datetime | None = None


def token_of(key: bytes, salt: str) -> str:
    """The token of a link: 24 URL-safe characters, the last 8 a MAC of the first 16."""
    body = _mac(key, "link", salt)[:12]
    return base64.urlsafe_b64encode(body + _check(key, body)).decode()


def is_genuine(key: bytes, token: str) -> bool:
    """Whether this installation made the token; asked before the database is."""
    if not _TOKEN.fullmatch(token):
        return False
    raw = base64.urlsafe_b64decode(token)
    return hmac.compare_digest(_check(key, raw[:12]), raw[12:])


def code_of(key: bytes, salt: str) -> str:
    """The digits that are sent to the customer."""
    return f"{int.from_bytes(_mac(key, 'code', salt)[:8], 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def word_of(key: bytes, salt: str) -> str:
    """The word that a proven customer posts from the account: `XXXX-XXXX`."""
    number, signs = int.from_bytes(_mac(key, "word", salt)[:16], "big"), ""
    for _ in range(WORD_LENGTH):
        number, place = divmod(number, len(WORD_SIGNS))
        signs += WORD_SIGNS[place]
    return f"{signs[:4]}-{signs[4:]}"


def confirms(text: str, word: str) -> bool:
    """Whether a post says this word and hardly anything else; addresses, tags and links do not count."""
    said = re.findall(r"\w+", _ADDRESSED.sub(" ", unicodedata.normalize("NFKC", text[:2000]).upper()))
    first, second = word.split("-")
    beside = [sign for sign in said if sign not in (first, second, first + second)]
    return (first + second) in "".join(said) and len(beside) <= OTHER_WORDS


def digest(key: bytes, kind: str, value: str) -> str:
    """A keyed hash to be kept: 64 hexadecimal digits."""
    return _mac(key, f"digest {kind}", value).hex()


def code_fits(key: bytes, salt: str, kept: str, typed: str) -> bool:
    """Whether the digits typed are the code, in a time that does not tell how nearly. Spaces do not count."""
    digits = "".join(sign for sign in typed if not sign.isspace())
    return hmac.compare_digest(kept, digest(key, "code", f"{salt}:{digits}"))


def may_try(attempt: Attempt, now: datetime) -> bool:
    """Whether a code may still be typed: five tries, until it expires."""
    return attempt.confirmed_at is None and attempt.tries < MAX_TRIES and now < attempt.expires_at


def is_open(state: str, expires_at: datetime, now: datetime) -> bool:
    """Whether the link still leads somewhere."""
    return state == ClaimState.ISSUED and now < expires_at


def is_proven(confirmed_at: datetime | None, now: datetime) -> bool:
    """Whether a visitor's proof still holds."""
    return confirmed_at is not None and now - confirmed_at < PROOF_HOLDS


def stage_of(attempt: Attempt | None, now: datetime) -> Stage:
    """What the visitor of an open link sees next."""
    if attempt is None:
        return Stage.START
    if attempt.agreed_at is not None:
        return Stage.WORD
    if is_proven(attempt.confirmed_at, now):
        return Stage.REVIEW
    return Stage.CODE if may_try(attempt, now) else Stage.START


def code_point(
    known: Recipient, typed: Collection[str], now: datetime, changed_hours: float, closed: Collection[str] = ()
) -> ContactPoint | None:
    """Where the code goes: a verified contact point that is this customer's alone and not just changed.

    An address that was typed itself (`typed`, normal forms) comes first. A consent is not needed, for he asked;
    a refusal is heeded.
    """
    if known.status != "active" or known.objections:
        return None
    usable = [point for point in known.contact_points if _usable(point, known.consents, now, changed_hours, closed)]
    return min(usable, key=lambda point: (point.address not in typed, CODE_CHANNELS.index(point.channel)), default=None)


def choices(known: Recipient, closed: Collection[str] = ()) -> tuple[str, ...]:
    """The channels that a customer may choose: those with an address of his, that he has not refused."""
    points = known.contact_points
    channels = dict.fromkeys(point.channel for point in points if point.verified and not point.suppressed)
    return tuple(name for name in channels if name not in closed and not _refused(name, known.consents))


def language_of(header: str, offered: Collection[str], otherwise: str) -> str:
    """The language that a browser asks for by Accept-Language (RFC 9110, 12.5.4), among those offered."""
    wanted = (_weighed(part) for part in header[:200].split(","))
    known = [(quality, -place, name) for place, (name, quality) in enumerate(wanted) if name in offered and quality > 0]
    return max(known)[2] if known else otherwise


def counts(sent_at: Iterable[datetime], now: datetime) -> bool:
    """Whether one more code may go to a customer who was sent codes at these times."""
    ages = [now - at for at in sent_at]
    return (
        sum(age < timedelta(hours=1) for age in ages) < CODES_PER_HOUR
        and sum(age < timedelta(days=1) for age in ages) < CODES_PER_DAY
    )


def newest(keys: Mapping[int, bytes]) -> int:
    """The version of the key that new links are made with."""
    return max(keys)


def _usable(
    point: ContactPoint, consents: Iterable[Consent], now: datetime, changed_hours: float, closed: Collection[str]
) -> bool:
    if point.channel not in CODE_CHANNELS or point.channel in closed or _refused(point.channel, consents):
        return False
    fresh = point.changed_at is not None and now - point.changed_at < timedelta(hours=changed_hours)
    return point.verified and not point.suppressed and point.shared_by == 1 and not fresh


def _refused(channel: str, consents: Iterable[Consent]) -> bool:
    words = [consent for consent in consents if consent.channel == channel and consent.purpose == "service"]
    last = max(words, key=lambda consent: (consent.at, consent.status != "granted"), default=None)
    return last is not None and last.status != "granted"


def _weighed(part: str) -> tuple[str, float]:
    name, _, quality = part.strip().partition(";q=")
    try:
        return name.partition("-")[0].strip().lower(), float(quality or 1)
    except ValueError:
        return "", 0.0


def _check(key: bytes, body: bytes) -> bytes:
    return _mac(key, "check", body.hex())[:6]


def _mac(key: bytes, kind: str, value: str) -> bytes:
    return hmac.new(key, f"{kind}\n{value}".encode("utf-8", "replace"), hashlib.sha256).digest()
