"""What all tables share: types, names of constraints, a brand, a lease."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Integer,
    MetaData,
    String,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from storage.types import Json, UtcDateTime

BigId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: Json, list[Any]: Json}


class BrandRow(Base):
    """`crm_version` grows with each change to customers or orders, so that open matches are tried again.

    `keys_version` tells how the customers' blocking keys were made (routing/rekey.py).
    """

    __tablename__ = "brands"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200))
    crm_version: Mapped[int] = mapped_column(default=0)
    keys_version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]


class Branded:
    """A row that belongs to one brand."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)


class Leased:
    """Work that one process holds until a time; a dead process's lease may be taken over."""

    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None]


class LeaseRow(Base):
    """Work that is not a row: one holder at a time for a named thing (a listener, a migration)."""

    __tablename__ = "work_leases"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime]


class SecretRow(Base):
    """Secrets that the installation makes for itself, such as the key of the matching hashes."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))
