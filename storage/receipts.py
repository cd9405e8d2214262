"""What providers say of messages, each word kept once, in whatever order it comes.

A message's state is the highest that any word of its provider tells, never the last one:

    handed_over < failed < delivered < read < replied

A word that comes before the message is known to have been handed over (providers are quick) waits; so does one of a
message that only a later answer names.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.message import MESSAGE_STEPS, MessageState, Receipt
from storage import messages
from storage.tables import MessageRow, ReceiptRow

RANK = {
    MessageState.HANDED_OVER: 1,
    MessageState.FAILED: 2,
    MessageState.DELIVERED: 3,
    MessageState.READ: 4,
    MessageState.REPLIED: 5,
}
LONGEST_NAME = 300
BUSY = (MessageState.HANDING_OVER, MessageState.CANCELLED)


def named(session: Session, provider: str, said: Receipt) -> MessageRow | None:
    """The message that a provider speaks of: by our id, else by the provider's name for it."""
    by_id = select(MessageRow).where(MessageRow.message_id == said.message_id, MessageRow.via == provider)
    if said.message_id:
        return session.scalars(by_id).one_or_none()
    told = MessageRow.provider_id == said.provider_id[:LONGEST_NAME]
    query = select(MessageRow).where(told, MessageRow.via == provider).order_by(MessageRow.id).limit(1)
    return session.scalars(query).one_or_none() if said.provider_id else None


def keep(session: Session, brand_id: str, provider: str, said: Receipt, message: MessageRow | None) -> bool:
    """Keep a word; False if it was kept before. Without a message it waits under the provider's name for it."""
    event_id = said.event_id[:LONGEST_NAME]
    seen = select(ReceiptRow.id).filter_by(provider=provider, provider_event_id=event_id)
    if session.scalar(seen) is not None:
        return False
    row = ReceiptRow(
        brand_id=brand_id if message is None else message.brand_id,
        message_key=None if message is None else message.id,
        provider=provider,
        provider_event_id=event_id,
        provider_id=said.provider_id[:LONGEST_NAME] or None,
        state=said.state,
        at=said.at,
        raw={name: value for name, value in (("code", said.code[:40]), ("suppress", said.suppress)) if value},
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        if session.scalar(seen) is None:
            raise
        return False
    return True


def settle(session: Session, message_key: int, now: datetime) -> MessageState | None:
    """Bring a message to what all words of its provider say together; its new state, None if nothing changed.

    The message is locked; what follows for its case happens in the same transaction.
    """
    row = session.get_one(MessageRow, message_key, with_for_update=True, populate_existing=True)
    words = _words(session, row)
    if not words or row.state in BUSY:
        return None
    reasons = [word.raw["suppress"] for word in words if "suppress" in word.raw]
    if reasons and row.address:
        reason = "stop" if "stop" in reasons else reasons[0]
        messages.suppress(session, row.brand_id, row.channel, row.address, reason, now)
    best = max(words, key=lambda word: (RANK.get(MessageState(word.state), 0), word.at))
    state, old = MessageState(best.state), MessageState(row.state)
    if RANK.get(state, 0) <= RANK.get(old, 0) or state not in MESSAGE_STEPS[old]:
        return None
    changes: dict[str, Any] = {}
    if row.handed_over_at is None and state is not MessageState.FAILED:
        changes["handed_over_at"] = row.handing_over_at or best.at
    if row.provider_id is None and best.provider_id:
        changes["provider_id"] = best.provider_id
    told = f"{best.provider} says {best.state}" + (f" ({best.raw['code']})" if best.raw.get("code") else "")
    messages.mark(session, row, state, now, changes, reason=told)
    return state


def carriers_since(session: Session, since: datetime) -> set[str]:
    """By whom messages to one address went since a time; public replies are not among them."""
    query = select(MessageRow.via).where(MessageRow.handed_over_at >= since, MessageRow.reply_to.is_(None))
    return {name for name in session.scalars(query.distinct()) if name}


def waiting(session: Session, limit: int) -> Sequence[int]:
    """The keys of messages that words are waiting for, which came before the message was known or settled."""
    same = (MessageRow.via == ReceiptRow.provider) & (MessageRow.provider_id == ReceiptRow.provider_id)
    query = select(MessageRow.id).join(ReceiptRow, same).where(ReceiptRow.message_key.is_(None))
    early = set(session.scalars(query.order_by(MessageRow.id).limit(limit)))
    open_ends = (MessageState.UNCONFIRMED, MessageState.RESERVED)
    known = select(MessageRow.id).join(ReceiptRow, ReceiptRow.message_key == MessageRow.id)
    found = session.scalars(known.where(MessageRow.state.in_(open_ends)).order_by(MessageRow.id).limit(limit))
    return sorted(early | set(found))


def _words(session: Session, row: MessageRow) -> Sequence[ReceiptRow]:
    """Everything that was said of a message; what waited under its provider's name for it is its own from now on."""
    if row.provider_id and row.via:
        parked = (ReceiptRow.provider == row.via) & (ReceiptRow.provider_id == row.provider_id)
        theirs = update(ReceiptRow).where(parked, ReceiptRow.message_key.is_(None))
        session.execute(theirs.values(message_key=row.id, brand_id=row.brand_id))
    query = select(ReceiptRow).where(ReceiptRow.message_key == row.id).order_by(ReceiptRow.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()
