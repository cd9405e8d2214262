"""Which channel, when, and why: one pure function, no I/O, the clock passed in.

The order of its questions is the design's: may we (grade, status, objection, a person in charge) →
must we (one proactive message a case, two in 30 days) → which channels are eligible (verified address,
consent for the purpose, not shared, not just changed) → in which order (this case's request > running
thread > stated preference > learned preference > network of origin > default) → when (zone, quiet
hours, holidays). A stated preference is never overridden: if it cannot be followed, no channel that
intrudes more is taken in its stead.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from domain.case import Severity
from domain.contact import (
    CaseFacts,
    ChannelDecision,
    ContactAction,
    ContactPoint,
    ContactPolicy,
    PastContact,
    Recipient,
    Rejection,
    Situation,
)
from domain.customer import Consent
from domain.evidence import Grade
from domain.message import COUNTED_STATES
from routing.calendar import next_open

PURPOSE = "service"
PROVEN = (Grade.AUTHENTICATED, Grade.DECLARED, Grade.STATED)
MONTH = timedelta(days=30)
STATED_SOURCES = ("declared", "stated")
COUNTED_STATUSES = frozenset(COUNTED_STATES) | {"sent", "accepted"}
SEVERITY_RANK = {Severity.LOW: 0, Severity.NORMAL: 1, Severity.HIGH: 2}
INTRUSION = {"letter": 0, "email": 0, "in_app": 1, "push": 1, "whatsapp": 2, "sms": 3, "phone": 4}
NETWORK_INTRUSION = 2
# Channels on which a stranger in the household may read along.
SHAREABLE = ("email", "sms", "phone", "whatsapp")


def decide(situation: Situation, policy: ContactPolicy) -> ChannelDecision:
    """What to do about a case now. Equal situations give equal decisions."""
    barred = _may_we(situation) or _must_we(situation, policy)
    if barred is not None:
        return barred
    case, customer = situation.case, situation.customer
    assert customer is not None  # noqa: S101 - _may_we has answered for a missing customer
    wishes = list(_wishes(case, customer, situation.now, policy))
    rejected = [
        Rejection(channel, reason)
        for channel, _ in wishes
        if (reason := _ineligible(channel, case, customer, situation.now, policy))
    ]
    refused = {rejection.channel for rejection in rejected}
    eligible = [(channel, why) for channel, why in wishes if channel not in refused]
    eligible, too_much = _respect_preference(eligible, customer, refused)
    rejected += [Rejection(channel, "more_intrusive_than_preference") for channel in too_much]
    if not eligible and _refused_by_will(rejected):
        return _answer(case, ContactAction.NEVER, ["the customer refused every channel"], rejected)
    if not eligible:
        return _answer(case, ContactAction.ASK_PERSON, ["no channel is open"], rejected)
    return _when(case, customer, eligible, rejected, situation.now, policy)


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
    sent = [past for past in situation.history if _proactive(past)]
    if sum(past.case == case.id for past in sent) >= policy.proactive_per_case:
        return _answer(case, ContactAction.NEVER, ["this case has had its proactive message"])
    recent = sorted(past.at for past in sent if now - MONTH < past.at <= now)
    if len(recent) < policy.proactive_per_30_days:
        return None
    if not policy.proactive_per_30_days:
        return _answer(case, ContactAction.ASK_PERSON, ["proactive messages are switched off"])
    free_at = recent[-policy.proactive_per_30_days] + MONTH
    reason = f"{len(recent)} proactive messages in 30 days"
    if free_at - now <= timedelta(hours=policy.max_hold_hours):
        return _answer(case, ContactAction.HOLD, [reason], send_at=free_at)
    return _answer(case, ContactAction.ASK_PERSON, [reason])


def _proactive(past: PastContact) -> bool:
    return past.direction == "out" and past.proactive and past.status in COUNTED_STATUSES


def _wishes(case: CaseFacts, customer: Recipient, now: datetime, policy: ContactPolicy) -> Iterator[tuple[str, str]]:
    """Every channel worth a thought, best first, each once, with why it stands there."""
    seen: set[str] = set()
    for channel, why in _ranked(case, customer, now, policy):
        if channel not in seen:
            seen.add(channel)
            yield channel, why


def _ranked(case: CaseFacts, customer: Recipient, now: datetime, policy: ContactPolicy) -> Iterator[tuple[str, str]]:
    if case.requested_channel:
        yield case.requested_channel, "requested in this case"
    preference = customer.preferred_channel
    thread = case.active_thread
    if thread and timedelta(0) <= now - thread.last_at <= timedelta(hours=policy.thread_hours):
        yield thread.channel, "conversation going on"
    if preference:
        stated = preference.source in STATED_SOURCES
        yield preference.channel, "stated preference" if stated else f"{preference.source} preference"
    on_file = {point.channel for point in customer.contact_points}
    if case.network in on_file:
        yield str(case.network), "network of origin"
    for channel in policy.default_order:
        yield channel, "default order"
    for point in customer.contact_points:
        yield point.channel, "address on file"


def _ineligible(channel: str, case: CaseFacts, customer: Recipient, now: datetime, policy: ContactPolicy) -> str | None:
    """Why this channel may not be taken, None if it may."""
    if channel in policy.closed_channels:
        return "channel_closed"
    points = [point for point in customer.contact_points if point.channel == channel]
    if not points:
        return "no_contact_point"
    refusal = _consent_refusal(channel, case, customer, policy)
    if refusal:
        return refusal
    reasons = [_unusable(point, now, policy) for point in points]
    return None if None in reasons else reasons[0]


def _consent_refusal(channel: str, case: CaseFacts, customer: Recipient, policy: ContactPolicy) -> str | None:
    consent = _latest(channel, customer.consents)
    if consent is not None:
        return None if consent.status == "granted" else f"consent_{consent.status}"
    if channel == case.requested_channel:
        return None
    return "no_consent" if policy.require_consent else None


def _latest(channel: str, consents: Iterable[Consent]) -> Consent | None:
    words = [consent for consent in consents if consent.channel == channel and consent.purpose == PURPOSE]
    # On the same instant a refusal is stronger than a permission.
    return max(words, key=lambda consent: (consent.at, consent.status != "granted"), default=None)


def _unusable(point: ContactPoint, now: datetime, policy: ContactPolicy) -> str | None:
    if point.suppressed:
        return f"suppressed_{point.suppressed}"
    if not point.verified:
        return "unverified"
    if point.shared_by > 1 and point.channel in SHAREABLE:
        return "shared_contact_point"
    if point.changed_at and now - point.changed_at < timedelta(hours=policy.changed_address_hours):
        return "changed_recently"
    return None


def _respect_preference(
    eligible: list[tuple[str, str]], customer: Recipient, refused: set[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Leave out what intrudes more than a stated preference that cannot be followed."""
    preference = customer.preferred_channel
    if preference is None or preference.source not in STATED_SOURCES or preference.channel not in refused:
        return eligible, []
    limit = _intrusion(preference.channel)
    asked = ("requested in this case", "conversation going on")
    kept = [(channel, why) for channel, why in eligible if why in asked or _intrusion(channel) <= limit]
    return kept, [channel for channel, _ in eligible if channel not in {name for name, _ in kept}]


def _refused_by_will(rejected: Iterable[Rejection]) -> bool:
    """Whether every channel on which the customer could be reached is one that he said no to."""
    reachable = [rejection.reason for rejection in rejected if rejection.reason != "no_contact_point"]
    return bool(reachable) and all(reason in ("consent_denied", "consent_revoked") for reason in reachable)


def _intrusion(channel: str) -> int:
    return INTRUSION.get(channel, NETWORK_INTRUSION)


def _when(
    case: CaseFacts,
    customer: Recipient,
    eligible: list[tuple[str, str]],
    rejected: list[Rejection],
    now: datetime,
    policy: ContactPolicy,
) -> ChannelDecision:
    channel, why = eligible[0]
    usable = (point for point in customer.contact_points if point.channel == channel)
    address = next(point.address for point in usable if _unusable(point, now, policy) is None)
    opens = now if channel in policy.never_quiet else next_open(customer, now, policy)
    reasons = [why]
    preference = customer.preferred_channel
    if preference and preference.source in STATED_SOURCES and preference.channel in {r.channel for r in rejected}:
        reasons.append(f"stated preference {preference.channel} cannot be followed")
    if opens > now:
        reasons.append("quiet hours")
    return ChannelDecision(
        case=case.id,
        action=ContactAction.HOLD if opens > now else ContactAction.SEND,
        channel=channel,
        address=address,
        send_at=opens,
        order=tuple(name for name, _ in eligible),
        rejected=tuple(rejected),
        reasons=tuple(reasons),
    )


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
