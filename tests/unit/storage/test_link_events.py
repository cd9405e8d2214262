"""Words about links: append-only, undoable, remembered for ever, and naming nobody."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage import link_events
from storage.database import Database
from storage.link_events import AlreadyUndone, Pair, record, undo
from storage.merges import merge_customers, split_customers
from storage.people import erase_customer
from storage.tables import (
    AuthorRow,
    CustomerRow,
    GradeStateRow,
    IdentityRow,
    LinkEventRow,
    MatchAuditRow,
    MatchWeightsRow,
    ReviewVoteRow,
)
from tests.console import factories

NOW = factories.NOW
BRAND = "hirondelle"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.begin() as opened:
        factories.brand(opened)
        yield opened


def two(session: Session) -> tuple[AuthorRow, CustomerRow, Pair]:
    writer, customer = factories.author(session), factories.customer(session)
    post = factories.post(session, writer=writer)
    return writer, customer, link_events.pair_of(post, customer.id)


def refused(session: Session, writer: AuthorRow) -> frozenset[int]:
    return link_events.refused(session, BRAND, writer.id)


@pytest.mark.parametrize("kind", ["refused", "not_me"])
def test_a_refused_pair_is_remembered_for_that_account_alone(session: Session, kind: str) -> None:
    writer, customer, pair = two(session)
    record(session, pair, kind, "lea", NOW)
    assert refused(session, writer) == {customer.id}
    assert refused(session, factories.author(session)) == set()
    assert link_events.refused(session, BRAND, None) == set()


def test_every_record_of_a_refused_person_is_refused(session: Session) -> None:
    writer, customer, pair = two(session)
    twin = factories.customer(session)
    record(session, pair, "refused", "lea", NOW)
    merge_customers(session, BRAND, twin.customer_id, customer.customer_id, "lea", NOW)
    assert refused(session, writer) == {customer.id, twin.id}
    split_customers(session, BRAND, twin.customer_id, customer.customer_id, "lea", NOW)
    assert refused(session, writer) == {customer.id}


def test_what_the_program_linked_neither_overrules_a_person_nor_is_learned(session: Session) -> None:
    writer, customer, pair = two(session)
    record(session, pair, "refused", "lea", NOW)
    said = record(session, pair, "linked", "vigie", NOW)
    assert refused(session, writer) == {customer.id}
    assert pair.post_id is not None
    assert link_events.automatic_link(session, pair.post_id) == said
    assert [word.kind for word in link_events.standing_words(session, BRAND)] == ["refused"]
    undo(session, said, "vigie", NOW)
    assert link_events.automatic_link(session, pair.post_id) is None


def test_undoing_restores_and_is_done_once(session: Session) -> None:
    writer, _, pair = two(session)
    word = record(session, pair, "refused", "lea", NOW)
    back = undo(session, word, "lea", NOW)
    assert refused(session, writer) == set()
    for gone in (word, back):
        with pytest.raises(AlreadyUndone):
            undo(session, gone, "lea", NOW)
    assert session.query(LinkEventRow).count() == 2, "nothing was taken out"


def test_of_two_words_the_newest_that_stands_holds(session: Session) -> None:
    writer, customer, pair = two(session)
    record(session, pair, "refused", "lea", NOW)
    proof = record(session, pair, "authenticated", "customer", NOW)
    assert refused(session, writer) == set(), "he proved it himself"
    undo(session, proof, "lea", NOW)
    assert refused(session, writer) == {customer.id}


def test_an_audit_says_what_it_found(session: Session) -> None:
    writer, customer, pair = two(session)
    with pytest.raises(ValueError, match="audit_right"):
        record(session, pair, "audit_right", "lea", NOW)
    record(session, pair, "audit_right", "lea", NOW, is_customer=False)
    assert refused(session, writer) == {customer.id}


@pytest.mark.parametrize("table", [LinkEventRow, GradeStateRow, MatchWeightsRow])
def test_the_database_refuses_to_change_what_was_said(database: Database, table: type) -> None:
    with database.begin() as session:
        factories.brand(session)
        _, _, pair = two(session)
        record(session, pair, "refused", "lea", NOW)
        session.add(GradeStateRow(brand_id=BRAND, grade="stated", state="shadow", by="lea", at=NOW, why="x"))
        session.add(MatchWeightsRow(brand_id=BRAND, at=NOW, weights={}, learned_from={}, promoted=False, why="x"))
    for statement in (update(table).values(at=NOW + timedelta(days=1)), delete(table)):
        with pytest.raises(DBAPIError, match="append-only"), database.begin() as session:
            session.execute(statement)


def test_erasure_takes_the_person_out_of_what_cannot_be_erased(database: Database) -> None:
    with database.begin() as session:
        factories.brand(session)
        writer, customer, pair = two(session)
        key, name, account, author = customer.id, customer.customer_id, writer.native_id, writer.id
        record(session, pair, "refused", "lea", NOW, detail={"facts": {"name": 9.0}})
        vote = {"post_id": pair.post_id, "customer_key": key, "answer": "yes", "by": "lea", "at": NOW}
        session.add(ReviewVoteRow(brand_id=BRAND, **vote))
        audit = {"post_id": pair.post_id, "kind": "link", "grade": "stated", "version": "t", "rate": 1.0}
        told = {"verdict": "right", "by": "lea", "at": NOW}
        session.add(MatchAuditRow(brand_id=BRAND, **audit, customer_key=key, sampled_at=NOW, **told))
    with database.begin() as session:
        assert erase_customer(session, BRAND, name, "dpo", NOW) is not None
    with database.read() as session:
        assert link_events.refused(session, BRAND, author) == set(), "his number may be given to somebody else"
        words = session.scalars(select(LinkEventRow)).all()
        assert [word.kind for word in words] == ["refused", "undone"]
        assert not [word for word in words if name in str(word.detail) or account in str(word.detail)]
        assert session.query(ReviewVoteRow).count() == 0
        kept = session.query(MatchAuditRow).one()
        assert (kept.customer_key, kept.verdict) == (None, "right"), "what was found stays as a count"


def test_a_proven_account_expires_and_each_proof_renews_it(session: Session) -> None:
    writer, customer, pair = two(session)
    year = timedelta(days=365)
    link_events.prove_account(session, pair, "authenticated", "claim link", "customer", NOW, year)
    row = session.scalars(select(IdentityRow).filter_by(account_id=writer.native_id)).one()
    assert (row.customer_key, row.expires_at) == (customer.id, NOW + year)
    row.revoked_at = NOW
    later = NOW + timedelta(days=90)
    link_events.prove_account(session, pair, "authenticated", "claim link", "customer", later, year)
    assert (row.expires_at, row.revoked_at) == (later + year, None)
    with pytest.raises(ValueError, match="account"):
        link_events.prove_account(session, Pair(BRAND, customer.id), "authenticated", "x", "customer", NOW, year)


def test_accounts_without_an_end_get_one_counted_from_their_proof(session: Session) -> None:
    factories.history(session, factories.customer(session))
    assert link_events.date_accounts(session, BRAND, timedelta(days=365)) == 1
    assert session.query(IdentityRow).one().expires_at == NOW + timedelta(days=365)
    assert link_events.date_accounts(session, BRAND, timedelta(days=365)) == 0
