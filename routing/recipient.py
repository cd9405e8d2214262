"""The customer as the channel decision sees him: all records of one person together."""

from collections.abc import Sequence
from datetime import datetime, time
from functools import cache

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from domain.contact import ContactPoint, Learned, QuietTime, Recipient
from domain.customer import Consent
from routing.appetence import learned_channels
from routing.calendar import french_region
from routing.channels.base import find_channels
from routing.postal import postal_address
from storage import appetence, customers, messages
from storage.merges import kept_of, records_of
from storage.tables import ConsentRow, ContactPointRow, CustomerRow, IdentityRow, ObjectionRow, QuietTimeRow

CHANNELS_OF = {"email": ("email",), "phone": ("sms", "whatsapp", "phone"), "address": ("letter",)}
APP_CHANNELS = ("in_app", "push")


def recipient_of(
    session: Session,
    brand_id: str,
    customer_key: int,
    now: datetime | None = None,
    app_attribute: str = "",
    learn: bool = False,
) -> Recipient:
    """The person whose record this is.

    `app_attribute` is the column of the customer file that names him in the brand's app. With `learn` (and `now`) what
    was learned of him is told too, unless he objected. Without `now` accounts whose proof has run out are among his.
    """
    records = records_of(session, brand_id, customer_key)
    row = session.get_one(CustomerRow, records[0])
    consents = session.scalars(select(ConsentRow).where(ConsentRow.customer_key.in_(records)))
    objections = frozenset(session.scalars(select(ObjectionRow.topic).where(ObjectionRow.customer_key.in_(records))))
    held = {(point.kind, point.value): point for key in records for point in customers.current_points(session, key)}
    # A letter needs the name and the whole address, which the record has; a line of it alone finds nobody.
    points = [point for one in held.values() if one.kind != "address" for point in _points(session, row, one)]
    points += _letter_box(session, row) + _accounts(session, brand_id, records, now)
    points += _app(session, row, app_attribute)
    return Recipient(
        customer_id=row.customer_id,
        country=row.country,
        language=row.language,
        timezone=row.timezone,
        status=_status(session, records),
        preferred_channel=customers.preference(session, row.id),
        contact_points=tuple(points),
        consents=tuple(Consent(c.channel, c.purpose, c.status, c.at) for c in consents),
        objections=objections,
        region=french_region(row.postal_code) if (row.country or "FR").upper() == "FR" else None,
        learned=_learned(session, row, records, points, now) if now and learn and "profiling" not in objections else (),
        quiet=quiet_time(session, records),
    )


def _learned(
    session: Session, row: CustomerRow, records: Sequence[int], points: Sequence[ContactPoint], now: datetime
) -> tuple[Learned, ...]:
    known = appetence.counts_for(session, row, records, now)
    return learned_channels(known, row.customer_id, frozenset(point.channel for point in points))


def quiet_time(session: Session, records: Sequence[int]) -> QuietTime | None:
    """When the person wants no message; of several records the newest word."""
    query = select(QuietTimeRow).where(QuietTimeRow.customer_key.in_(records)).order_by(QuietTimeRow.at.desc())
    row = session.scalars(query.limit(1)).one_or_none()
    if row is None:
        return None
    return QuietTime(time.fromisoformat(row.start), time.fromisoformat(row.end), frozenset(row.weekdays))


def _status(session: Session, records: Sequence[int]) -> str:
    """Of several records of one person the first that is not simply active: what holds one back holds all back."""
    told = {row.id: row.status for row in session.scalars(select(CustomerRow).where(CustomerRow.id.in_(records)))}
    return next((told[key] for key in records if told[key] != "active"), "active")


def _points(session: Session, customer: CustomerRow, held: ContactPointRow) -> list[ContactPoint]:
    shared_by = customers.sharers(session, customer.brand_id, held.kind, held.value)
    return [
        _point(session, customer.brand_id, channel, held.value, held.verified, shared_by, held.since)
        for channel in CHANNELS_OF[held.kind]
    ]


def _letter_box(session: Session, customer: CustomerRow) -> list[ContactPoint]:
    """Where letters go, if the record has a whole postal address."""
    address = postal_address(customer.name, customer.address, customer.postal_code, customer.city, customer.country)
    if address is None:
        return []
    return [_point(session, customer.brand_id, "letter", address, True, 1, None)]


def _accounts(session: Session, brand_id: str, records: Sequence[int], now: datetime | None) -> list[ContactPoint]:
    """The network accounts that are proven to be his, where a channel of ours writes to them."""
    query = select(IdentityRow).where(
        IdentityRow.brand_id == brand_id,
        IdentityRow.customer_key.in_(records),
        IdentityRow.network.in_(sorted(_carried())),
        IdentityRow.revoked_at.is_(None),
    )
    if now is not None:
        query = query.where(or_(IdentityRow.expires_at.is_(None), IdentityRow.expires_at > now))
    rows = session.scalars(query.order_by(IdentityRow.at.desc(), IdentityRow.id)).all()
    known = {(row.network, row.account_id): row for row in rows}
    return [
        _point(session, brand_id, network, account, True, _holders(session, brand_id, network, account), None)
        for network, account in known
    ]


def _app(session: Session, customer: CustomerRow, attribute: str) -> list[ContactPoint]:
    """His name in the brand's own app, where the customer file tells it."""
    name = str(customer.attributes.get(attribute) or "").strip() if attribute else ""
    if not name:
        return []
    return [_point(session, customer.brand_id, channel, name[:500], True, 1, None) for channel in APP_CHANNELS]


def _point(
    session: Session,
    brand_id: str,
    channel: str,
    address: str,
    verified: bool,
    shared_by: int,
    changed_at: datetime | None,
) -> ContactPoint:
    stopped = messages.suppressed(session, brand_id, channel, address)
    return ContactPoint(
        channel=channel,
        address=address,
        verified=verified,
        suppressed=None if stopped is None else stopped.reason,
        shared_by=shared_by,
        changed_at=changed_at,
        suppressed_at=None if stopped is None else stopped.at,
    )


def _holders(session: Session, brand_id: str, network: str, account: str) -> int:
    query = select(IdentityRow.customer_key).where(
        IdentityRow.brand_id == brand_id,
        IdentityRow.network == network,
        IdentityRow.account_id == account,
        IdentityRow.revoked_at.is_(None),
    )
    keys = set(session.scalars(query))
    kept = kept_of(session, brand_id, keys)
    return len({kept.get(key, key) for key in keys})


@cache
def _carried() -> frozenset[str]:
    """The networks on which some file of `routing/channels` writes to one account."""
    return frozenset(kind.channel for kind in find_channels().values() if kind.to_accounts)
