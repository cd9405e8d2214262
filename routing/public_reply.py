"""A public reply that a person writes: under one post of a case, in the words that everybody will read.

It goes through the outbox like every message, once for each time that somebody writes one (`CASE:reply:N`). Nothing
that only the customer file knows may stand in it, nor what identifies somebody, even if he wrote it himself.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import CaseState
from domain.contact import CHANNELS, NetworkPolicy
from domain.errors import Permanent
from routing import in_place
from routing.channels.base import find_channels
from routing.plain import plain_text
from storage import audit, cases, messages
from storage.brands import lock_brand
from storage.merges import records_of
from storage.tables import (
    AuthorRow,
    CasePostRow,
    CaseRow,
    ContactPointRow,
    CustomerRow,
    MessageRow,
    OrderRow,
    PostRow,
    ReadingRow,
)

TEMPLATE = "public_reply"
LONGEST = 5000
_DIGITS = re.compile(r"\d")
_WORD = re.compile(r"[^\W_]+")
_LEAST_DIGITS = 8


class NoReply(StrEnum):
    """Why there is no replying in public."""

    NOTHING = "nothing"
    MERGED = "merged"
    NETWORK = "network"
    NOT_CALLED = "not_called"
    SUPPRESSED = "suppressed"
    CONTACT_OFF = "contact_off"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    BETRAYS = "betrays"


class NotReplied(Permanent):
    """This reply cannot go out; `why` says why."""

    def __init__(self, why: NoReply) -> None:
        super().__init__(f"no public reply: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class ReplyRules:
    """Where replies are allowed, and whether anything goes out at all."""

    networks: Callable[[str], NetworkPolicy]
    contact_on: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A post that may be answered. `limit` is how long a reply may be as its network counts, None without one."""

    post: PostRow
    author: AuthorRow | None
    limit: int | None

    def posted(self, text: str) -> str:
        """The text as it will stand there."""
        kind = find_channels().get(self.post.network)
        handle = (self.author.handle if self.author else None) or ""
        plain = plain_text(text).strip()
        return plain if kind is None else kind.reply(plain, handle)

    def length(self, text: str) -> int:
        """How long it is there."""
        kind = find_channels().get(self.post.network)
        return len(self.posted(text)) if kind is None else kind.length(self.posted(text))


def places(session: Session, case: CaseRow, rules: ReplyRules) -> list[Place]:
    """The posts of a case that may be answered, the newest first."""
    query = (
        select(PostRow)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy", PostRow.deleted_at.is_(None))
        .order_by(PostRow.created_at.desc(), PostRow.id.desc())
    )
    found = [_place(session, post) for post in session.scalars(query)]
    return [place for place in found if _bars_place(session, case, place, rules) is None]


def why_not(session: Session, case: CaseRow, rules: ReplyRules) -> NoReply | None:
    """Why nobody can be answered in this case, None if somebody can."""
    if case.state == CaseState.MERGED:
        return NoReply.MERGED
    if not rules.contact_on:
        return NoReply.CONTACT_OFF
    query = select(PostRow).join(CasePostRow, CasePostRow.post_id == PostRow.id)
    here = (CasePostRow.case_id == case.id, CasePostRow.role != "copy", PostRow.deleted_at.is_(None))
    bars = [_bars_place(session, case, _place(session, post), rules) for post in session.scalars(query.where(*here))]
    return None if None in bars else next((bar for bar in bars if bar), NoReply.NOTHING)


def next_number(session: Session, case_id: int) -> int:
    """The number of the next reply of this case: a form that is sent twice has the same one."""
    mine = MessageRow.key.startswith(f"{case_id}:reply:", autoescape=True)
    keys = session.scalars(select(MessageRow.key).where(MessageRow.case_id == case_id, mine))
    return max((int(key.rpartition(":")[2]) for key in keys), default=0) + 1


def reserve_reply(
    session: Session,
    brand: Brand,
    case_id: int,
    post_id: int,
    number: int,
    text: str,
    rules: ReplyRules,
    actor: str,
    now: datetime,
) -> bool:
    """Put a reply into the outbox; False if this one is there already. Raises NotReplied."""
    lock_brand(session, brand.id)
    case = session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True)
    refused = why_not(session, case, rules)
    place = next((place for place in places(session, case, rules) if place.post.id == post_id), None)
    if refused is not None or place is None:
        raise NotReplied(refused or NoReply.NOTHING)
    bad = wrong_with(session, case, place, text)
    if bad is not None:
        raise NotReplied(bad)
    address, reply_to = in_place.where(place.post, place.author)
    wanted = messages.Reservation(
        key=f"{case.id}:reply:{number}",
        case_id=case.id,
        customer_key=case.customer_key,
        channel=place.post.network,
        address=address,
        reply_to=reply_to,
        template=TEMPLATE,
        language=case.language,
        subject="",
        body=plain_text(text).strip(),
        send_after=now,
        proactive=False,
        extra={"replaces": True},
    )
    if messages.reserve(session, brand.id, wanted, now) is None:
        return False
    case.contact_state, case.contact_at = "planned", None
    case.revision += 1
    cases.add_event(session, case, "replied_in_public", now, actor, post=place.post.id, number=number)
    audit.record(session, brand.id, actor, "case.reply", f"case:{case.id}", now, {"number": number})
    return True


def wrong_with(session: Session, case: CaseRow, place: Place, text: str) -> NoReply | None:
    """What is wrong with a text, None if it may be posted."""
    if not plain_text(text).strip():
        return NoReply.EMPTY
    if len(text) > LONGEST or (place.limit is not None and place.length(text) > place.limit):
        return NoReply.TOO_LONG
    return NoReply.BETRAYS if betrays(session, case, place.author, text) else None


def recheck_reply(session: Session, message: MessageRow, rules: ReplyRules) -> str | None:
    """Why a reply must not go out any more, None if it may: its last gate, beside that its post still stands."""
    stopped = messages.suppression(session, message.brand_id, message.channel, message.address or "")
    if stopped:
        return stopped
    case = cases.living(session, session.get_one(CaseRow, message.case_id))
    allowed = rules.networks(message.channel).may_reply(case.addressed_brand)
    return None if allowed else "nobody may be answered there any more"


def betrays(session: Session, case: CaseRow, author: AuthorRow | None, text: str) -> tuple[str, ...]:
    """Which kinds of things a text gives away: what identifies somebody, or what only the customer file knows."""
    told, digits = _words(text), "".join(_DIGITS.findall(text))
    shown = "" if author is None else _words(f"{author.name or ''} {author.handle or ''}")
    secrets = [("identifier", value) for value in _quoted(session, case)]
    if case.customer_key is not None:
        for key in records_of(session, case.brand_id, case.customer_key):
            secrets += _held(session, session.get_one(CustomerRow, key))
    found = {kind for kind, value in secrets if _stands_in(kind, value, told, digits, shown)}
    return tuple(sorted(found))


def _stands_in(kind: str, value: str, told: str, digits: str, shown: str) -> bool:
    words, number = _words(value), "".join(_DIGITS.findall(value))
    if kind == "phone":
        return len(number) >= _LEAST_DIGITS and number[-_LEAST_DIGITS:] in digits
    if kind == "name" and f" {words.strip()} " in shown:
        return False  # he shows it himself
    # A sign or two are no secret, and would be found everywhere.
    return len(words.strip()) > 2 and words in told


def _words(text: str) -> str:
    """Small letters and digits without accents, words apart by one space, and one at each end."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    signs = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return f" {' '.join(_WORD.findall(signs))} "


def _quoted(session: Session, case: CaseRow) -> Sequence[str]:
    """Order numbers, addresses and numbers that the posts of a case quote."""
    entities = (
        select(ReadingRow.details)
        .join(PostRow, (PostRow.id == ReadingRow.post_id) & (PostRow.version == ReadingRow.version))
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(CasePostRow.case_id == case.id)
    )
    found = (entity for details in session.scalars(entities) for entity in details.get("entities", ()))
    return [str(entity["text"]) for entity in found if entity["kind"] in ("order", "email", "phone")]


def _held(session: Session, customer: CustomerRow) -> list[tuple[str, str]]:
    points = session.scalars(select(ContactPointRow).filter_by(customer_key=customer.id))
    orders = select(OrderRow.order_id).filter_by(brand_id=customer.brand_id, customer_id=customer.customer_id)
    told = [(("phone" if point.kind == "phone" else "contact"), point.value) for point in points]
    told += [("order", number) for number in session.scalars(orders)]
    names = filter(None, (customer.first_name, customer.last_name, customer.name))
    told += [("name", name) for name in names]
    return [*told, ("customer", customer.customer_id), ("contact", customer.address or "")]


def _place(session: Session, post: PostRow) -> Place:
    author = None if post.author_id is None else session.get(AuthorRow, post.author_id)
    kind = find_channels().get(post.network)
    return Place(post, author, None if kind is None else kind.max_length)


def _bars_place(session: Session, case: CaseRow, place: Place, rules: ReplyRules) -> NoReply | None:
    post = place.post
    if post.network in CHANNELS or not rules.networks(post.network).may_reply(case.addressed_brand):
        return NoReply.NETWORK
    if post.attributes.get("reply_allowed") is False:
        return NoReply.NOT_CALLED
    address, _ = in_place.where(post, place.author)
    return NoReply.SUPPRESSED if messages.suppression(session, case.brand_id, post.network, address) else None
