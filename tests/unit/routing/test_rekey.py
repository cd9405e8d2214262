"""Keys of an older version of the program are made anew, once."""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from routing.crm import import_customers
from routing.matching.normal import KEYS_VERSION
from routing.rekey import renew_keys
from storage.brands import ensure_brands
from storage.database import Database
from storage.tables import BrandRow, CustomerKeyRow
from tests.unit.samples import BRAND, NOW, customer


def keys(session: Session) -> set[tuple[int, str, str]]:
    told = select(CustomerKeyRow.customer_key, CustomerKeyRow.kind, CustomerKeyRow.hash)
    return {tuple(row) for row in session.execute(told)}  # type: ignore[misc]


def test_missing_keys_come_back_as_an_import_makes_them(database: Database) -> None:
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
        people = [
            customer(f"C{at}", "Claire", f"Martin{chr(97 + at)}", emails=(f"c{at}martin@x.org",)) for at in range(3)
        ]
        import_customers(session, BRAND, people, NOW)
        made = keys(session)
        session.execute(delete(CustomerKeyRow).where(CustomerKeyRow.kind.in_(("mailbox", "initial", "last"))))
        session.execute(update(BrandRow).values(keys_version=1))
    assert renew_keys(database) == 3
    with database.begin() as session:
        assert keys(session) == made
        assert session.get_one(BrandRow, BRAND.id).keys_version == KEYS_VERSION
    assert renew_keys(database) == 0
