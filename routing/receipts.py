"""What comes back: receipts of providers, and what customers answer to text messages, WhatsApp, in the application, and
to direct messages on networks that can be asked for them.

Everything is taken once, whatever order it comes in, and repeats change nothing. An answer comes into the case of the
message it names, else of the last message to that address: it counts as answered, its words join the customer's
history, STOP in it is followed, and the case is our turn. A text from nobody we wrote to joins the history of the one
customer whose number it is; from anybody else only STOP is taken.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.claim import CODE_TEMPLATE
from domain.customer import Interaction
from domain.errors import VigieError
from domain.message import MessageState, Receipt
from routing.channels.base import Channel, Heard, Reply
from routing.plain import plain_text
from routing.replies import our_turn
from routing.stop import is_request, take_stop
from storage import cases, receipts
from storage.brands import lock_brand
from storage.customer_file import save_interactions
from storage.database import Database
from storage.merges import records_of
from storage.tables import CaseRow, ContactPointRow, CustomerRow, MessageRow

KIND_OF = {"sms": "phone", "whatsapp": "phone", "email": "email"}
LONGEST_REPLY = 10_000
ANSWERED_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a delivery changed. `early` are words of messages that are not known yet, `repeated` came before."""

    receipts: int = 0
    replies: int = 0
    early: int = 0
    repeated: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def take(session: Session, brands: Sequence[str], provider: str, channel: str, heard: Heard, now: datetime) -> Taken:
    """Everything that a delivery told, in the caller's transaction.

    `brands` are those that write by the account it came to; the first one's is what nobody knows.
    """
    done = Taken()
    for receipt in heard.receipts:
        done += _take_receipt(session, brands[0], provider, receipt, now)
    for reply in heard.replies:
        done += _take_reply(session, brands, provider, channel, reply, now)
    return done


def collect(
    database: Database, accounts: Iterable[tuple[Channel, Sequence[str]]], now: Callable[[], datetime]
) -> tuple[Taken, list[str]]:
    """What customers answered where no door tells it, of carriers by which one was written to of late.

    `accounts` come with the brands that write by them. Returns what that changed, and of each account that could not
    be asked why.
    """
    with database.read() as session:
        busy = receipts.carriers_since(session, now() - ANSWERED_WITHIN)
    done, failed = Taken(), []
    for carrier, brands in accounts:
        try:
            heard = carrier.collect() if carrier.name in busy else Heard()
        except VigieError as error:
            failed.append(f"{carrier.name}: {error}")
            continue
        if heard.replies:
            with database.begin() as session:
                done += take(session, brands, carrier.name, carrier.channel, heard, now())
    return done, failed


def take_waiting(session: Session, now: datetime, limit: int = 500) -> int:
    """Words that came before their message was known; returns how many messages they moved on."""
    return sum(_settle(session, key, now) is not None for key in receipts.waiting(session, limit))


def _take_receipt(session: Session, brand_id: str, provider: str, receipt: Receipt, now: datetime) -> Taken:
    message = receipts.named(session, provider, receipt)
    lock_brand(session, brand_id if message is None else message.brand_id)
    if not receipts.keep(session, brand_id, provider, receipt, message):
        return Taken(repeated=1)
    if message is None:
        return Taken(early=1)
    _settle(session, message.id, now)
    return Taken(receipts=1)


def _settle(session: Session, message_key: int, now: datetime) -> MessageState | None:
    state = receipts.settle(session, message_key, now)
    message = session.get_one(MessageRow, message_key)
    if state is MessageState.FAILED and message.template != CODE_TEMPLATE:
        our_turn(session, _case_of(session, message), now, "the message did not arrive")
    return state


def _take_reply(
    session: Session, brands: Sequence[str], provider: str, channel: str, reply: Reply, now: datetime
) -> Taken:
    message = _answered(session, brands, channel, reply)
    own = brands[0] if message is None else message.brand_id
    lock_brand(session, own)
    at = min(reply.at, now)
    word = Receipt(f"reply:{reply.event_id}", MessageState.REPLIED, at)
    if not receipts.keep(session, own, provider, word, message):
        return Taken(repeated=1)
    if message is None:
        _from_nobody(session, own, provider, channel, reply, at, now)
        return Taken(replies=1)
    case = _case_of(session, message)
    told: dict[str, str] = {"message": message.message_id, "channel": channel}
    if is_request(reply.text) and not reply.stop:
        told["asked_at"] = at.isoformat()
    cases.add_event(session, case, "customer_answered", now, **told)
    if message.customer_key is None:
        cases.add_note(session, case, _words(reply), now, f"{channel}:{provider}")
    else:
        customer_id = session.get_one(CustomerRow, message.customer_key).customer_id
        _remember(session, own, provider, channel, customer_id, reply, at, case)
    receipts.settle(session, message.id, now)
    _heed(session, own, channel, reply, message, now)
    our_turn(session, case, now, "an answer of the customer")
    return Taken(replies=1)


def _answered(session: Session, brands: Sequence[str], channel: str, reply: Reply) -> MessageRow | None:
    """The message that the answer names, else the last one that went to its address; codes are no conversation."""
    sent = select(MessageRow).where(
        MessageRow.brand_id.in_(brands),
        MessageRow.channel == channel,
        MessageRow.address == reply.address,
        MessageRow.handing_over_at.is_not(None),
        MessageRow.template != CODE_TEMPLATE,
    )
    found = session.scalars(sent.order_by(MessageRow.handing_over_at.desc(), MessageRow.id.desc()).limit(50)).all()
    named = (row for row in found if reply.answers and reply.answers in (row.provider_id, row.message_id))
    return next(named, found[0] if found else None)


def _heed(
    session: Session, brand_id: str, channel: str, reply: Reply, message: MessageRow | None, now: datetime
) -> None:
    """His No holds from now on, in his words or as the provider understood them."""
    take_stop(session, brand_id, channel, reply.address, None, message, True, now, None if reply.stop else reply.text)


def _from_nobody(
    session: Session, brand_id: str, provider: str, channel: str, reply: Reply, at: datetime, now: datetime
) -> None:
    """Words to a number of ours that answer nothing."""
    _heed(session, brand_id, channel, reply, None, now)
    held = select(ContactPointRow.customer_key).where(
        ContactPointRow.brand_id == brand_id,
        ContactPointRow.kind == KIND_OF.get(channel, ""),
        ContactPointRow.value == reply.address,
        ContactPointRow.until.is_(None),
    )
    keys = set(session.scalars(held.limit(10)))
    people = {tuple(sorted(records_of(session, brand_id, key))) for key in keys}
    if len(people) == 1:  # a shared number is nobody's own
        customer_id = session.get_one(CustomerRow, min(keys)).customer_id
        _remember(session, brand_id, provider, channel, customer_id, reply, at, None)


def _remember(
    session: Session,
    brand_id: str,
    provider: str,
    channel: str,
    customer_id: str,
    reply: Reply,
    at: datetime,
    case: CaseRow | None,
) -> None:
    contact = Interaction(
        interaction_id=f"vigie:{provider}:{reply.event_id}"[:200],
        customer_id=customer_id,
        channel=channel,
        direction="in",
        at=at,
        text=_words(reply) or None,
        case=None if case is None else str(case.id),
    )
    save_interactions(session, brand_id, [contact])


def _words(reply: Reply) -> str:
    return plain_text(reply.text)[:LONGEST_REPLY]


def _case_of(session: Session, message: MessageRow) -> CaseRow:
    return cases.living(session, session.get_one(CaseRow, message.case_id))
