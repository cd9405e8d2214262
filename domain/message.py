"""A message's life in the outbox: handed over at most once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class MessageState(StrEnum):
    """Where a message stands.

    reserved ──▶ staged* ──▶ handing_over ──▶ handed_over ──▶ delivered ──▶ read ──▶ replied
        │                        │                 └──▶ failed ──▶ delivered …  (its provider knows better)
        ├──▶ cancelled           ├──▶ unconfirmed  (a crash or silence in between: a person looks)
        ├──▶ failed              ├──▶ reserved     (refused for now, before the point of no return)
        └──▶ handed_over …       └──▶ failed       (refused for good)
             (its provider says that it has it)
    *staged is not stored: it is the open connection, engaged up to the last step.
    """

    RESERVED = "reserved"
    HANDING_OVER = "handing_over"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    READ = "read"
    REPLIED = "replied"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"


MESSAGE_STEPS: dict[MessageState, frozenset[MessageState]] = {
    MessageState.RESERVED: frozenset(
        {
            MessageState.HANDING_OVER,
            MessageState.CANCELLED,
            MessageState.FAILED,
            MessageState.HANDED_OVER,
            MessageState.DELIVERED,
            MessageState.READ,
            MessageState.REPLIED,
        }
    ),
    MessageState.HANDING_OVER: frozenset(
        {
            MessageState.HANDED_OVER,
            MessageState.UNCONFIRMED,
            MessageState.RESERVED,
            MessageState.CANCELLED,
            MessageState.FAILED,
        }
    ),
    MessageState.HANDED_OVER: frozenset(
        {MessageState.DELIVERED, MessageState.READ, MessageState.REPLIED, MessageState.FAILED}
    ),
    MessageState.DELIVERED: frozenset({MessageState.READ, MessageState.REPLIED}),
    MessageState.READ: frozenset({MessageState.REPLIED}),
    MessageState.REPLIED: frozenset(),
    MessageState.UNCONFIRMED: frozenset(
        {
            MessageState.HANDED_OVER,
            MessageState.DELIVERED,
            MessageState.READ,
            MessageState.REPLIED,
            MessageState.RESERVED,
            MessageState.CANCELLED,
            MessageState.FAILED,
        }
    ),
    MessageState.FAILED: frozenset({MessageState.DELIVERED, MessageState.READ, MessageState.REPLIED}),
    MessageState.CANCELLED: frozenset(),
}

# open ─▶ taken ─▶ reached or missed; a missed one may be opened again
CALLBACK_STATES = ("open", "taken", "reached", "missed", "cancelled")
SENT_STATES = frozenset({MessageState.HANDED_OVER, MessageState.DELIVERED, MessageState.READ, MessageState.REPLIED})
COUNTED_STATES = SENT_STATES | {MessageState.RESERVED, MessageState.HANDING_OVER, MessageState.UNCONFIRMED}


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What a channel is asked to hand over. `id` is the idempotency key for providers that take one.

    `address` is one address; texts are plain, any Unicode. `reply_to` is the native id of the post or message that this
    one answers, `extra` what a channel needs beside the text (a provider's template and its values, files).
    """

    id: str
    brand_id: str
    case_id: str
    channel: str
    address: str
    language: str
    subject: str
    body: str
    sender_name: str
    headers: tuple[tuple[str, str], ...] = ()
    reply_to: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of a message. `event_id` is the same however often it says so.

    The message is known by our id, or by the provider's name for it. `suppress` says why the address must not be
    written to again, "" where it may; `code` is the provider's own word. `at` is aware.
    """

    event_id: str
    state: MessageState
    at: datetime
    provider_id: str = ""
    message_id: str = ""
    code: str = ""
    suppress: str = ""
