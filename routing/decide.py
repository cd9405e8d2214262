"""Which channel, when, and why: one pure function, no I/O, the clock passed in.

The order of its questions is the design's: may we (grade, status, objection, a person in charge) →
must we (`routing/caps.py`) → which channels are eligible (`routing/eligible.py`) → in which order (this case's
request > running thread > stated preference > learned appetence > network of origin > default) → when
(`routing/calendar.py`). A stated preference is never overridden: if it cannot be followed, no channel that intrudes
more is taken in its stead. A message of the purpose `safety` waits for no morning and no cap; consent, objection and
STOP hold for it too.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from domain.case import Severity
from domain.contact import (
    CaseFacts,
    ChannelDecision,
    ContactAction,
    ContactPolicy,
    Learned,
    Recipient,
    Rejection,
    Situation,
)
from domain.evidence import Grade
from routing.calendar import next_open
from routing.caps import had_its_message, no_room, proactive, unanswered
from routing.eligible import PURPOSE, ineligible, is_shared, usable_point

__all__ = ["PURPOSE", "SAFETY", "decide"]
PROVEN = (Grade.AUTHENTICATED, Grade.DECLARED, Grade.STATED)
STATED_SOURCES = ("declared", "stated")
SAFETY = "safety"
SEVERITY_RANK = {Severity.LOW: 0, Severity.NORMAL: 1, Severity.HIGH: 2}
INTRUSION = {"letter": 0, "email": 0, "in_app": 1, "push": 1, "whatsapp": 2, "sms": 3, "phone": 4}
NETWORK_INTRUSION = 2
UNWELL, WAIT_FOR_PROVIDER = "provider_unwell", timedelta(hours=1)
LONGEST_NIGHT = timedelta(days=14)  # longer than any calendar closes: the customer's own times leave none open
REQUESTED, THREAD = "requested in this case", "conversation going on"


def decide(situation: Situation, policy: ContactPolicy) -> ChannelDecision:
    """What to do about a case now. Equal situations give equal decisions."""
    barred = _may_we(situation) or _must_we(situation, policy)
    if barred is not None:
        return barred
    case, customer = situation.case, situation.customer
    assert customer is not None  # noqa: S101 - _may_we has answered for a missing customer
    wishes = list(_wishes(case, customer, situation.now, policy))
    rejected = [
        Rejection(channel, reason) for channel, _ in wishes if (reason := ineligible(channel, situation, policy))
    ]
    refused = {rejection.channel for rejection in rejected}
    eligible = [(channel, why) for channel, why in wishes if channel not in refused]
    eligible, too_much = _respect_preference(eligible, customer, refused)
    rejected += [Rejection(channel, "more_intrusive_than_preference") for channel in too_much]
    if not eligible:
        return _nothing_open(case, rejected, situation.now)
    return _when(situation, eligible, rejected, policy)


def _nothing_open(case: CaseFacts, rejected: list[Rejection], now: datetime) -> ChannelDecision:
    if _refused_by_will(rejected):
        return _answer(case, ContactAction.NEVER, ["the customer refused every channel"], rejected)
    if any(rejection.reason == UNWELL for rejection in rejected):
        why = ["the provider does not answer at the moment"]
        return _answer(case, ContactAction.HOLD, why, rejected, now + WAIT_FOR_PROVIDER)
    return _answer(case, ContactAction.ASK_PERSON, ["no channel is open"], rejected)


def _may_we(situation: Situation) -> ChannelDecision | None:
    case, customer = situation.case, situation.customer
    if case.grade is Grade.SUGGESTED:
        return _answer(case, ContactAction.ASK_PERSON, ["resemblance is no proof: a person reviews"])
    if case.grade not in PROVEN or customer is None:
        if case.public_reply_possible and case.addressed_brand:
            return _answer(
                case, ContactAction.REPLY_IN_PLACE, ["no proven customer: a neutral reply where they posted"]
            )
        return _answer(case, ContactAction.ASK_PERSON, ["no proven customer and no reply in place"])
    if customer.status == "deceased":
        return _answer(case, ContactAction.NEVER, ["the customer has died"])
    if customer.objections & {"all", "social_care"}:
        return _answer(case, ContactAction.NEVER, ["the customer objected to being contacted"])
    if "linking" in customer.objections and case.grade is not Grade.AUTHENTICATED:
        return _answer(case, ContactAction.NEVER, ["the customer objected to being linked to an account"])
    if customer.status != "active":
        return _answer(case, ContactAction.ASK_PERSON, [f"status {customer.status}: a person decides"])
    if case.person_in_charge:
        return _answer(case, ContactAction.ASK_PERSON, ["a person is already talking with the customer"])
    return None


def _must_we(situation: Situation, policy: ContactPolicy) -> ChannelDecision | None:
    case, now = situation.case, situation.now
    if not case.addressed_brand and SEVERITY_RANK[case.severity] < SEVERITY_RANK[policy.min_severity_unaddressed]:
        return _answer(case, ContactAction.NEVER, ["not addressed to the brand and of low severity"])
    sent = proactive(situation.history)
    if had_its_message(case, sent, policy):
        return _answer(case, ContactAction.NEVER, ["this case has had its proactive message"])
    if case.purpose == SAFETY:
        return None
    silent = unanswered(situation, sent, policy)
    if policy.unanswered_limit and silent >= policy.unanswered_limit:
        return _answer(case, ContactAction.ASK_PERSON, [f"{silent} messages were left without an answer"])
    full = no_room(sent, now, policy)
    if full is None:
        return None
    if full.free_at is not None and full.free_at - now <= timedelta(hours=policy.max_hold_hours):
        return _answer(case, ContactAction.HOLD, [full.reason], send_at=full.free_at)
    return _answer(case, ContactAction.ASK_PERSON, [full.reason])


def _wishes(case: CaseFacts, customer: Recipient, now: datetime, policy: ContactPolicy) -> Iterator[tuple[str, str]]:
    """Every channel worth a thought, best first, each once, with why it stands there."""
    seen: set[str] = set()
    for channel, why in _ranked(case, customer, now, policy):
        if channel not in seen:
            seen.add(channel)
            yield channel, why


def _ranked(case: CaseFacts, customer: Recipient, now: datetime, policy: ContactPolicy) -> Iterator[tuple[str, str]]:
    if case.requested_channel:
        yield case.requested_channel, REQUESTED
    preference = customer.preferred_channel
    thread = case.active_thread
    if thread and timedelta(0) <= now - thread.last_at <= timedelta(hours=policy.thread_hours):
        yield thread.channel, THREAD
    if preference:
        stated = preference.source in STATED_SOURCES
        yield preference.channel, "stated preference" if stated else f"{preference.source} preference"
    for learned in _by_appetence(customer, policy):
        yield learned.channel, learned.why or "learned preference"
    on_file = {point.channel for point in customer.contact_points}
    if case.network in on_file:
        yield str(case.network), "network of origin"
    for channel in policy.default_order:
        yield channel, "default order"
    for point in customer.contact_points:
        yield point.channel, "address on file"


def _by_appetence(customer: Recipient, policy: ContactPolicy) -> list[Learned]:
    """The learned channels, the likeliest to be answered first; a step of intrusion has its price in probability."""
    if "profiling" in customer.objections:
        return []
    on_file = {point.channel for point in customer.contact_points}
    known = [learned for learned in customer.learned if learned.channel in on_file]
    return sorted(known, key=lambda one: policy.intrusion_price * _intrusion(one.channel) - one.probability)


def _respect_preference(
    eligible: list[tuple[str, str]], customer: Recipient, refused: set[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Leave out what intrudes more than a stated preference that cannot be followed."""
    preference = customer.preferred_channel
    if preference is None or preference.source not in STATED_SOURCES or preference.channel not in refused:
        return eligible, []
    limit = _intrusion(preference.channel)
    asked = (REQUESTED, THREAD)
    kept = [(channel, why) for channel, why in eligible if why in asked or _intrusion(channel) <= limit]
    return kept, [channel for channel, _ in eligible if channel not in {name for name, _ in kept}]


def _refused_by_will(rejected: Iterable[Rejection]) -> bool:
    """Whether every channel on which the customer could be reached is one that he said no to."""
    reachable = [rejection.reason for rejection in rejected if rejection.reason != "no_contact_point"]
    return bool(reachable) and all(reason in ("consent_denied", "consent_revoked") for reason in reachable)


def _intrusion(channel: str) -> int:
    return INTRUSION.get(channel, NETWORK_INTRUSION)


def _when(
    situation: Situation, eligible: list[tuple[str, str]], rejected: list[Rejection], policy: ContactPolicy
) -> ChannelDecision:
    case, customer, now = situation.case, situation.customer, situation.now
    assert customer is not None  # noqa: S101 - something is eligible
    channel, why = eligible[0]
    also = _also(case, channel, [name for name, _ in eligible], policy)
    points = [usable_point(name, situation, policy) for name in (channel, *also)]
    silent = case.purpose == SAFETY or all(name in policy.never_quiet for name in (channel, *also))
    opens = now if silent else next_open(customer, now, policy)
    if opens - now > LONGEST_NIGHT:
        return _answer(case, ContactAction.ASK_PERSON, ["no hour is open to this customer"], rejected)
    reasons = [why]
    preference = customer.preferred_channel
    if preference and preference.source in STATED_SOURCES and preference.channel in {r.channel for r in rejected}:
        reasons.append(f"stated preference {preference.channel} cannot be followed")
    if any(point.suppressed for point in points):
        reasons.append("the customer wrote again after his STOP")
    if any(map(is_shared, points)):
        reasons.append("shared address: nothing tells what it is about")
    if opens > now:
        reasons.append("quiet hours")
    return ChannelDecision(
        case=case.id,
        action=ContactAction.HOLD if opens > now else ContactAction.SEND,
        channel=channel,
        address=points[0].address,
        send_at=opens,
        order=tuple(name for name, _ in eligible),
        also=also,
        also_addresses=tuple(point.address for point in points[1:]),
        rejected=tuple(rejected),
        reasons=tuple(reasons),
        discreet=any(map(is_shared, points)),
    )


def _also(case: CaseFacts, channel: str, eligible: list[str], policy: ContactPolicy) -> tuple[str, ...]:
    """The channels of a short word beside the message, where a rule asks for one and it may go."""
    wanted = (
        rule.beside
        for rule in policy.also
        if rule.channel == channel and rule.beside != channel and (not rule.intents or case.intent in rule.intents)
    )
    return tuple(dict.fromkeys(name for name in wanted if name in eligible))


def _answer(
    case: CaseFacts,
    action: ContactAction,
    reasons: list[str],
    rejected: Iterable[Rejection] = (),
    send_at: datetime | None = None,
) -> ChannelDecision:
    return ChannelDecision(
        case=case.id, action=action, send_at=send_at, rejected=tuple(rejected), reasons=tuple(reasons)
    )
