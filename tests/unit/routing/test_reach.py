"""Reach: the real decision says who could be written to, and what each defect costs."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from domain.customer import Consent
from routing.crm import import_customers
from routing.reach import Reach, reach
from storage.merges import merge_customers
from tests.unit.samples import BRAND, NOW, customer

YES = Consent("email", "service", "granted", NOW - timedelta(days=90))
NO = Consent("email", "service", "revoked", NOW)
WELL = customer("A", emails=("a@example.org",), consents=(YES,))
SILENT = customer("B", emails=("b@example.org",))
NO_EMAIL = customer("C", consents=(YES,))
SHARED = [customer(id_, emails=("shop@example.org",), consents=(YES,)) for id_ in "DE"]
REFUSED = customer("F", emails=("f@example.org",), consents=(YES, NO))
DEAD = customer("G", emails=("g@example.org",), consents=(YES,), status="deceased")


def asked(session: Session, most: int = 100) -> Reach:
    rules = App(Settings()).contact_rules(BRAND)
    return reach(session, BRAND, rules, most, NOW + timedelta(days=9))


@pytest.fixture
def filed(session: Session) -> Session:
    import_customers(session, BRAND, [WELL, SILENT, NO_EMAIL, *SHARED, REFUSED, DEAD], NOW - timedelta(days=60))
    return session


def test_each_defect_costs_those_whom_it_alone_keeps_out(filed: Session) -> None:
    told = asked(filed)
    assert (told.customers, told.asked, told.reached) == (7, 7, 1)
    assert told.first_channel == {"email": 1}
    assert told.costs == {
        "no_email": 1,
        "no_phone": 0,
        "no_address": 0,
        "no_consent": 1,
        "shared_contact_point": 2,
        "suppressed_contact_point": 0,
    }
    assert told.because["the customer has died"] == 1
    assert told.lost["email"] == {
        "no_consent": 1, "no_contact_point": 1, "shared_contact_point": 2, "consent_revoked": 1
    }  # fmt: skip


def test_records_of_one_person_are_asked_for_once(filed: Session) -> None:
    merge_customers(filed, BRAND.id, "D", "E", "nora@example.org", NOW)
    told = asked(filed)
    assert (told.asked, told.reached, told.costs["shared_contact_point"]) == (6, 2, 0)


def test_a_sample_is_never_larger_than_asked_for(filed: Session) -> None:
    told = asked(filed, most=3)
    assert 1 <= told.asked <= 3
    assert told.about(told.asked) == 7


def test_an_empty_file_costs_nothing(session: Session) -> None:
    told = asked(session)
    assert (told.customers, told.asked, told.reached, told.about(0)) == (0, 0, 0, 0)
