"""The customer's own page: the signed link to it, what it shows, and what he says there.

A link names one customer of one brand and is signed by a secret of the installation (itsdangerous, HMAC-SHA256), with
the day it was made. It is written nowhere: the outbox puts it under a message when that is handed over, dated as the
message was reserved, so that the same message always says the same. Who holds the link holds the mailbox or the letter
that it went to; so the page shows addresses masked and nothing else of him.

What he says there is the strongest word there is (`declared`), newer than the customer file's, and each change is
audited.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from domain.contact import ContactPoint, QuietTime
from routing.eligible import latest_word
from routing.recipient import recipient_of
from storage import audit, customers, messages
from storage.brands import lock_brand
from storage.merges import records_of
from storage.secrets import installation_secret
from storage.tables import CustomerRow, ObjectionRow, PreferenceRow, QuietTimeRow

PAGE = "/p/"
ONE_CLICK, ONE_CLICK_BODY = "/unsubscribe", "List-Unsubscribe=One-Click"  # behind a token; RFC 8058, 3.1
SECRET = "preferences"  # noqa: S105 - the name of one
HOW = "preference page"
CUSTOMER = "customer"
MAIL = "email"
SERVICE, GRANTED, REVOKED = "service", "granted", "revoked"
NO_LEARNING, NO_PUBLIC, NOTHING_AT_ALL = "profiling", "social_care", "all"
LONGEST_TOKEN = 400


@dataclass(frozen=True, slots=True)
class Choice:
    """What the customer said on his page. `shown` are the channels that he saw, `allowed` those that he ticked.

    `channel` is the one he likes best, "" for none; `quiet` is in his own zone.
    """

    channel: str = ""
    shown: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    quiet: QuietTime | None = None
    no_learning: bool = False
    no_public: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of how he likes to be reached: addresses by channel, and his choice so far."""

    points: dict[str, list[ContactPoint]]
    choice: Choice
    nothing_at_all: bool


class _SignedAt(TimestampSigner):
    """Signs and reads by a clock that is handed in."""

    def __init__(self, *secret: Any, at: int = 0, **options: Any) -> None:
        super().__init__(*secret, **options)
        self._at = at

    def get_timestamp(self) -> int:
        """Seconds since 1970 (UTC)."""
        return self._at

    def timestamp_to_datetime(self, ts: int) -> datetime:
        """The same as an aware time."""
        return datetime.fromtimestamp(ts, UTC)


def token_of(session: Session, customer: CustomerRow, at: datetime) -> str:
    """The token of a customer's page: the same for the same customer and second."""
    named = [customer.brand_id, customer.id, _fingerprint(session, customer)]
    return str(_serializer(session, at).dumps(named))


def customer_of(session: Session, token: str, lifetime: timedelta, now: datetime) -> CustomerRow | None:
    """Whose page a token opens; None for a forged or old one, and for who was erased."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        named = _serializer(session, now).loads(token, max_age=int(lifetime.total_seconds()))
    except BadData:
        return None
    brand_id, key, fingerprint = named
    row = session.get(CustomerRow, key)
    if row is None or row.brand_id != brand_id or not hmac.compare_digest(_fingerprint(session, row), fingerprint):
        return None
    return session.get_one(CustomerRow, records_of(session, brand_id, row.id)[0])


def held(session: Session, customer: CustomerRow, closed: frozenset[str], now: datetime) -> Held:
    """What his page shows."""
    known = recipient_of(session, customer.brand_id, customer.id, now)
    points: dict[str, list[ContactPoint]] = {}
    for point in known.contact_points:
        if point.channel not in closed and point.suppressed in (None, "stop"):
            points.setdefault(point.channel, []).append(point)
    words = {channel: latest_word(channel, known.consents) for channel in points}
    allowed = {
        channel
        for channel, word in words.items()
        if word is not None and word.status == GRANTED and any(not point.suppressed for point in points[channel])
    }
    preferred = known.preferred_channel
    choice = Choice(
        channel=preferred.channel if preferred and preferred.source == "declared" else "",
        shown=frozenset(points),
        allowed=frozenset(allowed),
        quiet=known.quiet,
        no_learning=NO_LEARNING in known.objections,
        no_public=NO_PUBLIC in known.objections,
    )
    return Held(points, choice, NOTHING_AT_ALL in known.objections)


def save(
    session: Session, customer: CustomerRow, wanted: Choice, closed: frozenset[str], now: datetime
) -> tuple[str, ...]:
    """Keep what he said, in the caller's transaction; returns what changed. Said twice it is said once."""
    lock_brand(session, customer.brand_id)
    before = held(session, customer, closed, now)
    shown = wanted.shown & before.choice.shown
    changed = [
        f"{channel}:{GRANTED if channel in wanted.allowed else REVOKED}"
        for channel in sorted(shown)
        if (channel in wanted.allowed) != (channel in before.choice.allowed)
        and _say(session, customer, before, channel, channel in wanted.allowed, now)
    ]
    if wanted.channel != before.choice.channel and (not wanted.channel or wanted.channel in shown):
        _prefer(session, customer, wanted.channel, now)
        changed.append(f"preferred:{wanted.channel or 'none'}")
    if wanted.quiet != before.choice.quiet:
        _rest(session, customer, wanted.quiet, now)
        changed.append("quiet times")
    for topic, said in ((NO_LEARNING, wanted.no_learning), (NO_PUBLIC, wanted.no_public)):
        if _object(session, customer, topic, said, now):
            changed.append(f"{topic}:{said}")
    _note(session, customer, changed, now)
    return tuple(changed)


def stop_everything(session: Session, customer: CustomerRow, stop: bool, now: datetime) -> bool:
    """Write to him no more at all, or again; False where that was so."""
    lock_brand(session, customer.brand_id)
    changed = _object(session, customer, NOTHING_AT_ALL, stop, now)
    _note(session, customer, [f"{NOTHING_AT_ALL}:{stop}"] if changed else [], now)
    return changed


def unsubscribe(session: Session, customer: CustomerRow, now: datetime) -> bool:
    """No mail for service any more, as his mail program says in one click; False where that was so."""
    lock_brand(session, customer.brand_id)
    changed = customers.say_consent(session, customer.brand_id, customer.id, MAIL, SERVICE, REVOKED, now)
    _note(session, customer, [f"{MAIL}:{REVOKED}"] if changed else [], now)
    return changed


def _say(session: Session, customer: CustomerRow, before: Held, channel: str, allowed: bool, now: datetime) -> bool:
    """His word on a channel; who allows it again after a STOP takes the STOP back."""
    said = customers.say_consent(
        session, customer.brand_id, customer.id, channel, SERVICE, GRANTED if allowed else REVOKED, now
    )
    lifted = [
        allowed and messages.lift_stop(session, customer.brand_id, channel, point.address)
        for point in before.points[channel]
    ]
    return said or any(lifted)


def _prefer(session: Session, customer: CustomerRow, channel: str, now: datetime) -> None:
    """The page's own row: other sources keep theirs beside it. No channel takes his declared words back."""
    if not channel:
        records = records_of(session, customer.brand_id, customer.id)
        session.execute(
            delete(PreferenceRow).where(PreferenceRow.customer_key.in_(records), PreferenceRow.source == "declared")
        )
        return
    customers.declare_preference(session, customer, channel, HOW, now)


def _rest(session: Session, customer: CustomerRow, quiet: QuietTime | None, now: datetime) -> None:
    records = records_of(session, customer.brand_id, customer.id)
    session.execute(delete(QuietTimeRow).where(QuietTimeRow.customer_key.in_(records)))
    if quiet is not None:
        row = QuietTimeRow(brand_id=customer.brand_id, customer_key=customer.id, at=now)
        row.start, row.end = f"{quiet.start:%H:%M}", f"{quiet.end:%H:%M}"
        row.weekdays = sorted(quiet.weekdays)
        session.add(row)
    session.flush()


def _object(session: Session, customer: CustomerRow, topic: str, said: bool, now: datetime) -> bool:
    records = records_of(session, customer.brand_id, customer.id)
    mine = ObjectionRow.customer_key.in_(records), ObjectionRow.topic == topic
    there = session.scalar(select(ObjectionRow.id).where(*mine).limit(1)) is not None
    if said == there:
        return False
    if said:
        return customers.object_to(session, customer.brand_id, customer.id, topic, now)
    session.execute(delete(ObjectionRow).where(*mine))
    return True


def _note(session: Session, customer: CustomerRow, changed: list[str], now: datetime) -> None:
    if changed:
        told = {"changed": changed, "how": HOW}
        audit.record(session, customer.brand_id, CUSTOMER, "preferences declared", f"customer:{customer.id}", now, told)


def _serializer(session: Session, at: datetime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        installation_secret(session, SECRET),
        salt="vigie preference page",
        signer=_SignedAt,
        signer_kwargs={"at": int(at.timestamp()), "digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )


def _fingerprint(session: Session, customer: CustomerRow) -> str:
    """So that the number of somebody erased, given to another, opens nothing of his."""
    named = f"{customer.brand_id}\n{customer.customer_id}".encode("utf-8", "surrogatepass")
    return hmac.new(installation_secret(session, SECRET), named, hashlib.sha256).hexdigest()[:12]
