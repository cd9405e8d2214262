"""The last gate of a message before it is handed over: the decision as it would be made now.

What a person or the customer changed meanwhile decides what follows: a channel shut by hand waits, another channel or
address is decided anew, a case that a person took over is hers. Of two messages that go out together neither goes if
the other may not, and the short word waits for the message that it announces.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.contact import ChannelDecision, ContactAction
from domain.message import SENT_STATES, MessageState
from routing.contact import ContactRules, recheck
from routing.outbox import Cancel, Hold
from storage import messages, switches
from storage.tables import MessageRow

SHUT = timedelta(minutes=15)  # how long a message waits before a shut channel is looked at again
BEHIND = timedelta(minutes=2)  # how long a short word waits for the message that it announces
GIVEN_UP = timedelta(hours=24)
GONE = frozenset({MessageState.CANCELLED, MessageState.FAILED})
ON_ITS_WAY = frozenset({MessageState.RESERVED, MessageState.HANDING_OVER, MessageState.UNCONFIRMED})


def last_word(
    session: Session, brand: Brand, message: MessageRow, rules: ContactRules, now: datetime
) -> Cancel | Hold | None:
    """Why a message must not go out now, None if it may. Run in the transaction that commits "handing over"."""
    if switches.why_shut(session, brand.id, message.channel) is not None:
        return Hold("the channel is shut by hand", now + SHUT)
    partner = messages.partner(session, message)
    waits = _behind(message, partner, now)
    if waits is not None:
        return waits
    decision = recheck(session, brand, message, rules, now)
    if decision.action is ContactAction.HOLD and decision.send_at is not None:
        return Hold("; ".join(decision.reasons), decision.send_at)
    if decision.action is not ContactAction.SEND:
        return Cancel("; ".join(decision.reasons), then="person" if _asks(decision) else "never")
    if _fits(decision, message, partner):
        return None
    if _has_left(message, partner):
        return Cancel("the message beside it has left, this one may not follow", then="")
    return Cancel("another channel or address is the right one now", then="pending")


def _behind(message: MessageRow, main: MessageRow | None, now: datetime) -> Cancel | Hold | None:
    """What the message that this one announces says; nothing, where this one announces none."""
    if message.paired_with is None:
        return None
    if main is None or main.state in GONE:
        return Cancel("the message that it announces does not go out", then="")
    if main.state in ON_ITS_WAY:
        late = now - message.reserved_at > GIVEN_UP
        why = "waits for the message that it announces"
        return Cancel(why, then="") if late else Hold(why, max(now + BEHIND, main.send_after))
    return None


def _fits(decision: ChannelDecision, message: MessageRow, partner: MessageRow | None) -> bool:
    """Whether the messages are those that would be sent now."""
    main, short = (message, partner) if message.paired_with is None else (partner, message)
    if main is None or (decision.channel, decision.address) != (main.channel, main.address):
        return False
    wanted = dict(zip(decision.also, decision.also_addresses, strict=True))
    return short is None or short.state in GONE or wanted.get(short.channel) == short.address


def _has_left(message: MessageRow, partner: MessageRow | None) -> bool:
    return message.paired_with is not None and partner is not None and partner.state in SENT_STATES


def _asks(decision: ChannelDecision) -> bool:
    return decision.action in (ContactAction.ASK_PERSON, ContactAction.REPLY_IN_PLACE)
