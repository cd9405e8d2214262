"""Records of the customer file that are one person. The records stay as the file has them; a link says they are one.

Links are never changed but for the word that undid them. Look-ups give the kept record of each person. A pair that was
proposed as duplicates is settled by the same word, so that nobody is asked again.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from domain.errors import BadInput
from storage import audit
from storage.brands import crm_changed, lock_brand
from storage.bulk import among
from storage.tables import CustomerLinkRow, CustomerRow, DuplicateRow

_HOLDS = CustomerLinkRow.undone_at.is_(None)


def merge_customers(session: Session, brand_id: str, kept: str, merged: str, actor: str, now: datetime) -> None:
    """Say that two records (by the file's ids) are one person; `kept` speaks for both. Raises BadInput."""
    lock_brand(session, brand_id)
    first, second = (kept_key(session, brand_id, _key(session, brand_id, id_)) for id_ in (kept, merged))
    if first == second:
        raise BadInput(f"{kept} and {merged} are one person already")
    session.add(CustomerLinkRow(brand_id=brand_id, kept=first, merged=second, by=actor, at=now))
    _settle(session, {_key(session, brand_id, kept), _key(session, brand_id, merged)}, "merged", actor, now)
    _note(session, brand_id, "customers merged", actor, (first, second), now)


def split_customers(session: Session, brand_id: str, kept: str, merged: str, actor: str, now: datetime) -> None:
    """Take `merged` away from the person that `kept` is; it keeps the records that were merged with it before.

    Raises BadInput where they are not one person.
    """
    lock_brand(session, brand_id)
    first, second = (_key(session, brand_id, id_) for id_ in (kept, merged))
    if first == second or kept_key(session, brand_id, first) != kept_key(session, brand_id, second):
        raise BadInput(f"{kept} and {merged} are not one person")
    link = _link_of(session, second) or _link_of(session, first)
    if link is None:
        raise BadInput(f"{kept} and {merged} are not one person")
    link.undone_at, link.undone_by = now, actor
    _settle(session, {first, second}, "different", actor, now)
    _note(session, brand_id, "customers split", actor, (first, second), now)


def kept_of(session: Session, brand_id: str, keys: Collection[int]) -> dict[int, int]:
    """The kept record of each of these that was merged into another; the others are not in it."""
    kept: dict[int, int] = {}
    asked = set(keys)
    while asked:
        query = select(CustomerLinkRow.merged, CustomerLinkRow.kept).where(
            CustomerLinkRow.brand_id == brand_id, among(session, CustomerLinkRow.merged, sorted(asked)), _HOLDS
        )
        found = {row.merged: row.kept for row in session.execute(query)}
        kept |= found
        asked = set(found.values()) - kept.keys()
    return {key: _end(kept, key) for key in keys if key in kept}


def kept_key(session: Session, brand_id: str, key: int) -> int:
    """The kept record of this one: itself, where it was merged into none."""
    return kept_of(session, brand_id, [key]).get(key, key)


def records_of(session: Session, brand_id: str, key: int) -> list[int]:
    """Every record of the person to whom this one belongs, the kept one first."""
    records = [kept_key(session, brand_id, key)]
    asked = list(records)
    while asked:
        query = select(CustomerLinkRow.merged).where(
            CustomerLinkRow.brand_id == brand_id, among(session, CustomerLinkRow.kept, asked), _HOLDS
        )
        asked = list(session.scalars(query.order_by(CustomerLinkRow.id)))
        records += asked
    return records


def persons_of(session: Session, brand_id: str, keys: Collection[int]) -> dict[int, list[int]]:
    """The key of each person's kept record → every record of that person."""
    merged = kept_of(session, brand_id, keys)
    kept = list(dict.fromkeys(merged.get(key, key) for key in keys))
    several = select(CustomerLinkRow.kept).where(CustomerLinkRow.brand_id == brand_id, CustomerLinkRow.kept.in_(kept))
    joined = set(session.scalars(several.distinct()))
    return {key: records_of(session, brand_id, key) if key in joined else [key] for key in kept}


def links_of(session: Session, key: int) -> list[CustomerLinkRow]:
    """What was ever said of this record, undone or not."""
    told = or_(CustomerLinkRow.kept == key, CustomerLinkRow.merged == key)
    return list(session.scalars(select(CustomerLinkRow).where(told).order_by(CustomerLinkRow.id)))


def _end(kept: dict[int, int], key: int) -> int:
    while key in kept:
        key = kept[key]
    return key


def _key(session: Session, brand_id: str, customer_id: str) -> int:
    key = session.scalar(select(CustomerRow.id).filter_by(brand_id=brand_id, customer_id=customer_id))
    if key is None:
        raise BadInput(f"{customer_id}: no such customer of brand {brand_id}")
    return key


def _link_of(session: Session, merged: int) -> CustomerLinkRow | None:
    return session.scalars(select(CustomerLinkRow).where(CustomerLinkRow.merged == merged, _HOLDS)).one_or_none()


def _settle(session: Session, pair: set[int], state: str, actor: str, now: datetime) -> None:
    settled = update(DuplicateRow).where(DuplicateRow.first == min(pair), DuplicateRow.second == max(pair))
    session.execute(settled.values(state=state, by=actor, at=now))


def _note(session: Session, brand_id: str, action: str, actor: str, keys: tuple[int, int], now: datetime) -> None:
    """Matches are decided again; the audit names our own numbers only."""
    session.flush()
    crm_changed(session, brand_id)
    for key, other in (keys, keys[::-1]):
        audit.record(session, brand_id, actor, action, f"customer:{key}", now, {"other": other})
