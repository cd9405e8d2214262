"""Brands: the root of every row, and the lock under which a brand's shared rows change."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.errors import Misconfigured
from storage.tables import BrandRow


def ensure_brands(session: Session, brands: Iterable[Brand], now: datetime) -> None:
    """Write the brands of the settings; a changed name is taken over, nothing is removed."""
    for brand in brands:
        row = session.get(BrandRow, brand.id)
        if row is None:
            session.add(BrandRow(id=brand.id, name=brand.name, created_at=now))
        elif row.name != brand.name:
            row.name = brand.name


def lock_brand(session: Session, brand_id: str) -> BrandRow:
    """Make writers of one brand take turns until the end of the transaction, and return its row."""
    query = select(BrandRow).where(BrandRow.id == brand_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise Misconfigured(f"brand {brand_id!r} is not in the settings")
    return row


def crm_changed(session: Session, brand_id: str) -> None:
    """Note that customers or orders changed, so that open matches are decided again."""
    session.execute(update(BrandRow).where(BrandRow.id == brand_id).values(crm_version=BrandRow.crm_version + 1))
