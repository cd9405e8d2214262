"""Who may use the console: users, their rights in each brand, and their sessions.

Passwords are kept as scrypt hashes (RFC 7914; cost as OWASP's Password Storage Cheat Sheet gives it),
sessions as SHA-256 of the secret that only the browser holds.
"""

import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from domain.errors import BadInput
from storage.audit import record
from storage.tables import ROLES, BrandRow, SessionRow, UserBrandRow, UserRow

SCRYPT = {"n": 2**15, "r": 8, "p": 3}
SCRYPT_MEMORY = 64 * 1024 * 1024
PASSWORD_MIN, PASSWORD_MAX = 10, 1000
SEEN_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Right:
    """One brand that a user may open, and as what."""

    brand_id: str
    brand_name: str | None
    role: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session: whose it is and the token that its forms must carry."""

    user_id: int
    email: str
    name: str
    csrf: str
    seen_at: datetime
    rights: tuple[Right, ...]


def normal_email(email: str) -> str:
    """The form under which a user is found: trimmed, NFKC, lower case."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def hash_password(password: str) -> str:
    """`scrypt$n$r$p$salt$hash`, hexadecimal, with a fresh salt."""
    salt = os.urandom(16)
    digest = _scrypt(password, salt, SCRYPT["n"], SCRYPT["r"], SCRYPT["p"])
    return f"scrypt${SCRYPT['n']}${SCRYPT['r']}${SCRYPT['p']}${salt.hex()}${digest.hex()}"


def password_fits(password: str, stored: str) -> bool:
    """Whether this is the password of a stored hash, compared in constant time."""
    _, n, r, p, salt, digest = stored.split("$")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p)), bytes.fromhex(digest))


def authenticate(session: Session, email: str, password: str) -> UserRow | None:
    """The user who signs in, or None. An unknown or disabled user costs the same time as a wrong password."""
    user = session.scalar(select(UserRow).where(UserRow.email == normal_email(email)))
    usable = user is not None and user.disabled_at is None
    stored = user.password_hash if user is not None and usable else _NOBODY
    return user if password_fits(password[:PASSWORD_MAX], stored) and usable else None


def open_session(session: Session, user_id: int, now: datetime) -> str:
    """Begin a session and return the secret for the cookie, always a fresh one."""
    secret = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            token_hash=_token_hash(secret),
            user_id=user_id,
            csrf=secrets.token_urlsafe(32),
            created_at=now,
            seen_at=now,
            ended_at=None,
        )
    )
    return secret


def signed_in(session: Session, secret: str, now: datetime, idle: timedelta, whole: timedelta) -> SignedIn | None:
    """The live session of a cookie's secret: not ended, not idle too long, not too old, user still allowed."""
    query = select(SessionRow, UserRow).join(UserRow, UserRow.id == SessionRow.user_id)
    found = session.execute(query.where(SessionRow.token_hash == _token_hash(secret))).one_or_none()
    if found is None:
        return None
    row, user = found
    ended = row.ended_at is not None or user.disabled_at is not None
    if ended or now - row.seen_at > idle or now - row.created_at > whole:
        return None
    return SignedIn(user.id, user.email, user.name, row.csrf, row.seen_at, rights(session, user.id))


def touch(session: Session, secret: str, now: datetime) -> None:
    """Note that the session is in use; written at most once a minute."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.token_hash == _token_hash(secret), SessionRow.seen_at < now - SEEN_STEP)
        .values(seen_at=now)
    )


def audit_sign_in(session: Session, user_id: int, email: str, now: datetime) -> None:
    """A line of audit in every brand that the user may open."""
    for right in rights(session, user_id):
        record(session, right.brand_id, email, "sign_in", f"user:{user_id}", now)


def close_session(session: Session, secret: str, now: datetime) -> None:
    """End one session for good, whatever the browser keeps."""
    _end(session, SessionRow.token_hash == _token_hash(secret), now)


def close_all_sessions(session: Session, user_id: int, now: datetime) -> None:
    """End every session of a user: after a new password, or when the user is disabled."""
    _end(session, SessionRow.user_id == user_id, now)


def rights(session: Session, user_id: int) -> tuple[Right, ...]:
    """The brands that a user may open, by brand id."""
    query = (
        select(UserBrandRow.brand_id, BrandRow.name, UserBrandRow.role)
        .join(BrandRow, BrandRow.id == UserBrandRow.brand_id)
        .where(UserBrandRow.user_id == user_id)
        .order_by(UserBrandRow.brand_id)
    )
    return tuple(Right(brand_id, name, role) for brand_id, name, role in session.execute(query))


def ensure_user(
    session: Session, email: str, name: str, password: str, role: str, brand_ids: Iterable[str], now: datetime
) -> UserRow:
    """Add a user, or give an existing one this name, password and these rights; idempotent.

    A changed password ends the user's sessions. Raises BadInput for a bad address, role, brand or password.
    """
    brands = sorted(set(brand_ids))
    email = _checked(session, email, password, role, brands)
    user = session.scalar(select(UserRow).where(UserRow.email == email))
    if user is None:
        user = UserRow(email=email, name=name, password_hash=hash_password(password), created_at=now)
        session.add(user)
        session.flush()
    elif not password_fits(password, user.password_hash):
        user.password_hash = hash_password(password)
        close_all_sessions(session, user.id, now)
    user.name, user.disabled_at = name, None
    for brand_id in brands:
        session.merge(UserBrandRow(user_id=user.id, brand_id=brand_id, role=role))
    session.flush()
    return user


def disable_user(session: Session, email: str, now: datetime) -> None:
    """Shut a user out at once; raises BadInput for an unknown one."""
    user = session.scalar(select(UserRow).where(UserRow.email == normal_email(email)))
    if user is None:
        raise BadInput(f"no user {email}: see `vigie user list`")
    user.disabled_at = user.disabled_at or now
    close_all_sessions(session, user.id, now)


def all_users(session: Session) -> list[tuple[UserRow, tuple[Right, ...]]]:
    """Every user with rights, by address."""
    return [(user, rights(session, user.id)) for user in session.scalars(select(UserRow).order_by(UserRow.email))]


def _checked(session: Session, email: str, password: str, role: str, brand_ids: list[str]) -> str:
    email = normal_email(email)
    if email.count("@") != 1 or not all(email.split("@")) or any(c.isspace() for c in email) or len(email) > 320:
        raise BadInput(f"{email!r} is no e-mail address")
    if role not in ROLES:
        raise BadInput(f"role {role!r} is unknown: use one of {', '.join(ROLES)}")
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise BadInput(f"the password must have {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    missing = set(brand_ids) - set(session.scalars(select(BrandRow.id).where(BrandRow.id.in_(brand_ids))))
    if missing or not brand_ids:
        raise BadInput(f"no brand {', '.join(sorted(missing)) or '(none named)'} in the database: see `vigie check`")
    return email


def _end(session: Session, condition: Any, now: datetime) -> int:
    query = update(SessionRow).where(condition, SessionRow.ended_at.is_(None)).values(ended_at=now)
    return cast(CursorResult[Any], session.execute(query)).rowcount


def _token_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=SCRYPT_MEMORY, dklen=32)


_NOBODY = f"scrypt${SCRYPT['n']}${SCRYPT['r']}${SCRYPT['p']}${'00' * 16}${'00' * 32}"
