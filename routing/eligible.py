"""Which channels may be taken: an address that is his alone, his consent, what the provider allows, what it is
about.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.contact import CaseFacts, ContactPoint, ContactPolicy, PastContact, Recipient, Situation
from domain.customer import Consent

PURPOSE = "service"
# On all others somebody else who holds the address may read along.
OWN_CHANNELS = frozenset({"letter", "in_app", "push"})
SHARED = "shared_contact_point"
STOPPED = "stop"


def ineligible(channel: str, situation: Situation, policy: ContactPolicy) -> str | None:
    """Why this channel may not be taken, None if it may."""
    case, customer = situation.case, situation.customer
    if customer is None:
        return "no_contact_point"
    if channel in policy.closed_channels:
        return "channel_closed"
    points = [point for point in customer.contact_points if point.channel == channel]
    if not points:
        return "no_contact_point"
    refusal = (
        _consent_refusal(channel, case, customer, policy)
        or _provider_refusal(channel, situation, policy)
        or _too_sensitive(channel, case, policy)
    )
    if refusal:
        return refusal
    reasons = [unusable(point, case, situation.now, policy) for point in points]
    return None if None in reasons else reasons[0]


def usable_point(channel: str, situation: Situation, policy: ContactPolicy) -> ContactPoint:
    """The address to take on an eligible channel: his own before a shared one."""
    points = situation.customer.contact_points if situation.customer else ()
    usable = [
        point
        for point in points
        if point.channel == channel and unusable(point, situation.case, situation.now, policy) is None
    ]
    return min(usable, key=is_shared)


def is_shared(point: ContactPoint) -> bool:
    """Whether other customers hold the same address, and may read along."""
    return point.shared_by > 1 and point.channel not in OWN_CHANNELS


def unusable(point: ContactPoint, case: CaseFacts, now: datetime, policy: ContactPolicy) -> str | None:
    """Why this address may not be written to, None if it may."""
    if point.suppressed and not _wrote_again(point, case, now, policy):
        return f"suppressed_{point.suppressed}"
    if not point.verified:
        return "unverified"
    if is_shared(point) and (policy.shared_points == "never" or case.intent in policy.sensitive_intents):
        return SHARED
    if point.changed_at and now - point.changed_at < timedelta(hours=policy.changed_address_hours):
        return "changed_recently"
    return None


def _wrote_again(point: ContactPoint, case: CaseFacts, now: datetime, policy: ContactPolicy) -> bool:
    """Whether who said STOP has written from this very address since, in this case: he gets an answer there."""
    if point.suppressed != STOPPED or point.suppressed_at is None:
        return False
    span = timedelta(hours=policy.thread_hours)
    return any(
        word.clear
        and word.channel == point.channel
        and word.address.casefold() == point.address.casefold()
        and point.suppressed_at < word.at <= now <= word.at + span
        for word in case.written
    )


def _consent_refusal(channel: str, case: CaseFacts, customer: Recipient, policy: ContactPolicy) -> str | None:
    consent = latest_word(channel, customer.consents)
    if consent is not None:
        return None if consent.status == "granted" else f"consent_{consent.status}"
    # Who asks for a channel, or speaks to the brand on it, needs to give no other word for the answer.
    spoke_there = case.addressed_brand and channel == case.network
    if channel == case.requested_channel or spoke_there or any(word.channel == channel for word in case.written):
        return None
    return "no_consent" if policy.require_consent else None


def latest_word(channel: str, consents: Iterable[Consent]) -> Consent | None:
    """The customer's last word on a channel for service, which holds."""
    words = [consent for consent in consents if consent.channel == channel and consent.purpose == PURPOSE]
    # On the same instant a refusal is stronger than a permission.
    return max(words, key=lambda consent: (consent.at, consent.status != "granted"), default=None)


def _provider_refusal(channel: str, situation: Situation, policy: ContactPolicy) -> str | None:
    if channel in policy.unwell_channels:
        return "provider_unwell"
    limits = policy.limits.get(channel)
    if limits is None or (limits.may_write_first and limits.window_hours is None and not limits.needs_template):
        return None
    last = last_word(channel, situation.case, situation.history, situation.now)
    span = None if limits.window_hours is None else timedelta(hours=limits.window_hours)
    if last is not None and (span is None or situation.now - last < span):
        return None
    if not limits.may_write_first:
        return "customer_must_write_first" if last is None else "window_closed"
    if limits.needs_template and not limits.has_template:
        return "no_approved_template"
    return None if limits.needs_template or limits.window_hours is None else "window_closed"


def last_word(channel: str, case: CaseFacts, history: Iterable[PastContact], now: datetime) -> datetime | None:
    """When the customer last wrote on this channel."""
    words = [past.at for past in history if past.direction == "in" and past.channel == channel]
    words += [word.at for word in case.written if word.channel == channel]
    if case.active_thread and case.active_thread.channel == channel:
        words.append(case.active_thread.last_at)
    return max((at for at in words if at <= now), default=None)


def _too_sensitive(channel: str, case: CaseFacts, policy: ContactPolicy) -> str | None:
    sensitive = case.intent in policy.sensitive_intents and channel not in policy.sensitive_channels
    return "too_sensitive_for_channel" if sensitive else None
