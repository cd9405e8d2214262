"""Secrets that the installation makes for itself, once."""

import secrets

from sqlalchemy.orm import Session

from storage.tables import SecretRow

MATCHING_KEY = "matching"


def installation_secret(session: Session, name: str) -> bytes:
    """The secret of this name, made at its first use."""
    known: dict[str, bytes] = session.info.setdefault("secrets", {})
    if name not in known:
        known[name] = _load(session, name)
    return known[name]


def _load(session: Session, name: str) -> bytes:
    row = session.get(SecretRow, name)
    if row is None:
        row = SecretRow(name=name, value=secrets.token_hex(32))
        session.add(row)
        session.flush()
    return bytes.fromhex(row.value)
