"""Another channel where the first one did not arrive: by rule, decided anew, never from what nobody knows.

A message that failed for good, or that its provider did not report as delivered in time, is followed by one on the
channel that `decide` finds with the failed ones closed. While any message of the case waits or is unconfirmed, or a
person works on it, nothing follows. Both count once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from domain.brand import Brand
from domain.case import OPEN_STATES
from domain.contact import ContactAction
from domain.message import MessageState
from routing.contact import FALLBACK, FIRST_ANSWER, ContactRules, reserve_answer, situation_of, without
from routing.decide import decide
from storage import cases, messages
from storage.brands import lock_brand
from storage.tables import CaseRow, MessageRow

OPEN_ENDS = (MessageState.RESERVED, MessageState.HANDING_OVER, MessageState.UNCONFIRMED)
TOO_OLD = timedelta(days=7)  # what failed longer ago is a person's by now


@dataclass(frozen=True, slots=True)
class FallbackRules:
    """Whether it is done, how long a delivery is waited for, and which channels tell of deliveries."""

    on: bool = False
    after: timedelta = timedelta(hours=48)
    told: frozenset[str] = frozenset()


def fall_back(
    session: Session, brand: Brand, rules: ContactRules, fallback: FallbackRules, limit: int, now: datetime
) -> int:
    """Reserve the next way for up to `limit` messages that did not arrive; returns how many. In one transaction."""
    if not fallback.on:
        return 0
    lock_brand(session, brand.id)
    return sum(_next_way(session, brand, row, rules, now) for row in _stuck(session, brand.id, fallback, limit, now))


def _stuck(session: Session, brand_id: str, fallback: FallbackRules, limit: int, now: datetime) -> Sequence[MessageRow]:
    follower, other = aliased(MessageRow), aliased(MessageRow)
    late = (
        (MessageRow.state == MessageState.HANDED_OVER)
        & MessageRow.channel.in_(sorted(fallback.told))
        & (MessageRow.via != "folder")
        & (MessageRow.handed_over_at <= now - fallback.after)
    )
    ours = [MessageRow.key.contains(f":service:{name}", autoescape=True) for name in (FIRST_ANSWER, FALLBACK)]
    query = select(MessageRow).where(
        MessageRow.brand_id == brand_id,
        MessageRow.customer_key.is_not(None),
        or_(MessageRow.state == MessageState.FAILED, late),
        or_(*ours),
        MessageRow.reserved_at > now - TOO_OLD,
        ~exists(select(follower.id).where(follower.fallback_of == MessageRow.message_id)),
        ~exists(select(other.id).where(other.case_id == MessageRow.case_id, other.state.in_(OPEN_ENDS))),
    )
    return session.scalars(query.order_by(MessageRow.id).limit(limit)).all()


def _next_way(session: Session, brand: Brand, message: MessageRow, rules: ContactRules, now: datetime) -> bool:
    case = cases.living(session, session.get_one(CaseRow, message.case_id, populate_existing=True))
    if case.id != message.case_id or case.state not in OPEN_STATES or case.customer_key is None:
        return False
    tried = {message.channel, *messages.failed_before(session, message)}
    situation = situation_of(session, case, rules, now)
    others = tuple(past for past in situation.history if past.case != situation.case.id)
    decision = decide(replace(situation, history=others), without(rules.policy, tried))
    if decision.action is not ContactAction.SEND:
        return False  # held: asked again in the next run; else the case lies with a person already
    row = reserve_answer(session, brand, case, decision, rules, now, instead_of=message)
    if row is None:
        return False
    case.contact_state, case.contact_at = "planned", None
    told: dict[str, Any] = {"after": message.message_id, "failed": sorted(tried), "reasons": list(decision.reasons)}
    cases.add_event(session, case, "fallback", now, channel=row.channel, **told)
    return True
