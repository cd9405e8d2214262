"""What the customer file's defects cost: whom the channel decision would find no channel for, and why.

The real decision is asked, with the case that wants an answer most: proven, severe, addressed to the brand, not
written to before. What it rejects, it rejects because of the record or of the settings. What one defect costs is asked
in the same way: the decision is made once more for a record without this defect, and with all others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import Severity
from domain.contact import CaseFacts, ChannelDecision, ContactAction, ContactPoint, Recipient, Situation
from domain.customer import Consent
from domain.evidence import Grade
from routing.contact import ContactRules
from routing.decide import PURPOSE, decide
from routing.recipient import CHANNELS_OF, recipient_of
from storage.customers import count_customers
from storage.merges import kept_of
from storage.tables import CustomerRow

Mend = Callable[[Recipient, datetime], Recipient]
REACHED = (ContactAction.SEND, ContactAction.HOLD)


@dataclass(frozen=True, slots=True)
class Reach:
    """Of `asked` people (a sample of `customers`) so many can be written to; `lost` counts channel, then reason.

    `costs` counts by defect those of them who could be written to if their record were without it.
    """

    customers: int
    asked: int
    reached: int
    first_channel: dict[str, int]
    lost: dict[str, dict[str, int]]
    because: dict[str, int]
    costs: dict[str, int]

    def about(self, count: int) -> int:
        """How many of the whole file that is, about."""
        return round(count * self.customers / self.asked) if self.asked else 0


def reach(session: Session, brand: Brand, rules: ContactRules, most: int, now: datetime) -> Reach:
    """Ask the decision for up to `most` customers, evenly spread over the file; records of one person are one."""
    total = count_customers(session, brand.id)
    keys = _every(session, brand.id, max(1, -(-total // most)), most)
    merged = kept_of(session, brand.id, keys)
    people = [recipient_of(session, brand.id, key) for key in keys if key not in merged]
    told = [(person, _answer(person, rules, now)) for person in people]
    shut = [(person, decision) for person, decision in told if decision.action not in REACHED]
    lost: dict[str, Counter[str]] = {}
    for _, decision in told:
        for rejected in decision.rejected:
            lost.setdefault(rejected.channel, Counter())[rejected.reason] += 1
    return Reach(
        customers=total,
        asked=len(people),
        reached=len(people) - len(shut),
        first_channel=dict(Counter(str(one.channel) for _, one in told if one.action in REACHED)),
        lost={name: dict(counts) for name, counts in lost.items()},
        because=dict(Counter((one.reasons[-1:] or (one.action.value,))[0] for _, one in shut)),
        costs=_costs([person for person, _ in shut], rules, now),
    )


def _costs(shut: Iterable[Recipient], rules: ContactRules, now: datetime) -> dict[str, int]:
    found = dict.fromkeys(MENDED, 0)
    for person in shut:
        for defect, mend in MENDED.items():
            mended = mend(person, now)
            found[defect] += mended != person and _answer(mended, rules, now).action in REACHED
    return found


def _answer(person: Recipient, rules: ContactRules, now: datetime) -> ChannelDecision:
    return decide(Situation(_wanted(now), person, (), now), rules.policy)


def _every(session: Session, brand_id: str, step: int, most: int) -> list[int]:
    query = select(CustomerRow.id).where(CustomerRow.brand_id == brand_id, CustomerRow.id % step == 0)
    return list(session.scalars(query.order_by(CustomerRow.id).limit(most)))


def _with_point(kind: str) -> Mend:
    def mend(person: Recipient, now: datetime) -> Recipient:
        held = {point.channel for point in person.contact_points}
        new = tuple(ContactPoint(channel, "") for channel in CHANNELS_OF[kind] if channel not in held)
        return replace(person, contact_points=person.contact_points + new)

    return mend


def _with_consent(person: Recipient, now: datetime) -> Recipient:
    """With a word where there is none; a word that was said stays."""
    asked = {consent.channel for consent in person.consents if consent.purpose == PURPOSE}
    silent = {channel for channels in CHANNELS_OF.values() for channel in channels} - asked
    new = tuple(Consent(channel, PURPOSE, "granted", now) for channel in sorted(silent))
    return replace(person, consents=person.consents + new)


def _with_points_as(**facts: Any) -> Mend:
    def mend(person: Recipient, now: datetime) -> Recipient:
        return replace(person, contact_points=tuple(replace(point, **facts) for point in person.contact_points))

    return mend


MENDED: Mapping[str, Mend] = {
    "no_email": _with_point("email"),
    "no_phone": _with_point("phone"),
    "no_address": _with_point("address"),
    "no_consent": _with_consent,
    "shared_contact_point": _with_points_as(shared_by=1),
    "suppressed_contact_point": _with_points_as(suppressed=None),
}


def _wanted(now: datetime) -> CaseFacts:
    return CaseFacts(
        id="reach",
        intent="delivery",
        severity=Severity.HIGH,
        grade=Grade.AUTHENTICATED,
        opened_at=now,
        addressed_brand=True,
    )
