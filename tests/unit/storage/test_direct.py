"""Statements asked of the driver itself answer as SQLAlchemy does, on both kinds of database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Select, bindparam, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from routing.crm import import_customers, import_orders
from storage.direct import LISTS, Direct
from storage.tables import CustomerRow, OrderRow
from tests.unit.samples import BRAND, NOW, customer, order

PLACED: Select[tuple[str, datetime]] = select(OrderRow.order_id, OrderRow.placed_at).where(
    OrderRow.brand_id == bindparam("brand"),
    OrderRow.order_id.in_(bindparam("ids", expanding=True)),
    OrderRow.placed_at > bindparam("since"),
    OrderRow.status.is_distinct_from("lost"),
)
KNOWN = select(CustomerRow.customer_id).where(CustomerRow.customer_id.in_(("A", "B")))


@pytest.fixture
def shop(session: Session) -> Session:
    import_customers(session, BRAND, [customer("A"), customer("B"), customer("C")], NOW)
    import_orders(session, BRAND, [order(f"O{number}", "A") for number in range(LISTS[-1] + 5)])
    return session


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, LISTS[-1], LISTS[-1] + 1, LISTS[-1] + 5])
def test_a_list_of_any_length_gives_each_row_once(shop: Session, count: int) -> None:
    asked = {"brand": BRAND.id, "ids": [f"O{number}" for number in range(count)], "since": NOW - timedelta(days=3650)}
    told = Direct(PLACED, "ids").all(shop.connection(), asked)
    assert sorted(told) == sorted(map(tuple, shop.execute(PLACED, asked)))
    assert len(told) == count


def test_times_are_aware_whatever_zone_was_asked_in(shop: Session) -> None:
    at = order("O1", "A").placed_at.astimezone(timezone(timedelta(hours=9)))
    asked = {"brand": BRAND.id, "ids": ["O1"], "since": at - timedelta(seconds=1)}
    assert Direct(PLACED, "ids").all(shop.connection(), asked) == [("O1", at)]
    assert Direct(PLACED, "ids").all(shop.connection(), asked)[0][1].tzinfo is UTC
    assert Direct(PLACED, "ids").all(shop.connection(), asked | {"since": at}) == []


def test_constants_of_a_statement_stay(shop: Session) -> None:
    assert sorted(Direct(KNOWN).all(shop.connection(), {})) == [("A",), ("B",)]


def test_a_text_is_asked_as_it_stands(shop: Session) -> None:
    counted = Direct(text("SELECT count(*) FROM customers WHERE name <> :name"))
    assert counted.all(shop.connection(), {"name": "'; DROP TABLE customers; --"}) == [(3,)]


def test_errors_are_those_that_callers_know(shop: Session) -> None:
    with pytest.raises((OperationalError, ProgrammingError)) as caught, shop.begin_nested():
        Direct(text("SELECT secret FROM nowhere WHERE a = :value")).all(shop.connection(), {"value": "ana@example.org"})
    assert "ana@example.org" not in str(caught.value)
