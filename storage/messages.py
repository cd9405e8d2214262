"""The outbox: reserved once, handed over at most once, every step an event of its case.

A message is changed only by `mark` and its neighbours: they compare the state and the lease that the
caller has seen with those in the database, and change nothing where another process was faster.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid5

from sqlalchemy import CursorResult, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import set_committed_value

from domain.after import RESOLUTION_TEMPLATE, SURVEY_TEMPLATES
from domain.case import CaseState, may_step
from domain.claim import CODE_TEMPLATE
from domain.contact import PastContact
from domain.message import COUNTED_STATES, MESSAGE_STEPS, SENT_STATES, MessageState
from storage.cases import SYSTEM, add_event, step
from storage.claims import claim
from storage.outages import dead_channels
from storage.owner import is_dead, this_process
from storage.secrets import installation_secret
from storage.switches import shut_for_message
from storage.tables import CaseRow, CustomerRow, InteractionRow, MessageRow, SuppressionRow

MESSAGE_NAMES = UUID("5d6d0b43-6f0c-4b8e-9c39-0a7f1d2c6b11")
SUPPRESSION_KEY = "suppression"
STOP = "stop"
UNWELL_ATTEMPTS, UNWELL_MESSAGES, UNWELL_SPAN = 3, 3, timedelta(hours=1)
EXPIRED = "it waited until it made no sense any more"
CALLS = "phone"  # handing over is planning the call: only the call itself answers the customer
PENDING_STATES = (MessageState.RESERVED, MessageState.HANDING_OVER, MessageState.UNCONFIRMED)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A message to be sent. `key` is case:purpose:step and names it for ever; `send_after` is aware.

    `decision` keeps why this channel and this time; texts are plain. After `expires_at` it does not go any more;
    `fallback_of` is the message (its id) that failed before it, `reply_to` the native id of the post that it answers,
    `extra` what the channel needs beside the text: no personal data.
    """

    key: str
    case_id: int
    customer_key: int | None
    channel: str
    address: str
    template: str
    language: str
    subject: str
    body: str
    send_after: datetime
    decision: dict[str, Any] = field(default_factory=dict)
    purpose: str = "service"
    proactive: bool = True
    paired_with: str | None = None
    expires_at: datetime | None = None
    fallback_of: str | None = None
    reply_to: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def message_name(brand_id: str, key: str) -> str:
    """The message id: the same for the same brand and key, so that a rerun names the same message."""
    return str(uuid5(MESSAGE_NAMES, f"{brand_id}\n{key}"))


def reserve(session: Session, brand_id: str, wanted: Reservation, now: datetime) -> MessageRow | None:
    """Put a message into the outbox, in the caller's transaction; None if its key was reserved before."""
    if find(session, brand_id, wanted.key) is not None:
        return None
    row = MessageRow(
        brand_id=brand_id,
        message_id=message_name(brand_id, wanted.key),
        reserved_at=now,
        **{name: getattr(wanted, name) for name in Reservation.__slots__},
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        if find(session, brand_id, wanted.key) is None:
            raise
        return None
    _event(session, row, "message_reserved", now)
    return row


def find(session: Session, brand_id: str, key: str) -> MessageRow | None:
    """The message of this key."""
    return session.scalars(select(MessageRow).filter_by(brand_id=brand_id, key=key)).one_or_none()


def due(
    session: Session,
    now: datetime,
    limit: int,
    lease_seconds: float,
    without: Collection[str] = (),
    template: str | None = None,
) -> list[MessageRow]:
    """Lease reserved messages whose time has come, the longest waiting first.

    Channels that somebody shut are left; `without` names further ones. With `template` only messages of that
    template are taken.
    """
    waiting = (MessageRow.state == MessageState.RESERVED) & (MessageRow.send_after <= now)
    waiting &= ~shut_for_message()
    if without:
        waiting &= MessageRow.channel.not_in(without)
    if template is not None:
        waiting &= MessageRow.template == template
    return claim(session, MessageRow, waiting, (MessageRow.send_after, MessageRow.id), limit, now, lease_seconds)


def renew(session: Session, message: MessageRow, until: datetime) -> bool:
    """Lengthen the lease and bring the message into this session as it is now; False if another has it."""
    if message.lease_owner != this_process() or not _swap(session, message, lease_until=until):
        return False
    session.add(message)
    session.refresh(message)
    return True


def give_back(session: Session, message: MessageRow) -> bool:
    """End the lease without any other change."""
    return _swap(session, message, lease_owner=None, lease_until=None)


def put_back(
    session: Session, message: MessageRow, send_after: datetime, reason: str, now: datetime, *, tried: bool
) -> bool:
    """Let a message wait until a later time; `tried` counts an attempt. False if another process has it."""
    changes = {"send_after": send_after, "attempts": message.attempts + int(tried)}
    if message.state == MessageState.HANDING_OVER:
        return mark(session, message, MessageState.RESERVED, now, changes, reason=reason)
    if not _swap(session, message, lease_owner=None, lease_until=None, reason=reason, **changes):
        return False
    _event(session, message, "message_postponed", now, reason=reason)
    return True


def mark(
    session: Session,
    message: MessageRow,
    state: MessageState,
    now: datetime,
    changes: Mapping[str, Any] | None = None,
    *,
    actor: str = SYSTEM,
    reason: str | None = None,
) -> bool:
    """Move a message on, as it was when the caller saw it; False if it is so no more.

    `message` may come from an earlier transaction; on success it shows the new state. The lease ends
    unless `changes` say otherwise. What follows for the case is done here, in the same transaction.
    Raises ValueError for a step that MESSAGE_STEPS does not have.
    """
    if state not in MESSAGE_STEPS[MessageState(message.state)]:
        raise ValueError(f"a message cannot go from {message.state} to {state}")
    old = MessageState(message.state)
    values: dict[str, Any] = {"lease_owner": None, "lease_until": None, "reason": reason, **(changes or {})}
    if not _swap(session, message, state=state.value, **values):
        return False
    _event(session, message, f"message_{state}", now, actor=actor, reason=reason)
    _case_follows(session, message, old, state, now, actor)
    return True


def partner(session: Session, message: MessageRow) -> MessageRow | None:
    """The message beside which this one goes out, or the one that goes out beside it."""
    one = MessageRow.message_id == message.paired_with
    other = MessageRow.paired_with == message.message_id
    wanted = other if message.paired_with is None else one
    query = select(MessageRow).where(wanted).order_by(MessageRow.id.desc()).limit(1)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def cancel(session: Session, message: MessageRow, reason: str, then: str, now: datetime) -> bool:
    """Take a reserved message back, with the one that would go out beside it; the case's contact goes on as `then`
    says (`pending`, `person`, `never`; "" leaves it).
    """
    before = _living_case(session, message).contact_state
    if not mark(session, message, MessageState.CANCELLED, now, reason=reason):
        return False
    beside = partner(session, message)
    if message.paired_with is None and beside is not None and beside.state == MessageState.RESERVED:
        mark(session, beside, MessageState.CANCELLED, now, reason=reason)
    case = _living_case(session, message)
    if before == "planned" and message.template != CODE_TEMPLATE:
        _contact(case, then or before)
    return True


def unwell_channels(session: Session, brand_id: str, now: datetime) -> frozenset[str]:
    """The channels whose provider refuses everything at the moment: several messages tried in vain, none taken; or
    does not answer at all.
    """
    stuck = (
        select(MessageRow.channel)
        .filter_by(brand_id=brand_id, state=MessageState.RESERVED)
        .where(MessageRow.attempts >= UNWELL_ATTEMPTS)
        .group_by(MessageRow.channel)
        .having(func.count() >= UNWELL_MESSAGES)
    )
    taken = select(MessageRow.channel).where(
        MessageRow.brand_id == brand_id, MessageRow.handed_over_at > now - UNWELL_SPAN
    )
    refusing = frozenset(session.scalars(stuck)) - frozenset(session.scalars(taken.distinct()))
    return refusing | dead_channels(session, brand_id, now)


def came_through(session: Session, message_key: int, at: datetime, provider_id: str | None) -> None:
    """The provider took a message that was given up meanwhile: note it, and let nobody send it again."""
    row = session.get_one(MessageRow, message_key, with_for_update=True, populate_existing=True)
    changes = {"handed_over_at": at, "provider_id": provider_id}
    if row.state == MessageState.UNCONFIRMED:
        mark(session, row, MessageState.HANDED_OVER, at, changes, reason="the answer came late")
    elif row.state == MessageState.RESERVED:
        mark(session, row, MessageState.CANCELLED, at, changes, reason="was handed over after all")


def failed_before(session: Session, message: MessageRow) -> list[str]:
    """The channels that were tried before this message, which is the last of a chain of fallbacks."""
    channels, earlier = [], message.fallback_of
    while earlier is not None:
        row = session.scalars(select(MessageRow).filter_by(message_id=earlier)).one_or_none()
        if row is None or row.channel in channels:
            break
        channels.append(row.channel)
        earlier = row.fallback_of
    return channels


def last_heard(session: Session, brand_id: str, customer_key: int, channel: str) -> datetime | None:
    """When the customer last wrote on this channel himself; providers' windows are counted from there."""
    query = (
        select(func.max(InteractionRow.at))
        .join(
            CustomerRow,
            (CustomerRow.brand_id == InteractionRow.brand_id) & (CustomerRow.customer_id == InteractionRow.customer_id),
        )
        .where(CustomerRow.brand_id == brand_id, CustomerRow.id == customer_key)
        .where(InteractionRow.channel == channel, InteractionRow.direction == "in")
    )
    return session.scalar(query)


def expire(session: Session, brand_id: str, now: datetime, limit: int = 500) -> int:
    """Cancel what waited too long; a person looks at the cases. Returns how many, in the caller's transaction."""
    old = (MessageRow.state == MessageState.RESERVED) & (MessageRow.expires_at <= now)
    query = select(MessageRow).where(MessageRow.brand_id == brand_id, old).order_by(MessageRow.id).limit(limit)
    rows = session.scalars(query.with_for_update(skip_locked=True)).all()
    return sum(expire_one(session, row, now) for row in rows)


def expire_one(session: Session, message: MessageRow, now: datetime) -> bool:
    """Cancel a message that came too late; its case goes to a person."""
    if not mark(session, message, MessageState.CANCELLED, now, reason=EXPIRED):
        return False
    _contact(_living_case(session, message), "person")
    return True


def unconfirmed_sweep(session: Session, now: datetime, limit: int = 500) -> list[MessageRow]:
    """Mark as unconfirmed what was being handed over by a process that is gone; returns those messages."""
    query = select(MessageRow).where(MessageRow.state == MessageState.HANDING_OVER).order_by(MessageRow.id)
    rows = session.scalars(query.limit(limit).with_for_update(skip_locked=True)).all()
    stranded = [row for row in rows if _abandoned(row, now)]
    for row in stranded:
        mark(session, row, MessageState.UNCONFIRMED, now, reason="interrupted while being handed over")
    return stranded


def unconfirmed(session: Session) -> list[MessageRow]:
    """The messages of which nobody knows whether they went out, oldest first."""
    query = select(MessageRow).where(MessageRow.state == MessageState.UNCONFIRMED)
    return list(session.scalars(query.order_by(MessageRow.handing_over_at, MessageRow.id)))


def resolve_unconfirmed(session: Session, message_id: str, was_sent: bool, actor: str, now: datetime) -> bool:
    """Somebody knows: it was sent, or it was not and goes again. False if it is unconfirmed no more."""
    query = select(MessageRow).filter_by(message_id=message_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None or row.state != MessageState.UNCONFIRMED:
        return False
    if was_sent:
        sent = {"handed_over_at": row.handing_over_at}
        return mark(session, row, MessageState.HANDED_OVER, now, sent, actor=actor, reason="was sent")
    again = {"handing_over_at": None}
    return mark(session, row, MessageState.RESERVED, now, again, actor=actor, reason="was not sent")


def history(session: Session, brand_id: str, customer_key: int, since: datetime) -> list[PastContact]:
    """What passed between brand and customer since a time, oldest first, for caps and running threads.

    Messages that wait or may have gone out count whenever they were reserved; one and its fallback count once.
    """
    return sorted(
        [*_messages(session, brand_id, customer_key, since), *_interactions(session, brand_id, customer_key, since)],
        key=lambda past: past.at,
    )


def _messages(session: Session, brand_id: str, customer_key: int, since: datetime) -> Iterator[PastContact]:
    sent = MessageRow.state.in_(SENT_STATES) & (MessageRow.handed_over_at >= since)
    later = aliased(MessageRow)
    query = select(MessageRow).where(
        MessageRow.brand_id == brand_id,
        MessageRow.customer_key == customer_key,
        or_(MessageRow.state.in_(PENDING_STATES), sent),
        ~exists(select(later.id).where(later.fallback_of == MessageRow.message_id, later.state.in_(COUNTED_STATES))),
    )
    for row in session.scalars(query):
        yield PastContact(
            at=row.handed_over_at or row.handing_over_at or row.reserved_at,
            channel=row.channel,
            direction="out",
            purpose=row.purpose,
            proactive=row.proactive,
            status=row.state,
            case=str(row.case_id),
            group=row.paired_with or row.message_id,
        )


def _interactions(session: Session, brand_id: str, customer_key: int, since: datetime) -> Iterator[PastContact]:
    query = (
        select(InteractionRow)
        .join(
            CustomerRow,
            (CustomerRow.brand_id == InteractionRow.brand_id) & (CustomerRow.customer_id == InteractionRow.customer_id),
        )
        .where(CustomerRow.brand_id == brand_id, CustomerRow.id == customer_key, InteractionRow.at >= since)
    )
    for row in session.scalars(query):
        yield PastContact(at=row.at, channel=row.channel, direction=row.direction, case=row.case_ref)


def suppress(session: Session, brand_id: str, channel: str, address: str, reason: str, now: datetime) -> None:
    """Never write to this address on this channel again; the first reason stays."""
    if suppression(session, brand_id, channel, address) is not None:
        return
    digest = _address_hash(session, channel, address)
    try:
        with session.begin_nested():
            session.add(SuppressionRow(brand_id=brand_id, channel=channel, address_hash=digest, reason=reason, at=now))
    except IntegrityError:
        if suppression(session, brand_id, channel, address) is None:
            raise


def suppression(session: Session, brand_id: str, channel: str, address: str) -> str | None:
    """Why this address must not be written to on this channel, None if it may."""
    found = suppressed(session, brand_id, channel, address)
    return None if found is None else found.reason


def suppressed(session: Session, brand_id: str, channel: str, address: str) -> SuppressionRow | None:
    """The word by which this address is not to be written to on this channel."""
    digest = _address_hash(session, channel, address)
    return session.scalars(
        select(SuppressionRow).filter_by(brand_id=brand_id, channel=channel, address_hash=digest)
    ).one_or_none()


def stop(session: Session, brand_id: str, channel: str, address: str, now: datetime) -> None:
    """The customer's own No to this address; of several the newest counts, and no other reason gives way to it."""
    suppress(session, brand_id, channel, address, STOP, now)
    row = suppressed(session, brand_id, channel, address)
    if row is not None and row.reason == STOP:
        row.at = max(row.at, now)


def lift_stop(session: Session, brand_id: str, channel: str, address: str) -> bool:
    """The customer himself took his STOP back; what else stands against the address stays. False if there was none."""
    row = suppressed(session, brand_id, channel, address)
    if row is None or row.reason != STOP:
        return False
    session.delete(row)
    session.flush()
    return True


def _address_hash(session: Session, channel: str, address: str) -> str:
    secret = installation_secret(session, SUPPRESSION_KEY)
    plain = f"{channel}\n{address.strip().casefold()}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, plain, hashlib.sha256).hexdigest()


def _swap(session: Session, message: MessageRow, **values: Any) -> bool:
    """Compare and set: only if state and lease are still what `message` shows."""
    as_seen = (
        MessageRow.id == message.id,
        MessageRow.state == message.state,
        MessageRow.lease_owner.is_not_distinct_from(message.lease_owner),
        MessageRow.lease_until.is_not_distinct_from(message.lease_until),
    )
    change = update(MessageRow).where(*as_seen).values(**values).execution_options(synchronize_session=False)
    if cast(CursorResult[Any], session.execute(change)).rowcount != 1:
        return False
    for name, value in values.items():
        set_committed_value(message, name, value)
    return True


def _abandoned(row: MessageRow, now: datetime) -> bool:
    if row.lease_owner is None or row.lease_until is None or row.lease_until < now:
        return True
    return is_dead(row.lease_owner)


def _event(
    session: Session, message: MessageRow, kind: str, now: datetime, actor: str = SYSTEM, reason: str | None = None
) -> None:
    detail = {"message": message.message_id, "channel": message.channel, "via": message.via, "reason": reason}
    told = {name: value for name, value in detail.items() if value is not None}
    add_event(session, session.get_one(CaseRow, message.case_id), kind, now, actor, **told)


def _case_follows(
    session: Session, message: MessageRow, old: MessageState, state: MessageState, now: datetime, actor: str
) -> None:
    if message.template == CODE_TEMPLATE or message.template in SURVEY_TEMPLATES:  # neither answers anybody
        return
    if state in SENT_STATES and old not in SENT_STATES and message.via != CALLS:
        _answered(session, _living_case(session, message), message.handed_over_at or now, actor)
    elif state is MessageState.FAILED and message.paired_with is None:  # without the short word nothing is missing
        case = _living_case(session, message)
        _contact(case, "person")
        if message.template == RESOLUTION_TEMPLATE and case.state == CaseState.RESOLVED:
            step(session, case, CaseState.REOPENED, now, actor, "the resolution did not arrive")
    elif state is MessageState.CANCELLED:
        case = _living_case(session, message)
        if case.contact_state == "planned":
            _contact(case, "never")


def _living_case(session: Session, message: MessageRow) -> CaseRow:
    """The case of a message, locked, merges followed."""
    session.flush()
    number: int | None = message.case_id
    while number is not None:
        case = session.get_one(CaseRow, number, with_for_update=True, populate_existing=True)
        number = case.merged_into
    return case


def _answered(session: Session, case: CaseRow, at: datetime, actor: str) -> None:
    if case.first_answer_at is None:
        case.first_answer_at = at
        case.revision += 1
    state = CaseState(case.state)
    if state is not CaseState.SNOOZED and may_step(state, CaseState.WAITING_CUSTOMER):
        step(session, case, CaseState.WAITING_CUSTOMER, at, actor, "message handed over")


def _contact(case: CaseRow, contact_state: str) -> None:
    case.contact_state, case.contact_at = contact_state, None
    case.revision += 1
