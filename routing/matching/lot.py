"""Which decisions are looked at again: drawn by lot as they are made, grade by grade, and asked among the reviews."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from domain.evidence import Action
from storage import audits
from storage.tables import MatchRow


@dataclass(frozen=True, slots=True)
class Lot:
    """The share of each kind of decision that is drawn. The lot is keyed: nobody foresees what it draws."""

    secret: bytes
    rates: Mapping[str, float] = field(default_factory=lambda: {audits.LINK: 0.1, audits.REFUSAL: 0.02})

    def draws(self, kind: str, match: MatchRow) -> bool:
        """Whether this decision is drawn; the same decision always gives the same answer."""
        told = f"audit:{match.post_id}:{match.decided_at.isoformat()}".encode()
        drawn = int.from_bytes(hmac.new(self.secret, told, hashlib.sha256).digest()[:8], "big")
        return drawn < self.rates[kind] * 2**64


def draw(session: Session, match: MatchRow, lot: Lot, now: datetime) -> bool:
    """Draw a decision that was just made, or not. What was drawn of an earlier one of this post is asked no more."""
    audits.drop_open(session, match.post_id)
    kind = {Action.LINK: audits.LINK, Action.NONE: audits.REFUSAL}.get(Action(match.action))
    if kind is None or not lot.draws(kind, match):
        return False
    customer = match.customer_key if kind == audits.LINK else audits.first_candidate(session, match)
    if customer is None or audits.audit_of(session, match.post_id, customer) is not None:
        return False
    audits.add_audit(session, match, customer, kind, lot.rates[kind], now)
    return True
