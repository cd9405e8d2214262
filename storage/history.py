"""What a customer's record said before: who had which name, address or status, until when."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.customer import Customer
from storage.tables import ContactPointRow, CustomerHistoryRow, CustomerRow

FIELDS = ("name", "address", "city", "postal_code", "country", "language", "segment", "status")
Row = dict[str, Any]


def replaced_fields(row: CustomerRow, customer: Customer, now: datetime) -> Iterator[Row]:
    """A history row for each field that the record says otherwise from now on. To be asked before it is changed."""
    for field in FIELDS:
        before = getattr(row, field)
        if before is not None and before != getattr(customer, field):
            yield _held(row.brand_id, row.id, field, before, None, now)


def ended_point(point: ContactPointRow) -> Row:
    """The time that an address had before it came back. To be asked before it is revived."""
    assert point.until is not None  # noqa: S101 - only such a one comes back
    return _held(point.brand_id, point.customer_key, point.kind, point.value, point.since, point.until)


def _held(brand_id: str, key: int, field: str, value: str, since: datetime | None, until: datetime) -> Row:
    return {
        "brand_id": brand_id,
        "customer_key": key,
        "field": field,
        "value": value,
        "since": since,
        "until": until,
    }


def history_of(session: Session, customer_key: int) -> list[Mapping[str, Any]]:
    """`field value since until` of a record, the newest end first; what holds now has no end.

    `since` is None where it was there from the start; of a field it is when the value before it ended.
    """
    points = session.scalars(select(ContactPointRow).filter_by(customer_key=customer_key))
    told: list[Mapping[str, Any]] = [
        {"field": point.kind, "value": point.value, "since": point.since, "until": point.until} for point in points
    ]
    rows = select(CustomerHistoryRow).filter_by(customer_key=customer_key).order_by(CustomerHistoryRow.until)
    ends: dict[str, datetime] = {}
    for row in session.scalars(rows.order_by(CustomerHistoryRow.id)):
        since = ends.get(row.field) if row.field in FIELDS else row.since
        ends[row.field] = row.until
        told.append({"field": row.field, "value": row.value, "since": since, "until": row.until})
    customer = session.get(CustomerRow, customer_key)
    told += [
        {"field": field, "value": getattr(customer, field), "since": since, "until": None}
        for field, since in ends.items()
        if field in FIELDS
    ]
    return sorted(told, key=lambda line: (line["until"] is not None, line["field"], str(line["value"])))
