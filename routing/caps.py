"""Must we, once more: how often a customer is written to by the program itself.

One message a case; one in seven days and two in thirty for everything that goes out, of which marketing cannot use up
what is reserved for service; none where two were left without an answer. Messages that went out together count once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.contact import CaseFacts, ContactPolicy, PastContact, Situation
from domain.message import COUNTED_STATES

COUNTED = frozenset(COUNTED_STATES) | {"sent", "accepted"}
ANSWERED = "replied"
SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Full:
    """No room: why, and when there is room again (None: it does not come by waiting)."""

    reason: str
    free_at: datetime | None = None


def proactive(history: Iterable[PastContact]) -> list[PastContact]:
    """The messages that the brand sent of its own accord, those that went out together once, oldest first."""
    groups: dict[object, PastContact] = {}
    for place, past in enumerate(history):
        if past.direction == "out" and past.proactive and past.status in COUNTED:
            kept = groups.setdefault(past.group or place, past)
            if (past.status == ANSWERED, past.at) > (kept.status == ANSWERED, kept.at):
                groups[past.group or place] = past
    return sorted(groups.values(), key=lambda past: past.at)


def had_its_message(case: CaseFacts, sent: Iterable[PastContact], policy: ContactPolicy) -> bool:
    """Whether this case has had what it may have."""
    return sum(past.case == case.id for past in sent) >= policy.proactive_per_case


def no_room(sent: list[PastContact], now: datetime, policy: ContactPolicy) -> Full | None:
    """The cap that stands against one more message; of two the one that frees later."""
    caps = ((7, policy.proactive_per_7_days), (30, policy.proactive_per_30_days))
    full = [found for days, limit in caps if (found := _full(sent, now, days, limit, policy.service_reserve))]
    never = next((one for one in full if one.free_at is None), None)
    return never or max(full, key=lambda one: one.free_at or now, default=None)


def _full(sent: list[PastContact], now: datetime, days: int, limit: int, reserve: int) -> Full | None:
    if not limit:
        return Full("proactive messages are switched off")
    span = timedelta(days=days)
    recent = [past for past in sent if now - span < past.at <= now]
    service = [past for past in recent if past.purpose == SERVICE]
    if len(recent) < limit or len(service) < min(reserve, limit):
        return None
    # Room comes when the window holds fewer than its limit, or fewer of service than is reserved for it.
    frees = recent[-limit].at + span
    kept = min(reserve, limit)
    return Full(
        f"{len(recent)} proactive messages in {days} days",
        min(frees, service[-kept].at + span) if kept else frees,
    )


def unanswered(situation: Situation, sent: list[PastContact], policy: ContactPolicy) -> int:
    """How many messages in a row were left without a word of the customer, on any channel or in public."""
    now, case = situation.now, situation.case
    words = [past.at for past in situation.history if past.direction == "in" and past.at <= now]
    words += [past.at for past in sent if past.status == ANSWERED]
    words += [one.at for one in case.written] + ([case.opened_at] if case.addressed_brand else [])
    last = max((at for at in words if at <= now), default=None)
    since = now - timedelta(days=policy.unanswered_days)
    return sum(since < past.at <= now and (last is None or past.at > last) for past in sent if past.case != case.id)
