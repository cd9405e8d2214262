"""Blocking keys made anew where an older version of the program made them: once, in batches, from our own rows."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from domain.customer import Customer
from routing.crm import keyring
from routing.matching.normal import KEYS_VERSION
from storage.brands import crm_changed, lock_brand
from storage.bulk import among, insert_rows
from storage.database import Database
from storage.tables import BrandRow, ContactPointRow, CustomerKeyRow, CustomerRow

BATCH = 5_000  # customers a transaction


def renew_keys(database: Database) -> int:
    """Renew the keys of every brand whose keys are older than this program; returns of how many customers.

    A start that is killed begins again with the next; until then customers are found by their old keys.
    """
    with database.read() as session:
        old = list(session.scalars(select(BrandRow.id).where(BrandRow.keys_version < KEYS_VERSION)))
    return sum(_renew(database, brand_id) for brand_id in old)


def _renew(database: Database, brand_id: str) -> int:
    last = count = 0
    while True:
        with database.begin() as session:
            brand = lock_brand(session, brand_id)
            mine = CustomerRow.brand_id == brand_id
            query = select(CustomerRow).where(mine, CustomerRow.id > last).order_by(CustomerRow.id)
            rows = session.scalars(query.limit(BATCH)).all()
            if not rows:
                brand.keys_version = KEYS_VERSION
                crm_changed(session, brand_id)
                return count
            _renew_some(session, rows)
            last, count = rows[-1].id, count + len(rows)


def _renew_some(session: Session, rows: Sequence[CustomerRow]) -> None:
    keys, ring = [row.id for row in rows], keyring(session)
    points: dict[int, dict[str, list[str]]] = {key: {"email": [], "phone": [], "address": []} for key in keys}
    held = select(ContactPointRow.customer_key, ContactPointRow.kind, ContactPointRow.value).where(
        among(session, ContactPointRow.customer_key, keys), ContactPointRow.until.is_(None)
    )
    for key, kind, value in session.execute(held.order_by(ContactPointRow.id)):
        points[key][kind].append(value)
    session.execute(delete(CustomerKeyRow).where(among(session, CustomerKeyRow.customer_key, keys)))
    fresh = []
    for row in rows:
        named = Customer(row.customer_id, row.name, first_name=row.first_name, last_name=row.last_name)
        made = ring.customer_keys(named, tuple(points[row.id]["email"]), tuple(points[row.id]["phone"]))
        owner = {"brand_id": row.brand_id, "customer_key": row.id}
        fresh += [{**owner, "kind": kind, "hash": value} for kind, value in dict.fromkeys(made)]
    insert_rows(session, CustomerKeyRow, fresh)
