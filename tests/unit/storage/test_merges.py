"""Two records that are one person: everywhere one, and two again when somebody says so. The records stay as they are."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.customer import Account, Consent
from domain.errors import BadInput
from routing.crm import import_customers, import_orders, keyring
from routing.matching.lookup import Lookup
from routing.recipient import recipient_of
from storage.brands import lock_brand
from storage.customers import (
    customers_by_order,
    find_customer,
    open_orders,
    sharers,
)
from storage.history import history_of
from storage.merges import kept_key, merge_customers, records_of, split_customers
from storage.people import erase_customer, everything_of
from storage.tables import AuditRow, CustomerHistoryRow, CustomerLinkRow, CustomerRow
from tests.unit.samples import BRAND, NOW, customer, order

LATER = NOW + timedelta(days=2)
ANNE = customer("A", "Anne", "Petit", emails=("anne@example.org",), accounts=(Account("x", "1", "anne"),))
ANNA = customer(
    "B",
    "Anna",
    "Petit",
    emails=("anne@example.org", "b@example.org"),
    accounts=(Account("x", "2", "anna"),),
    consents=(Consent("email", "service", "revoked", NOW),),
    attributes={"objections": "social_care"},
)
CARL = customer("C", "Carl", "Petit")


@pytest.fixture
def three(session: Session) -> Session:
    import_customers(session, BRAND, [ANNE, ANNA, CARL], NOW)
    import_orders(session, BRAND, [order("O1", "A"), order("O2", "B")])
    return session


def key(session: Session, id_: str) -> int:
    row = find_customer(session, BRAND.id, id_)
    assert row is not None
    return row.id


def merge(session: Session, kept: str, merged: str) -> None:
    merge_customers(session, BRAND.id, kept, merged, "nora@example.org", NOW)


def split(session: Session, kept: str, merged: str) -> None:
    split_customers(session, BRAND.id, kept, merged, "nora@example.org", LATER)


class TestMerging:
    def test_look_ups_give_the_kept_record(self, three: Session) -> None:
        merge(three, "A", "B")
        email = keyring(three).key("email", "b@example.org")
        lookup = Lookup(three, BRAND.id, 5, NOW)
        assert [owner.key for owner in lookup.owners("x", "2")] == [key(three, "A")]
        assert [row.customer_id for row in customers_by_order(three, BRAND.id, "O2")] == ["A"]
        assert lookup.blocks([("email", email)]).found == {("email", email): (key(three, "A"),)}
        assert sharers(three, BRAND.id, "email", "anne@example.org") == 1
        assert {row.order_id for row in open_orders(three, BRAND.id, "A")} == {"O1", "O2"}

    def test_his_no_holds_for_all_his_records(self, three: Session) -> None:
        merge(three, "A", "B")
        told = recipient_of(three, BRAND.id, key(three, "A"))
        assert (told.customer_id, told.objections) == ("A", frozenset({"social_care"}))
        assert [word.status for word in told.consents] == ["revoked"]
        mail = {point.address for point in told.contact_points if point.channel == "email"}
        assert mail == {"anne@example.org", "b@example.org"}

    def test_one_record_of_a_dead_person_is_enough(self, three: Session) -> None:
        import_customers(three, BRAND, [replace(ANNA, status="deceased")], LATER)
        merge(three, "A", "B")
        assert recipient_of(three, BRAND.id, key(three, "A")).status == "deceased"

    def test_the_records_stay_as_the_file_has_them(self, three: Session) -> None:
        def rows() -> list[tuple[str, str, str]]:
            query = select(CustomerRow.customer_id, CustomerRow.name, CustomerRow.row_hash).order_by(CustomerRow.id)
            return [tuple(row) for row in three.execute(query)]

        before = rows()
        merge(three, "A", "B")
        assert rows() == before

    def test_matches_are_decided_again_and_the_audit_knows_who(self, three: Session) -> None:
        before = lock_brand(three, BRAND.id).crm_version
        merge(three, "A", "B")
        three.flush()
        assert lock_brand(three, BRAND.id).crm_version == before + 1
        lines = three.scalars(select(AuditRow).where(AuditRow.action == "customers merged")).all()
        assert {(line.actor, line.subject) for line in lines} == {
            ("nora@example.org", f"customer:{key(three, id_)}") for id_ in "AB"
        }

    @pytest.mark.parametrize(
        ("kept", "merged", "why"), [("A", "A", "already"), ("A", "B", "already"), ("A", "Z", "no such")]
    )
    def test_what_makes_no_sense_is_refused(self, three: Session, kept: str, merged: str, why: str) -> None:
        merge(three, "B", "A")
        with pytest.raises(BadInput, match=why):
            merge(three, kept, merged)


class TestSplitting:
    def test_it_undoes_a_merge_and_keeps_what_was_said(self, three: Session) -> None:
        merge(three, "A", "B")
        split(three, "A", "B")
        assert [row.customer_id for row in customers_by_order(three, BRAND.id, "O2")] == ["B"]
        assert sharers(three, BRAND.id, "email", "anne@example.org") == 2
        (link,) = three.scalars(select(CustomerLinkRow)).all()
        assert (link.undone_by, link.undone_at) == ("nora@example.org", LATER)

    def test_they_may_be_merged_again(self, three: Session) -> None:
        merge(three, "A", "B")
        split(three, "A", "B")
        merge(three, "B", "A")
        assert kept_key(three, BRAND.id, key(three, "A")) == key(three, "B")

    def test_a_record_takes_along_what_was_merged_with_it_before(self, three: Session) -> None:
        merge(three, "B", "C")
        merge(three, "A", "B")
        a, b, c = (key(three, id_) for id_ in "ABC")
        assert records_of(three, BRAND.id, c) == [a, b, c]
        split(three, "A", "B")
        assert (kept_key(three, BRAND.id, c), kept_key(three, BRAND.id, a)) == (b, a)

    def test_any_two_of_three_can_be_told_apart(self, three: Session) -> None:
        merge(three, "A", "B")
        merge(three, "A", "C")
        split(three, "C", "B")
        assert records_of(three, BRAND.id, key(three, "A")) == [key(three, "A"), key(three, "C")]

    @pytest.mark.parametrize("other", ["C", "A"])
    def test_two_people_cannot_be_split(self, three: Session, other: str) -> None:
        merge(three, "A", "B")
        with pytest.raises(BadInput, match="not one person"):
            split(three, "A", other)


class TestErasure:
    def test_it_covers_every_record_of_the_person(self, three: Session) -> None:
        merge(three, "A", "B")
        receipt = erase_customer(three, BRAND.id, "B", "nora@example.org", NOW)
        assert receipt is not None
        assert receipt["removed"]["customers"] == 2
        assert list(three.scalars(select(CustomerRow.customer_id))) == ["C"]
        assert three.scalars(select(CustomerLinkRow)).all() == []

    def test_the_access_file_holds_them_too(self, three: Session) -> None:
        merge(three, "A", "B")
        held = everything_of(three, BRAND.id, "B", "nora@example.org", "exported", NOW)
        assert held is not None
        assert [one["customer"]["customer_id"] for one in held["same_person"]] == ["A"]


class TestHistory:
    def test_it_tells_who_had_which_name_and_address_when(self, three: Session) -> None:
        import_customers(three, BRAND, [replace(ANNE, name="Anne Roux", emails=("roux@example.org",))], LATER)
        even_later = LATER + timedelta(days=1)
        import_customers(three, BRAND, [replace(ANNE, name="Anne Roux", emails=("anne@example.org",))], even_later)
        told = {
            (line["field"], line["value"], line["since"], line["until"]) for line in history_of(three, key(three, "A"))
        }
        assert told == {
            ("name", "Anne Petit", None, LATER),
            ("name", "Anne Roux", LATER, None),
            ("email", "anne@example.org", None, LATER),
            ("email", "roux@example.org", LATER, even_later),
            ("email", "anne@example.org", even_later, None),
        }

    def test_it_is_erased_with_the_person(self, three: Session) -> None:
        import_customers(three, BRAND, [replace(ANNE, name="Anne Roux")], LATER)
        erase_customer(three, BRAND.id, "A", "nora@example.org", LATER)
        assert three.scalars(select(CustomerHistoryRow)).all() == []
