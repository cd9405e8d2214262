"""The report on the customer file: what is missing, doubled and old is counted; what that costs the decision says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from domain.customer import Consent
from insights.quality import last_report, quality, save_report
from routing.crm import import_customers, import_orders
from routing.duplicates import find_duplicates
from tests.unit.samples import BRAND, NOW, customer, order

OLD = NOW - timedelta(days=4 * 365)
ANNE = customer(
    "A", "Anne", "Petit", emails=("anne@example.org",), phones=("0612345678",), postal_code="69003",
    consents=(Consent("email", "service", "granted", NOW),),
)  # fmt: skip
AGAIN = replace(ANNE, customer_id="B", name="Anne Petitt", last_name="Petitt", consents=())
SPOUSE = replace(ANNE, customer_id="C", name="Paul Petit", first_name="Paul", birth_year=1970)
ALONE = customer("D", "Zoé", "Roux", address="3 rue des Lilas", consents=(Consent("email", "service", "granted", OLD),))
NOBODY = customer("E", "Ali", "Ben", phones=("no number",), attributes={"unusable_emails": ["none"]})


@pytest.fixture
def filed(session: Session) -> Session:
    import_customers(session, BRAND, [ANNE, AGAIN, SPOUSE, ALONE, NOBODY], NOW)
    import_orders(session, BRAND, [order("O1", "A"), order("O2", "nobody")])
    return session


def test_every_defect_is_counted(filed: Session) -> None:
    import_customers(filed, BRAND, [replace(ALONE, address=None)], NOW)
    told = quality(filed, BRAND.id, find_duplicates(filed, BRAND.id), NOW)
    assert told["customers"] == 5
    assert told["missing"] == {"email": 2, "phone": 2, "address": 5}
    assert (told["unreachable"], told["lost"]) == (2, 1)
    assert told["unusable"] == {"unusable_emails": 1, "unusable_phones": 1}
    assert told["shared"]["email"] == {"addresses": 1, "customers": 3, "most": 3}
    assert told["consents"] == {"none": 2, "old": 1}
    assert told["orders_without_customer"] == 1


def test_the_report_names_ids_and_nobody(filed: Session) -> None:
    told = quality(filed, BRAND.id, find_duplicates(filed, BRAND.id), NOW)
    assert told["duplicates"]["surest"][0]["customers"] == ["A", "B"]
    assert not any(word in str(told) for word in ("Anne", "Petit", "example.org", "+336"))


def test_the_newest_report_is_kept(filed: Session) -> None:
    save_report(filed, BRAND.id, {"n": 1}, NOW)
    save_report(filed, BRAND.id, {"n": 2}, NOW + timedelta(hours=1))
    filed.flush()
    kept = last_report(filed, BRAND.id)
    assert kept is not None
    assert kept.report == {"n": 2}
