"""What one would write without Vigie: a table with the same key, filled row by row through the ORM."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Engine, Integer, String, Text, UniqueConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from storage.types import UtcDateTime

Item = dict[str, Any]


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSON}  # noqa: RUF012  SQLAlchemy's way


class PlainPost(Base):
    """A post, with one index beside its key."""

    __tablename__ = "plain_posts"
    __table_args__ = (UniqueConstraint("network", "native_id"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    network: Mapped[str] = mapped_column(String(40))
    native_id: Mapped[str] = mapped_column(String(500))
    author: Mapped[str | None] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    lang: Mapped[str | None] = mapped_column(String(40))
    url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    raw: Mapped[dict[str, Any]]


def store(engine: Engine, items: Iterable[Item], commit_every: int, most_seconds: float) -> tuple[int, float]:
    """Select by key, add where it is absent; returns how many fitted into the time, and how many a second."""
    Base.metadata.create_all(engine)
    start = time.perf_counter()
    count = 0
    with Session(engine) as session:
        for count, item in enumerate(items, 1):
            key = {"network": item["network"], "native_id": item["native_id"]}
            if session.scalar(select(PlainPost).filter_by(**key)) is None:
                session.add(PlainPost(**item))
            if count % commit_every == 0:
                session.commit()
                if time.perf_counter() - start > most_seconds:
                    break
        session.commit()
    return count, count / (time.perf_counter() - start)


def items(rows: Iterable[Any]) -> Iterator[Item]:
    """Rows of a posts file as this table takes them."""
    for row in rows:
        created_at = datetime.fromisoformat(row["created_at"])
        handle = (row.get("author") or {}).get("handle")
        same = {name: row.get(name) for name in ("network", "text", "lang", "url")}
        yield {**same, "native_id": row["id"], "author": handle, "created_at": created_at, "raw": row}
