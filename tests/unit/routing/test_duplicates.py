"""Duplicates are found by weights learned from the file, and by the usual ones where it tells little."""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from benchmarks._matching_world_people import records
from domain.customer import Customer
from domain.errors import BadInput
from routing import duplicates
from routing.crm import import_customers
from routing.duplicates import find_duplicates, other_first_name
from storage.duplicates import Duplicates, decide_duplicate, propose, waiting_duplicates
from storage.merges import merge_customers
from storage.tables import CustomerRow
from tests.unit.samples import BRAND, NOW, OTHER_BRAND, customer

NORA = "nora@example.org"
ANNE = customer(
    "A", "Anne", "Petit", emails=("anne@example.org",), phones=("0612345678",), address="3 rue des Lilas",
    postal_code="69003",
)  # fmt: skip
AGAIN = replace(ANNE, customer_id="B", name="Anne Petitt", last_name="Petitt")
SPOUSE = replace(ANNE, customer_id="C", name="Paul Petit", first_name="Paul")
STRANGERS = (customer("D", "Zoé", "Roux", address="9 rue Haute"), customer("E", "Ali", "Ben"))


def found(session: Session, *customers: Customer) -> list[str]:
    """The pairs told, by the file's ids."""
    import_customers(session, BRAND, [*customers, *STRANGERS], NOW)
    keys = {row.id: row.customer_id for row in session.query(CustomerRow)}
    return [keys[pair.first] + keys[pair.second] for pair in find_duplicates(session, BRAND.id).pairs]


def test_one_person_twice_is_found_and_a_household_is_not(session: Session) -> None:
    assert found(session, ANNE, AGAIN, SPOUSE) == ["AB"]


def test_a_pair_says_what_speaks_for_it(session: Session) -> None:
    import_customers(session, BRAND, [ANNE, replace(AGAIN, phones=(), birth_year=1970), *STRANGERS], NOW)
    told = find_duplicates(session, BRAND.id)
    assert told.compared == 1
    assert told.pairs[0].reasons == (
        "same first name", "nearly the same last name", "same email", "same address", "same postal code",
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        Customer("B", "PETIT Anne", emails=ANNE.emails, address="3 RUE DES LILAS"),
        Customer("B", "A. Petit", first_name="A.", last_name="Petit", emails=ANNE.emails, address=ANNE.address),
        replace(ANNE, customer_id="B", emails=("new@example.org",), phones=()),
        replace(AGAIN, emails=("new@example.org",), phones=()),
        replace(ANNE, customer_id="B", emails=("new@example.org", "anne@example.org"), address=None, postal_code=None),
    ],
    ids=["turned round", "initial", "another mailbox", "a slip and another mailbox", "two mailboxes"],
)
def test_other_records_of_one_person(session: Session, other: Customer) -> None:
    assert found(session, ANNE, other) == ["AB"]


@pytest.mark.parametrize(
    "other",
    [
        Customer("B", "Paul Petit", emails=ANNE.emails, phones=ANNE.phones, address=ANNE.address),
        replace(AGAIN, birth_year=1990),
        customer("B", "Anne", "Petit", emails=("a.petit@example.org",), address="9 rue Basse", postal_code="13001"),
    ],
    ids=["a household, names in one field", "another year of birth", "a namesake elsewhere"],
)
def test_records_of_others(session: Session, other: Customer) -> None:
    assert found(session, replace(ANNE, birth_year=1960), other) == []


def test_a_made_up_file_tells_its_own_weights(session: Session) -> None:
    made = [record for record, _ in zip(records(5000), range(1500), strict=False)]
    import_customers(session, BRAND, [record.customer for record in made], NOW)
    person = {record.customer.customer_id: record.person for record in made}
    keys = {row.id: row.customer_id for row in session.query(CustomerRow)}
    pairs = [(keys[pair.first], keys[pair.second]) for pair in find_duplicates(session, BRAND.id).pairs]
    right = sum(person[one] == person[other] for one, other in pairs)
    assert right == len(made) - len(set(person.values()))
    assert right / len(pairs) >= 0.7


def test_the_same_file_gives_the_same_pairs(session: Session) -> None:
    import_customers(session, BRAND, [ANNE, AGAIN, SPOUSE, *STRANGERS], NOW)
    assert find_duplicates(session, BRAND.id) == find_duplicates(session, BRAND.id)


def test_who_is_one_person_already_is_no_duplicate(session: Session) -> None:
    import_customers(session, BRAND, [ANNE, AGAIN], NOW)
    merge_customers(session, BRAND.id, "A", "B", NORA, NOW)
    assert find_duplicates(session, BRAND.id).pairs == ()


def test_who_was_told_apart_is_not_told_again(session: Session) -> None:
    import_customers(session, BRAND, [ANNE, AGAIN, *STRANGERS], NOW)
    propose(session, BRAND.id, find_duplicates(session, BRAND.id).pairs, "vigie", NOW)
    ((row, _, _),) = waiting_duplicates(session, BRAND.id, 9)
    decide_duplicate(session, BRAND.id, row.id, False, NORA, NOW)
    assert find_duplicates(session, BRAND.id).pairs == ()


def test_another_brands_records_are_not_compared(session: Session) -> None:
    import_customers(session, BRAND, [ANNE], NOW)
    import_customers(session, OTHER_BRAND, [AGAIN], NOW)
    assert find_duplicates(session, BRAND.id) == Duplicates((), 0, 0, False)


def test_no_customers_are_no_duplicates(session: Session) -> None:
    assert find_duplicates(session, BRAND.id) == Duplicates((), 0, 0, False)


def test_a_key_of_too_many_records_is_not_compared(session: Session) -> None:
    letters = [chr(ord("a") + number // 26) + chr(ord("a") + number % 26) for number in range(51)]
    import_customers(
        session, BRAND, [customer(f"S{two}", two, two * 2, emails=("shop@x.org",)) for two in letters], NOW
    )
    assert find_duplicates(session, BRAND.id) == Duplicates((), 0, 1, False)


def test_the_most_telling_keys_come_first_where_not_all_pairs_are_compared(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "PAIR_LIMIT", 1)
    import_customers(session, BRAND, [ANNE, AGAIN, customer("F", "Zoé", "Roux"), *STRANGERS], NOW)
    told = find_duplicates(session, BRAND.id)
    assert (told.compared, told.cut_off, len(told.pairs)) == (1, True, 1)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Anne", "Paul", True),
        ("Anne", "Anna", False),
        ("A.", "Anne", False),
        ("A", "Paul", True),
        ("Jean-Pierre", "Jean", False),
        ("Anne", None, False),
        ("", "", False),
        ("Élodie", "élodie", False),
    ],
)
def test_first_names_contradict_or_not(one: str | None, other: str | None, differ: bool) -> None:
    assert other_first_name(one, other) is differ


def test_splink_says_what_it_needs(session: Session) -> None:
    pytest.importorskip("splink", reason="needs the extra [splink]")
    from routing.duplicates_splink import splink_pairs

    with pytest.raises(BadInput, match="0 records are too few"):
        splink_pairs(session, BRAND.id)


def test_splink_finds_a_person_twice_and_no_household(session: Session) -> None:
    pytest.importorskip("splink", reason="needs the extra [splink]")
    from routing.duplicates_splink import splink_pairs

    made = [record for record, _ in zip(records(5000), range(1500), strict=False)]
    import_customers(session, BRAND, [record.customer for record in made], NOW)
    person = {record.customer.customer_id: record.person for record in made}
    keys = {row.id: row.customer_id for row in session.query(CustomerRow)}
    found = [(keys[pair.first], keys[pair.second]) for pair in splink_pairs(session, BRAND.id)]
    right = sum(person[one] == person[other] for one, other in found)
    assert right >= 10
    assert right / len(found) >= 0.6
