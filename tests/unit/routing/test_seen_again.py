"""A complaint seen again, on another network, by phone or by mail: it joins its case, or the rule says otherwise."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.customer import Account, Interaction
from routing.crm import import_customers, import_interactions
from routing.intake import reopen_matches, route_batch
from routing.joining import JoinRules
from routing.likely_same import proposals
from routing.seen_again import note_contacts
from storage import case_moves, cases
from storage.tables import CaseEventRow, CasePostRow, CaseRow, PostRow
from tests.unit.routing.test_intake import (
    RULES,
    Said,
    case,
    events,
    hear,
    know,
    links,
    living,
    partition,
    read,
    says,
    take_in,
    together,
)
from tests.unit.samples import BRAND, NOW, customer, minute
from tests.unit.storage.test_case_moves import write_to

ORDER, OTHER_ORDER = "HR4829174637", "HR1111111111"
MONTH = timedelta(days=30)
CLAIRE = customer("C1", accounts=(Account("mastodon", "claire"), Account("bluesky", "clairesky")))


@pytest.fixture(autouse=True)
def crm(session: Session) -> None:
    know(session, CLAIRE)


def here(id_: str = "1", **facts: Any) -> Said:
    return says(id_, "claire", **facts)


def there(id_: str = "2", **facts: Any) -> Said:
    return says(id_, "clairesky", network="bluesky", **{"at": 30, **facts})


def settle(session: Session, days_ago: float = 0) -> CaseRow:
    settled = case(session)
    cases.step(session, settled, CaseState.RESOLVED, NOW - timedelta(days=days_ago))
    session.flush()
    return settled


def take_in_by(session: Session, rule: Any, *said: Said) -> None:
    hear(session, *said)
    read(session, *said)
    for _ in range(20):
        session.expire_all()
        if not route_batch(session, BRAND, replace(RULES, joining=JoinRules(rule, MONTH)), 100, NOW).posts:
            return


class TestOnAnotherNetwork:
    def test_it_is_the_same_case(self, session: Session) -> None:
        done = take_in(session, here())
        done += take_in(session, there())
        assert (done.opened, done.joined) == (1, 1)
        assert links(session) == {frozenset("12"): "C1"}
        assert "seen_again" in events(session)
        assert session.scalar(select(CaseRow.id).where(CaseRow.state == "merged")) is None, "no case was made in vain"

    def test_the_first_word_names_it(self, session: Session) -> None:
        take_in(session, there(intent="delivery"))
        take_in(session, here(order=ORDER))
        row = case(session)
        assert (row.network, row.thread) == ("mastodon", "1")

    def test_another_matter_is_another_case(self, session: Session) -> None:
        take_in(session, here(), there(intent="billing"))
        assert partition(session) == together("1", "2")

    def test_an_order_that_is_quoted_later_takes_them_apart(self, session: Session) -> None:
        take_in(session, here(order=ORDER, t="t"), there(t="u"))
        assert partition(session) == together("12")
        take_in(session, there("3", t="u", at=40, order=OTHER_ORDER))
        assert links(session) == {frozenset("1"): "C1", frozenset("23"): "C1"}

    def test_but_not_once_it_has_been_written_about(self, session: Session) -> None:
        take_in(session, here(order=ORDER, t="t"), there(t="u"))
        write_to(session, case(session), "handed_over")
        take_in(session, there("3", t="u", at=40, order=OTHER_ORDER))
        assert partition(session) == together("123")

    def test_who_turns_out_to_be_another_leaves(self, session: Session) -> None:
        take_in(session, here(), there())
        import_customers(session, BRAND, [replace(CLAIRE, accounts=CLAIRE.accounts[:1])], NOW)
        reopen_matches(session, BRAND.id, NOW)
        take_in(session)
        assert links(session) == {frozenset("1"): "C1", frozenset("2"): None}

    def test_also_the_one_whose_thread_named_the_case(self, session: Session) -> None:
        take_in(session, here(), there())
        import_customers(session, BRAND, [replace(CLAIRE, accounts=CLAIRE.accounts[1:])], NOW)
        reopen_matches(session, BRAND.id, NOW)
        take_in(session)
        assert links(session) == {frozenset("1"): None, frozenset("2"): "C1"}
        owner = next(row for row in living(session) if row.customer_key)
        assert (owner.network, owner.thread) == ("bluesky", "2")

    def test_the_gravest_word_of_all_networks_counts(self, session: Session) -> None:
        take_in(session, here(order=ORDER))
        low = case(session).priority
        take_in(session, there(order=ORDER, intent="account_security"))
        assert case(session).priority > low


class TestSettled:
    @pytest.mark.parametrize(
        ("rule", "state", "groups"),
        [("reopen", "reopened", ["12"]), ("continue", "resolved", ["12"]), ("new", "resolved", ["1", "2"])],
    )
    def test_the_rule_decides(self, session: Session, rule: str, state: str, groups: list[str]) -> None:
        take_in(session, here())
        settled = settle(session)
        take_in_by(session, rule, there())
        assert partition(session) == together(*groups)
        session.refresh(settled)
        assert (settled.state, settled.reopened) == (state, int(rule == "reopen"))

    def test_long_after_it_is_a_new_case(self, session: Session) -> None:
        take_in(session, here())
        settle(session, days_ago=40)
        take_in_by(session, "reopen", there())
        assert partition(session) == together("1", "2")

    def test_in_its_own_thread_a_case_is_the_only_one(self, session: Session) -> None:
        take_in(session, here(t="t"))
        settle(session, days_ago=40)
        take_in_by(session, "new", here("2", t="t", at=5))
        assert (partition(session), case(session).state) == (together("12"), "reopened")

    def test_an_undone_join_is_not_done_again(self, session: Session) -> None:
        take_in(session, here(), there())
        ids = list(session.scalars(select(PostRow.id).where(PostRow.native_id == "2")))
        case_moves.split_off(session, case(session), ids, "anna@example.org", NOW)
        take_in(session, there("3", reply_to="2", at=50), here("4", reply_to="1", at=51))
        assert links(session) == {frozenset("14"): "C1", frozenset("23"): "C1"}


class TestByPhoneAndMail:
    def told(self, session: Session, **facts: Any) -> int:
        told = {"interaction_id": "I1", "customer_id": "C1", "channel": "phone", "direction": "in", "at": minute(90)}
        import_interactions(session, BRAND, [Interaction(**told | {"subject": f"commande {ORDER}"} | facts)])
        return note_contacts(session, BRAND.id, NOW)

    def waiting(self, session: Session) -> CaseRow:
        take_in(session, here(order=ORDER))
        cases.step(session, case(session), CaseState.WAITING_CUSTOMER, minute(10))
        session.flush()
        return case(session)

    def test_it_is_noted_once_and_the_case_is_ours_again(self, session: Session) -> None:
        row = self.waiting(session)
        assert self.told(session) == 1
        assert self.told(session) == 0
        assert row.state == "waiting_us"
        noted = session.scalars(select(CaseEventRow).where(CaseEventRow.kind == "seen_again")).one()
        assert (noted.case_id, noted.detail["channel"]) == (row.id, "phone")
        assert ORDER not in str(noted.detail)

    @pytest.mark.parametrize(
        "facts",
        [
            {"subject": "autre chose"},
            {"subject": f"commande {OTHER_ORDER}"},
            {"at": minute(-5)},
            {"direction": "out"},
            {"customer_id": "C2"},
            {"interaction_id": "vigie:post:1"},
        ],
    )
    def test_what_is_not_about_it_or_not_from_him_is_not(self, session: Session, facts: dict[str, Any]) -> None:
        row = self.waiting(session)
        assert self.told(session, **facts) == 0
        assert row.state == "waiting_customer"

    def test_what_names_the_case_is(self, session: Session) -> None:
        row = self.waiting(session)
        assert self.told(session, subject=None, case=f"V{row.id}") == 1

    def test_a_call_from_before_we_answered_is_noted_only(self, session: Session) -> None:
        row = self.waiting(session)
        assert self.told(session, at=minute(5)) == 1
        assert row.state == "waiting_customer"


class TestProposed:
    def looks_like(self, session: Session, id_: str) -> list[tuple[str, set[str]]]:
        places = select(CasePostRow.case_id).join(PostRow, PostRow.id == CasePostRow.post_id)
        row = session.get_one(CaseRow, session.scalars(places.where(PostRow.native_id == id_)).one())
        found = proposals(session, row, MONTH, NOW)
        return [(one.why, posts_of(session, one.case)) for one in found]

    def test_the_same_account_in_another_thread(self, session: Session) -> None:
        take_in(session, says("1", "a1"), says("2", "a1", at=5), says("3", "a3"))
        assert self.looks_like(session, "1") == [("account", {"2"})]

    def test_the_case_of_whom_it_may_be(self, session: Session) -> None:
        know(session, CLAIRE, **{ORDER: "C1"})
        take_in(session, here(), says("2", "a2", order=ORDER))
        assert links(session) == {frozenset("1"): "C1", frozenset("2"): None}
        assert self.looks_like(session, "2") == [("candidate", {"1"})]

    def test_not_what_a_person_took_apart(self, session: Session) -> None:
        take_in(session, says("1", "a1"), says("2", "a1", at=5))
        first, second = living(session)
        move = case_moves.put_together(session, first, second, "anna@example.org", NOW)
        case_moves.undo(session, move, "anna@example.org", NOW)
        assert self.looks_like(session, "1") == []

    def test_nothing_long_settled(self, session: Session) -> None:
        take_in(session, says("1", "a1"))
        settle(session, days_ago=40)
        take_in(session, says("2", "a1", at=5))
        assert self.looks_like(session, "2") == []


def posts_of(session: Session, row: CaseRow) -> set[str]:
    query = select(PostRow.native_id).join(CasePostRow, CasePostRow.post_id == PostRow.id)
    return set(session.scalars(query.where(CasePostRow.case_id == row.id)))
