"""Proposals of duplicates: each pair is asked about once, and every way of saying so settles it."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.errors import BadInput
from routing.crm import import_customers
from storage.bulk import MANY_VALUES, among
from storage.customers import find_customer
from storage.duplicates import Proposal, decide_duplicate, decided_pairs, propose, waiting_duplicates
from storage.merges import kept_key, merge_customers, split_customers
from storage.people import erase_customer
from storage.tables import AuditRow, CustomerRow, DuplicateRow
from tests.unit.samples import BRAND, NOW, OTHER_BRAND, customer

NORA = "nora@example.org"


@pytest.fixture
def three(session: Session) -> Session:
    import_customers(session, BRAND, [customer(id_, "Anne", f"Petit{id_}") for id_ in "ABC"], NOW)
    pairs = [(key(session, one), key(session, other)) for one, other in ("AB", "BC", "AC")]
    propose(session, BRAND.id, [Proposal(*pair, 0.9, ("same email",)) for pair in pairs], "vigie", NOW)
    return session


def key(session: Session, id_: str) -> int:
    row = find_customer(session, BRAND.id, id_)
    assert row is not None
    return row.id


def waiting(session: Session) -> list[str]:
    return [one.customer_id + other.customer_id for _, one, other in waiting_duplicates(session, BRAND.id, 9)]


def pair(session: Session, ids: str) -> DuplicateRow:
    query = select(DuplicateRow).filter_by(first=key(session, ids[0]), second=key(session, ids[1]))
    return session.scalars(query.execution_options(populate_existing=True)).one()


def test_a_pair_is_proposed_once(three: Session) -> None:
    again = [Proposal(key(three, "A"), key(three, "B"), 0.7, ())]
    assert propose(three, BRAND.id, again, "splink", NOW) == 0
    assert waiting(three) == ["AB", "BC", "AC"]


def test_one_person_is_merged_and_two_are_told_apart(three: Session) -> None:
    decide_duplicate(three, BRAND.id, pair(three, "AB").id, True, NORA, NOW)
    decide_duplicate(three, BRAND.id, pair(three, "BC").id, False, NORA, NOW)
    assert kept_key(three, BRAND.id, key(three, "B")) == key(three, "A")
    assert (pair(three, "AB").state, pair(three, "AB").by, pair(three, "BC").state) == ("merged", NORA, "different")
    assert waiting(three) == ["AC"]
    assert len(decided_pairs(three, BRAND.id)) == 2
    assert len(three.scalars(select(AuditRow).filter_by(action="customers differ")).all()) == 2


def test_a_decided_pair_cannot_be_decided_again(three: Session) -> None:
    number = pair(three, "AB").id
    decide_duplicate(three, BRAND.id, number, True, NORA, NOW)
    with pytest.raises(BadInput):
        decide_duplicate(three, BRAND.id, number, False, NORA, NOW)


def test_no_brand_decides_anothers_pair(three: Session) -> None:
    with pytest.raises(BadInput):
        decide_duplicate(three, OTHER_BRAND.id, pair(three, "AB").id, True, NORA, NOW)


def test_a_merge_by_hand_settles_the_pair_and_a_split_corrects_it(three: Session) -> None:
    merge_customers(three, BRAND.id, "B", "A", NORA, NOW)
    assert (pair(three, "AB").state, waiting(three)) == ("merged", ["BC", "AC"])
    split_customers(three, BRAND.id, "B", "A", NORA, NOW)
    assert pair(three, "AB").state == "different"


def test_who_is_one_person_by_way_of_a_third_is_not_asked_about(three: Session) -> None:
    merge_customers(three, BRAND.id, "A", "B", NORA, NOW)
    merge_customers(three, BRAND.id, "B", "C", NORA, NOW)
    assert waiting(three) == []


def test_an_erased_customer_leaves_no_pair(three: Session) -> None:
    erase_customer(three, BRAND.id, "A", NORA, NOW)
    assert waiting(three) == ["BC"]


def test_more_values_than_a_statement_takes(three: Session) -> None:
    many = [f"none {number}" for number in range(40_000)]
    assert len(many) > MANY_VALUES
    query = select(CustomerRow.customer_id).where(among(three, CustomerRow.customer_id, [*many, "C", "A"]))
    assert sorted(three.scalars(query)) == ["A", "C"]
    keys = [*range(10**6, 10**6 + 40_000), key(three, "B")]
    assert three.scalars(select(CustomerRow.customer_id).where(among(three, CustomerRow.id, keys))).all() == ["B"]
