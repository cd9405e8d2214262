"""Claim links, and the accounts that are not to be linked. No token is ever stored."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.claim import ClaimState, Delivery, digest, is_genuine, newest, token_of
from storage.merges import kept_key
from storage.secrets import installation_secret
from storage.tables import (
    AuthorRow,
    CasePostRow,
    ClaimRow,
    IdentityRow,
    MatchRow,
    PostRow,
    SecretRow,
    UnlinkableRow,
)

KEY_NAME = "claims-"
UNLINKABLE_KEY = "unlinkable"
KEYS_KEPT = 2  # the one in force and the one before, so that links that are out outlive one change of keys
SYSTEM = "vigie"
HOW = "claim link"
BY_ACCOUNT, BY_VISITOR = "account", "visitor"  # who said "do not link me"


def claim_keys(session: Session) -> dict[int, bytes]:
    """version → key, none before the first link was made."""
    rows = session.scalars(select(SecretRow).where(SecretRow.name.startswith(KEY_NAME)))
    return {int(row.name.removeprefix(KEY_NAME)): bytes.fromhex(row.value) for row in rows}


def rotate_keys(session: Session) -> int:
    """Make a new key for links from now on, and let go of the oldest; returns the new version."""
    known = claim_keys(session)
    version = max(known, default=0) + 1
    session.add(SecretRow(name=f"{KEY_NAME}{version}", value=secrets.token_hex(32)))
    for old in sorted(known, reverse=True)[KEYS_KEPT - 1 :]:
        session.delete(session.get_one(SecretRow, f"{KEY_NAME}{old}"))
    session.flush()
    return version


def issue(
    session: Session,
    case_id: int,
    author: AuthorRow,
    delivery: Delivery,
    actor: str,
    now: datetime,
    lifetime: timedelta,
) -> ClaimRow:
    """A new link for an author. Nobody knows its token before it is handed over."""
    if not claim_keys(session):
        rotate_keys(session)
    keys = claim_keys(session)
    version = newest(keys)
    salt = secrets.token_hex(16)
    token = token_of(keys[version], salt)
    row = ClaimRow(
        brand_id=author.brand_id,
        case_id=case_id,
        author_id=author.id,
        network=author.network,
        delivery=delivery,
        token_hash=digest(keys[version], "token", token),
        salt=salt,
        key_version=version,
        issued_at=now,
        issued_by=actor,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    return row


def by_token(session: Session, token: str, *, lock: bool = False) -> ClaimRow | None:
    """The claim that a token opens, whatever its state; None for a token that was not made here."""
    hashes = [digest(key, "token", token) for key in claim_keys(session).values() if is_genuine(key, token)]
    if not hashes:
        return None
    query = select(ClaimRow).where(ClaimRow.token_hash.in_(hashes))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def token_of_claim(session: Session, claim: ClaimRow) -> str | None:
    """The token of a link; None where its key is gone."""
    key = claim_keys(session).get(claim.key_version)
    return None if key is None else token_of(key, claim.salt)


def open_claim(session: Session, case_id: int, now: datetime) -> ClaimRow | None:
    """The link of a case that still leads somewhere."""
    query = select(ClaimRow).where(
        ClaimRow.case_id == case_id, ClaimRow.state == ClaimState.ISSUED, ClaimRow.expires_at > now
    )
    return session.scalars(query.order_by(ClaimRow.id.desc()).limit(1)).one_or_none()


def set_unlinkable(session: Session, author: AuthorRow, said_by: str, now: datetime) -> None:
    """Remember that the owner of this account wants to be linked to no customer; the account's own word prevails."""
    known = unlinkable(session, author)
    if known is None:
        digest_ = _account_hash(session, author.network, author.native_id)
        told = {"brand_id": author.brand_id, "network": author.network, "account_hash": digest_}
        session.add(UnlinkableRow(**told, since=now, why=said_by))
    elif said_by == BY_ACCOUNT != known.why:
        known.since, known.why = now, said_by
    session.flush()


def is_unlinkable(session: Session, brand_id: str, network: str, account_id: str) -> bool:
    """Whether this account must not be linked: asked before any look-up.

    Anybody may press "do not link me" on a link that stands in public. That ends guessing; it does not end what the
    customer himself declared or proved of his account.
    """
    row = _unlinkable(session, brand_id, network, account_id)
    if row is None or row.why == BY_ACCOUNT:
        return row is not None
    own = (IdentityRow.brand_id == brand_id) & (IdentityRow.network == network) & (IdentityRow.account_id == account_id)
    known = select(IdentityRow.id).where(own, IdentityRow.revoked_at.is_(None))
    return session.scalar(known.limit(1)) is None


def unlinkable(session: Session, author: AuthorRow) -> UnlinkableRow | None:
    """What was said of an author's account."""
    return _unlinkable(session, author.brand_id, author.network, author.native_id)


def refuses(session: Session, author: AuthorRow) -> bool:
    """Whether the account itself said that it is not to be linked."""
    row = unlinkable(session, author)
    return row is not None and row.why == BY_ACCOUNT


def lift_unlinkable(session: Session, author: AuthorRow) -> bool:
    """The owner of the account has changed his mind; True if there was something to lift."""
    row = unlinkable(session, author)
    if row is not None:
        session.delete(row)
        session.flush()
    return row is not None


def other_owners(session: Session, author: AuthorRow, customer_key: int, now: datetime) -> bool:
    """Whether the account is proven or declared to be somebody else's."""
    query = select(IdentityRow.customer_key).where(
        IdentityRow.brand_id == author.brand_id,
        IdentityRow.network == author.network,
        IdentityRow.account_id == author.native_id,
        IdentityRow.revoked_at.is_(None),
        (IdentityRow.expires_at.is_(None)) | (IdentityRow.expires_at > now),
    )
    return any(kept_key(session, author.brand_id, key) != customer_key for key in session.scalars(query))


def is_linked(session: Session, author: AuthorRow, customer_key: int) -> bool:
    """Whether the account is known as this customer's, and has not been taken back."""
    row = _identity(session, author, customer_key)
    return row is not None and row.revoked_at is None


def revoke(session: Session, author: AuthorRow, customer_key: int, now: datetime) -> bool:
    """The account is not this customer's after all; True if it was."""
    row = _identity(session, author, customer_key)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = now
    return True


def route_again(session: Session, case_id: int, author_id: int, *, decided: bool = True) -> None:
    """Let the next routing decide anew who wrote this author's posts of a case; `decided`: also what a person did."""
    mine = (
        select(PostRow.id)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(CasePostRow.case_id == case_id, PostRow.author_id == author_id)
    )
    if decided:
        session.execute(update(MatchRow).where(MatchRow.post_id.in_(mine)).values(decided_by=SYSTEM))
    again = update(PostRow).where(PostRow.id.in_(mine), PostRow.stage == "routed")
    session.execute(again.values(stage="read").execution_options(synchronize_session=False))


def asked_since(session: Session, author_id: int, since: datetime) -> bool:
    """Whether an author was asked after this time."""
    query = select(ClaimRow.id).where(ClaimRow.author_id == author_id, ClaimRow.issued_at > since)
    return session.scalar(query.limit(1)) is not None


def withdraw(session: Session, author_ids: Sequence[int]) -> int:
    """End the links of authors who are no longer to be asked; returns how many."""
    ended = update(ClaimRow).where(ClaimRow.author_id.in_(author_ids), ClaimRow.state == ClaimState.ISSUED)
    return int(session.execute(ended.values(state=ClaimState.WITHDRAWN)).rowcount)  # type: ignore[attr-defined]


def lead_post(session: Session, case_id: int, author_id: int) -> PostRow | None:
    """The author's first post in a case that is still there."""
    query = select(PostRow).join(CasePostRow, CasePostRow.post_id == PostRow.id)
    mine = (CasePostRow.case_id == case_id, PostRow.author_id == author_id, PostRow.deleted_at.is_(None))
    return session.scalars(query.where(*mine).order_by(PostRow.created_at, PostRow.id).limit(1)).one_or_none()


def _identity(session: Session, author: AuthorRow, customer_key: int) -> IdentityRow | None:
    query = select(IdentityRow).filter_by(
        brand_id=author.brand_id, network=author.network, account_id=author.native_id, customer_key=customer_key
    )
    return session.scalars(query).one_or_none()


def _unlinkable(session: Session, brand_id: str, network: str, account_id: str) -> UnlinkableRow | None:
    if session.get(SecretRow, UNLINKABLE_KEY) is None:  # nobody has ever said so; a page that reads makes no secret
        return None
    digest_ = _account_hash(session, network, account_id)
    query = select(UnlinkableRow).filter_by(brand_id=brand_id, network=network, account_hash=digest_)
    return session.scalars(query).one_or_none()


def _account_hash(session: Session, network: str, account_id: str) -> str:
    return digest(installation_secret(session, UNLINKABLE_KEY), "account", f"{network}\n{account_id}")
