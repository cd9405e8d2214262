"""Visitors of a claim link: a request for a code each, and who of them agreed. No code and no word is ever stored."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.claim import ClaimState, Delivery, code_of, digest, word_of
from storage.claims_link import claim_keys, token_of_claim
from storage.tables import ClaimCodeRow, ClaimRow, MessageRow, PostRow

LOOKED_AT = 200  # posts of one account


def add_attempt(session: Session, claim: ClaimRow, visitor: str, now: datetime, lifetime: timedelta) -> ClaimCodeRow:
    """A visitor asked for a code; to whom it goes is said later."""
    key = claim_keys(session)[claim.key_version]
    salt = secrets.token_hex(16)
    row = ClaimCodeRow(
        brand_id=claim.brand_id,
        claim_id=claim.id,
        visitor=visitor,
        salt=salt,
        code_hash=digest(key, "code", f"{salt}:{code_of(key, salt)}"),
        asked_at=now,
        expires_at=now + lifetime,
    )
    claim.attempts += 1
    session.add(row)
    session.flush()
    return row


def last_attempt(session: Session, claim_id: int, visitor: str, *, lock: bool = False) -> ClaimCodeRow | None:
    """The newest request of a visitor; older ones are void."""
    query = select(ClaimCodeRow).filter_by(claim_id=claim_id, visitor=visitor)
    query = query.order_by(ClaimCodeRow.id.desc()).limit(1)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def void(attempt: ClaimCodeRow, now: datetime) -> None:
    """Nothing follows from this request any more; the visitor may begin again."""
    attempt.confirmed_at, attempt.agreed_at = None, None
    attempt.expires_at = min(attempt.expires_at, now)


def codes_sent(session: Session, customer_key: int, since: datetime) -> list[datetime]:
    """When codes were sent to a customer."""
    query = select(ClaimCodeRow.asked_at).where(
        ClaimCodeRow.customer_key == customer_key, ClaimCodeRow.asked_at > since
    )
    return list(session.scalars(query))


def half_proven(session: Session, brand_id: str, now: datetime) -> list[tuple[ClaimRow, ClaimCodeRow]]:
    """Who proved to be a customer on a public link that is open, and agreed: the account's side is missing."""
    query = (
        select(ClaimRow, ClaimCodeRow)
        .join(ClaimCodeRow, ClaimCodeRow.claim_id == ClaimRow.id)
        .where(
            ClaimRow.brand_id == brand_id,
            ClaimRow.state == ClaimState.ISSUED,
            ClaimRow.delivery == Delivery.PUBLIC,
            ClaimRow.expires_at > now,
            ClaimCodeRow.agreed_at.is_not(None),
        )
        .order_by(ClaimCodeRow.agreed_at, ClaimCodeRow.id)
    )
    return [(claim, attempt) for claim, attempt in session.execute(query)]


def word_of_attempt(session: Session, claim: ClaimRow, attempt: ClaimCodeRow) -> str | None:
    """The word that the account must post; None where its key is gone."""
    key = claim_keys(session).get(claim.key_version)
    return None if key is None else word_of(key, attempt.salt)


def last_texts(session: Session, author_id: int) -> Sequence[str]:
    """What an account posted last, as far as it was heard and still stands, newest first."""
    query = select(PostRow.text).where(PostRow.author_id == author_id, PostRow.deleted_at.is_(None))
    return [text or "" for text in session.scalars(query.order_by(PostRow.id.desc()).limit(LOOKED_AT))]


def secret_of(session: Session, message: MessageRow) -> str | None:
    """The token or code that belongs into a message, drawn anew from its salt; None where it is gone."""
    kind, _, number = message.key.rpartition(":")
    if not number.isdigit():
        return None
    if kind.endswith(":claim_reply"):
        claim = session.get(ClaimRow, int(number))
        return None if claim is None else token_of_claim(session, claim)
    attempt = session.get(ClaimCodeRow, int(number)) if kind.endswith(":claim_code") else None
    if attempt is None:
        return None
    key = claim_keys(session).get(session.get_one(ClaimRow, attempt.claim_id).key_version)
    return None if key is None else code_of(key, attempt.salt)
