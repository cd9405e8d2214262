"""The customer file: imported again it changes nothing; what changed is kept with its history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.customer import Account, Consent, Customer, Interaction, Order
from routing.crm import import_customers, import_interactions, import_orders
from routing.matching.lookup import Lookup
from storage.brands import lock_brand
from storage.customer_file import Imported
from storage.customers import (
    current_points,
    customers_by_order,
    declare_preference,
    find_customer,
    open_orders,
    preference,
    sharers,
)
from storage.tables import (
    ConsentRow,
    ContactPointRow,
    CustomerKeyRow,
    CustomerRow,
    IdentityRow,
    InteractionRow,
    ObjectionRow,
    OrderRow,
)
from tests.unit.samples import BRAND, NOW, OTHER_BRAND, customer, order

LATER = NOW + timedelta(days=3)
GRANTED = Consent("email", "service", "granted", datetime(2026, 1, 1, tzinfo=UTC))
REVOKED = Consent("email", "service", "revoked", datetime(2026, 5, 1, tzinfo=UTC))
CLAIRE = customer(
    emails=("Claire@example.org", "cm@example.net"),
    phones=("06 12 34 56 78",),
    address="3 rue des Lilas",
    postal_code="69003",
    city="Lyon",
    country="FR",
    accounts=(Account("mastodon", "acc-1", "claire"),),
    preferred_channel="sms",
    consents=(GRANTED,),
    attributes={"loyalty": "gold", "objections": "social_care"},
)
TABLES = (CustomerRow, ContactPointRow, ConsentRow, IdentityRow, CustomerKeyRow, ObjectionRow, OrderRow, InteractionRow)


def take_in(session: Session, *customers: Customer, at: datetime = NOW) -> Imported:
    done = import_customers(session, BRAND, customers, at)
    session.expire_all()
    return done


def key_of(session: Session, customer_id: str = "C1") -> int:
    row = find_customer(session, BRAND.id, customer_id)
    assert row is not None
    return row.id


def version(session: Session) -> int:
    return lock_brand(session, BRAND.id).crm_version


def everything(session: Session) -> list[dict[str, Any]]:
    session.expire_all()
    rows = [row for table in TABLES for row in session.scalars(select(table).order_by(table.id))]
    return [
        {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key != "id"} for row in rows
    ]


def points(session: Session) -> list[tuple[str, str]]:
    return [(point.kind, point.value) for point in current_points(session, key_of(session))]


def point(session: Session, value: str) -> ContactPointRow:
    return session.scalars(select(ContactPointRow).filter_by(value=value)).one()


class TestAgain:
    def test_the_same_customer_again_changes_nothing(self, session: Session) -> None:
        assert take_in(session, CLAIRE) == Imported(new=1)
        before, crm = everything(session), version(session)
        assert take_in(session, CLAIRE, at=LATER) == Imported(same=1)
        assert everything(session) == before
        assert version(session) == crm

    def test_a_customer_twice_in_one_file_is_one_and_his_last_row_holds(self, session: Session) -> None:
        assert take_in(session, CLAIRE, replace(CLAIRE, city="Nice")) == Imported(new=1)
        assert session.scalars(select(CustomerRow.city)).one() == "Nice"

    def test_each_brand_has_its_own_file(self, session: Session) -> None:
        take_in(session, CLAIRE)
        assert import_customers(session, OTHER_BRAND, [CLAIRE], NOW) == Imported(new=1)
        (owner,) = Lookup(session, OTHER_BRAND.id, 50, NOW).owners("mastodon", "acc-1")
        assert session.get_one(CustomerRow, owner.key).brand_id == OTHER_BRAND.id

    def test_only_a_change_lets_matches_be_decided_again(self, session: Session) -> None:
        start = version(session)
        take_in(session, CLAIRE)
        take_in(session, CLAIRE)
        assert version(session) == start + 1
        take_in(session, replace(CLAIRE, city="Nice"))
        import_orders(session, BRAND, [order()])
        import_orders(session, BRAND, [order()])
        import_interactions(session, BRAND, [Interaction("I1", "C1", "phone", "in", NOW)])
        assert version(session) == start + 3

    def test_another_way_to_make_keys_makes_all_of_them_anew(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_in(session, CLAIRE)
        monkeypatch.setattr("routing.crm.KEYS_VERSION", 99)
        assert take_in(session, CLAIRE) == Imported(changed=1)
        assert take_in(session, CLAIRE) == Imported(same=1)

    def test_a_file_without_rows_is_no_change(self, session: Session) -> None:
        assert take_in(session) == Imported()
        assert version(session) == 0


class TestChanges:
    def test_a_changed_row_is_taken_over_whole(self, session: Session) -> None:
        take_in(session, CLAIRE)
        assert take_in(session, replace(CLAIRE, city="Nice", status="deceased"), at=LATER) == Imported(changed=1)
        row = find_customer(session, BRAND.id, "C1")
        assert row is not None
        assert (row.city, row.status, row.changed_at, row.attributes["loyalty"]) == ("Nice", "deceased", LATER, "gold")

    def test_addresses_have_one_spelling(self, session: Session) -> None:
        take_in(session, CLAIRE)
        assert points(session) == [
            ("address", "3 rue des Lilas, 69003, Lyon"),
            ("email", "claire@example.org"),
            ("email", "cm@example.net"),
            ("phone", "+33612345678"),
        ]

    def test_an_address_that_was_given_up_is_kept_with_its_end(self, session: Session) -> None:
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, emails=("new@example.org",)), at=LATER)
        assert [value for kind, value in points(session) if kind == "email"] == ["new@example.org"]
        assert point(session, "cm@example.net").until == LATER
        assert sharers(session, BRAND.id, "email", "cm@example.net") == 0

    def test_only_what_changed_later_is_a_recent_change(self, session: Session) -> None:
        take_in(session, CLAIRE)
        assert point(session, "claire@example.org").since is None
        take_in(session, replace(CLAIRE, emails=("claire@example.org", "new@example.org")), at=LATER)
        assert point(session, "claire@example.org").since is None
        assert point(session, "new@example.org").since == LATER

    def test_an_address_that_comes_back_is_a_recent_change_again(self, session: Session) -> None:
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, emails=()), at=NOW + timedelta(days=1))
        take_in(session, CLAIRE, at=LATER)
        back = point(session, "claire@example.org")
        assert (back.since, back.until) == (LATER, None)

    def test_old_keys_no_longer_find_him(self, session: Session) -> None:
        take_in(session, CLAIRE)
        before = set(session.scalars(select(CustomerKeyRow.hash)))
        take_in(session, replace(CLAIRE, emails=("new@example.org",), last_name="Petit"))
        after = set(session.scalars(select(CustomerKeyRow.hash)))
        assert len(before - after) == 6  # two addresses, a mailbox, three of the last name
        assert len(before & after) == 2

    def test_two_who_share_an_address_are_counted(self, session: Session) -> None:
        take_in(session, CLAIRE, customer("C2", "Paul", emails=("claire@example.org",)))
        assert sharers(session, BRAND.id, "email", "claire@example.org") == 2

    @pytest.mark.parametrize(
        "facts",
        [
            {"address": "a" * 2000, "city": "b" * 300},
            {"accounts": (Account("mastodon", "9", "h" * 400),)},
            {"name": "n" * 600, "first_name": "é" * 300, "last_name": "o" * 300},
            {"phones": ("no number", "12", "+" + "9" * 58)},
        ],
        ids=["address", "handle", "name", "phone"],
    )
    def test_no_row_that_a_file_may_hold_is_too_long(self, session: Session, facts: dict[str, Any]) -> None:
        assert take_in(session, replace(CLAIRE, **facts)) == Imported(new=1)


class TestAccounts:
    def found(self, session: Session, account_id: str = "acc-1") -> list[str]:
        session.flush()
        owners = Lookup(session, BRAND.id, 50, LATER).owners("mastodon", account_id)
        return sorted(session.get_one(CustomerRow, owner.key).customer_id for owner in owners)

    def test_an_account_is_found_by_its_id_and_never_by_its_handle(self, session: Session) -> None:
        take_in(session, CLAIRE)
        assert self.found(session) == ["C1"]
        assert self.found(session, "claire") == []

    def test_one_that_left_the_file_is_revoked_and_one_that_comes_back_revived(self, session: Session) -> None:
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, accounts=()), at=LATER)
        assert self.found(session) == []
        assert session.scalars(select(IdentityRow.revoked_at)).one() == LATER
        take_in(session, CLAIRE, at=LATER)
        assert self.found(session) == ["C1"]
        assert session.scalars(select(IdentityRow)).one().revoked_at is None

    def test_a_new_handle_is_the_same_account(self, session: Session) -> None:
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, accounts=(Account("mastodon", "acc-1", "claire_m"),)))
        row = session.scalars(select(IdentityRow)).one()
        assert (row.handle, row.at) == ("claire_m", NOW)

    def test_the_file_has_no_say_over_what_the_customer_proved_himself(self, session: Session) -> None:
        take_in(session, CLAIRE)
        proven = IdentityRow(
            brand_id=BRAND.id, customer_key=key_of(session), network="mastodon", account_id="acc-2",
            proof="authenticated", how="claim link", at=NOW,
        )  # fmt: skip
        session.add(proven)
        take_in(session, replace(CLAIRE, accounts=()))
        assert self.found(session, "acc-2") == ["C1"]

    def test_an_account_that_is_proven_and_declared_survives_the_file(self, session: Session) -> None:
        take_in(session, replace(CLAIRE, accounts=()))
        proven = IdentityRow(
            brand_id=BRAND.id, customer_key=key_of(session), network="mastodon", account_id="acc-1",
            proof="authenticated", how="claim link", at=NOW,
        )  # fmt: skip
        session.add(proven)
        session.flush()
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, accounts=()))
        assert self.found(session) == ["C1"]

    def test_a_proof_that_has_run_out_proves_nothing(self, session: Session) -> None:
        take_in(session, CLAIRE)
        session.scalars(select(IdentityRow)).one().expires_at = LATER - timedelta(hours=1)
        assert self.found(session) == []


class TestWill:
    def test_each_word_of_consent_is_kept(self, session: Session) -> None:
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, consents=(REVOKED,)))
        take_in(session, replace(CLAIRE, consents=(GRANTED, REVOKED, GRANTED)))
        rows = session.scalars(select(ConsentRow).order_by(ConsentRow.at)).all()
        assert [(row.status, row.at) for row in rows] == [("granted", GRANTED.at), ("revoked", REVOKED.at)]

    def test_the_stated_preference_follows_the_file(self, session: Session) -> None:
        take_in(session, CLAIRE)
        key = key_of(session)
        stated = preference(session, key)
        assert stated is not None
        assert (stated.channel, stated.source) == ("sms", "declared")
        take_in(session, replace(CLAIRE, preferred_channel="email"))
        changed = preference(session, key)
        assert changed is not None
        assert changed.channel == "email"
        take_in(session, replace(CLAIRE, preferred_channel=None))
        assert preference(session, key) is None

    def test_his_own_word_stands_beside_the_file_until_the_file_says_something_new(self, session: Session) -> None:
        take_in(session, CLAIRE)
        person = session.scalars(select(CustomerRow)).one()
        declare_preference(session, person, "email", "claim link", NOW)
        for changed in (replace(CLAIRE, city="Lyon"), replace(CLAIRE, preferred_channel=None)):
            take_in(session, changed)
            chosen = preference(session, person.id)
            assert chosen is not None
            assert (chosen.channel, chosen.source) == ("email", "declared")
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, preferred_channel="letter"), at=LATER)
        newest = preference(session, person.id)
        assert newest is not None
        assert newest.channel == "letter"

    def test_an_objection_outlives_the_file_that_forgot_it(self, session: Session) -> None:
        take_in(session, CLAIRE)
        take_in(session, replace(CLAIRE, attributes={}))
        assert session.scalars(select(ObjectionRow.topic)).all() == ["social_care"]


class TestOrders:
    def test_an_order_may_come_before_its_customer(self, session: Session) -> None:
        assert import_orders(session, BRAND, [order("hr 4829-174637")]) == Imported(new=1)
        assert customers_by_order(session, BRAND.id, "HR4829174637") == []
        take_in(session, CLAIRE)
        assert [row.customer_id for row in customers_by_order(session, BRAND.id, "HR4829174637")] == ["C1"]

    def test_an_order_again_changes_nothing_and_a_changed_one_is_taken_over(self, session: Session) -> None:
        import_orders(session, BRAND, [order()])
        before = everything(session)
        assert import_orders(session, BRAND, [order()]) == Imported(same=1)
        assert everything(session) == before
        assert import_orders(session, BRAND, [order(status="delivered", delivered_at=NOW)]) == Imported(changed=1)
        assert [(row.status, row.delivered_at) for row in open_orders(session, BRAND.id, "C1")] == [("delivered", NOW)]

    def test_two_customers_of_one_number_are_both_told(self, session: Session) -> None:
        take_in(session, CLAIRE, customer("C2", "Paul"))
        import_orders(session, BRAND, [order("HR-4829174637"), Order("HR 4829174637", "C2", NOW)])
        assert [row.customer_id for row in customers_by_order(session, BRAND.id, "HR4829174637")] == ["C1", "C2"]

    def test_interactions_again_change_nothing(self, session: Session) -> None:
        line = Interaction("I1", "C1", "phone", "in", NOW, "Livraison", "Bonjour", "rappel", "Anna", "K7")
        assert import_interactions(session, BRAND, [line, line]) == Imported(new=1)
        assert import_interactions(session, BRAND, [line]) == Imported(same=1)
        assert session.scalar(select(func.count(InteractionRow.id))) == 1
        assert session.scalars(select(InteractionRow.case_ref)).one() == "K7"

    def test_no_interaction_that_a_file_may_hold_is_too_long(self, session: Session) -> None:
        long = Interaction(
            "i" * 200, "C1", "c" * 40, "out", NOW, "s" * 2000, "t" * 9000, "o" * 300, "a" * 300, "k" * 200
        )
        assert import_interactions(session, BRAND, [long]) == Imported(new=1)
